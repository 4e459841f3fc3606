"""Pages of a room's log: what they hold, and which head they may tell."""

from __future__ import annotations

from typing import Any

import pytest

from actors.messages.room import History
from actors.room_log import RoomLog
from actors.room_pages import history_page
from actors.runtime.driving import drive
from actors.runtime.promise import Promise
from actors.store.rows import EntryRow
from tests.actors.store.samples import ROOM, SLOT, entry


class SlowReads:
    """A store that answers when it is told to."""

    def __init__(self) -> None:
        self.answer: Promise[list[EntryRow]] = Promise()

    def entries_after(self, *_: Any) -> Promise[list[EntryRow]]:
        return self.answer

    entries_before = entries_after


@pytest.fixture
def store() -> SlowReads:
    return SlowReads()


def log_at(head: int, store: Any) -> RoomLog:
    log = RoomLog(ROOM, SLOT, store)
    log.head = head
    return log


@pytest.mark.parametrize("before", [None, 15])
def test_a_head_that_came_while_the_page_was_read_is_not_told_with_it(store: SlowReads, before: int | None) -> None:
    log = log_at(14, store)
    page = drive(history_page(store, log, 1, History(by="ann", after=14, before=before, limit=50)))  # type: ignore[arg-type]
    log.head = 15
    store.answer.resolve([])
    assert page.result().head == 14


def test_entries_of_a_commit_that_the_room_does_not_know_of_yet_raise_the_head_of_their_page(store: SlowReads) -> None:
    page = drive(history_page(store, log_at(14, store), 1, History(by="ann", after=13, before=None, limit=50)))  # type: ignore[arg-type]
    store.answer.resolve([entry(14), entry(15)])
    assert (page.result().head, page.result().more) == (15, False)
