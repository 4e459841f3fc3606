"""One seed from its beginning to the verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from random import Random
from typing import NamedTuple

from actors.roster import BANNED
from actors.runtime.view import View
from actors.store.rows import EntryRow, MemberRow, RoomRow, UserRoomRow
from cluster.bench.history import Seen, Shown
from cluster.bench.judge import Violation, explain, judge
from tests.simulation.cassandra import cassandra_limits
from tests.simulation.database import CassandraDisk
from tests.simulation.device import SimDevice
from tests.simulation.director import Director
from tests.simulation.limits import small_limits
from tests.simulation.world import World

BEGIN_S = 1.5
"""Cells find each other."""
ACTIVE_S = 8.0
"""People post, things break."""
QUIET_S = 2.5
"""Nobody posts any more, things still break."""
SETTLE_S = 75.0
"""After the last fault everything has to be everywhere by then, without anybody posting."""
STEP_S = 2.0
CELLS = ("a", "b", "c", "d")


class Outcome(NamedTuple):
    """What became of a seed."""

    seed: int
    violations: list[Violation]
    world: World

    def explain(self) -> str:
        """For people: what is broken, and how to see it again."""
        again = f"python -m tests.simulation {self.seed}{' --cassandra' if isinstance(self.world.disk, CassandraDisk) else ''}"
        return f"seed {self.seed}: {again}\n{explain(self.violations)}"


def run_seed(seed: int, prepare: Callable[[World], None] | None = None, *, on_cassandra: bool = False) -> Outcome:
    """Run it and judge it. `prepare` may change the world before it begins. `on_cassandra`: with the store of a cluster."""
    with small_limits(), cassandra_limits() if on_cassandra else nullcontext():
        chance = Random(seed)
        world = World(chance.randrange(2**32), on_cassandra=on_cassandra)
        if prepare is not None:
            prepare(world)
        for name in CELLS[: chance.choice((2, 3, 3, 3, 4))]:
            world.start(name)
        director = Director(world, Random(chance.random()))
        world.clock.advance(BEGIN_S)
        director.begin()
        world.clock.advance(ACTIVE_S)
        director.no_more_posts()
        world.clock.advance(QUIET_S)
        director.mend()
        _settle(world, [device for device in world.devices if device not in director.sleepers])
        for device in director.sleepers:
            device.on()
        return Outcome(seed, ended(world), world)


def ended(world: World) -> list[Violation]:
    """Let everything come to rest, end all processes, and say what is broken."""
    _settle(world, world.devices)
    found = _verdict(world)
    for cell in world.cells.values():
        cell.die()
    if isinstance(world.disk, CassandraDisk):
        found += [Violation("tables", text) for text in world.disk.lacks()]
    return found


def _settle(world: World, devices: Sequence[SimDevice]) -> None:
    """Until all of these are there and have everything; a little longer in any case."""
    waited = 0.0
    while waited < SETTLE_S and not (waited and all(device.is_on for device in devices) and next(_missing(world), None) is None):
        world.clock.advance(STEP_S)
        waited += STEP_S


def _missing(world: World) -> Iterator[Violation]:
    """What devices that are on do not have yet."""
    for room in sorted(world.disk.rows.tables.get(MemberRow.table, {})):
        members = {row.user: row for row in _members(world, room)}
        entries = world.disk.seats.of(room).rows(EntryRow, room)
        if not entries and not members:
            continue  # a process was wished for, and the room never made
        head = entries[-1].seq
        for device in world.devices:
            if not device.is_on:
                continue
            told = device.talk.rooms.infos.get(room)
            member = members.get(device.user)
            role = member.role if member is not None else "none"
            if (told.role if told is not None else "none") != role:
                yield Violation("list", f"{device.name} believes to be {told.role if told else 'none'} in {room} and is {role}")
            if member is not None and device.talk.rooms.seqs().get(room, 0) < head:
                yield Violation("missing", f"{device.name} has {room} up to {device.talk.rooms.seqs().get(room, 0)} of {head}")
    for device in world.devices:
        if device.is_on and not device.is_here:
            yield Violation("away", f"{device.name} is not connected")
        elif device.waiting:
            yield Violation("unanswered", f"{device.name} waits for answers to {len(device.waiting)} posts")
    yield from (
        Violation("unanswered", f"the program waits for {text.body} in {text.room}") for text in world.texts if not text.is_answered
    )
    if world.operations is not None:
        yield from world.operations.violations()
    for seat in View.decode(world.disk.view[1]).seats:
        if seat.address and (seat.filling or seat.state != "own"):
            yield Violation("seat", f"{seat.address} is still {'filling' if seat.filling else seat.state}")


def _members(world: World, room: str) -> list[MemberRow]:
    """Those of a room, without who was kicked from it."""
    return [row for row in world.disk.seats.of(room).rows(MemberRow, room) if row.role != BANNED]


def _verdict(world: World) -> list[Violation]:
    found = [Violation("broken", text) for text in world.broken]
    found += [Violation("stale", f"{stale.life} wrote {stale.commit.puts} without owning it") for stale in world.disk.stale]
    found += [Violation("drained", "a commit of a dead life found its place taken")] * world.disk.lost_in_drain
    found += [Violation("sent_away", f"{device.name}: {device.bad_closes}") for device in world.devices if device.bad_closes]
    found += _missing(world)
    found += _lists(world)
    found += _keyed(world)
    found += _overheard(world)
    for room in world.disk.rows.tables.get(MemberRow.table, {}):
        members = _members(world, room)
        for member in members:
            for device in world.devices:
                if device.user == member.user:
                    device.recorder.must_have(room, member.first)
        if members:
            world.history.head(room, world.disk.seats.of(room).rows(EntryRow, room)[-1].seq)
    return found + judge(world.history, quiet=False)


def _keyed(world: World) -> Iterator[Violation]:
    """What a program posts by key is there once, where it was told so; where it was refused, at most once: an earlier request may
    have been on its way."""
    for text in world.texts:
        there = {row.seq for row in world.disk.seats.of(text.room).rows(EntryRow, text.room) if row.body == text.body}
        if len(there) > 1 or (text.stored and text.stored != there):
            yield Violation("keyed", f"{text.body} in {text.room} was told as {sorted(text.stored)} and stands at {sorted(there)}")


def _overheard(world: World) -> Iterator[Violation]:
    """Who is out of a room is shown nothing that was said there since; of a public one anybody may read everything."""
    for room in world.disk.rows.tables.get(MemberRow.table, {}):
        if any(row.public for row in world.disk.seats.of(room).rows(RoomRow, room)):
            continue
        members = {row.user for row in _members(world, room)}
        entries = world.disk.seats.of(room).rows(EntryRow, room)
        out = {json.loads(row.body)["user"]: row.seq for row in entries if row.kind in ("leave", "kick")}
        for device in world.devices:
            last = out.get(device.user)
            if last is None or device.user in members:
                continue
            late = {event.seq for event in device.recorder.history.events if isinstance(event, Shown | Seen) and event.room == room} - set(
                range(last + 1)
            )
            if late:
                yield Violation("overheard", f"{device.name} left {room} with seq {last} and was shown {sorted(late)}")


def _lists(world: World) -> list[Violation]:
    """The list of every user says what the rooms say."""
    wrong = []
    for device in world.devices:
        for row in world.disk.rows.rows(UserRoomRow, device.user):
            member = next((m for m in _members(world, row.room) if m.user == device.user), None)
            if (member.role if member is not None else "none") != row.role:
                wrong.append(Violation("list", f"the list of {device.user} says {row.role} in {row.room}"))
    return wrong
