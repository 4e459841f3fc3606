"""The check of a keyspace: silent on sound data, also while what was committed is in ledgers alone; a sentence for what was broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.runtime.view import CellInfo, first_view
from actors.store.cassandra import cluster_rows
from actors.store.cassandra.checking import check_keyspace
from actors.store.cassandra.cluster_rows import ClusterRows
from actors.store.cassandra.driver import Driver
from actors.store.cassandra.store import CassandraStore
from actors.store.findings import Findings
from actors.store.store import Commit
from tests.kit.cassandra import GROUPS, CassandraLab, driver
from tests.kit.sound_data import ROOMS, all_rows
from tests.kit.warehouse import MASTER

pytestmark = pytest.mark.slow
LENGTHS = (1, 2, 64, 65, 130, 2100, 5)
MESSAGES = sum(LENGTHS)
ROOM = ROOMS[5]


@pytest.fixture
def lab() -> Iterator[CassandraLab]:
    """A keyspace that is empty but for its settings."""
    with CassandraLab() as lab:
        for table in ("views", "lease", "lives", "floors", "ledgers", "data_keys"):
            lab.driver.execute(f"TRUNCATE {table}")
        cluster_rows.prepare(lab.driver, GROUPS, MASTER)
        yield lab


def stocked(lab: CassandraLab) -> CassandraStore:
    """A store of a life that has committed sound data."""
    lab.driver.execute("INSERT INTO lives (life, state) VALUES (%s, 0) IF NOT EXISTS", (lab.life("a"),))
    store = lab.store()
    commits: dict[int, list[Any]] = {}
    for slot, row in all_rows(LENGTHS):
        commits.setdefault(slot, []).append(row)
    for slot, rows in commits.items():
        lab.wait(store.commit(Commit(slot, rows)))
    return store


def check(pause: Callable[[float], object] = lambda _: None) -> Findings:
    return check_keyspace(ClusterRows(driver(), MASTER, owns=False), MASTER, lambda *_: None, pause)


def test_sound_data_is_found_to_be_so_wherever_it_lies(lab: CassandraLab) -> None:
    store = stocked(lab)
    found = check()
    assert found.sentences == []
    assert found.seen["messages"] == MESSAGES
    lab.flush(store)
    found = check()
    assert found.sentences == []
    assert (found.seen["rooms"], found.seen["accounts"], found.seen["messages"]) == (7, 3, MESSAGES)


def test_a_dead_life_that_is_not_drained_hides_nothing_and_is_told_where_the_view_forgot_it(lab: CassandraLab) -> None:
    store = stocked(lab)
    record = ClusterRows(driver(), MASTER, owns=False)
    view = first_view([CellInfo(lab.life("a"), "cell-1")], GROUPS)
    assert record.change_view(0, view.encode())
    lab.seal("a")
    del store
    assert check().sentences == []
    driver().execute("TRUNCATE views")
    other = first_view([CellInfo("ghost", "cell-1")], GROUPS)
    assert record.change_view(0, other.encode())
    told = check().sentences
    assert f"The life {lab.life('a')} is sealed and not drained, and the view does not know of it." in told
    assert "The view has the life ghost, which was never written down." in told


DAMAGE: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "a sealed row is changed": (
        "a row cannot be read",
        "UPDATE room_entries USING TIMESTAMP 9000000000000000000 SET body = 0x0102 WHERE room = %s AND bucket = 0 AND seq = 64",
        (ROOM,),
    ),
    "messages are gone": (
        "are missing",
        "DELETE FROM room_entries USING TIMESTAMP 9000000000000000000 WHERE room = %s AND bucket = 0 AND seq = 128",
        (ROOM,),
    ),
    "the head is ahead": (
        "head stands at 2900",
        "INSERT INTO heads (room, seq, at) VALUES (%s, 2900, 1) USING TIMESTAMP 9000000000000000000",
        (ROOM,),
    ),
    "a mark would not be found": ("no taker would find it", "TRUNCATE untold", ()),
    "a mark is ahead": (
        "stands at 9999, above the last message",
        "INSERT INTO marks (room, \"user\", seq, told, member) VALUES (%s, 'eve', 9999, true, true) USING TIMESTAMP 9000000000000000000",
        (ROOM,),
    ),
    "a list is ahead of its account": (
        "its list counts to 2, and room",
        "UPDATE users USING TIMESTAMP 9000000000000000000 SET version = 2 WHERE \"user\" = 'eve'",
        (),
    ),
    "an owner was never written down": (
        "Group 1 is owned by the life stranger",
        "UPDATE owners SET life = 'stranger' WHERE \"group\" = 1 IF EXISTS",
        (),
    ),
    "a key of another master": ("The data key 77 does not open", "INSERT INTO data_keys (id, wrapped) VALUES (77, 0x00) IF NOT EXISTS", ()),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_what_was_broken_is_told(lab: CassandraLab, what: str) -> None:
    store = stocked(lab)
    lab.flush(store)
    sentence, statement, values = DAMAGE[what]
    lab.driver.execute(statement, values)
    paused: list[float] = []
    assert any(sentence in told for told in check(paused.append).sentences)
    _mend(lab.driver)


def _mend(driver: Driver) -> None:
    """What was written with a timestamp above all others would stand in every later test."""
    for table in ("room_entries", "heads", "marks", "users", "untold"):
        driver.execute(f"TRUNCATE {table}")


def test_a_ledger_with_a_hole_is_told(lab: CassandraLab) -> None:
    stocked(lab)
    lab.driver.execute("TRUNCATE floors")
    lab.driver.execute("DELETE FROM ledgers WHERE life = %s AND part = 0 AND k = 3", (lab.life("a"),))
    assert any("rows 3 to 3 of its ledger 0 are missing" in told for told in check().sentences)


def test_a_chain_that_is_not_sealed_though_its_life_is_is_told(lab: CassandraLab) -> None:
    stocked(lab)
    lab.driver.execute("UPDATE lives SET state = 1 WHERE life = %s IF EXISTS", (lab.life("a"),))
    assert any("is not sealed, though the life is" in told for told in check().sentences)


def test_what_only_looks_wrong_for_a_moment_is_not_told(lab: CassandraLab) -> None:
    store = stocked(lab)
    lab.flush(store)
    kept = lab.driver.execute('SELECT slot, room, "user", seq, member, span FROM untold')
    lab.driver.execute("TRUNCATE untold")

    def mend(_: float) -> None:
        for row in kept:
            lab.driver.execute('INSERT INTO untold (slot, room, "user", seq, member, span) VALUES (%s, %s, %s, %s, %s, %s)', row)

    assert check(mend).sentences == []
    _mend(lab.driver)
