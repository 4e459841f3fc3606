"""What a group commit is in the ledger: read back, it has the timestamps that it had."""

from __future__ import annotations

import pytest

from actors.store.cassandra.records import COUNTER_BITS, Change, Part, decode, encode, owner_of, stamped
from actors.store.rows import CursorRow, Gone
from actors.store.seal import CannotUnseal, Sealer
from tests.actors.store.samples import ROOM, USER, entry, mark, member, user_row
from tests.kit.shelf import Shelf
from tests.kit.warehouse import MASTER


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(MASTER, Shelf())


PARTS = [
    Part(17, 3, [Gone("marks", (ROOM, "bob")), entry(1, "語 text"), mark("bob")]),
    Part(4000, 9, [user_row(), CursorRow(USER, "d1", ROOM, 5), Gone("cursors", (USER,))]),
]


def test_changes_are_numbered_through_the_group_and_lie_above_every_earlier_epoch() -> None:
    stamps = [change.stamp for change in stamped(100, PARTS)]
    assert stamps == [(3 << COUNTER_BITS) + 100 + n for n in range(3)] + [(9 << COUNTER_BITS) + 103 + n for n in range(3)]
    assert stamped(2**39, [Part(17, 3, [entry(1)])])[0].stamp < stamped(0, [Part(17, 4, [entry(1)])])[0].stamp


def test_what_is_read_back_is_what_was_written(sealer: Sealer) -> None:
    data = encode(100, PARTS, sealer, b"ledger a")
    assert decode(data, sealer, b"ledger a") == stamped(100, PARTS)
    assert b"text" not in data


def test_a_row_of_another_life_does_not_open(sealer: Sealer) -> None:
    with pytest.raises(CannotUnseal):
        decode(encode(0, PARTS, sealer, b"ledger a"), sealer, b"ledger b")


def test_a_text_that_is_no_unicode_and_a_number_that_is_too_large_are_refused(sealer: Sealer) -> None:
    with pytest.raises(ValueError):
        encode(0, [Part(1, 1, [entry(1, "\ud800")])], sealer, b"x")
    with pytest.raises(OverflowError):
        encode(0, [Part(1, 1, [entry(2**63)])], sealer, b"x")


def test_rows_and_what_takes_them_away_belong_to_the_same_owner() -> None:
    assert owner_of(member("ann")) == owner_of(Gone("members", (ROOM, "ann"))) == (False, ROOM)
    assert owner_of(user_row()) == owner_of(Gone("cursors", (USER, "d1"))) == (True, USER)
    assert Change(1, 2, entry(1)).what == entry(1)
