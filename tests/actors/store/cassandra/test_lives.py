"""Groups change hands only when all that their owner has committed is where the next one reads."""

from __future__ import annotations

import itertools

import pytest

from actors.store.cassandra import chain as chains
from actors.store.cassandra.chain import Chain, Position
from actors.store.cassandra.lives import drain_life, note_floor, release_group, seal_life, state_of, take_group
from actors.store.cassandra.records import Change
from actors.store.cassandra.schema import DRAINED, ENDED, KNOWN
from actors.store.cassandra.steps import run
from actors.store.rows import Gone
from actors.store.shards import NotReleased
from actors.store.store import OutcomeUnknown, Sealed, StoreUnavailable
from tests.kit.ledgers import Ledgers


@pytest.fixture
def ledgers() -> Ledgers:
    return Ledgers()


def chain_of(life: str) -> Chain:
    numbers = itertools.count(1)
    return Chain(life, lambda: b"%d" % next(numbers))


def opened(data: bytes) -> list[Change]:
    """A ledger's row of these tests: the text itself."""
    return [Change(0, 0, Gone("rooms", (data.decode(),)))]


def drained(ledgers: Ledgers, life: str) -> list[str]:
    """Drain a life; what was found, in order."""
    found: list[str] = []
    run(drain_life(life, opened, lambda changes: found.extend(str(change.what.key[0]) for change in changes)), ledgers)
    return found


def commit(ledgers: Ledgers, life: str, count: int) -> Chain:
    """A life that has committed so much."""
    chain = chain_of(life)
    for number in range(count):
        run(chain.append(b"%d" % number), ledgers)
    return chain


def test_a_free_group_is_taken_with_a_higher_epoch_each_time(ledgers: Ledgers) -> None:
    assert run(take_group("a", 7), ledgers) == 1
    assert run(take_group("a", 7), ledgers) == 1  # again, by the same
    run(release_group("a", 7), ledgers)
    run(release_group("a", 7), ledgers)
    assert run(take_group("b", 7), ledgers) == 2


def test_a_group_is_taken_from_a_life_only_when_that_is_sealed_and_drained(ledgers: Ledgers) -> None:
    run(take_group("a", 7), ledgers)
    with pytest.raises(NotReleased):
        run(take_group("b", 7), ledgers)
    run(seal_life("a"), ledgers)
    with pytest.raises(NotReleased):
        run(take_group("b", 7), ledgers)
    assert drained(ledgers, "a") == []
    assert run(take_group("b", 7), ledgers) == 2


def test_a_sealed_life_takes_nothing(ledgers: Ledgers) -> None:
    run(seal_life("a"), ledgers)
    with pytest.raises(Sealed):
        run(take_group("a", 7), ledgers)


def test_a_seat_is_taken_only_once_it_is_filled(ledgers: Ledgers) -> None:
    with pytest.raises(NotReleased):
        run(take_group("a", 7, is_seat=True), ledgers)
    ledgers.owners[7] = ("", 4)
    assert run(take_group("a", 7, is_seat=True), ledgers) == 5


def test_two_takers_of_one_group_end_with_one_owner(ledgers: Ledgers) -> None:
    first = take_group("b", 7)
    asks = next(first)
    answers: list[object] = []
    ledgers.send(asks, answers.append)
    (change,) = first.send(answers.pop())  # type: ignore[arg-type]
    assert run(take_group("c", 7), ledgers) == 1
    ledgers.send([change], answers.append)
    asks = first.send(answers.pop())  # type: ignore[arg-type]
    ledgers.send(asks, answers.append)
    asks = first.send(answers.pop())  # type: ignore[arg-type]
    ledgers.send(asks, answers.append)
    with pytest.raises(NotReleased):
        first.send(answers.pop())  # type: ignore[arg-type]


def test_what_a_dead_life_committed_is_drained_whole_over_all_its_ledgers(ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "ROLL_APPENDS", 10)
    commit(ledgers, "a", 35)
    run(seal_life("a"), ledgers)
    assert drained(ledgers, "a") == [str(number) for number in range(35)]
    assert run(state_of("a"), ledgers) == DRAINED


def test_draining_begins_where_the_tables_end(ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "ROLL_APPENDS", 10)
    commit(ledgers, "a", 35)
    run(note_floor("a", Position(), Position(2, 4)), ledgers)
    run(note_floor("a", Position(), Position(1, 0)), ledgers)  # a late copy of an older note
    run(seal_life("a"), ledgers)
    assert drained(ledgers, "a") == [str(number) for number in range(24, 35)]
    assert ledgers.ledgers["a", 0].rows == {} and ledgers.ledgers["a", 1].rows == {}


def test_a_taker_that_died_while_it_drained_leaves_the_life_to_the_next_one(ledgers: Ledgers) -> None:
    run(take_group("a", 7), ledgers)
    commit(ledgers, "a", 20)
    run(seal_life("a"), ledgers)
    ledgers.lose_answer("LEDGER ROWS")
    with pytest.raises(StoreUnavailable):
        drained(ledgers, "a")
    assert run(state_of("a"), ledgers) == ENDED
    with pytest.raises(NotReleased):
        run(take_group("b", 7), ledgers)
    assert len(drained(ledgers, "a")) == 20
    assert drained(ledgers, "a") == []  # a second coordinator finds it done: the keys may be gone by then
    assert run(take_group("b", 7), ledgers) == 2


def test_draining_seals_by_itself(ledgers: Ledgers) -> None:
    chain = commit(ledgers, "a", 3)
    assert len(drained(ledgers, "a")) == 3
    with pytest.raises(Sealed):
        run(chain.append(b"late"), ledgers)


def test_an_append_that_arrives_late_after_the_drain_is_refused(ledgers: Ledgers) -> None:
    chain = commit(ledgers, "a", 3)
    ledgers.hold_back("APPEND")
    with pytest.raises(OutcomeUnknown):
        run(chain.append(b"late"), ledgers)
    assert drained(ledgers, "a") == ["0", "1", "2"]
    assert ledgers.deliver() == [[(False, 2, 3, b"3")]]
    with pytest.raises(Sealed):
        run(chain.settle(), ledgers)


def test_a_state_of_a_life_never_goes_back(ledgers: Ledgers) -> None:
    assert run(state_of("a"), ledgers) == KNOWN
    run(seal_life("a"), ledgers)
    drained(ledgers, "a")
    run(seal_life("a"), ledgers)
    assert run(state_of("a"), ledgers) == DRAINED


def test_a_release_by_one_that_does_not_own_the_group_changes_nothing(ledgers: Ledgers) -> None:
    run(take_group("a", 7), ledgers)
    run(release_group("b", 7), ledgers)
    assert ledgers.owners[7] == ("a", 1)
