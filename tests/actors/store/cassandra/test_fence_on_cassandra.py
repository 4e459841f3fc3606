"""The fence on a real Cassandra: frozen cells, late copies, lost answers, dead and double takers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from actors.store.cassandra import chain, flusher, writer
from actors.store.cassandra.steps import Ask
from actors.store.rows import CheckpointRow, Gone
from actors.store.shards import NotReleased
from actors.store.store import Commit, OutcomeUnknown, Sealed, StoreUnavailable
from tests.actors.store.samples import ROOM, SLOT, all_entries, entry, mark, member, put, room_row
from tests.kit.cassandra import GROUPS, CassandraLab
from tests.kit.turns import PATIENCE_S
from tests.kit.weather import Weather

pytestmark = pytest.mark.slow


@pytest.fixture
def lab() -> Iterator[CassandraLab]:
    with CassandraLab() as found:
        yield found


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is flushed by itself."""
    monkeypatch.setattr(flusher, "FLUSH_AGE_S", 1000.0)


def test_an_append_whose_answer_is_lost_is_settled_before_anybody_hears(lab: CassandraLab) -> None:
    weather = Weather(lab.driver)
    store = lab.store_in(weather, "a")
    weather.loses = ["APPEND"]
    put(lab, store, entry(1))
    put(lab, store, entry(2))
    assert [row.seq for row in all_entries(lab, store)] == [1, 2]


