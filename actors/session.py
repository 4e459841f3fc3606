"""One connected device: its commands, limits and posts on their way, and what it is sent. Dies with its socket.

Entries do not come through the mailbox: edge and relays of the same cell call `deliver`. While the client is not
welcomed yet, or reads too slowly, they are not pushed; the session notes the heads, and tells them when it can.
"""

from __future__ import annotations

from collections.abc import Callable

from actors import commands as c
from actors import session_answers as answers
from actors.closing import CLOSES, CODE_OF_ERROR, GOING_AWAY, OVERLOADED, TOO_SLOW
from actors.errors import ChatError
from actors.events import Head, Lagging, ReadMark, RoomChanged, RoomInfo, Sent
from actors.limits import Budget
from actors.messages import session as s
from actors.messages.delivery import Accepted, HeadTold, Interest, NoInterest, Rejected, Submit
from actors.messages.routes import Route, ViewChanged
from actors.outgoing import REPEAT_S
from actors.places import Kept
from actors.ports import Payload, Port, Sender
from actors.runtime.actor import Actor, Context, StopReason, actor_id, handles, pinned_id
from actors.runtime.cell import Returned
from actors.session_asking import Asking, fail, patiently
from actors.session_ports import SessionPorts
from actors.session_posts import Posts
from actors.session_presence import Presence, withdraw
from actors.session_requests import REQUESTS
from actors.welcome import rooms_and_pages, welcome

MAX_BEHIND = 2000
"""Rooms whose heads are noted for a slow reader; beyond it the connection is closed."""
SLOW_S = 60.0
"""A reader that takes nothing for so long is closed."""


