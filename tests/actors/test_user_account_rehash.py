"""A password's text may be replaced by a stronger one of the same password, and only then."""

from __future__ import annotations

from actors.messages.user import Grant, Register, Rehash
from actors.store.rows import UserRow
from actors.user_account import Account


def registered() -> Account:
    account = Account("ann")
    account.register(Register("Ann", "old text", Grant("d1", "", b"t", 0, b"r", 0)), 1_000)
    return account


def test_a_new_text_for_the_same_password_is_one_row_and_ends_no_device() -> None:
    account = registered()
    (row,) = account.rehash(Rehash("old text", "new text"))
    assert isinstance(row, UserRow) and row.password == "new text"
    assert account.profile(with_password=True).password == "new text"
    assert account.identify(b"t", 2_000).device == "d1"


def test_a_password_that_was_changed_meanwhile_stays() -> None:
    account = registered()
    assert account.rehash(Rehash("another text", "new text")) == []
    assert account.profile(with_password=True).password == "old text"
