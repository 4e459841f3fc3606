"""What a client has of its rooms, without input or output: every entry once, in order, holes pulled.

Pushed entries are taken only where they follow what is there; anything else is a hole, and repair is one mechanism:
pull after the last seq that is there. What a pull brings is taken as it is: seqs left out there are not for this member.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from actors.commands import MAX_PAGE
from actors.events import Entry, Page, RoomInfo

MAX_READY = 1000
"""Entries that wait for the program. Beyond it nothing is taken in; it is pulled when half of them are gone."""
MAX_PULLING = 4
"""Rooms that are pulled at the same time."""


class _RoomView:
    """How far one room is."""

    __slots__ = ("acked", "done", "have", "head", "is_pulling", "must_pull", "reopened")

    def __init__(self, have: int | None) -> None:
        # the last seq that was taken in; None: not known where to begin
        self.have = have
        # the last seq that the server has spoken of
        self.head = 0
        self.is_pulling = False
        # told as open to this member since the pull went out
        self.reopened = False
        # the server says that something may be missing, not how much
        self.must_pull = False
        # the last seq that the program is done with, and the last one that the server was told
        self.done = have or 0
        self.acked = 0


class Rooms:
    """All rooms of one client."""

    def __init__(self, seqs: dict[str, int], from_first: bool) -> None:
        """`seqs`: where to go on. A room that is not in it begins with its first entry, or after its head."""
        self.infos: dict[str, RoomInfo] = {}
        """Rooms that the server has told of, by id."""
        self.ready: deque[Entry] = deque()
        """Entries for the program, each once, in order of seq within a room."""
        self._from_first = from_first
        self._views: dict[str, _RoomView] = {room: _RoomView(seq) for room, seq in seqs.items()}
        # rooms with something to pull, in the order in which that was found
        self._behind: dict[str, None] = {}
        self._unacked: dict[str, None] = {}
        self._pulling = 0
        # rooms that changed while a page of the list is under way
        self._changed: set[str] | None = None

    # --- what the server says ---

    def asks_for_list(self) -> None:
        """A page of the list is asked for: what changes from here on is newer than what it will say."""
        self._changed = set()

    def page_listed(self, infos: Sequence[RoomInfo], is_back: bool) -> None:
        """The page, without rooms that have changed meanwhile."""
        changed, self._changed = self._changed or set(), None
        for info in infos:
            if info.room not in changed:
                self.listed(info, is_back)

    def listed(self, info: RoomInfo, is_back: bool = False) -> None:
        """A room in a welcome or in a page of rooms: what is there already is old, for who begins after the head. `is_back`: this device
        was welcomed before, so that a direct chat which it does not know was begun while it was away."""
        view = self._told(info)
        if view.have is None:
            is_new = self._from_first or (is_back and info.kind == "direct")
            self._begin(info.room, view, info.first - 1 if is_new else max(info.head, info.first - 1))
        if info.marked:
            # the server is not sure how far this device is
            self._unacked[info.room] = None
        self._look(info.room, view)

    def changed(self, info: RoomInfo) -> None:
        """A room that this person's list has gained, or that changed, just now."""
        if self._changed is not None:
            self._changed.add(info.room)
        view = self._told(info)
        view.reopened = info.role != "none"
        if view.have is None:
            is_new = self._from_first or info.kind == "direct" or not info.head
            self._begin(info.room, view, info.first - 1 if is_new else max(info.head, info.first) - 1)
        self._look(info.room, view)

    def entry(self, entry: Entry) -> None:
        """An entry was pushed, or is known because this client has sent it."""
        room, seq = entry.room, entry.seq
        view = self._view(room)
        view.head = max(view.head, seq)
        if view.have is None:
            self._begin(room, view, 0 if self._from_first else seq - 1)
        if seq == (view.have or 0) + 1 and not view.is_pulling and len(self.ready) < MAX_READY:
            self._take(view, entry)
        self._look(room, view)

    def came_to(self, room: str, head: int) -> None:
        """`head` or `lagging`."""
        view = self._view(room)
        if view.have is None:
            self._begin(room, view, 0 if self._from_first else head - 1)
        view.head = max(view.head, head)
        self._look(room, view)

    def unasked(self, page: Page) -> None:
        """A page that came with a welcome: like pushed entries."""
        for entry in page.entries:
            self.entry(entry)
        self.came_to(page.room, page.head)

    # --- pulling ---

    def pulls(self) -> list[tuple[str, int, int]]:
        """(room, after, limit) to pull now; counted as under way from here on."""
        out: list[tuple[str, int, int]] = []
        while self._behind and self._pulling < MAX_PULLING and len(self.ready) <= MAX_READY // 2:
            room = next(iter(self._behind))
            del self._behind[room]
            view = self._views[room]
            view.is_pulling, view.must_pull, view.reopened = True, False, False
            self._pulling += 1
            out.append((room, view.have or 0, MAX_PAGE))
        return out

    def pulled(self, page: Page) -> None:
        """The answer to a pull."""
        view = self._end_of_pull(page.room)
        view.head = max(view.head, page.head)
        for entry in page.entries:
            if entry.seq > (view.have or 0):
                self._take(view, entry)
        if not page.more and not page.entries:
            # what lies between is not for this member
            view.have = max(view.have or 0, page.head)
        view.must_pull = page.more and bool(page.entries)
        self._look(page.room, view)

    def not_pulled(self, room: str, is_gone: bool) -> None:
        """A pull failed. `is_gone`: the room is not open to this member any more; else it is to be pulled again."""
        view = self._end_of_pull(room)
        if is_gone and not view.reopened:
            view.head = view.have or 0
        else:
            view.must_pull = True
            self._look(room, view)

    def disconnected(self) -> None:
        """No pull under way will be answered, and what was acknowledged may not have arrived."""
        self._pulling = 0
        for room, view in self._views.items():
            view.is_pulling = False
            view.acked = 0
            self._look(room, view)

    # --- the program ---

    def done_with(self, entry: Entry) -> None:
        """The program has taken an entry."""
        view = self._view(entry.room)
        view.done = max(view.done, entry.seq)
        self._unacked[entry.room] = None

    def acks(self) -> dict[str, int]:
        """Room -> seq to acknowledge now; counted as acknowledged from here on."""
        rooms, self._unacked = self._unacked, {}
        out = {}
        for room in rooms:
            view = self._views[room]
            if view.done > view.acked:
                view.acked = out[room] = view.done
        return out

    def seqs(self) -> dict[str, int]:
        """Room -> the last seq that the program is done with: where its next run goes on."""
        return {room: view.done for room, view in self._views.items() if view.have is not None}

    # --- inside ---

    def _view(self, room: str) -> _RoomView:
        view = self._views.get(room)
        if view is None:
            view = self._views[room] = _RoomView(None)
        return view

    def _told(self, info: RoomInfo) -> _RoomView:
        self.infos[info.room] = info
        view = self._view(info.room)
        view.head = max(view.head, info.head)
        view.must_pull = view.must_pull or (info.marked and info.head == 0)
        return view

    def _begin(self, room: str, view: _RoomView, have: int) -> None:
        view.have = view.done = max(0, have)
        self._unacked[room] = None

    def _take(self, view: _RoomView, entry: Entry) -> None:
        view.have = entry.seq
        self.ready.append(entry)

    def _look(self, room: str, view: _RoomView) -> None:
        if not view.is_pulling and (view.must_pull or view.head > (view.have or 0)):
            self._behind[room] = None
        else:
            self._behind.pop(room, None)

    def _end_of_pull(self, room: str) -> _RoomView:
        view = self._views[room]
        if view.is_pulling:
            view.is_pulling = False
            self._pulling -= 1
        return view