class Session(Actor):
    """``session:LIFE~N``."""

    rank = 0

    def __init__(self, ctx: Context, ports: SessionPorts, port: Port) -> None:
        self._ctx = ctx
        self._ports = ports
        self._port = port
        self._user = ""
        self._device = ""
        self._sender: Sender | None = None
        self._heads: dict[str, int] = {}
        """The last seq that this client was shown of each room: what it can acknowledge."""
        self._behind: dict[str, int] | None = {}
        """Heads to tell later; None while entries are pushed."""
        self._behind_since = 0.0
        self._large: set[str] | None = None
        self._unsent = Posts(ctx, port, ports.sessions.tally, self._be_due)
        self._out = self._unsent.out
        self._posts: Budget | None = None
        self._asking: Asking | None = None
        self._acks: dict[str, int] | None = None
        self._presence: Presence | None = None
        ports.sessions[ctx.me] = self

    # --- hello -------------------------------------------------------------------------------------------------------

    @handles(c.Hello)
    async def on_hello(self, hello: c.Hello) -> None:
        """Who it is, what it may have missed."""
        try:
            user, digest = self._ports.read_token(hello.token)
            address = actor_id("user", user)
            kept = Kept(self._ports.places.life_for(address) or "", self._ports.places.version)
            attach = s.Attach(digest, self._ctx.me, hello.since)
            attached = await patiently(self._ctx, lambda: self._ctx.ask(address, attach, timeout=10.0), self._ports.sessions)
        except ChatError as error:
            self._end(ChatError("bad_token") if error.code == "no_such_user" else error)
            return
        if self._ctx.me not in self._ports.sessions:  # the client has gone meanwhile
            withdraw(self._ctx, self._ports.places, attached.identity.user)
            return
        now, identity, limits = self._ctx.now(), attached.identity, self._ports.limits
        self._user, self._device = identity.user, identity.device
        self._sender = Sender(identity.user, identity.device, identity.created_at)
        route = Route(identity.user, self._ctx.me, identity.device)
        self._presence = Presence(self._ctx, self._ports.places, route, kept, attached.since, self._be_due)
        self._posts = Budget(limits.posts_per_s, limits.posts_burst, now)
        budget = Budget(limits.requests_per_s, limits.requests_burst, now)
        self._asking = Asking(self._ctx, self._ports.places, self._port, self._user, budget, self)
        await self._welcome(hello, attached)

    async def _welcome(self, hello: c.Hello, attached: s.Attached) -> None:
        # Who moves here has what it was shown; what it misses all the same it sees by the heads.
        has_all = bool(hello.ticket) and self._ports.tickets.device_of(hello.ticket, self._user) == self._device
        rooms, pages = await rooms_and_pages(self._ctx, self._ports.places, attached, with_pages=not has_all)
        if self._ctx.me not in self._ports.sessions:
            return
        for room, head in [*((info.room, info.head) for info in rooms), *((page.room, page.head) for page in pages)]:
            self.shown(room, head)
        self._port.emit(welcome(hello.v, self._ctx, attached, rooms, pages, self._ports.limits.posts_per_s))
        if self._ports.sessions.trace is not None:
            self._ports.sessions.trace.welcomed(self._ctx.me, self._user, self._device)
        for room in attached.large:
            self._listen(room)
        missed, self._behind = self._behind or {}, None
        for room, head in missed.items():
            self._tell_head(room, head)
        if attached.more and self._presence is not None:
            self._presence.compare()  # what did not fit: rooms that were left stand on no page of the list

    def _listen(self, room: str) -> None:
        if self._large is None:
            self._large = set()
        self._large.add(room)
        self._ctx.tell(pinned_id("relay", self._ports.places.life, room), Interest(self._ctx.me, self._user))

    # --- posts -------------------------------------------------------------------------------------------------------

    @handles(c.Post)
    def on_post(self, post: c.Post) -> None:
        """Window, budget, verdict, and on its way."""
        now = self._ctx.now()
        room, n = post.room, post.n
        window = self._out.rooms.get(room) or self._unsent.open_window(room, n)
        if window is None:
            return
        posts = window.posts
        if (window.held is not None or n in posts) and self._unsent.repeats(window, post):
            return
        if len(posts) >= c.MAX_UNANSWERED or (window.held is not None and window.is_full):
            self._unsent.refuse(room, n, ChatError("too_many_unanswered", retry_after=0.5))
            return
        wait = self._posts.take(now)  # type: ignore[union-attr]
        if wait:
            self._unsent.refuse(room, n, ChatError("rate_limited", retry_after=wait))
            return
        submit = Submit(self._ctx.me, self._user, self._device, n, post.id, post.body)
        verdict = self._ports.verdicts.judge(self._sender, room, post.body, now)  # type: ignore[arg-type]
        if self._ports.sessions.trace is not None:
            self._ports.sessions.trace.received(room, n, self._device, self._ctx.me)
        if verdict is None and window.held is None:
            if not posts:  # `Outgoing.add` by hand
                window.resend_at = now + REPEAT_S
            posts[n] = (submit, now)
            self._ctx.tell(window.address, submit)
        else:
            self._unsent.hold(room, window.hold(submit), verdict)

    @handles(Accepted)
    def on_accepted(self, answer: Accepted) -> None:
        """Stored: the client may forget it."""
        for n, seq in zip(answer.numbers, answer.seqs, strict=True):
            self.accepted(answer.room, n, seq, answer.at)

    def accepted(self, room: str, n: int, seq: int, at: int) -> None:
        """A room of this cell tells it without a message."""
        # `Outgoing.answered` by hand: this runs for every post
        window = self._out.rooms.get(room)
        if window is not None and window.posts.pop(n, None) is not None:
            window.tries = 0
            self._port.emit(Sent(room, n, seq, at))
        heads = self._heads
        if seq > heads.get(room, 0):
            heads[room] = seq

    def broken(self, error: Exception) -> None:
        """A call from outside of this session's own mailbox raised."""
        self._ctx.fail(error)

    @handles(Rejected)
    def on_rejected(self, answer: Rejected) -> None:
        """Not stored. What passes by itself is repeated here; of the rest the client is told."""
        self._unsent.rejected(answer)

    @handles(Returned)
    def on_returned(self, message: Returned) -> None:
        """What did not arrive."""
        self._unsent.returned(message)

    # --- what is sent to the client ----------------------------------------------------------------------------------

    @property
    def user(self) -> str:
        """Whose it is; empty before `hello`."""
        return self._user

    @property
    def pushes(self) -> bool:
        """Whether entries are pushed now."""
        return self._behind is None

    def deliver(self, room: str, head: int, payload: Payload) -> None:
        """Encoded entries up to `head` (0: something without a seq)."""
        if self._behind is None and self._port.push(payload):
            if head:
                self._heads[room] = head
        elif head:
            self._fall_behind(room, head)

    def _fall_behind(self, room: str, head: int) -> None:
        behind = self._behind
        if behind is None:
            behind = self._stop_pushing()
        behind[room] = max(head, behind.get(room, 0))  # a head that was told before may arrive after
        if len(behind) > MAX_BEHIND:
            self._close(TOO_SLOW)

    def _stop_pushing(self) -> dict[str, int]:
        self._behind = behind = dict[str, int]()
        self._behind_since = self._ctx.now()
        self._be_due()
        if self._ctx.me in self._ports.sessions:  # else the client has gone, and nobody would take it out again
            self._ports.sessions.tally.behind.add(self._ctx.me)
        self._port.on_drained(self._caught_up)
        return behind

    def _caught_up(self) -> None:
        """The socket is empty again: say where the rooms stand, and push from here on."""
        missed, self._behind = self._behind, None
        self._ports.sessions.tally.behind.discard(self._ctx.me)
        if missed:
            for room, head in missed.items():
                self.shown(room, head)
            self._port.emit(Lagging(missed))
        if self._asking is not None:
            self._asking.go_on()

    def wait_for_drain(self) -> None:
        """Pages wait for the socket: nothing is pushed either, until it is empty."""
        if self._behind is None:
            self._stop_pushing()

    @handles(HeadTold)
    def on_head(self, message: HeadTold) -> None:
        """A room has come further than this session may have heard."""
        tell = self._tell_head if self._behind is None else self._fall_behind
        tell(message.room, message.head)

    def _tell_head(self, room: str, head: int) -> None:
        if head > self._heads.get(room, 0):
            self.shown(room, head)
            self._port.emit(Head(room, head))

    def shown(self, room: str, head: int) -> None:
        """The client knows, or is about to, that the room has come to `head`."""
        if head > self._heads.get(room, 0):
            self._heads[room] = head

    @handles(s.RoomTold)
    def on_room_told(self, message: s.RoomTold) -> None:
        """The list of rooms changed, or a mark was set."""
        if self._presence is not None and self._presence.follows(message.info.room, message.since):
            self._show_room(message.info, message.large, self._presence.since)

    @handles(s.RoomsTold)
    def on_rooms_told(self, message: s.RoomsTold) -> None:
        """What this session may have missed of the list."""
        if (presence := self._presence) is None:
            return
        before, news = presence.since, presence.news_of(message)
        for info, large in news[:-1]:
            self._show_room(info, large, before)
        if news:  # the client stores the new version with the last of them
            self._show_room(*news[-1], max(message.since, presence.since))
        presence.compared(message.since, message.more)

    @handles(s.CompareList)
    def on_compare_list(self, message: s.CompareList) -> None:
        """What the user told may be lost."""
        if self._presence is not None:
            self._presence.compare()

    def _show_room(self, info: RoomInfo, large: bool, since: int) -> None:
        if large and info.role != "none":
            self._listen(info.room)
        elif info.role == "none" and self.listens_to(info.room):
            self._large.discard(info.room)  # type: ignore[union-attr]
            self._ctx.tell(pinned_id("relay", self._ports.places.life, info.room), NoInterest(self._ctx.me))
        self._port.emit(RoomChanged(info, since))
        self.shown(info.room, info.head)

    def listens_to(self, room: str) -> str:
        """The user, where this session wants a large room's entries by its relay; else empty."""
        return self._user if self._large is not None and room in self._large else ""

    @handles(s.ReadTold)
    def on_read_told(self, message: s.ReadTold) -> None:
        """Another device of the person has read."""
        self._port.emit(ReadMark(message.room, message.user, message.seq))

    # --- acknowledgements --------------------------------------------------------------------------------------------

    @handles(c.Ack)
    def on_ack(self, ack: c.Ack) -> None:
        """Kept for the next tick: a hint."""
        self._within_head(ack.room, ack.seq, self._acked)

    def _acked(self, room: str, seq: int) -> None:
        acks = self._acks = self._acks or {}
        acks[room] = max(seq, acks.get(room, -1))
        self._be_due()

    @handles(c.Read)
    def on_read(self, read: c.Read) -> None:
        """Told to the person's devices and to the room."""
        self._within_head(read.room, read.seq, self._read)

    def _read(self, room: str, seq: int) -> None:
        message = s.HasRead(self._ctx.me, self._user, room, seq)
        self._ctx.tell(actor_id("user", self._user), message)
        self._ctx.tell(actor_id("room", room), message)

    def _within_head(self, room: str, seq: int, accept: Callable[[str, int], None]) -> None:
        """What the client cannot have is refused; a room that this session has not shown is looked up."""
        if seq <= self._heads.get(room, -1):
            accept(room, seq)
            return
        self._asking.with_head(room, seq, accept)  # type: ignore[union-attr]

    # --- requests ----------------------------------------------------------------------------------------------------

    @handles(*REQUESTS)
    def on_request(self, command: c.Command) -> None:
        """Carried out beside posts and other requests."""
        self._asking.request(command)  # type: ignore[union-attr]

    @handles(c.Pull)
    def on_pull(self, pull: c.Pull) -> None:
        """A page of history."""
        self._asking.pull(pull)  # type: ignore[union-attr]

    on_ping, on_dismiss, on_ask_to_move = answers.on_ping, answers.on_dismiss, answers.on_ask_to_move
    on_inspect, on_notify, on_end = answers.on_inspect, answers.on_notify, answers.on_end

    # --- time, places, the end ---------------------------------------------------------------------------------------

    def tick(self) -> None:
        """A second has passed: hand acknowledgements on, repeat what is unanswered, give up on those who do not read."""
        if self._acks:
            rooms, self._acks = self._acks, None
            self._ctx.tell(actor_id("user", self._user), s.CursorsMoved(self._device, rooms))
        if self._out:
            self._unsent.repeat()
            self._out.tidy()
        if self._presence is not None:
            self._presence.tick(self._ctx.now())
        is_behind = self._behind is not None and self._behind_since > 0.0
        if is_behind and self._user and self._ctx.now() - self._behind_since > SLOW_S:
            self._close(TOO_SLOW)
        if self._out or is_behind or (self._presence is not None and self._presence.waits):
            self._be_due()

    def _be_due(self) -> None:
        if self._ctx.me in self._ports.sessions:
            self._ports.sessions.due[self._ctx.me] = self

    @handles(s.Resend)
    def on_resend(self, message: s.Resend) -> None:
        """What was lost goes out again."""
        self._unsent.repeat()

    @handles(ViewChanged)
    def on_view(self, message: ViewChanged) -> None:
        """The user's table of routes may have moved."""
        if self._presence is not None:
            self._presence.follow_view(message)

    def closed(self) -> None:
        """The connection is gone."""
        self._leave()
        if self._user:
            if self._acks:
                self._ctx.tell(actor_id("user", self._user), s.CursorsMoved(self._device, self._acks))
            if self._presence is not None:
                self._presence.withdraw()
            for room in sorted(self._large or ()):
                self._ctx.tell(pinned_id("relay", self._ports.places.life, room), NoInterest(self._ctx.me))
        self._ctx.stop()

    async def on_stop(self, reason: StopReason) -> None:
        """The cell ends: the client goes elsewhere."""
        if reason is StopReason.SHUTDOWN:
            self._close(GOING_AWAY)

    def on_crash(self) -> None:
        """A session has no successor: the client connects again and resumes."""
        self._leave()
        self._close(GOING_AWAY)

    def _end(self, error: ChatError) -> None:
        fail(self._port, 0, error)
        self._close(CODE_OF_ERROR.get(error.code, OVERLOADED))

    def _leave(self) -> None:
        self._ports.sessions.pop(self._ctx.me, None)
        self._ports.sessions.due.pop(self._ctx.me, None)
        self._ports.sessions.tally.behind.discard(self._ctx.me)

    def _close(self, code: int) -> None:
        self._port.close(code, CLOSES[code])
