"""A life's chain of ledgers: what was acknowledged is there, once and in order, and nothing is acknowledged after the seal."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from actors.store.cassandra import chain as chains
from actors.store.cassandra.chain import Chain, seal
from actors.store.cassandra.schema import OPEN, ROLLED, SEALED
from actors.store.cassandra.steps import Answers, Asks, Steps, run
from actors.store.store import OutcomeUnknown, Sealed, StoreUnavailable
from tests.kit.ledgers import Ledgers


@pytest.fixture
def ledgers() -> Ledgers:
    return Ledgers()


@pytest.fixture
def rolls_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger is full after three appends."""
    monkeypatch.setattr(chains, "ROLL_APPENDS", 3)


def stamps() -> Callable[[], bytes]:
    numbers = itertools.count(1)
    return lambda: b"stamp %d" % next(numbers)


def answers_of(asks: Asks) -> Steps[Answers]:
    return (yield asks)


def chain_of(life: str = "a") -> Chain:
    return Chain(life, stamps())


def test_appends_lie_in_the_chain_in_their_order_over_several_ledgers(ledgers: Ledgers, rolls_early: None) -> None:
    chain = chain_of()
    rows = [b"row %d" % number for number in range(8)]
    for row in rows:
        run(chain.append(row), ledgers)
    assert ledgers.data("a") == rows
    assert [ledgers.ledgers["a", part].state for part in range(3)] == [ROLLED, ROLLED, OPEN]
    assert chain.at == (2, 2)


def test_a_ledger_is_rolled_by_its_size_too(ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "ROLL_BYTES", 10)
    chain = chain_of()
    for _ in range(3):
        run(chain.append(b"0123456789"), ledgers)
    assert chain.at == (2, 1)


def test_an_append_whose_answer_was_lost_is_found_to_be_done(ledgers: Ledgers) -> None:
    chain = chain_of()
    ledgers.lose_answer("APPEND")
    with pytest.raises(OutcomeUnknown):
        run(chain.append(b"one"), ledgers)
    assert chain.in_doubt
    run(chain.settle(), ledgers)
    run(chain.append(b"two"), ledgers)
    assert ledgers.data("a") == [b"one", b"two"]


def test_an_append_that_is_waited_for_is_not_in_doubt(ledgers: Ledgers) -> None:
    chain = chain_of()
    steps = chain.append(b"one")
    asks = next(steps)
    while asks[0].statement != "APPEND":
        asks = steps.send(run(answers_of(asks), ledgers))
    assert not chain.in_doubt
    with pytest.raises(OutcomeUnknown):
        steps.throw(StoreUnavailable("timed out"))
    assert chain.in_doubt


def test_an_append_is_repeated_unchanged_and_its_late_first_copy_changes_nothing(ledgers: Ledgers) -> None:
    chain = chain_of()
    ledgers.hold_back("APPEND")
    with pytest.raises(OutcomeUnknown):
        run(chain.append(b"one"), ledgers)
    (late,) = ledgers.held
    run(chain.settle(), ledgers)
    assert ledgers.asked[-1] == late.ask
    run(chain.append(b"two"), ledgers)
    ((applied, *_),) = ledgers.deliver()[0]
    assert applied is False
    run(chain.append(b"three"), ledgers)
    assert ledgers.data("a") == [b"one", b"two", b"three"]


def test_a_first_copy_that_arrives_before_the_repeat_is_found_by_its_stamp(ledgers: Ledgers) -> None:
    chain = chain_of()
    ledgers.hold_back("APPEND")
    with pytest.raises(OutcomeUnknown):
        run(chain.append(b"one"), ledgers)
    ledgers.deliver()
    run(chain.settle(), ledgers)
    assert ledgers.data("a") == [b"one"] and chain.at == (0, 1)


def test_after_the_seal_no_append_is_acknowledged(ledgers: Ledgers) -> None:
    chain = chain_of()
    run(chain.append(b"one"), ledgers)
    assert run(seal("a", 0), ledgers) == 0
    with pytest.raises(Sealed):
        run(chain.append(b"two"), ledgers)
    assert ledgers.data("a") == [b"one"]


def test_an_append_in_doubt_at_the_seal_is_done_or_never_will_be(ledgers: Ledgers) -> None:
    for fault, there in ((ledgers.lose_answer, [b"one"]), (ledgers.hold_back, [])):
        life = fault.__name__
        chain = chain_of(life)
        fault("APPEND")
        with pytest.raises(OutcomeUnknown):
            run(chain.append(b"one"), ledgers)
        run(seal(life, 0), ledgers)
        if there:
            run(chain.settle(), ledgers)  # acknowledged: whoever drains finds it
        else:
            with pytest.raises(Sealed):
                run(chain.settle(), ledgers)
            ledgers.deliver()
        assert ledgers.data(life) == there
        assert not chain.in_doubt


def test_a_life_that_was_sealed_before_it_began_commits_nothing(ledgers: Ledgers) -> None:
    assert run(seal("a", 0), ledgers) == 0
    with pytest.raises(Sealed):
        run(chain_of().append(b"one"), ledgers)
    assert ledgers.data("a") == []


