"""How a cell follows the stored views: shards are taken before their slots open, and let go after their slots closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import chain

from actors.chat_cell import ChatCell
from actors.runtime.ring import slots_of
from actors.runtime.view import View
from actors.store.shards import NotReleased
from actors.store.sqlite import SqliteStore
from actors.store.store import StoreUnavailable
from gateway.api.bridge import settle
from gateway.logs import event_log

TAKE_LIMIT_S = 10.0
"""How long taking a shard is tried again. Its last owner is sealed already, so only a busy disk delays it."""
RETRY_S = 0.1

_log = event_log("cluster.ownership")


class Ownership:
    """The shards of one life. One change at a time; belongs to one loop."""

    def __init__(self, chat: ChatCell, store: SqliteStore) -> None:
        self._chat = chat
        self._store = store
        self._one_at_a_time = asyncio.Lock()
        # groups that were released for a move that is not over
        self._released: set[int] = set()

    @property
    def view(self) -> View | None:
        """The view that the cell acts on."""
        return self._chat.view

    async def apply(self, view: View) -> None:
        """Act on a stored view; an older one than the cell's is ignored. Raises `StoreError` where a shard that is to
        be this cell's cannot be taken: the cell cannot go on then."""
        async with self._one_at_a_time:
            if self.view is not None and view.version <= self.view.version:
                return
            life = self._chat.life
            mine = {group for group, owner in enumerate(view.owner_lives) if owner == life}
            moving = {move.group for move in view.moves}
            for group in sorted(mine - self._released | (mine & self._released - moving)):
                await self._take(group)
            kept = self._released & mine - moving
            self._chat.adopt(view)
            self._chat.cell.open_slots(_slots(kept, view.groups))
            self._released &= mine & moving
            _log.info("view_adopted", version=view.version, cells=len(view.cells), groups=len(mine))

    async def release(self, groups: Iterable[int]) -> None:
        """Let groups go for a move: no intake, actors ended, everything written, shard given back."""
        async with self._one_at_a_time:
            view = self.view
            owned = view.owner_lives if view is not None else ()
            mine = [group for group in groups if group < len(owned) and owned[group] == self._chat.life]
            await settle(self._chat.cell.close_slots(_slots(mine, len(owned))))
            for group in mine:
                await settle(self._store.release_shard(group))
                self._released.add(group)

    async def _take(self, shard: int) -> None:
        if shard in self._store.owned():
            return
        end = asyncio.get_running_loop().time() + TAKE_LIMIT_S
        while True:
            try:
                await settle(self._store.take_shard(shard))
                return
            except (NotReleased, StoreUnavailable) as error:
                if asyncio.get_running_loop().time() >= end:
                    raise
                _log.warning("shard_not_free", shard=shard, reason=str(error))
            await asyncio.sleep(RETRY_S)


def _slots(groups: Iterable[int], of: int) -> list[int]:
    return list(chain.from_iterable(slots_of(group, of) for group in groups))
