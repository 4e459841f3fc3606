"""Bugs, each a small function that plants one: so it is seen whether the simulation would find it.

`with PLANTED[name]():` has the bug in force. What is patched is the product's own code, or the disk where the bug is one of a store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from actors.audience import ByMember
from actors.chat_cell import ChatCell
from actors.errors import ChatError
from actors.messages.delivery import Submit
from actors.messages.marks import Cleared, MayClear
from actors.messages.session import Tick
from actors.numbers import Numbers, number_expected
from actors.relay import Relay
from actors.room import Room
from actors.room_log import RoomLog
from actors.room_repeats import Repeats
from actors.runtime.activation import Activation, Then
from actors.runtime.actor import actor_id
from actors.runtime.promise import Promise, resolved
from actors.session_asking import Asking
from actors.session_posts import Posts
from actors.session_presence import Presence
from actors.store.rows import EntryRow, Gone
from actors.store.store import Commit
from cluster.duty import Duty
from cluster.lease import LeaseWatch
from cluster.ownership import Ownership
from tests.kit.memory import MemoryDisk
from tests.simulation import planted_keys, planted_leaving, planted_seats  # noqa: F401 - their bugs are in the table, too
from tests.simulation.disk import Disk
from tests.simulation.planting import PLANTED, Patch, handler, planted
from tests.simulation.seat_files import SeatFile
from tests.simulation.store import SYNC_S, SimStore

# --- the store ---------------------------------------------------------------------------------------------------------


@planted
def no_fence(patch: Patch) -> None:
    """A commit is taken from whoever makes it."""
    patch.setattr(Disk, "check", lambda self, life, shard, seat=None: None)


@planted
def acknowledged_before_the_commit(patch: Patch) -> None:
    """Whoever waits for a commit is told at once."""
    commit = SimStore.commit

    def at_once(self: SimStore, change: Commit) -> Promise[None]:
        commit(self, change)
        return resolved(None)

    patch.setattr(SimStore, "commit", at_once)


@planted
def acknowledged_before_the_sync(patch: Patch) -> None:
    """Whoever waits is told when it is written, as with `synchronous=NORMAL`."""

    def synced(self: SimStore, settle: Callable[..., None], group: list[Any]) -> None:
        self._clock.soon(settle, group)
        self._clock.later(self._pause(20 * SYNC_S), self._disk.sync, self.life)

    patch.setattr(SimStore, "_synced", synced)


@planted
def opened_before_the_dead_are_drained(patch: Patch) -> None:
    """A shard is served before what its last owner had only in its ledger is where one reads."""

    take = Disk.take

    def early(self: Disk, life: str, shard: int) -> SeatFile | None:
        with pytest.MonkeyPatch.context() as instead:
            instead.setattr(Disk, "drain", lambda self: None)
            return take(self, life, shard)

    patch.setattr(Disk, "take", early)


@planted
def taken_over_without_sealing(patch: Patch) -> None:
    """The next owner comes without the last one being stopped: shards are simply taken, and nobody looks who writes."""
    patch.setattr(Disk, "seal", lambda self, life: None)
    take = Disk.take
    patch.setattr(
        Disk, "take", lambda self, life, shard: self.owners.__setitem__(shard, life) if shard < self.shards else take(self, life, shard)
    )
    patch.setattr(Disk, "check", lambda self, life, shard, seat=None: None)


@planted
def two_coordinators_without_compare_and_set(patch: Patch) -> None:
    """Everybody has the duty and changes the view, and the last one wins."""

    def change_view(self: Disk, expected: int, data: bytes) -> bool:
        self.view = (expected + 1, data)
        return True

    patch.setattr(Disk, "change_view", change_view)
    patch.setattr(LeaseWatch, "mine", property(lambda self: self.stored is not None))


@planted
def an_activation_races_its_own_append(patch: Patch) -> None:
    """A room that crashed is loaded while its last commit is under way, from a store that overwrites rows."""
    fail, settled = Activation.fail, Activation._then

    def fail_at_once(self: Activation, error: Exception) -> None:
        if self._running is not None and self._running[0].__class__ is Then:
            then = self._running[0]
            then.promise.when_settled(lambda stored: then.function(stored, *then.args))
            self._running, self._busy = None, False
        fail(self, error)

    def settled_or_lost(self: Activation, promise: Promise[Any]) -> None:
        if self._running is not None and self._running[0].__class__ is Then and self._running[0].promise is promise:
            settled(self, promise)

    patch.setattr(Activation, "fail", fail_at_once)
    patch.setattr(Activation, "_then", settled_or_lost)
    patch.setattr(MemoryDisk, "_head", lambda self, room: 0)


# --- rooms ---------------------------------------------------------------------------------------------------------------


@planted
def numbers_are_forgotten_by_a_restart(patch: Patch) -> None:
    """A room that was loaded does not know which posts it has."""
    load = RoomLog.load

    async def forgetful(self: RoomLog) -> None:
        await load(self)
        self.numbers = Numbers()

    patch.setattr(RoomLog, "load", forgetful)


@planted
def membership_before_repeats(patch: Patch) -> None:
    """Who was removed between commit and repeat is told that the post is not stored."""

    def number(self: Repeats, posts: Sequence[Submit], at: int) -> tuple[list[Submit], list[EntryRow]]:
        fresh: list[Submit] = []
        rows: list[EntryRow] = []
        for post in posts:
            record = self._log.numbers.of(post.device)
            if post.user not in self._log.roster.members:
                self.reject(post, ChatError("no_such_room"))
            elif post.n <= record.last:
                self.answer(post, record.last)
            elif post.n == record.last + 1:
                rows.append(self._log.draft_post(at, post, record))
                fresh.append(post)
            else:
                self.reject(post, number_expected(record.last + 1))
        return fresh, rows

    patch.setattr(Repeats, "number", number)


@planted
def an_unknown_outcome_is_a_failure(patch: Patch) -> None:
    """A room whose commit may be done goes on as if it were not."""

    def settled(room: Room, stored: Promise[None], posts: list[Submit], rows: list[EntryRow], *args: Any) -> None:
        if stored.error is None:
            before(room, stored, posts, rows, *args)
            return
        for post in reversed(posts):
            record = room.log.numbers.of(post.device)
            record.last -= 1
            record._seqs.pop()
            record._ids.pop()
            room._repeats.reject(post, ChatError("unavailable", retry_after=0.2))

    before = Room._posts_settled
    patch.setattr(Room, "_posts_settled", settled)


@planted
def marks_for_the_absent_only(patch: Patch) -> None:
    """A post sets no mark for a member who has any device online."""

    def on_posts(room: Room, posts: Sequence[Submit]) -> Any:
        if not room.log.exists or room.log.roster.row.large:
            return before(room, posts)
        unmarked = room.log.roster.unmarked
        room.log.roster.unmarked = {user: None for user in unmarked if user not in room._members._sessions}
        try:
            return before(room, posts)
        finally:
            room.log.roster.unmarked = unmarked

    before = handler(patch, Room, Submit, on_posts)


@planted
def a_mark_is_told_once(patch: Patch) -> None:
    """What a user did not confirm is not told again."""

    def on_tick(room: Room, message: Tick) -> None:
        if room.log.exists:
            room.log.untold = {}
        before(room, message)

    before = handler(patch, Room, Tick, on_tick)


@planted
def a_clear_races_with_a_post(patch: Patch) -> None:
    """A mark is cleared though the room has gone on meanwhile."""

    async def on_may_clear(room: Room, message: MayClear) -> None:
        log = room.log
        if log.exists and not log.roster.row.large:
            if message.user in log.roster.marks:
                log.forget_told(message.user)
                await room._commit((), (), (), [Gone("marks", (room._name, message.user))])
                log.roster.clear_mark(message.user)
            room._ctx.tell(actor_id("user", message.user), Cleared(room._name, log.head))

    handler(patch, Room, MayClear, on_may_clear)


@planted
def nobody_is_greeted(patch: Patch) -> None:
    """A room that learns of a session does not tell it the head."""
    patch.setattr(Room, "_greet", lambda self, sessions: None)


@planted
def a_lost_link_owes_nothing(patch: Patch) -> None:
    """After a link broke nobody is told where the rooms stand."""
    patch.setattr(ChatCell, "_link_lost", lambda self, life: None)


@planted
def members_are_not_followed_to_their_next_table(patch: Patch) -> None:
    """A room keeps to the tables of routes that it knew."""
    patch.setattr(ByMember, "moved", lambda self, dead: [])


# --- edges ---------------------------------------------------------------------------------------------------------------


@planted
def a_relay_skips_a_hole(patch: Patch) -> None:
    """A relay that missed something goes on behind it, and says nothing."""

    async def come_to(self: Relay, head: int) -> None:
        self._head = max(self._head, head)

    patch.setattr(Relay, "_come_to", come_to)


@planted
def a_relay_stays_with_a_dead_room(patch: Patch) -> None:
    """A relay does not subscribe anew where its room has moved to."""

    async def stay(self: Relay) -> None:
        return None

    patch.setattr(Relay, "_subscribe_again", stay)


@planted
def routes_are_not_announced_to_the_next_owner(patch: Patch) -> None:
    """A session does not follow its user's table of routes."""
    patch.setattr(Presence, "follow_view", lambda self, message: None)


