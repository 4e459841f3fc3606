"""What tests of the chat actors do again and again: rooms, posts, and who lives where."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from typing import Any

from actors import commands as c
from actors import events as e
from actors.naming import room_for
from actors.room import Room
from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.rows import MarkRow, UserMarkRow, UserRoomRow
from tests.kit.chat import Device, Host, Town

_Q = count(100)


def pair(
    *others: str, devices: Collection[str] = ("d1", "d2"), forgets: bool = True, **town_fields: Any
) -> tuple[Town, Device, Device, str]:
    """Ann and Bob in their direct chat, each with one of these devices on the list; `others` are registered."""
    town = Town(**town_fields)
    town.register("ann", "bob", *others, devices=devices)
    ann, bob = town.connect("ann"), town.connect("bob")
    room = direct(town, ann, "bob")
    if forgets:
        ann.forget()
        bob.forget()
    return town, ann, bob, room


def two_cells(*, room_on: str, reader_on: str) -> tuple[Town, Device, str, str]:
    """A room on one cell, its reader's user on another, the writer with the room's other cell."""
    town = Town(["a", "b", "c"])
    writer, reader = user_on(town, "a", "ann"), user_on(town, reader_on, "bob")
    town.register(writer, reader, devices=("d1",))
    ann = town.connect(writer, "a")
    room = make_room(town, ann, reader, key=key_on(town, room_on, writer))
    return town, ann, reader, room


def request(town: Town, device: Device, command: type[c.Command], **fields: Any) -> e.Done | e.Failed:
    """A request and its answer."""
    q = next(_Q)
    device.say(command(q=q, **fields))
    town.settle()
    (answer,) = [x for x in device.seen if isinstance(x, e.Done | e.Failed) and x.q == q]
    return answer


def code(answer: e.Done | e.Failed) -> str:
    """``ok``, or the code of the refusal."""
    return "ok" if isinstance(answer, e.Done) else answer.code


def direct(town: Town, device: Device, user: str) -> str:
    """The direct chat with a user."""
    answer = request(town, device, c.Direct, user=user)
    assert isinstance(answer, e.Done), answer
    room: str = answer.result["room"]["room"]
    return room


def make_room(town: Town, device: Device, *members: str, public: bool = False, name: str = "Room", key: str = "the-key-1") -> str:
    """A room of this device's user and these members."""
    answer = request(town, device, c.Create, key=key, name=name, public=public, members=list(members))
    assert isinstance(answer, e.Done), answer
    room: str = answer.result["room"]["room"]
    return room


def post(device: Device, room: str, n: int, body: str = "", ident: str = "") -> None:
    """A post with an id that follows from its number."""
    device.say(c.Post(room, n, ident or f"{device.device}-{n:08d}", body or f"text {n} of {device.user}"))


def say(town: Town, device: Device, room: str, *numbers: int) -> list[int]:
    """Posts, all at once; the seqs that they got."""
    for n in numbers:
        post(device, room, n)
    town.settle()
    return [answered(device, room, n) for n in numbers]


def answered(device: Device, room: str, n: int) -> int:
    """The seq of a post; exactly one answer must have come."""
    (sent,) = [x for x in device.of(e.Sent, room) if x.n == n]
    return sent.seq


def refused(device: Device, room: str, n: int) -> e.Refused:
    """The refusal of a post; exactly one must have come."""
    (answer,) = [x for x in device.of(e.Refused, room) if x.n == n]
    return answer


def pull(town: Town, device: Device, room: str, **fields: Any) -> e.Page | e.Failed:
    """A page of history."""
    q = next(_Q)
    device.say(c.Pull(q, room, **fields))
    town.settle()
    (answer,) = [x for x in device.seen if isinstance(x, e.Page | e.Failed) and x.q == q]
    return answer


def seqs(answer: e.Page | e.Failed) -> list[int]:
    """The seqs of a page."""
    assert isinstance(answer, e.Page), answer
    return [entry.seq for entry in answer.entries]


def host_of(town: Town, kind: str, name: str) -> Host:
    """The cell where an address lives."""
    assert town.view is not None
    life = town.view.owner(slot_of(actor_id(kind, name)))
    assert life is not None
    return town.hosts[life]


def active_room(town: Town, room: str) -> Room:
    """The instance of a room."""
    return host_of(town, "room", room).room(room)


def user_on(town: Town, life: str, prefix: str) -> str:
    """A name, beginning so, whose user lives on that cell."""
    return next(name for name in (f"{prefix}{i}" for i in count()) if host_of(town, "user", name).cell.life == life)


def key_on(town: Town, life: str, user: str) -> str:
    """A key under which the user's new room lives on that cell."""
    keys = (f"key-{i:06d}" for i in count())
    return next(key for key in keys if host_of(town, "room", room_for(user, key)).cell.life == life)


def rows(town: Town, kind: type[Any], first: str) -> list[Any]:
    """What is stored."""
    return town.disk.rows(kind, first)


def marked(town: Town, room: str) -> list[str]:
    """Whose mark stands in the room's own rows."""
    return sorted(row.user for row in rows(town, MarkRow, room))


def mark_of(town: Town, user: str, room: str) -> int | None:
    """Up to which entry a user's own rows say that some device may be behind."""
    return next((row.seq for row in rows(town, UserMarkRow, user) if row.room == room), None)


def in_list(town: Town, user: str, room: str) -> UserRoomRow:
    """The room's row in a user's list."""
    (row,) = [row for row in rows(town, UserRoomRow, user) if row.room == room]
    assert isinstance(row, UserRoomRow)
    return row


def lose(town: Town, life: str) -> None:
    """A cell dies, and the others take over; its clients see their connections break."""
    town.kill(life)
    town.take_over(life)
    town.settle()
