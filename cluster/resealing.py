"""A cell's part when all data keys are renewed (`warbler keys rotate`): new keys at once, then its own rows, a few at a time."""

from __future__ import annotations

import asyncio

from actors.store.cluster_record import ClusterRecord
from actors.store.rotation import Rotation, amend, changed, stored
from actors.store.store import StoreError
from cluster.stores import LifeStore
from gateway.api.bridge import settle
from gateway.logs import event_log

LOOK_S = 1.0
"""Between two looks whether keys are to be renewed."""
PAUSE_S = 0.03
"""After each piece, of some 10 ms: so most of the writer's time is left to posts."""
_log = event_log("cluster.resealing")


class Resealing:
    """Of one cell. `run` until cancelled."""

    def __init__(self, record: ClusterRecord, store: LifeStore, life: str) -> None:
        self._record = record
        self._store = store
        self._life = life
        self._renewed = 0
        """The number of the last renewal in which this life has new keys."""

    async def run(self) -> None:
        """Look, and do what is to be done, for ever."""
        while True:
            try:
                rotation = await asyncio.to_thread(stored, self._record)
                if rotation is not None and not rotation.ended:
                    await self._take_part(rotation)
            except StoreError as error:
                # The store is away, or a group has just gone elsewhere: the next look sees how things stand.
                _log.info("resealing_waits", reason=str(error))
            await asyncio.sleep(LOOK_S)

    async def _take_part(self, rotation: Rotation) -> None:
        if self._renewed != rotation.number:
            await settle(self._store.renew_keys())
            self._renewed = rotation.number
        if self._life not in rotation.renewed:
            await self._note(rotation, renewed=self._life)
        if not await asyncio.to_thread(self._all_have_renewed, rotation.number):
            return  # a group may still go to one that would write under an old key
        for group in self._store.owned():
            if group not in rotation.done:
                await self._reseal(rotation, group)

    async def _reseal(self, rotation: Rotation, group: int) -> None:
        rows, is_last = 0, False
        while not is_last:
            is_last, count = await settle(self._store.reseal(group, rotation.old))
            rows += count
            await asyncio.sleep(PAUSE_S if count else 0)
        await self._note(rotation, group=group, rows=rows)

    async def _note(self, rotation: Rotation, *, renewed: str = "", group: int = -1, rows: int = 0) -> None:
        def step(now: Rotation) -> Rotation:
            return changed(
                now,
                renewed=now.renewed | {renewed} if renewed else now.renewed,
                done=now.done | {group} if group >= 0 else now.done,
                rows=now.rows + rows,
            )

        await asyncio.to_thread(amend, self._record, rotation.number, step)

    def _all_have_renewed(self, number: int) -> bool:
        now = stored(self._record)
        return now is not None and now.number == number and set(self._record.unsealed()) <= now.renewed
