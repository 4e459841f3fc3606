"""The rows of a large store, drawn from a seed: the same seed, the same store, byte for byte before sealing.

Rooms are of two to six members; most are short, a few hold much of everything, as it is where people chat. Every
room is summed up to its head, as a server leaves it when the room has been quiet.
"""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from actors.naming import direct_room, room_for
from actors.numbers import Numbers
from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.rows import CheckpointRow, DeviceRow, EntryRow, MemberRow, RoomRow, Row, UserRoomRow, UserRow

START_MS = 1_700_000_000_000
"""When the first message was sent, milliseconds since 1970."""
_STEP_MS = 60_000
_NEVER_MS = 2**53 - 1
_WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "you",
    "that",
    "it",
    "was",
    "for",
    "on",
    "are",
    "with",
    "as",
    "his",
    "they",
    "be",
    "at",
    "one",
    "have",
    "this",
    "from",
    "or",
    "had",
    "by",
    "hot",
    "but",
    "some",
]
_ROOMS_A_USER = 12
_MEMBERS = (2, 2, 2, 3, 4, 6)
_TAIL = 1.3
"""Shape of the Pareto law of room lengths: the smaller, the more lies in few rooms."""

SlotRow = tuple[int, Row]


@dataclass(frozen=True, slots=True)
class Plot:
    """What is to be made."""

    messages: int
    rooms: int
    seed: int = 1
    body_bytes: int = 100
    prefix: str = "seed"

    @property
    def users(self) -> int:
        """So many that each is in about a dozen rooms."""
        mean = sum(_MEMBERS) / len(_MEMBERS)
        return max(max(_MEMBERS), round(self.rooms * mean / _ROOMS_A_USER))

    def user(self, index: int) -> str:
        """The name of a user."""
        return f"{self.prefix}{index}"


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """One room before its rows are made."""

    room: str
    kind: str
    members: tuple[int, ...]
    length: int
    """Entries, the first of which tells that the room was made."""

    @property
    def slot(self) -> int:
        """Where it is placed."""
        return slot_of(actor_id("room", self.room))


def device_of(prefix: str, seed: int, index: int, position: int = 0) -> str:
    """The id of a user's device."""
    return sha256(f"{seed}/{prefix}{index}/device/{position}".encode()).hexdigest()[:16]


def token_of(prefix: str, seed: int, index: int, position: int = 0) -> str:
    """The token of a user's device: follows from the seed, so it opens made-up stores and must open no others."""
    secret = sha256(f"{seed}/{prefix}{index}/token/{position}".encode()).digest()
    return f"wbl:{prefix}{index}:{urlsafe_b64encode(secret).decode().rstrip('=')}"


def plan_rooms(plot: Plot) -> list[RoomPlan]:
    """All rooms; their lengths add up to `plot.messages`."""
    rng = random.Random(plot.seed)
    weights = [rng.paretovariate(_TAIL) for _ in range(plot.rooms)]
    scale = plot.messages / sum(weights)
    rooms: dict[str, RoomPlan] = {}
    spent, reached = 0, 0.0
    for index, weight in enumerate(weights):
        reached += weight * scale
        length = max(1, round(reached) - spent) if index < plot.rooms - 1 else max(1, plot.messages - spent)
        spent += length
        plan = _room(plot, rng, index, length, rooms)
        rooms[plan.room] = plan
    return list(rooms.values())


def _room(plot: Plot, rng: random.Random, index: int, length: int, taken: dict[str, RoomPlan]) -> RoomPlan:
    members = tuple(rng.sample(range(plot.users), rng.choice(_MEMBERS)))
    if len(members) == 2:
        direct = direct_room(plot.user(members[0]), plot.user(members[1]))
        if direct not in taken:
            return RoomPlan(direct, "direct", members, length)
    return RoomPlan(room_for(plot.user(members[0]), f"{plot.seed}-{index}"), "room", members, length)


def room_rows(plot: Plot, plan: RoomPlan) -> Iterator[SlotRow]:
    """A room with its members, its entries in order, and its sum."""
    rng = random.Random(f"{plot.seed}/{plan.room}")
    slot, room = plan.slot, plan.room
    first_ms = START_MS + rng.randrange(10**9)
    creator = plot.user(plan.members[0])
    title = f"Room {room[:6]}" if plan.kind == "room" else ""
    yield slot, RoomRow(room, plan.kind, title, "", False, first_ms, creator, False)
    for index in plan.members:
        role = "owner" if plan.kind == "room" and index == plan.members[0] else "member"
        yield slot, MemberRow(room, plot.user(index), role, plot.user(index), 1, first_ms)
    yield slot, EntryRow(room, 1, first_ms, creator, "", 0, "", "create", "{}")
    numbers = Numbers()
    for seq in range(2, plan.length + 1):
        index = plan.members[rng.randrange(len(plan.members))]
        device = device_of(plot.prefix, plot.seed, index)
        record = numbers.of(device)
        n = record.last + 1
        ident = f"{seq:010d}"
        record.add(n, seq, ident)
        body = _body(rng, plot.body_bytes)
        yield slot, EntryRow(room, seq, first_ms + seq * _STEP_MS, plot.user(index), device, n, ident, "text", body)
    yield slot, CheckpointRow(room, plan.length, plan.length, numbers.encode())


def _body(rng: random.Random, size: int) -> str:
    text = " ".join(rng.choices(_WORDS, k=size // 4 + 1))
    return text[:size].ljust(size, ".")


def user_rows(plot: Plot, rooms_of: dict[int, list[RoomPlan]], index: int) -> Iterator[SlotRow]:
    """An account with one device, and its list of rooms."""
    user = plot.user(index)
    slot = slot_of(actor_id("user", user))
    rooms = rooms_of.get(index, [])
    yield slot, UserRow(user, user, "", START_MS, version=len(rooms))
    yield slot, device_row(plot.prefix, plot.seed, index)
    for version, plan in enumerate(rooms, start=1):
        peer = plot.user(plan.members[1] if plan.members[0] == index else plan.members[0]) if plan.kind == "direct" else ""
        role = "owner" if plan.kind == "room" and index == plan.members[0] else "member"
        title = f"Room {plan.room[:6]}" if plan.kind == "room" else ""
        yield slot, UserRoomRow(user, plan.room, version, plan.kind, role, title, "", False, peer, peer, False, 1, 1)


def device_row(prefix: str, seed: int, index: int, position: int = 0) -> DeviceRow:
    """A device that is logged in and whose token does not end."""
    user = f"{prefix}{index}"
    token = sha256(token_of(prefix, seed, index, position).encode()).digest()
    device = device_of(prefix, seed, index, position)
    refresh = sha256(token).digest()
    return DeviceRow(user, device, "load", START_MS, START_MS, token, _NEVER_MS, refresh, 0)


def account_rows(prefix: str, seed: int, count: int, devices: int) -> Iterator[SlotRow]:
    """Accounts without rooms, with `devices` devices each."""
    for index in range(count):
        user = f"{prefix}{index}"
        slot = slot_of(actor_id("user", user))
        yield slot, UserRow(user, user, "", START_MS)
        for position in range(devices):
            yield slot, device_row(prefix, seed, index, position)
