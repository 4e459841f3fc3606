"""Operations of several steps in a seed: rooms with members, people into several rooms, accounts that are deleted. All or nothing each."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from actors import commands as c
from actors.errors import ChatError
from actors.messages.saga import DeleteAccount
from actors.naming import room_for, saga_for
from actors.roster import BANNED
from actors.runtime.actor import actor_id
from actors.runtime.promise import Promise
from actors.store.rows import DeviceRow, MemberRow, SagaRow, UserRoomRow, UserRow
from cluster.bench.judge import Violation
from tests.simulation.stock import GUESTS, USERS

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.world import World

EVERY_S = 0.5
"""Seconds between two operations, on average."""
HALLS = 3
"""Rooms of Ann's into which people are added, all at once."""
NOWHERE = "rnowhere"
ASK_AGAIN_S = 0.7


class Wanted(NamedTuple):
    """What somebody asked for."""

    rooms: tuple[str, ...]
    users: frozenset[str]
    """Who is to be in all of these rooms, or in none."""


class Operations:
    """Those of one seed, and what became of them."""

    def __init__(self, world: World, chance: Random) -> None:
        self._world = world
        self._chance = chance
        self._made: dict[str, Wanted] = {}
        """By key. Rooms in which nobody else changes anything."""
        self._added: dict[str, Wanted] = {}
        self._told: dict[str, str] = {}
        """Key -> ``ok``, or the code of a refusal."""
        self._deleted: set[str] = set()
        """Guests of whom it was said that they are deleted."""
        self._halls: list[str] = []

    # --- what people do ---

    def act(self) -> None:
        """Something, now and then, until everything is mended."""
        ways = [self._make, self._make, self._add, self._delete]
        self._chance.choice(ways)()
        self._world.clock.later(self._chance.expovariate(1.0 / EVERY_S), self._again)

    def _again(self) -> None:
        if not self._world.is_mended:
            self.act()

    def _device(self, user: str) -> SimDevice | None:
        return next((device for device in self._world.devices if device.user == user and device.is_here), None)

    def _make(self) -> None:
        user = "ann" if len(self._halls) < HALLS else self._chance.choice(USERS)
        device, key = self._device(user), f"made-{len(self._made):04d}"
        if device is None:
            return
        others = () if len(self._halls) < HALLS else tuple(self._chance.sample((*USERS, *GUESTS), self._chance.randint(1, 4)))
        room = room_for(user, key)
        self._made[key] = Wanted((room,), frozenset((user, *others)))
        if not others:
            self._halls.append(room)
        self._ask(device, key, lambda q: c.Create(q, key, key, "", False, list(others)))

    def _add(self) -> None:
        device, key = self._device("ann"), f"added-{len(self._added):03d}"
        left = [user for user in USERS if user != "ann" and not any(user in wanted.users for wanted in self._added.values())]
        if device is None or not left or len(self._halls) < HALLS:
            return
        user = self._chance.choice(left)
        rooms = [*self._halls, *([NOWHERE] if self._chance.random() < 0.3 else [])]
        self._added[key] = Wanted(tuple(rooms), frozenset((user,)))
        self._ask(device, key, lambda q: c.Add(q, key, user, rooms))

    def _ask(self, device: SimDevice, key: str, make: object) -> None:
        def told(answer: object, error: ChatError | None) -> None:
            if error is None or not error.retry:
                self._told[key] = error.code if error is not None else "ok"

        device.ask(make, told)  # type: ignore[arg-type]

    def _delete(self) -> None:
        guest = self._chance.choice(GUESTS)
        cell = self._world.an_edge(self._chance)
        if cell is None or guest in self._deleted:
            return
        self._world.note("operator", "deletes {}", guest)
        asked = cell.cell.ask(actor_id("saga", saga_for("delete", guest, "")), DeleteAccount(guest))
        asked.when_settled(lambda done: self._answered(guest, done))

    def _answered(self, guest: str, done: Promise[None]) -> None:
        if done.error is None:
            self._world.note("operator", "{} is deleted", guest)
            self._deleted.add(guest)

    # --- what became of it ---

    def violations(self) -> Iterator[Violation]:
        """Whatever is half done, or not as it was told."""
        for saga in self._world.disk.rows.tables.get(SagaRow.table, {}):
            for row in self._world.disk.rows.rows(SagaRow, saga):
                yield Violation("operation", f"{row.what} of {row.user} is still under way")
        gone = {guest for guest in GUESTS if self._is_closed(guest)}
        for key, wanted in self._made.items():
            yield from self._judge_made(key, wanted, gone)
        for key, wanted in self._added.items():
            yield from self._judge_added(key, wanted)
        for guest in sorted(self._deleted - gone):
            yield Violation("operation", f"{guest} was said to be deleted, and is there")
        for guest in sorted(gone):
            yield from self._judge_gone(guest)

    def _judge_made(self, key: str, wanted: Wanted, gone: set[str]) -> Iterator[Violation]:
        members = self._members(wanted.rooms[0])
        expected = wanted.users - gone
        added = {user for other in self._added.values() if wanted.rooms[0] in other.rooms for user in other.users}
        if members and members - added != expected:
            yield Violation("operation", f"{key} has {sorted(members)} and was made for {sorted(expected)}")
        if self._told.get(key) == "ok" and not members:
            yield Violation("operation", f"{key} was said to be made, and is not there")
        if self._told.get(key, "ok") != "ok" and members:
            yield Violation("operation", f"{key} was refused, and is there")

    def _judge_added(self, key: str, wanted: Wanted) -> Iterator[Violation]:
        (user,) = wanted.users
        there = [room for room in wanted.rooms if user in self._members(room)]
        told = self._told.get(key)
        if there and len(there) < len(wanted.rooms):
            yield Violation("operation", f"{key}: {user} is in {there} of {wanted.rooms}")
        if told is not None and (told == "ok") != bool(there):
            yield Violation("operation", f"{key} was answered {told}, and {user} is in {there}")

    def _judge_gone(self, guest: str) -> Iterator[Violation]:
        rows = self._world.disk.rows
        for room in rows.tables.get(MemberRow.table, {}):
            if guest in self._members(room):
                yield Violation("operation", f"{guest} is deleted, and in {room}")
        if rows.rows(UserRoomRow, guest) or rows.rows(DeviceRow, guest):
            yield Violation("operation", f"{guest} is deleted, and something is left")

    def _is_closed(self, guest: str) -> bool:
        (row,) = self._world.disk.rows.rows(UserRow, guest)
        return row.disabled and not row.display

    def _members(self, room: str) -> set[str]:
        return {row.user for row in self._world.disk.seats.of(room).rows(MemberRow, room) if row.role != BANNED}