def test_a_cell_frozen_between_the_two_steps_of_a_roll_does_not_come_back(ledgers: Ledgers, rolls_early: None) -> None:
    chain = chain_of()
    for _ in range(3):
        run(chain.append(b"row"), ledgers)
    frozen = chain.append(b"after the thaw")
    (roll,) = next(frozen)
    ledgers.send([roll], lambda _: None)
    assert run(seal("a", 0), ledgers) == 1  # follows the roll, and seals the ledger that is not there yet
    (opening,) = frozen.send([[(True,)]])
    assert opening.statement == "OPEN LEDGER"
    with pytest.raises(Sealed):
        _finish(frozen, opening, ledgers)
    assert ledgers.data("a") == [b"row"] * 3


def test_a_cell_frozen_before_it_rolls_does_not_come_back(ledgers: Ledgers, rolls_early: None) -> None:
    chain = chain_of()
    for _ in range(3):
        run(chain.append(b"row"), ledgers)
    frozen = chain.append(b"after the thaw")
    (roll,) = next(frozen)
    assert run(seal("a", 0), ledgers) == 0
    with pytest.raises(Sealed):
        _finish(frozen, roll, ledgers)
    assert ("a", 1) not in ledgers.ledgers


@pytest.mark.parametrize("statement", ["ROLL", "OPEN LEDGER"])
@pytest.mark.parametrize("fault", ["lose_answer", "hold_back"])
def test_a_roll_whose_outcome_is_not_known_is_surely_no_append_and_goes_on(
    ledgers: Ledgers, rolls_early: None, statement: str, fault: str
) -> None:
    chain = chain_of()
    for _ in range(3):
        run(chain.append(b"row"), ledgers)
    getattr(ledgers, fault)(statement)
    with pytest.raises(StoreUnavailable):
        run(chain.append(b"refused"), ledgers)
    assert not chain.in_doubt
    run(chain.append(b"next"), ledgers)
    ledgers.deliver()
    run(chain.append(b"last"), ledgers)
    assert ledgers.data("a") == [*[b"row"] * 3, b"next", b"last"]


def test_two_takers_seal_the_same_end(ledgers: Ledgers, rolls_early: None) -> None:
    chain = chain_of()
    for _ in range(4):
        run(chain.append(b"row"), ledgers)
    first = seal("a", 0)
    ledgers.send(next(first), lambda _: None)
    assert run(seal("a", 0), ledgers) == 1
    assert run(seal("a", 1), ledgers) == 1
    with pytest.raises(StopIteration) as ended:
        answers = [[(False, ROLLED)]]
        while True:
            asks = first.send(answers)
            ledgers.send(asks, lambda answer: answers.__setitem__(0, answer[0]))  # type: ignore[index]
    assert ended.value.value == 1
    assert ledgers.ledgers["a", 1].state == SEALED


@pytest.mark.parametrize("seed", range(300))
def test_whatever_is_lost_or_late_what_was_acknowledged_is_there_once_in_order(seed: int, ledgers: Ledgers, rolls_early: None) -> None:
    chance = random.Random(seed)
    chain = chain_of()
    acknowledged: list[bytes] = []
    for data in _rows(chance):
        for statement in ("APPEND", "ROLL", "OPEN LEDGER"):
            if chance.random() < 0.15:
                chance.choice((ledgers.lose_answer, ledgers.hold_back))(statement)
        try:
            _surely(chain, data, chance, ledgers)
        except StoreUnavailable:
            continue
        except Sealed:
            break
        acknowledged.append(data)
        if chance.random() < 0.02:
            run(seal("a", 0), ledgers)
    ledgers.deliver()
    assert ledgers.data("a") == acknowledged


def _rows(chance: random.Random) -> Iterator[bytes]:
    return (b"%d" % number for number in range(chance.randrange(5, 60)))


def _surely(chain: Chain, data: bytes, chance: random.Random, ledgers: Ledgers) -> None:
    """Append, and settle until the outcome is known; copies that were held back come at any moment."""
    with suppress(OutcomeUnknown):
        run(chain.append(data), ledgers)
    while chain.in_doubt:
        if chance.random() < 0.5:
            ledgers.deliver()
        if chance.random() < 0.1:
            run(seal("a", 0), ledgers)
        if chance.random() < 0.3:
            chance.choice((ledgers.lose_answer, ledgers.hold_back))("APPEND")
        with suppress(OutcomeUnknown):
            run(chain.settle(), ledgers)


def _finish(frozen, ask, ledgers: Ledgers) -> None:  # type: ignore[no-untyped-def]
    """The frozen process goes on: what it had in hand is carried out, then the rest."""
    answers: list[object] = []
    ledgers.send([ask], answers.append)
    with pytest.raises(StopIteration):
        while True:
            (ask,) = frozen.send(answers.pop())
            ledgers.send([ask], answers.append)
