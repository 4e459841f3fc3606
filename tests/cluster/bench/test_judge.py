"""The judge of histories: good ones pass, and each way of breaking a promise is caught and named."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.bench.history import Acked, History, Recorder, Refused, Seen, Sent, Shown, digest
from cluster.bench.judge import Violation, explain, judge

ROOM = "r1"


class World:
    """A correct server of one room with three devices, one call an action; the history is what they saw."""

    def __init__(self, devices: int = 3) -> None:
        self.history = History()
        self.recorders = [self.history.device(f"user{i}", f"dev{i}") for i in range(devices)]
        for recorder in self.recorders:
            recorder.must_have(ROOM)
        # what is stored: (author, n, id, body)
        self.log: list[tuple[int, int, str, str]] = []
        self.numbers = [0] * devices
        self.shown = [0] * devices

    def send(self, author: int) -> int:
        self.numbers[author] += 1
        n = self.numbers[author]
        self.recorders[author].sent(ROOM, n, f"id{author}-{n}", f"text {author} {n}")
        return n

    def store(self, author: int, n: int) -> int:
        self.log.append((author, n, f"id{author}-{n}", f"text {author} {n}"))
        return len(self.log)

    def answer(self, author: int, n: int, seq: int) -> None:
        self.recorders[author].acked(ROOM, n, seq)

    def show_all(self, reader: int) -> None:
        """Show what is missing; own posts were shown when they were acknowledged."""
        for seq in range(self.shown[reader] + 1, len(self.log) + 1):
            author, n, ident, body = self.log[seq - 1]
            if author != reader:
                self.recorders[reader].shown(ROOM, seq, f"user{author}", f"dev{author}", n, ident, body)
            else:
                self.recorders[reader].seen(ROOM, seq, f"user{author}", f"dev{author}", n, ident, body)
        self.shown[reader] = len(self.log)

    def post(self, author: int) -> None:
        n = self.send(author)
        self.answer(author, n, self.store(author, n))


def good() -> World:
    """Nine posts in turn, everybody has everything, then a fault and silence."""
    world = World()
    for step in range(9):
        world.post(step % 3)
        world.show_all((step + 1) % 3)
    for reader in range(3):
        world.show_all(reader)
    world.history.fault("kill")
    world.history.head(ROOM, 9)
    return world


def kinds(history: History) -> set[str]:
    return {violation.kind for violation in judge(history)}


def test_a_correct_history_has_no_violation() -> None:
    assert judge(good().history) == []
    assert explain([]).startswith("nothing lost")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 80))
def test_every_history_of_a_correct_server_passes(seed: int, steps: int) -> None:
    rng, world = random.Random(seed), World()
    unanswered: list[tuple[int, int, int]] = []
    for _ in range(steps):
        action, who = rng.randrange(4), rng.randrange(3)
        if action == 0:
            world.post(who)
        elif action == 1:
            # stored, and the answer is lost; the device repeats it later
            n = world.send(who)
            unanswered.append((who, n, world.store(who, n)))
        elif action == 2 and unanswered:
            author, n, seq = unanswered.pop(rng.randrange(len(unanswered)))
            world.recorders[author].sent(ROOM, n, f"id{author}-{n}", f"text {author} {n}")
            world.answer(author, n, seq)
        else:
            world.show_all(who)
    world.history.fault("kill")
    for author, n, seq in unanswered:
        world.answer(author, n, seq)
    for reader in range(3):
        world.show_all(reader)
    assert judge(world.history) == []


# --- one way of breaking it each; the events of the good history are changed in place ---


def events_of(world: World, device: int) -> list[Sent | Acked | Refused | Shown | Seen]:
    return world.history.devices[device].events


def remove_everywhere(world: World, seq: int) -> None:
    for device in world.history:
        device.events[:] = [event for event in device.events if not (isinstance(event, Shown | Seen) and event.seq == seq)]


def lose_the_last(world: World) -> None:
    remove_everywhere(world, 9)
    world.history.heads.clear()


def lose_one_in_the_middle(world: World) -> None:
    remove_everywhere(world, 5)


def lose_for_one_device(world: World) -> None:
    events = events_of(world, 0)
    events[:] = [event for event in events if not (isinstance(event, Shown) and event.seq == 8)]


def lose_the_tail_for_one_device(world: World) -> None:
    events = events_of(world, 1)
    events[:] = [event for event in events if not (isinstance(event, Shown) and event.seq == 9)]


def show_twice(world: World) -> None:
    events = events_of(world, 0)
    events.append(next(event for event in events if isinstance(event, Shown)))


def show_in_disorder(world: World) -> None:
    events = events_of(world, 0)
    places = [index for index, event in enumerate(events) if isinstance(event, Shown)]
    events[places[0]], events[places[1]] = events[places[1]], events[places[0]]


def swap_for_one_reader(world: World) -> None:
    """Device 0 is shown the posts at 2 and 3 the other way round."""
    events = events_of(world, 0)
    (i, first), (j, second) = ((i, event) for i, event in enumerate(events) if isinstance(event, Shown) and event.seq in (2, 3))
    events[i], events[j] = second._replace(seq=2), first._replace(seq=3)


def store_twice(world: World) -> None:
    """The repeat of a post was stored once more, as seq 10."""
    world.log.append(world.log[0])
    for reader in range(3):
        world.show_all(reader)
    world.recorders[0].shown(ROOM, 10, "user0", "dev0", 1, "id0-1", "text 0 1")


def store_under_another_number(world: World) -> None:
    """A post of device 0 stands once more under a number that its device never gave it."""
    world.log.append((0, 4, "id0-1", "text 0 1"))
    for reader in range(3):
        world.show_all(reader)


def answer_twice_differently(world: World) -> None:
    world.recorders[0].acked(ROOM, 1, 4)


def give_one_seq_to_two(world: World) -> None:
    world.recorders[1].sent(ROOM, 4, "id1-4", "x")
    world.recorders[1].acked(ROOM, 4, 9)


def turn_own_order(world: World) -> None:
    """Device 0's second post stands before its first one."""
    for device in world.history:
        for index, event in enumerate(device.events):
            if isinstance(event, Shown | Seen) and event.seq in (1, 4):
                other = world.log[3] if event.seq == 1 else world.log[0]
                device.events[index] = event._replace(n=other[1], id=other[2], digest=digest(other[3]))
            elif isinstance(event, Acked) and event.seq in (1, 4) and device.device == "dev0":
                device.events[index] = event._replace(seq=5 - event.seq)


