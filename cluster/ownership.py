"""How a cell follows the stored views: groups are taken before their slots open, and let go after their slots closed.

Each group goes its own way, so that one that cannot be had yet (a slow disk, a file that is held) keeps no other waiting:

    mine by the view                  taken from the store, tried until it can be had; then its slots open
    mine, and moving to another       intake stops, actors end, everything is written, the group is given back: *released*
    not mine                          its slots are dropped at once; what the store still holds for it is given back

No event loop here: promises and a `Scheduler`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from actors.chat_cell import ChatCell
from actors.runtime.driving import drive, pause
from actors.runtime.promise import Promise
from actors.runtime.ring import slots_of
from actors.runtime.scheduler import Scheduler
from actors.runtime.view import View
from actors.store.shards import NotReleased
from actors.store.store import Sealed, StoreError
from cluster.seat_keeper import STEP_S, ChangeView, SeatKeeper, SeatStore, taken_seats
from gateway.logs import event_log

RETRY_S = (0.05, 2.0)
"""First and longest pause before a group that could not be had is tried again; each is doubled."""

_log = event_log("cluster.ownership")


class GroupStore(SeatStore, Protocol):
    """What owns groups in the store, for one life. All calls may be repeated."""

    def take_shard(self, shard: int) -> Promise[None]:
        """Own a group. Rejects with `Sealed` where this life is sealed, another `StoreError` where it cannot be had yet."""

    def release_shard(self, shard: int) -> Promise[None]:
        """Own it no longer, after all commits made before this call."""


class Ownership:
    """The groups of one life."""

    def __init__(
        self,
        chat: ChatCell,
        store: GroupStore,
        scheduler: Scheduler,
        change: ChangeView,
        on_progress: Callable[[], None] = lambda: None,
        on_sealed: Callable[[], None] = lambda: None,
    ) -> None:
        """`change` changes the stored view; `on_progress`: something was let go; `on_sealed`: this life is sealed, and will never own anything again."""
        self._chat = chat
        self._store = store
        self._scheduler = scheduler
        self._on_progress = on_progress
        self._on_sealed = on_sealed
        # group -> the version by which it was taken, for groups that the store holds for this life
        self._held: dict[int, int] = {}
        # Held groups whose slots were lost meanwhile: they are given back before anything else.
        self._stale: set[int] = set()
        # group -> the version by which it was let go, for moves that are not over
        self._let_go: dict[int, int] = {}
        self._under_way: set[int] = set()
        self._waiting: list[Promise[None]] = []
        self._closed = False
        self._seats = SeatKeeper(chat, store, scheduler, self._held, change)

    @property
    def view(self) -> View | None:
        """The view that the cell acts on."""
        return self._chat.view

    @property
    def released(self) -> tuple[tuple[int, int], ...]:
        """(group, version by which it was let go) of moves that wait for their end."""
        return tuple(sorted(self._let_go.items()))

    def adopt(self, view: View) -> None:
        """Act on a stored view; an older one than the cell's is ignored."""
        before = self.view
        if self._closed or (before is not None and view.version <= before.version):
            return
        self._chat.adopt(view, opens=False)
        life = self._chat.life
        if before is not None:
            # a newer view may have more seats
            both = zip(before.owner_lives, before.epochs, view.owner_lives, view.epochs, strict=False)
            lost = {group for group, (owner, epoch, now, since) in enumerate(both) if owner == life and (now != life or since != epoch)}
            self._stale |= lost & self._held.keys()
        mine = {group for group, owner in enumerate(view.owner_lives) if owner == life}
        _log.info("view_adopted", version=view.version, cells=len(view.cells), groups=len(mine))
        self._seats.look()
        for group in sorted(mine | self._held.keys() | self._let_go.keys()):
            self._see_to(group)
        self._tell_idle()

    def close(self) -> None:
        """Nothing is begun any more."""
        self._closed = True
        self._seats.close()

    def idle(self) -> Promise[None]:
        """Settled when nothing is under way."""
        done: Promise[None] = Promise()
        self._waiting.append(done)
        self._tell_idle()
        return done

    def seats_idle(self) -> Promise[None]:
        """Settled when no room is on its way into a seat or out of it here."""
        return self._seats.idle()

    # --- one group ---------------------------------------------------------------------------------------------------

    def _see_to(self, group: int) -> None:
        if group in self._under_way:
            return  # it looks at the newest view after every step
        self._under_way.add(group)
        drive(self._settle(group)).when_settled(lambda ended: self._settled(group, ended))

    def _settled(self, group: int, ended: Promise[None]) -> None:
        self._under_way.discard(group)
        if ended.error is not None:
            raise ended.error
        self._tell_idle()

    def _tell_idle(self) -> None:
        if not self._under_way:
            waiting, self._waiting = self._waiting, []
            for promise in waiting:
                promise.resolve(None)

    async def _settle(self, group: int) -> None:
        """Step by step, until the group is as the newest view wants it."""
        retry_s = RETRY_S[0]
        while not self._closed:
            mine, moving = self._wanted(group)
            if group in self._held and (group in self._stale or not mine or moving):
                await self._give_back(group)
            elif mine and not moving and group not in self._held:
                self._let_go.pop(group, None)
                if await self._take(group):
                    continue
                await pause(self._scheduler, retry_s)
                retry_s = min(2 * retry_s, RETRY_S[1])
            else:
                self._note(group, mine and moving)
                return

    def _wanted(self, group: int) -> tuple[bool, bool]:
        """Whether it is this life's, and whether it is on its way to another."""
        view = self.view
        mine = view is not None and view.owner_lives[group] == self._chat.life
        return mine, view is not None and any(move.group == group for move in view.moves)

    async def _take(self, group: int) -> bool:
        view = self.view
        assert view is not None
        try:
            await self._store.take_shard(group)
            if view.seats and group < view.groups:
                while not await self._store.empty_seats(group, taken_seats(view)):
                    await pause(self._scheduler, STEP_S)
        except Sealed as error:
            _log.warning("life_sealed", group=group, reason=str(error))
            self._closed = True
            self._on_sealed()
            return True
        except StoreError as error:
            _log.warning("group_not_free", group=group, reason=str(error))
            return False
        self._held[group] = view.version
        self._seats.look()
        if self._wanted(group) == (True, False) and group not in self._stale:
            self._chat.open_slots(slots_of(group, view.groups))
            _log.info("group_open", group=group, version=view.version)
        return True

    async def _give_back(self, group: int) -> None:
        view = self.view
        assert view is not None
        version = view.version
        _log.info("group_closing", group=group, version=version)
        await self._chat.cell.close_slots(slots_of(group, view.groups))
        retry_s, again = RETRY_S[0], False
        while not self._closed and not await self._released_by_store(group, again):
            await pause(self._scheduler, retry_s)
            retry_s, again = min(2 * retry_s, RETRY_S[1]), True
        del self._held[group]
        self._stale.discard(group)
        self._let_go[group] = version

    async def _released_by_store(self, group: int, again: bool) -> bool:
        """Whether the group names this life no longer: as long as it does, nobody else can take it."""
        try:
            if again:  # after a failure it may be closed and still be ours
                await self._store.take_shard(group)
            await self._store.release_shard(group)
        except (Sealed, NotReleased):
            return True  # it is nobody's, or somebody else's already
        except StoreError as error:
            _log.warning("group_not_given_back", group=group, reason=str(error))
            return False
        return True

    def _note(self, group: int, released: bool) -> None:
        """The group is as it is wanted."""
        if released:
            # By the newest view: an older move of this group may have been withdrawn, and this one begun, meanwhile.
            view = self.view
            assert view is not None
            self._let_go[group] = view.version
            self._on_progress()
        else:
            self._let_go.pop(group, None)
