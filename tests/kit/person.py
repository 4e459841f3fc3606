"""A client that does all that the protocol page asks of one, on the hand-moved clock, and writes its history.

It pulls what it misses, repeats what was not answered, reconnects, and takes each entry once. What it sees goes to a
`Recorder`, so that `cluster.bench.judge` can judge the run.
"""

from __future__ import annotations

from actors import commands as c
from actors import events as e
from cluster.bench.history import History
from tests.kit.chat import Device, Town

RETRY_S = 0.2


class Person:
    """One device of one user, through all its connections."""

    def __init__(self, town: Town, history: History, user: str, device: str) -> None:
        self.user = user
        self.device = device
        self.client: Device | None = None
        self.have: dict[str, int] = {}
        self._heard: dict[str, int] = {}
        """How far each room is known to have come: a page may be older than what was pushed before it."""
        self.rooms: dict[str, e.RoomInfo] = {}
        self.since = 0
        self.closes: list[int] = []
        self.errors: list[e.Failed] = []
        self._town = town
        self._recorder = history.device(user, user + device)
        self._posts: dict[str, dict[int, tuple[str, str]]] = {}
        """room -> n -> (id, body) without an answer."""
        self._under_way: dict[str, set[int]] = {}
        self._next: dict[str, int] = {}
        self._pulls: dict[int, str] = {}
        self._q = 0

    def must_have(self, room: str, first: int = 1) -> None:
        """At the end of the run everything of this room has to be here."""
        self._recorder.must_have(room, first)

    # --- what the person does ---

    @property
    def online(self) -> bool:
        """Whether there is a connection."""
        return self.client is not None and self.client.close_code is None

    def connect(self, life: str) -> None:
        """Connect to that cell, and go on where it stopped."""
        self.hang_up()
        self._pulls.clear()
        self._under_way.clear()
        self.client = client = self._town.connect(self.user, life, self.device, self.since, settle=False)
        client.hears = lambda event: self._hear(client, event)

    def hang_up(self) -> None:
        """The connection breaks."""
        if self.client is not None:
            self.client.hang_up()

    def post(self, room: str, body: str) -> None:
        """Write something, when connected; unless 64 are waiting."""
        posts = self._posts.setdefault(room, {})
        if self._welcomed() and self.online and len(posts) < c.MAX_UNANSWERED:
            n = self._next.get(room, 0) + 1
            self._next[room] = n
            posts[n] = (self._ident(n), body)
            self._send(room, n)

    def waits(self) -> int:
        """Posts without an answer."""
        return sum(map(len, self._posts.values()))

    def request(self, command: type[c.Command], **fields: object) -> int:
        """A request with its `q`."""
        self._q += 1
        if self._welcomed():
            self._say(command(q=self._q, **fields))
        return self._q

    def acknowledge(self) -> None:
        """All that is here."""
        for room, seq in self.have.items() if self._welcomed() else ():
            self._say(c.Ack(room, seq))

    # --- what it hears ---

    def _hear(self, client: Device, event: e.Event) -> None:
        if client is not self.client:
            return
        handler = getattr(self, f"_on_{type(event).__name__.lower()}", None)
        if handler is not None:
            handler(event)

    def _on_welcome(self, event: e.Welcome) -> None:
        for page in event.pages:  # of a device that is new, or far behind, it is the last page: what is before is pulled
            if page.entries and page.entries[0].seq <= self.have.get(page.room, 0) + 1:
                self._take(page)
        for info in event.rooms:
            self._meet(info)
        self.since = event.since
        for room, posts in self._posts.items():
            for n in sorted(posts):
                self._send(room, n)

    def _on_entry(self, entry: e.Entry) -> None:
        have = self.have.get(entry.room, 0)
        if entry.seq == have + 1:
            self._show(entry)
        else:
            self._come_to(entry.room, entry.seq)

    def _on_sent(self, event: e.Sent) -> None:
        if self._posts.get(event.room, {}).pop(event.n, None) is not None:
            self._recorder.acked(event.room, event.n, event.seq)
        self._under_way.get(event.room, set()).discard(event.n)
        if event.seq == self.have.get(event.room, 0) + 1:
            self.have[event.room] = event.seq
        else:
            self._come_to(event.room, event.seq)
        self._go_back(event.room)

    def _on_refused(self, event: e.Refused) -> None:
        assert event.retry, event
        self._under_way.get(event.room, set()).discard(event.n)
        self._town.clock.later(RETRY_S, self._go_back, event.room)

    def _on_head(self, event: e.Head) -> None:
        self._come_to(event.room, event.head)

    def _on_lagging(self, event: e.Lagging) -> None:
        for room, head in event.heads.items():
            self._come_to(room, head)

    def _on_roomchanged(self, event: e.RoomChanged) -> None:
        self._meet(event.room)
        self.since = event.since

    def _on_page(self, page: e.Page) -> None:
        room = self._pulls.pop(page.q, None)
        self._take(page)
        if room is not None and page.more:
            self._pull(room)
        self._come_to(page.room, page.head)

    def _on_failed(self, event: e.Failed) -> None:
        room = self._pulls.pop(event.q, None)
        if room is None:
            self.errors.append(event)
        elif event.retry:
            self._town.clock.later(RETRY_S, self._pull, room)

    # --- inside ---

    def _ident(self, n: int) -> str:
        return f"{self.user}-{self.device}-{n:04d}"

    def _say(self, command: c.Command) -> None:
        if self.online and self.client is not None:
            self.client.say(command)

    def _send(self, room: str, n: int) -> None:
        if not self.online or not self._welcomed():
            return
        ident, body = self._posts[room][n]
        self._under_way.setdefault(room, set()).add(n)
        self._recorder.sent(room, n, ident, body)
        self._say(c.Post(room, n, ident, body))

    def _welcomed(self) -> bool:
        return self.client is not None and bool(self.client.of(e.Welcome))

    def _go_back(self, room: str) -> None:
        """What was refused is sent again, in order, when all that was under way is answered."""
        posts, under_way = self._posts.get(room, {}), self._under_way.setdefault(room, set())
        if posts and not under_way:
            for n in sorted(posts):
                self._send(room, n)

    def _meet(self, info: e.RoomInfo) -> None:
        self.rooms[info.room] = info
        if info.role == "none":
            return
        self._come_to(info.room, info.head)
        if info.marked and not info.head:  # its cell did not say how far it is
            self._pull(info.room)

    def _come_to(self, room: str, head: int) -> None:
        self._heard[room] = max(head, self._heard.get(room, 0))
        if self._heard[room] > self.have.get(room, 0):
            self._pull(room)

    def _pull(self, room: str) -> None:
        if self.online and room not in self._pulls.values():
            self._q += 1
            self._pulls[self._q] = room
            self._say(c.Pull(self._q, room, self.have.get(room, 0)))

    def _take(self, page: e.Page) -> None:
        for entry in page.entries:
            if entry.seq > self.have.get(page.room, 0):
                self._show(entry)

    def _show(self, entry: e.Entry) -> None:
        self.have[entry.room] = entry.seq
        if entry.id and entry.device == self.user + self.device:
            assert entry.id == self._ident(entry.n), entry
        # Ids are left out where entries are pushed.
        self._recorder.shown(entry.room, entry.seq, entry.user, entry.device, entry.n, "", entry.body)