def leave_a_number_out(world: World) -> None:
    """Device 2 sends 4 and 5; only 5 is stored."""
    world.send(2)
    n = world.send(2)
    world.answer(2, n, world.store(2, n))
    for reader in range(3):
        world.show_all(reader)


def alter_the_body(world: World) -> None:
    for device in world.history:
        for index, event in enumerate(device.events):
            if isinstance(event, Shown | Seen) and event.seq == 6:
                device.events[index] = event._replace(digest=digest("something else"))


def invent(world: World) -> None:
    for recorder in world.recorders:
        recorder.shown(ROOM, 10, "user0", "dev0", 4, "id0-4", "never said")


def refuse_and_store(world: World) -> None:
    world.recorders[2].refused(ROOM, 3, "forbidden")


def acknowledge_unasked(world: World) -> None:
    world.recorders[1].acked(ROOM, 77, 9)


def go_back_in_time(world: World) -> None:
    """The store forgot its tail in a fault and gave a later post an earlier seq."""
    history = History()
    early, late = history.device("user0", "dev0"), history.device("user1", "dev1")
    for recorder in (early, late):
        recorder.must_have(ROOM)
    early.sent(ROOM, 1, "id0-1", "a")
    early.acked(ROOM, 1, 2)
    late.sent(ROOM, 1, "id1-1", "b")
    late.acked(ROOM, 1, 1)
    early.shown(ROOM, 1, "user1", "dev1", 1, "id1-1", "b")
    late.shown(ROOM, 2, "user0", "dev0", 1, "id0-1", "a")
    world.history = history


def post_after_the_fault(world: World) -> None:
    world.post(0)
    for reader in range(3):
        world.show_all(reader)


def hide_the_head(world: World) -> None:
    """The server says that the room has come to 10, and nobody has 10."""
    world.history.head(ROOM, 10)


Breaker = Callable[[World], None]
BROKEN: list[tuple[Breaker, str]] = [
    (lose_the_last, "lost"),
    (lose_one_in_the_middle, "lost"),
    (lose_one_in_the_middle, "hole"),
    (lose_for_one_device, "missing"),
    (lose_the_tail_for_one_device, "missing"),
    (show_twice, "shown_twice"),
    (show_in_disorder, "disorder"),
    (swap_for_one_reader, "two_contents"),
    (store_twice, "repeated"),
    (store_under_another_number, "repeated"),
    (answer_twice_differently, "two_answers"),
    (give_one_seq_to_two, "one_seq_for_two"),
    (turn_own_order, "own_order"),
    (leave_a_number_out, "left_out"),
    (alter_the_body, "altered"),
    (invent, "invented"),
    (refuse_and_store, "refused_but_stored"),
    (acknowledge_unasked, "unasked"),
    (go_back_in_time, "went_back"),
    (post_after_the_fault, "not_quiet"),
    (hide_the_head, "hole"),
    (hide_the_head, "missing"),
]


@pytest.mark.parametrize(("breaker", "kind"), BROKEN, ids=[f"{breaker.__name__}-{kind}" for breaker, kind in BROKEN])
def test_a_broken_history_is_caught(breaker: Breaker, kind: str) -> None:
    world = good()
    breaker(world)
    assert kind in kinds(world.history)


def test_a_violation_names_room_device_and_seq() -> None:
    world = good()
    lose_for_one_device(world)
    assert judge(world.history) == [Violation("missing", "r1: user0/dev0 never got seq 8 (head 9)")]
    assert explain(judge(world.history)) == "missing: 1\n  r1: user0/dev0 never got seq 8 (head 9)"


def test_a_device_that_joined_later_owes_nothing_from_before() -> None:
    world = good()
    late: Recorder = world.history.device("late", "dev9")
    late.must_have(ROOM, first=9)
    author, n, ident, body = world.log[8]
    late.shown(ROOM, 9, f"user{author}", f"dev{author}", n, ident, body)
    assert judge(world.history) == []


def test_a_number_that_was_refused_may_carry_another_post() -> None:
    world = good()
    world.history.faults.clear()
    n = world.send(0)
    world.recorders[0].refused(ROOM, n, "forbidden")
    world.recorders[0].sent(ROOM, n, "other-id", "kinder words")
    world.log.append((0, n, "other-id", "kinder words"))
    world.answer(0, n, 10)
    for reader in range(3):
        world.show_all(reader)
    assert judge(world.history) == []


def test_posts_by_programs_outside_are_accepted_where_the_history_is_open() -> None:
    world = good()
    for recorder in world.recorders:
        recorder.shown(ROOM, 10, "robot", "dev-outside", 1, "id-outside", "hello")
    assert judge(world.history, closed=False) == []
    assert kinds(world.history) == {"invented"}