@planted
def unanswered_posts_are_not_repeated(patch: Patch) -> None:
    """What a broken link took is not sent again by the session."""
    patch.setattr(Posts, "repeat", lambda self: None)


@planted
def an_acknowledgement_hides_the_head(patch: Patch) -> None:
    """A head that was looked up for an acknowledgement counts as shown to the client."""
    with_head = Asking.with_head

    def hiding(self: Asking, room: str, seq: int, accept: Callable[[str, int], None]) -> None:
        def accepted(room: str, seq: int) -> None:
            self._session.shown(room, 2**40)
            accept(room, seq)

        with_head(self, room, seq, accepted)

    patch.setattr(Asking, "with_head", hiding)


@planted
def a_move_ends_before_the_owner_has_let_go(patch: Patch) -> None:
    """The coordinator waits for nobody, and the owner does not give back what it has lost."""

    async def keep(self: Ownership, group: int) -> None:
        del self._held[group]
        self._stale.discard(group)
        self._let_go[group] = self.view.version if self.view is not None else 0

    patch.setattr(Duty, "_is_released", lambda self, view, group, since: True)
    patch.setattr(Ownership, "_give_back", keep)


@planted
def slots_open_without_the_store(patch: Patch) -> None:
    """A cell opens the slots of a view before the store has given it their groups."""
    adopt = ChatCell.adopt
    patch.setattr(ChatCell, "adopt", lambda self, view, opens=True: adopt(self, view))
    patch.setattr(Disk, "check", lambda self, life, shard, seat=None: None)
    patch.setattr(SimStore, "_owned", property(lambda self: set(range(self.shards)), lambda self, value: None), raising=False)


__all__ = ["PLANTED"]
