"""The statements: none of them trusts a clock, and none is repeated that may not be."""

from __future__ import annotations

import pytest

from actors.store.cassandra.schema import BUCKET, ONCE, STATEMENTS, STEPS, TYPED, span_of
from actors.store.rows import ROWS

WRITES = {name: text for name, text in STATEMENTS.items() if text.split()[0] in ("INSERT", "UPDATE", "DELETE")}


@pytest.mark.parametrize("name", sorted(WRITES))
def test_every_write_is_a_condition_or_carries_its_own_timestamp(name: str) -> None:
    # So a clock that is wrong, anywhere, neither hides what is newer nor brings back what is older. The one exception empties ledgers
    # that nobody reads any more.
    text = WRITES[name]
    assert (" IF " in text) != ("USING TIMESTAMP ?" in text) or name == "DROP LEDGER ROWS"


def test_what_depends_on_what_is_there_is_never_repeated_by_the_driver() -> None:
    assert {name for name, text in STATEMENTS.items() if " IF " in text} == ONCE
    assert {"APPEND", "SEAL", "ROLL", "CHANGE OWNER", "CHANGE VIEW"} <= ONCE


def test_every_table_that_is_used_is_made() -> None:
    made = " ".join(statement for step in STEPS for statement in step)
    words = {text.split()[at + 1] for text in STATEMENTS.values() for at, word in enumerate(text.split()) if word in ("INTO", "FROM")}
    assert {word for word in words if f"EXISTS {word} " not in made} == set()


def test_every_kind_of_row_has_a_place() -> None:
    assert {kind.table for kind in ROWS} - {kind.table for kind in TYPED} == {"entries", "active"}


def test_a_partition_of_the_longest_texts_stays_below_fifty_megabytes() -> None:
    assert BUCKET * 16_384 * 1.2 < 50_000_000


def test_slots_lie_in_spans() -> None:
    assert (span_of(0), span_of(63), span_of(64), span_of(4096)) == (0, 0, 1, 64)
