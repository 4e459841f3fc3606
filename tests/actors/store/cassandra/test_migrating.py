"""Tables brought up to date, step by step, on a real Cassandra."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from threading import Thread

import pytest

from actors.store.cassandra.driver import Driver
from actors.store.cassandra.migrating import LOCK, SETTINGS, Migrated, migrate_tables, stored_format
from actors.store.opening import NewerFormat
from cluster.store_place import parse_place
from tests.kit.cassandra import server

pytestmark = pytest.mark.slow
STEPS = (
    ("CREATE TABLE IF NOT EXISTS one (id int PRIMARY KEY)", "CREATE TABLE IF NOT EXISTS two (id int PRIMARY KEY)"),
    ("ALTER TABLE one ADD IF NOT EXISTS extra text",),
)
_NUMBERS = count()


@pytest.fixture
def keyspace() -> Iterator[Driver]:
    """One with nothing but its settings."""
    name = f"steps_{os.getpid()}_{next(_NUMBERS)}"
    driver = Driver(parse_place(f"{server().url}/{name}"))
    driver.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    driver.execute(f"USE {name}")
    driver.execute(SETTINGS)
    yield driver
    driver.execute(f"DROP KEYSPACE {name}")
    driver.close()


class Recording:
    """Makes tables and remembers them; may die before one of them."""

    def __init__(self, driver: Driver, dies_before: str = "") -> None:
        self._driver = driver
        self._dies_before = dies_before
        self.steps: list[str] = []
        self.agreed = 0

    def run(self, statement: str) -> None:
        if self._dies_before and self._dies_before in statement:
            raise ConnectionError("dead")
        self._driver.execute(statement)
        self.steps.append(statement)

    def known_everywhere(self) -> None:
        self.agreed += 1


def test_steps_are_taken_once_and_written_down(keyspace: Driver) -> None:
    first, again = Recording(keyspace), Recording(keyspace)
    assert migrate_tables(keyspace.execute, first, "k", STEPS) == Migrated(0, 2)
    assert migrate_tables(keyspace.execute, again, "k", STEPS) == Migrated(2, 2)
    assert (len(first.steps), first.agreed, again.steps) == (3, 2, [])
    assert keyspace.execute("SELECT id, extra FROM one") == []


@pytest.mark.parametrize("dies_before", ["TABLE IF NOT EXISTS two", "ALTER TABLE"])
def test_what_died_in_the_middle_is_taken_up_again(keyspace: Driver, dies_before: str) -> None:
    with pytest.raises(ConnectionError):
        migrate_tables(keyspace.execute, Recording(keyspace, dies_before), "k", STEPS)
    done = stored_format(keyspace.execute)
    assert done == (0 if "two" in dies_before else 1)
    again = Recording(keyspace)
    assert migrate_tables(keyspace.execute, again, "k", STEPS) == Migrated(done, 2)
    assert again.steps[-1] == STEPS[1][0]


def test_several_at_once_take_each_step_once(keyspace: Driver) -> None:
    recordings = [Recording(keyspace) for _ in range(3)]
    threads = [Thread(target=migrate_tables, args=(keyspace.execute, one, "k", STEPS)) for one in recordings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(one.steps) for one in recordings) == [0, 0, 3]
    assert stored_format(keyspace.execute) == 2


def test_whoever_holds_the_row_is_waited_for_until_it_is_gone_by_itself(keyspace: Driver) -> None:
    keyspace.execute("INSERT INTO settings (name, value) VALUES (%s, 0x00) IF NOT EXISTS USING TTL 1", (LOCK,))
    paused: list[float] = []
    recording = Recording(keyspace)

    def pause(seconds: float) -> None:
        paused.append(seconds)
        assert recording.steps == [] or not keyspace.execute("SELECT value FROM settings WHERE name = %s", (LOCK,))

    assert migrate_tables(keyspace.execute, recording, "k", STEPS, pause) == Migrated(0, 2)
    assert paused


def test_whoever_lost_the_row_writes_no_step_down(keyspace: Driver) -> None:
    class Slow(Recording):
        def run(self, statement: str) -> None:
            super().run(statement)
            if "EXISTS two" in statement:  # it was frozen here, and another one came
                self._driver.execute("UPDATE settings SET value = 0x01 WHERE name = %s IF EXISTS", (LOCK,))

    with pytest.raises(Exception, match="another process has taken it over"):
        migrate_tables(keyspace.execute, Slow(keyspace), "k", STEPS)
    assert stored_format(keyspace.execute) == 0


def test_newer_tables_are_refused(keyspace: Driver) -> None:
    migrate_tables(keyspace.execute, Recording(keyspace), "k", STEPS)
    with pytest.raises(NewerFormat, match="made by a newer version"):
        migrate_tables(keyspace.execute, Recording(keyspace), "k", STEPS[:1])
