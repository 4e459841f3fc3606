"""The accounts and rooms with which every seed begins, made once by the real actors and copied for each seed."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from actors import commands as c
from actors import events as e
from tests.kit.chat import Town
from tests.kit.memory import MemoryDisk

USERS = ("ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal")
GUESTS = ("ida", "jim", "kay")
"""Accounts without devices: the ones that are deleted."""
DEVICES = ("phone", "laptop")
SMALL_ROOM = 4
"""The limit of a small room in simulations."""


class Stock(NamedTuple):
    """What is there before the first fault."""

    disk: MemoryDisk
    steady: tuple[str, ...]
    """Rooms that nobody leaves: direct, small, and one that is large from the start."""
    churning: tuple[str, ...]
    """Public rooms of two and three that people join and leave."""
    private: str
    """A room to which its owner invites, and from which she removes."""


@cache
def stock() -> Stock:
    """Made with `SMALL_ROOM` already in force."""
    town = Town(["a"])
    town.register(*USERS, devices=DEVICES)
    ann = town.connect("ann", device="phone")
    made: list[str] = []

    def make(command: type[c.Command], **fields: object) -> str:
        ann.say(command(q=len(made) + 1, **fields))
        town.settle()
        room: str = ann.last(e.Done).result["room"]["room"]
        made.append(room)
        return room

    make(c.Direct, user="bob")
    make(c.Direct, user="eve")
    make(c.Create, key="smallroom1", name="Small", members=["bob", "cat"])
    make(c.Create, key="smallroom2", name="Small", members=["dan", "eve", "fay"])
    large = make(c.Create, key="largeroom", name="Large", public=True, members=["bob", "cat", "dan"])
    for user in ("eve", "fay"):
        ann.say(c.Invite(q=99, room=large, user=user))
        town.settle()
    first = make(c.Create, key="churnroom1", name="Churn", public=True, members=["bob"])
    second = make(c.Create, key="churnroom2", name="Churn", public=True, members=["cat", "gus"])
    private = make(c.Create, key="private", name="Private", members=["hal"])
    town.register(*GUESTS, devices=())
    town.settle(5.0)
    for address in town.any_host().cell.addresses():
        activation = town.any_host().cell.activation(address)
        if address.partition(":")[0] in {"user", "room"} and activation is not None:
            activation.stop()
    town.settle(1.0)
    return Stock(town.disk, tuple(made[:5]), (first, second), private)
