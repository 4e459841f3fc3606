"""A conversation: members and roles, numbering, durable append, fan-out, history.

One batch of posts at a time: repeats by `n` first, then membership, numbering, one durable commit, then answers and
fan-out. Whatever fails in a commit discards the instance (`Reload`): the store alone knows what is true then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from actors import room_answers as answers
from actors import room_steps as steps
from actors.audience import Audience, ByEdge, ByMember, Owed
from actors.errors import ChatError, Unavailable
from actors.events import ReadMark, RoomInfo
from actors.messages import room as r
from actors.messages.delivery import HeadTold, SessionsGone, Submit
from actors.messages.marks import Cleared, Marked, MarkKept, MayClear
from actors.messages.routes import Followed, Routed, Unrouted, ViewChanged
from actors.messages.session import HandOver, HasRead, LinkLost, Tick, Wake
from actors.room_fanout import FanOut
from actors.room_log import RoomLog
from actors.room_opening import Opening, opening, profiles
from actors.room_ports import RoomPorts, discarding
from actors.room_repeats import Repeats
from actors.roster import Plan, Roster
from actors.runtime.activation import LostOwnership, Reload, Then
from actors.runtime.actor import Actor, ActorId, Context, StopReason, actor_id, handles, handles_batch, name_of
from actors.runtime.cell import Returned
from actors.runtime.promise import Promise
from actors.store.rows import EntryRow, Gone, MarkRow, Row
from actors.store.store import Sealed, StoreError, Unreadable
from actors.unreadable import unreadable

RETELL_S = 2.0
"""Marks that were not confirmed, and routes that were not answered for, are asked for again after this time."""
SETTLED_S = 60.0
"""What was sent longer ago has arrived, or a lost link was told of."""


class Room(Actor):
    """``room:ID``."""

    rank = 2

    def __init__(self, ctx: Context, ports: RoomPorts) -> None:
        self._ctx = ctx
        self.ports = ports
        """What it was handed."""
        self._name = name_of(ctx.me)
        self.log = RoomLog(self._name, ports.places.slot_of(ctx.me), ports.store)
        """Read by the cell's desk too, for the head."""
        self._members = ByMember(ctx, ports.places, ports.routes, ports.here, ports.peers)
        self._edges = ByEdge(ctx, ports.interest)
        self._repeats = Repeats(ctx, self.log, ports.store)
        self._out = FanOut(ports.encode, self._repeats.stored, ports.here.trace)
        self._owed = Owed()
        self._began_at = ctx.now()
        self._tick_is_due = False
        self._absence = ChatError("no_such_room")
        """What is answered where the log could not be loaded."""

    @property
    def _audience(self) -> Audience:
        return self._edges if self.log.roster.row.large else self._members

    # --- life --------------------------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Load, follow the members, tell heads to those who are online, tell marks that were not confirmed."""
        try:
            await self.log.load()
        except Unreadable as error:
            # It is there, and cannot be had: posts and questions are answered by that, not by silence.
            self._absence = ChatError("damaged")
            self.ports.places.report("damaged", self._ctx.me, None, error)
        except StoreError as error:
            raise unreadable(error) from None
        if self.log.exists:
            if self.log.roster.row.large:
                self._edges.tell_head(self.log.head)
            else:
                self._greet(self._members.follow(self.log.roster.members))
            self._tell_marks(self.log.untold.values())

    async def on_stop(self, reason: StopReason) -> None:
        """Leave the routes and sum up, so that the next activation is cheap and a taker has nothing to look at."""
        settled = not self._owes and self._is_quiet()
        if self.log.exists:
            self._hand_over()
        self._members.leave_tables()
        if not self.log.exists:
            return
        try:
            await self.ports.store.commit(self.log.closing_commit(settled=settled))
        except Sealed:
            raise LostOwnership from None
        except StoreError:
            return  # nothing is lost: the next activation reads a longer tail, and a taker looks at the room

    def stays(self) -> bool:
        """What is owed has to be told first."""
        return self.log.exists and self._owes

    @property
    def _owes(self) -> bool:
        """Marks that are not confirmed, members of whom it is not known where they are, sessions that were busy."""
        return bool(self.log.untold) or bool(self._owed) or self._members.incomplete

    def _is_quiet(self) -> bool:
        """Whether all that was sent has arrived, or a lost link was told of."""
        return min(self._ctx.wall() - self.log.last_at / 1000, self._ctx.now() - self._began_at) >= SETTLED_S

    @handles(Wake)
    def on_wake(self, message: Wake) -> None:
        """Starting has done what was owed."""
        if not self.log.exists:
            self._ctx.stop()

    # --- posts -------------------------------------------------------------------------------------------------------

    @handles_batch(Submit, limit=256)
    def on_posts(self, posts: Sequence[Submit]) -> Then | None:
        """Answer repeats, number the rest, commit once; then answer and fan out."""
        log = self.log
        if not log.exists:
            for post in posts:
                self._repeats.reject(post, self._absence)
            self._ctx.stop()
            return None
        at = int(self._ctx.wall() * 1000)
        fresh, rows = self._repeats.number(posts, at)
        if not fresh:
            return None
        marks = log.roster.marks_for_post(rows[-1].seq) if log.roster.unmarked else []
        return Then(self.ports.store.commit(log.commit(rows, marks)), self._posts_settled, fresh, rows, marks, at)

    def _posts_settled(self, stored: Promise[None], posts: list[Submit], rows: list[EntryRow], marks: list[MarkRow], at: int) -> None:
        if stored.error is not None:
            self._posts_failed(stored.error, posts)
        self.log.committed(rows, marks)
        here = self.ports.here
        here.tally.posts_stored += len(rows)
        far = here.accepted(self._name, posts, rows[0].seq, at)
        self._out.add(rows, [post.origin for post in posts], far, at)
        if not self._ctx.waiting() or self._out.is_full:
            self._hand_over()
        else:
            self._out.answer()
            if not self._out.is_due:
                self._out.is_due = True
                self._ctx.tell(self._ctx.me, HandOver())  # behind the posts that wait: their entries go along
        if marks:
            self._tell_marks(marks)

    @handles(HandOver)
    def on_hand_over(self, message: HandOver) -> None:
        """What was in the mailbox is done."""
        self._out.is_due = False
        self._hand_over()

    def _hand_over(self, left: Sequence[str] = ()) -> None:
        self._out.hand_over(self._audience, self._name, left)

    def _posts_failed(self, error: BaseException, posts: list[Submit]) -> NoReturn:
        self._hand_over()
        discard = discarding(error)
        why = discard.answer if isinstance(discard, Reload) else Unavailable(retry_after=0.2)
        for post in posts:
            self._repeats.reject(post, why)
        raise discard from None

    @handles(r.KeyedPost)
    async def on_keyed_post(self, request: r.KeyedPost) -> r.Stored:
        """A post by HTTP: the key stands where a device has `n`."""
        self.must_exist()
        try:
            stored = await self.log.find_key(request)
        except StoreError as error:
            raise unreadable(error) from None
        if stored is not None:
            return stored
        self.log.roster.poster(request.by)
        at = int(self._ctx.wall() * 1000)
        draft = self.log.draft(at, request.by, "text", request.body)
        marks = self.log.roster.marks_for_post(draft.seq)
        await self._commit([draft], marks, [self.log.key_row(request, draft)])
        self.ports.here.tally.posts_stored += 1
        self._fan_out([draft], [""])
        self._tell_marks(marks)
        return r.Stored(draft.seq, at)

    def _fan_out(self, drafts: Sequence[EntryRow], senders: Sequence[str], left: Sequence[str] = ()) -> None:
        self._out.add(drafts, senders)
        self._hand_over(left)

    # --- the one way to the store ------------------------------------------------------------------------------------

    async def _commit(
        self, drafts: Sequence[EntryRow], marks: Sequence[MarkRow], extra: Sequence[Row] = (), gone: Sequence[Gone] = ()
    ) -> None:
        """Durable, or the instance is discarded by `LostOwnership` or `Reload`."""
        try:
            await self.ports.store.commit(self.log.commit(drafts, marks, extra, gone))
        except StoreError as error:
            raise discarding(error) from None
        self._ctx.stored()
        self.log.committed(drafts, marks)

    # --- rooms and members -------------------------------------------------------------------------------------------

    @handles(r.OpenRoom, r.OpenDirect)
    async def on_open(self, request: r.OpenRoom | r.OpenDirect) -> RoomInfo:
        """Make the room where it is new; a repeat finds it."""
        if self._absence.code == "damaged":
            self.must_exist()
        if not self.log.exists:
            await self._open(await opening(self._ctx, self._name, request, int(self._ctx.wall() * 1000)))
        self.log.roster.member(request.by)
        return self.log.roster.info(request.by, self.log.head)

    async def _open(self, new: Opening) -> None:
        self.log.open(new.row, Roster(new.row, (), ()))
        await self._carry_out(Plan(new.entries, row=new.row, joined=new.members), new.row.created_at)

    @handles(r.AddMember)
    async def on_add_member(self, request: r.AddMember) -> RoomInfo:
        """An invitation, or joining."""
        self.must_exist()
        roster = self.log.roster
        roster.check_add(request.by, request.user)
        if request.by == request.user and request.user in roster.members:
            return roster.info(request.by, self.log.head)
        self._hand_over()  # another cell may keep us waiting
        profile = (await profiles(self._ctx, [request.user]))[0]
        at = int(self._ctx.wall() * 1000)
        await self._carry_out(roster.plan_add(request.by, request.user, profile.display, self.log.head, at), at)
        return roster.info(request.by, self.log.head)

    @handles(r.RemoveMember)
    async def on_remove_member(self, request: r.RemoveMember) -> None:
        """A kick, or leaving."""
        self.must_exist()
        await self._carry_out(self.log.roster.plan_remove(request.by, request.user, int(self._ctx.wall() * 1000)))

    @handles(r.ChangeRole)
    async def on_change_role(self, request: r.ChangeRole) -> None:
        """Another role for a member."""
        self.must_exist()
        await self._carry_out(self.log.roster.plan_role(request.by, request.user, request.role))

    @handles(r.EditRoom)
    async def on_edit(self, request: r.EditRoom) -> RoomInfo:
        """Another name, topic or openness."""
        self.must_exist()
        await self._carry_out(self.log.roster.plan_edit(request.by, name=request.name, topic=request.topic, public=request.public))
        return self.log.roster.info(request.by, self.log.head)

    on_may_add, on_add_once, on_take_back, on_depart = steps.on_may_add, steps.on_add_once, steps.on_take_back, steps.on_depart

    async def _carry_out(self, plan: Plan, at: int = 0, more: Sequence[Row] = ()) -> None:
        """Store a change of the roster, make it true, tell everybody."""
        if not plan.entries:
            return
        roster, at = self.log.roster, at or int(self._ctx.wall() * 1000)
        drafts = [self.log.draft(at, user, kind, body) for user, kind, body in plan.entries]
        marks = roster.marks_for(plan, drafts[-1].seq)
        extra: list[Row] = [*plan.joined, *plan.banned, *([plan.row] if plan.row is not None else []), *more]
        was_large = roster.row.large
        await self._commit(drafts, (), [*extra, *marks], roster.gone_rows(plan))
        self._hand_over()  # to those who were here before the change
        roster.apply(plan)
        self.log.set_marks(marks)
        if roster.row.large and not was_large:
            for relay in self._members.hand_over(drafts[0].seq - 1):
                self.ports.interest.add(self._name, relay)
        elif not roster.row.large:
            self._members.unfollow(plan.left)
            self._members.follow([m.user for m in plan.joined])  # known at once or greeted when their table answers
            self._tick_later()
        self._fan_out(drafts, [""] * len(drafts), plan.left)
        self._tell_marks(marks)

    def must_exist(self) -> None:
        """`no_such_room` where it was never made."""
        if not self.log.exists:
            self._ctx.stop()
            raise self._absence

    # --- reads -------------------------------------------------------------------------------------------------------

    on_history, on_describe, on_list_members = answers.on_history, answers.on_describe, answers.on_list_members
    on_list_all, on_inspect, on_expel = answers.on_list_all, answers.on_inspect, answers.on_expel

    @handles(HasRead)
    def on_read(self, message: HasRead) -> None:
        """Shown to the others in a small room; may be lost."""
        if self.log.exists and self.log.roster.has_read(message.user, message.seq, self.log.head):
            self._audience.show(self.ports.encode(ReadMark(self._name, message.user, message.seq)), message.origin)

    # --- marks -------------------------------------------------------------------------------------------------------

    def _tell_marks(self, marks: Iterable[MarkRow]) -> None:
        for mark in marks:
            facts = self.log.roster.facts(mark.user, mark.seq)
            self._ctx.tell(actor_id("user", mark.user), Marked(self._ctx.me, self._name, mark.seq, facts))
        self._tick_later()

    @handles(MarkKept)
    def on_mark_kept(self, message: MarkKept) -> None:
        """The user has it durably."""
        if self.log.exists:
            self.log.mark_kept(message.user, message.at)

    @handles(MayClear)
    async def on_may_clear(self, message: MayClear) -> None:
        """Every device of the user has the head: the clear is committed before it is agreed to."""
        log = self.log
        if not log.exists or log.roster.row.large or message.seq != log.head or message.user in log.untold:
            return
        if message.user in log.roster.marks:
            log.forget_told(message.user)  # before the commit: it must not bring the row back
            await self._commit((), (), (), [Gone("marks", (self._name, message.user))])
            log.roster.clear_mark(message.user)
        self._ctx.tell(actor_id("user", message.user), Cleared(self._name, message.seq))

    @handles(Tick)
    def on_tick(self, message: Tick) -> None:
        """Tell and ask again what was not answered."""
        self._tick_is_due = False
        if not self.log.exists:
            return
        self._tell_marks(list(self.log.untold.values()))
        self._owed.tell(self._members, self._edges, self.log.head)
        if not self.log.roster.row.large and self._members.incomplete:
            self._greet(self._members.follow_missing())

    def _tick_later(self) -> None:
        if not self._tick_is_due and self._owes:
            self._tick_is_due = True
            self._ctx.after(RETELL_S, Tick())

    # --- routes ------------------------------------------------------------------------------------------------------

    def _greet(self, sessions: Sequence[ActorId]) -> None:
        """A session that the room just learned of may have missed the last post: it hears the head."""
        self._members.tell_head_to(sessions, self.log.head)

    @handles(Followed)
    def on_followed(self, message: Followed) -> None:
        """A table answers; meanwhile somebody may have left."""
        small = self.log.exists and not self.log.roster.row.large
        self._greet(self._members.followed(message, self.log.roster.members if small else {}))

    @handles(Routed)
    def on_routed(self, message: Routed) -> None:
        """A member has a new session."""
        if self.log.exists and message.route.user in self.log.roster.members and self._members.add(message.route):
            self._greet([message.route.session])

    @handles(Unrouted)
    def on_unrouted(self, message: Unrouted) -> None:
        """A session is gone."""
        self._members.remove(message.user, message.session)

    @handles(SessionsGone)
    def on_sessions_gone(self, message: SessionsGone) -> None:
        """An edge does not know these; their table may not know it yet."""
        for session in message.sessions:
            self._members.forget(session)

    @handles(ViewChanged)
    def on_view(self, message: ViewChanged) -> None:
        """Tables and edges may have moved or died."""
        if self.log.exists and not self.log.roster.row.large:
            self._greet(self._members.moved(message.dead))
            self._tick_later()

    @handles(Returned)
    def on_returned(self, message: Returned) -> None:
        """What did not arrive: marks and questions are repeated anyway, a broken link is told of; a busy edge is owed."""
        if message.reason == "gone" and isinstance(message.message, HeadTold):
            self._members.forget(message.to)
        elif self.log.exists and message.reason == "overloaded":
            self._owed.note(message.to, message.message)
            self._tick_later()

    @handles(LinkLost)
    def on_link_lost(self, message: LinkLost) -> None:
        """What was sent to that life may be lost: its sessions compare heads."""
        if self.log.exists:
            self._audience.owe(message.life, self.log.head)