def test_an_outcome_that_stays_unknown_is_told_and_reads_wait_until_it_is_known(lab: CassandraLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SETTLE_S", 0.1)
    weather = Weather(lab.driver)
    store = lab.store_in(weather, "a")
    put(lab, store, entry(1))
    weather.loses = ["APPEND"]
    put(lab, store, entry(2))
    weather.refuses = {"APPEND"}
    with pytest.raises(OutcomeUnknown):
        put(lab, store, entry(3))
    with pytest.raises(StoreUnavailable):
        all_entries(lab, store)
    weather.refuses = set()
    put(lab, store, entry(4))  # the one before it is repeated first
    assert [row.seq for row in all_entries(lab, store)] == [1, 2, 3, 4]


def test_a_taker_that_dies_before_it_drained_leaves_nothing_behind_that_is_lost(lab: CassandraLab, unhurried: None) -> None:
    first = lab.store("a")
    put(lab, first, entry(1, "of a"))
    lab.seal("a")
    taker = lab.bare_store("b")
    with pytest.raises(NotReleased):
        lab.wait(taker.take_shard(0))
    lab.seal("b")  # dead before it did anything
    third = lab.store("c")
    assert [row.body for row in all_entries(lab, third)] == ["of a"]
    with pytest.raises(Sealed):
        put(lab, first, entry(2))


def test_what_a_frozen_cell_flushes_after_its_takeover_covers_nothing_newer(lab: CassandraLab, unhurried: None) -> None:
    weather = Weather(lab.driver)
    old = lab.store_in(weather, "a")
    put(lab, old, room_row(name="old"), member("eve"), mark("bob"), CheckpointRow(ROOM, 1, 1, b""), entry(1, "one"))
    weather.kept = []
    flushing = old.flush()
    lab.turns.turn()
    assert weather.arrived.wait(PATIENCE_S)
    frozen = [*weather.kept]  # it freezes with these in hand
    lab.seal("a")
    new = lab.store("b")
    put(lab, new, room_row(name="new"), entry(2, "two"), gone=(Gone("members", (ROOM, "eve")), Gone("marks", (ROOM,))))
    put(lab, new, gone=(Gone("entries", (ROOM, 1)),))
    lab.flush(new)
    for asks in frozen:
        lab.write(asks)  # and thaws
    weather.kept = None
    lab.wait(flushing)
    lab.seal("b")
    after = lab.store("c")
    state = lab.wait(after.load_room(SLOT, ROOM))
    assert state is not None and state.row.name == "new" and state.members == [] and state.marks == []
    assert [row.body for row in all_entries(lab, after)] == ["two"]
    assert lab.wait(after.untold([SLOT])) == []


def test_a_cell_frozen_while_it_rolls_acknowledges_nothing_when_it_thaws(lab: CassandraLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "ROLL_APPENDS", 3)
    for life, statement in (("a", "ROLL"), ("b", "OPEN LEDGER")):
        weather = Weather(lab.driver)
        old = lab.store_in(weather, life)
        first = len(all_entries(lab, old)) + 1
        for seq in range(first, first + 3):
            put(lab, old, entry(seq))
        weather.freezes = statement
        late = old.commit(Commit(SLOT, (entry(first + 3, "late"),)))
        lab.turns.turn()
        assert weather.stopped.wait(PATIENCE_S)
        lab.seal(life)
        new = lab.store(f"after {life}")
        put(lab, new, entry(first + 3, "of the taker"))
        (thaw,) = weather.frozen
        thaw()
        assert [type(error) for error in lab.settle(late)] == [Sealed]
        assert [row.body for row in all_entries(lab, new)][first - 1 :] == ["hello"] * 3 + ["of the taker"]
        lab.seal(f"after {life}")


def test_an_append_that_times_out_is_repeated_and_its_late_first_copy_changes_nothing(lab: CassandraLab) -> None:
    weather = Weather(lab.driver)
    store = lab.store_in(weather, "a")
    put(lab, store, entry(1))
    weather.delays = ["APPEND"]
    put(lab, store, entry(2))  # its first copy is still on its way
    put(lab, store, entry(3))
    (arrive,) = weather.late
    (answer,) = arrive()
    assert answer[0] is False
    put(lab, store, entry(4))
    lab.seal("a")
    after = lab.store("b")
    assert [row.seq for row in all_entries(lab, after)] == [1, 2, 3, 4]


def test_two_coordinators_that_seal_and_drain_at_once_lose_nothing_and_one_taker_owns_each_group(
    lab: CassandraLab, unhurried: None
) -> None:
    old = lab.store("a")
    for seq in range(1, 40):
        put(lab, old, entry(seq))
    both = [threading.Thread(target=lab.take_over, args=("a",)) for _ in range(2)]
    for thread in both:
        thread.start()
    refused = 0
    for seq in range(40, 400):
        try:
            put(lab, old, entry(seq))
        except Sealed:
            refused += 1
            break
    for thread in both:
        thread.join()
    takers = [lab.bare_store("b"), lab.bare_store("c")]
    errors = lab.settle(*[taker.take_shard(group) for group in range(GROUPS) for taker in takers])
    assert sorted(group for taker in takers for group in taker.owned()) == list(range(GROUPS))
    assert sum(isinstance(error, NotReleased) for error in errors) == GROUPS
    owner = next(taker for taker in takers if SLOT * GROUPS >> 12 in taker.owned())
    assert refused == 1 and [row.seq for row in all_entries(lab, owner)] == list(range(1, seq))


class Askew:
    """The clock of another machine, as the driver asks it for timestamps: so many seconds wrong."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self) -> int:
        return int((time.time() + self._seconds) * 1_000_000)


@pytest.mark.parametrize("wrong_s", [60.0, -60.0])
def test_a_kick_and_a_retraction_after_the_takeover_stand_whichever_clock_is_wrong(
    lab: CassandraLab, unhurried: None, monkeypatch: pytest.MonkeyPatch, wrong_s: float
) -> None:
    monkeypatch.setattr(lab.driver._session, "timestamp_generator", Askew(wrong_s))
    weather = Weather(lab.driver)
    old = lab.store_in(weather, "a")
    put(lab, old, room_row(), member("eve"), entry(1, "to be retracted"), entry(2, "stays"))
    weather.kept = []
    flushing = old.flush()
    lab.turns.turn()
    assert weather.arrived.wait(PATIENCE_S)
    frozen = [*weather.kept]
    lab.seal("a")
    monkeypatch.setattr(lab.driver._session, "timestamp_generator", Askew(-wrong_s))
    new = lab.store("b")
    put(lab, new, gone=(Gone("members", (ROOM, "eve")),))
    put(lab, new, gone=(Gone("entries", (ROOM, 1)),))
    lab.flush(new)
    monkeypatch.setattr(lab.driver._session, "timestamp_generator", Askew(wrong_s))
    for asks in frozen:
        lab.write(asks)
    weather.kept = None
    lab.wait(flushing)
    lab.seal("b")
    after = lab.store("c")
    state = lab.wait(after.load_room(SLOT, ROOM))
    assert state is not None and state.members == []
    assert [row.body for row in all_entries(lab, after)] == ["stays"]


@pytest.mark.parametrize("wrong_s", [60.0, -60.0])
def test_rows_of_a_rolled_ledger_go_once_they_are_in_the_tables_whatever_the_clock_says(
    lab: CassandraLab, monkeypatch: pytest.MonkeyPatch, wrong_s: float
) -> None:
    monkeypatch.setattr(chain, "ROLL_APPENDS", 3)
    monkeypatch.setattr(lab.driver._session, "timestamp_generator", Askew(wrong_s))
    store = lab.store("a")
    for seq in range(1, 8):
        put(lab, store, entry(seq))
    lab.flush(store)
    left = [lab.ask(Ask("LEDGER ROWS", (lab.life("a"), part, 0, 10))) for part in range(3)]
    assert [sum(k is not None for k, _ in rows) for rows in left] == [0, 0, 1]
    assert [row.seq for row in all_entries(lab, store)] == list(range(1, 8))
