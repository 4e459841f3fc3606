"""Cells die, links break, stores fail, slots move, readers stall, people come and go; then everything is mended.

Each seed is one walk of a few hundred steps over three cells, judged like a real run: nothing acknowledged is lost,
nothing repeated, one order, and every device ends up with everything although nobody posts any more.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from actors import commands as c
from actors import events as e
from actors import roster
from actors.runtime.ring import SLOTS
from actors.store.rows import EntryRow, MemberRow, UserRoomRow
from actors.store.store import OutcomeUnknown, StoreUnavailable
from cluster.bench.history import History
from cluster.bench.judge import explain, judge
from tests.kit.chat import Town
from tests.kit.person import Person

SEEDS = range(30)
ROUNDS = 5
STEPS = 30
"""Of one round; after it everything is mended, and everybody has to have everything without a further post."""
USERS = ("ann", "bob", "cat", "dan", "eve", "fay")
SMALL = 4
"""Members of a small room in the walk, so that one of three rooms is large."""


class Walk:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.town = Town(["a1", "b1", "c1"])
        self.history = History()
        self.town.register(*USERS, devices=("d1", "d2"))
        self.people = [Person(self.town, self.history, user, device) for user in USERS for device in ("d1", "d2")]
        self.sleepers = self.people[1::4]
        """Devices that are off until everything is over."""
        self.awake = [person for person in self.people if person not in self.sleepers]
        self.lives = 1
        self.dead: list[str] = []
        self.cuts: set[tuple[str, str]] = set()
        for person in self.awake:
            person.connect(self.a_life())
        self.town.settle()
        self.direct = self.make(c.Direct, user="bob")
        self.small = self.make(c.Create, key="smallroom", name="Small", members=["bob", "cat"])
        self.large = self.make(c.Create, key="largeroom", name="Large", public=True, members=["bob", "cat", "dan"])
        self.churn = self.make(c.Create, key="churnroom", name="Churn", public=True, members=["bob"])
        for user in ("eve", "fay"):
            self.awake[0].request(c.Invite, room=self.large, user=user)
            self.town.settle()
        self.members = {self.direct: ("ann", "bob"), self.small: ("ann", "bob", "cat"), self.large: USERS}
        for room, users in self.members.items():
            for person in self.people:
                if person.user in users:
                    person.must_have(room)
        self.bodies = 0

    def make(self, command: type[c.Command], **fields: object) -> str:
        ann = self.awake[0]
        assert ann.client is not None
        ann.request(command, **fields)
        self.town.settle()
        room: str = ann.client.last(e.Done).result["room"]["room"]
        return room

    def a_life(self) -> str:
        return self.random.choice(list(self.town.hosts))

    # --- steps -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (60, self.post), (20, self.advance), (10, self.acknowledge), (4, self.reconnect), (3, self.hang_up), (4, self.choke),
            (3, self.move), (3, self.drop_link), (2, self.cut_link), (2, self.heal_link), (3, self.break_store), (3, self.mend_store),
            (3, self.fail_commit), (3, self.crash_actor), (2, self.kill), (8, self.churn_members), (2, self.rename), (1, self.rest),
        ]  # fmt: skip
        weights, actions = zip(*steps, strict=True)
        for _ in range(ROUNDS):
            for _ in range(STEPS):
                self.random.choices(actions, weights)[0]()
            self.mend(self.awake)
            self.check_complete(self.awake)
            self.check_lists(self.awake)

    def post(self) -> None:
        room = self.random.choice(list(self.members))
        person = self.random.choice([p for p in self.awake if p.user in self.members[room]])
        for _ in range(self.random.choice((1, 1, 1, 8))):
            self.bodies += 1
            person.post(room, f"text {self.bodies}")

    def advance(self) -> None:
        self.town.clock.advance(self.random.choice((0.0, 0.001, 0.002, 0.01, 0.1, 1.0)))

    def rest(self) -> None:
        self.town.clock.advance(self.random.choice((5.0, 70.0, 200.0)))

    def acknowledge(self) -> None:
        self.random.choice(self.awake).acknowledge()

    def reconnect(self) -> None:
        self.random.choice(self.awake).connect(self.a_life())

    def hang_up(self) -> None:
        self.random.choice(self.awake).hang_up()

    def choke(self) -> None:
        client = self.random.choice(self.awake).client
        if client is not None and client.close_code is None:
            client.choked = True
            self.town.clock.later(self.random.choice((0.01, 1.0, 20.0)), client.drain)

    def move(self) -> None:
        if not self.dead:
            start = self.random.randrange(SLOTS)
            self.town.move([slot % SLOTS for slot in range(start, start + SLOTS // 4)], self.a_life())

    def drop_link(self) -> None:
        self.town.network.drop(*self.two_lives())

    def cut_link(self) -> None:
        pair = self.two_lives()
        self.cuts.add(pair)
        self.town.network.cut(*pair)

    def heal_link(self) -> None:
        if self.cuts:
            self.town.network.heal(*self.cuts.pop())

    def two_lives(self) -> tuple[str, str]:
        first, second = self.random.sample(sorted(self.town.hosts), 2)
        return first, second

    def break_store(self) -> None:
        self.town.hosts[self.a_life()].store.break_down()

    def mend_store(self) -> None:
        self.town.hosts[self.a_life()].store.mend()

    def fail_commit(self) -> None:
        error = self.random.choice((StoreUnavailable("failed"), OutcomeUnknown("who knows")))
        applied = isinstance(error, OutcomeUnknown) and self.random.random() < 0.5
        self.town.hosts[self.a_life()].store.fail_next(error, applied=applied)

    def crash_actor(self) -> None:
        cell = self.town.hosts[self.a_life()].cell
        addresses = [a for a in cell.addresses() if a.partition(":")[0] in {"room", "user", "relay", "session"}]
        if addresses:
            activation = cell.activation(self.random.choice(addresses))
            assert activation is not None
            activation.fail(RuntimeError("a bug"))

    def kill(self) -> None:
        """A cell dies; a while later the others take over, and a new life starts and gets slots."""
        dead = self.a_life()
        host = self.town.hosts[dead]
        if self.random.random() < 0.5:  # between the commit and everything that follows from it
            host.store.hold()
            self.post()
            self.town.clock.run()
            for change in host.store.waiting():
                self.town.disk.apply(change)
        self.town.kill(dead)
        self.cuts = {pair for pair in self.cuts if dead not in pair}
        for person in self.people:
            if person.client is not None and person.client.life == dead:
                person.client.close_code = 1006
        self.town.clock.advance(self.random.choice((0.0, 0.1, 1.5)))
        self.town.take_over(dead)
        self.town.clock.advance(self.random.choice((0.0, 0.01, 1.0)))
        self.lives += 1
        life = f"{dead[0]}{self.lives}"
        self.town.start(life)
        self.town.move(self.random.sample(range(SLOTS), SLOTS // 3), life)

    def churn_members(self) -> None:
        person = self.random.choice(self.awake)
        if self.random.random() < 0.3:
            person.request(c.Kick, room=self.churn, user=self.random.choice(USERS))
        elif self.random.random() < 0.3:
            person.request(c.Invite, room=self.churn, user=self.random.choice(USERS))  # who was kicked comes back in no other way
        else:
            person.request(self.random.choice((c.Join, c.Leave)), room=self.churn)

    def rename(self) -> None:
        self.random.choice(self.awake[:2]).request(c.Edit, room=self.small, name=f"Name {self.random.random()}")

    # --- the end -----------------------------------------------------------------------------------------------------

    def mend(self, people: list[Person]) -> None:
        """Everything works again, these are there, nobody posts anything new."""
        for pair in self.cuts:
            self.town.network.heal(*pair)
        self.cuts.clear()
        for host in self.town.hosts.values():
            host.store.mend()
            host.store.forget_failures()
        self.town.clock.advance(5.0)
        self.history.fault("the last one")
        for _ in range(2):  # who was slow for too long was sent away meanwhile
            for person in people:
                if not person.online:
                    person.connect(self.a_life())
            self.town.clock.advance(65.0)

    def check_complete(self, people: list[Person]) -> None:
        assert [person.waits() for person in people] == [0] * len(people)
        for room, users in self.members.items():
            head = self.town.disk.rows(EntryRow, room)[-1].seq
            here = {person.user + person.device: person.have.get(room, 0) for person in people if person.user in users}
            assert here == dict.fromkeys(here, head), room

    def check_lists(self, people: list[Person]) -> None:
        """The list of every user, and what every device was told of it, says what the rooms say."""
        for room in (*self.members, self.churn):
            members = {row.user: row for row in self.town.disk.rows(MemberRow, room) if row.role != roster.BANNED}
            for person in people:
                row = next((row for row in self.town.disk.rows(UserRoomRow, person.user) if row.room == room), None)
                role = members[person.user].role if person.user in members else "none"
                assert (row.role if row is not None else "none") == role, (room, person.user, row)
                told = person.rooms.get(room)
                assert (told.role if told is not None else "none") == role, (room, person.user, person.device, told)
                if row is not None and told is not None:
                    assert (told.name, told.topic) == (row.name, row.topic)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_every_device_ends_up_with_everything(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "SMALL_ROOM", SMALL)
    walk = Walk(seed)
    walk.run()
    walk.mend(walk.people)
    walk.check_complete(walk.people)
    walk.check_lists(walk.people)
    violations = judge(walk.history)
    assert violations == [], explain(violations)
