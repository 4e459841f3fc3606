"""Pages of a room's log: how many entries, and how many bytes, one answer carries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.events import Entry
from actors.messages.control import ReadLog
from actors.messages.room import History, HistoryPage
from actors.room_log import RoomLog, entry_of
from actors.store.rows import EntryRow
from actors.store.store import Store

PAGE_BYTES = 128 * 1024
"""UTF-8 bytes of bodies in one page; the rest is pulled by the next. With the bound on pages under way, a client that
does not read costs less than 1 MiB."""


def page_from_front(rows: Sequence[EntryRow], limit: int) -> tuple[list[Entry], bool]:
    """The first entries of `rows`, which are one more than `limit` where there are more; and whether there are more."""
    count = _fitting(rows[:limit])
    return [entry_of(row) for row in rows[:count]], len(rows) > count


def page_from_back(rows: Sequence[EntryRow], limit: int, first: int) -> tuple[list[Entry], bool]:
    """The last entries of `rows` that are not before `first`; and whether there are more of those."""
    readable = [row for row in rows if row.seq >= first]
    count = _fitting(readable[::-1][:limit])
    return [entry_of(row) for row in readable[len(readable) - count :]], len(readable) > count


def _fitting(rows: Iterable[EntryRow]) -> int:
    """How many of the rows fit into a page: at least one, so that every page gets somewhere."""
    count = size = 0
    for row in rows:
        size += len(row.body.encode())
        if count and size > PAGE_BYTES:
            break
        count += 1
    return count


async def history_page(store: Store, log: RoomLog, first: int, request: History | ReadLog) -> HistoryPage:
    """The page that a member asks for, who may read from `first` on. Raises `StoreError`."""
    limit = request.limit
    # As it is before the store is asked: what is committed meanwhile is not among the rows, and whoever is told that head believes to have it.
    head = log.head
    if request.before is None:
        rows = await store.entries_after(log.slot, log.room, max(request.after, first - 1), limit + 1)
        entries, more = page_from_front(rows, limit)
    else:
        rows = await store.entries_before(log.slot, log.room, request.before, limit + 1)
        entries, more = page_from_back(rows, limit, first)
    # The store shows entries of a commit that is still under way in the room: the head is never behind the page.
    return HistoryPage(entries, max(head, entries[-1].seq) if entries else head, more)
