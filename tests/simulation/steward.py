"""Who changes views in a simulation: every cell tries for the lease; its holder seals the dead, admits, moves and releases.

Each step can be overtaken: by a freeze in its middle, by a second holder, by the death of the holder, by messages that
come late or never. Only the compare-and-set of the view's row and the fence of the disk are relied upon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from actors.runtime.view import (
    View,
    ViewError,
    add_cells,
    begin_moves,
    end_drain,
    end_moves,
    first_view,
    remove_cell,
    wanted_moves,
    withdraw_moves,
)
from tests.simulation.cell import SimCell

if TYPE_CHECKING:
    from tests.simulation.world import World

LEASE_S = 2.0
"""A lease whose counter has not moved for so long, by the clock of whoever looks, is taken."""
RELEASE_LIMIT_S = 2.0
MOVES_AT_ONCE = 2
STORE_S = 0.003


class Lease:
    """The row in the store: a holder and a counter, changed by compare-and-set."""

    def __init__(self) -> None:
        self.holder = ""
        self.count = 0

    def renew(self, life: str, expected: int) -> bool:
        """Hold it from now on, if nobody has touched it since."""
        if self.count != expected:
            return False
        self.holder, self.count = life, expected + 1
        return True


class Steward:
    """The part of one cell that can hold the duty."""

    def __init__(self, world: World, cell: SimCell, chance: Random) -> None:
        self._world = world
        self._cell = cell
        self._chance = chance
        self._seen = (-1, 0.0)
        cell.loop.start(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.2, 0.5))
            if not self._cell.store.is_down and self._holds():
                await self._step()

    def _holds(self) -> bool:
        lease, now = self._world.lease, self._cell.clock.now()
        if lease.count != self._seen[0]:
            self._seen = (lease.count, now)
        if lease.holder != self._cell.life and lease.holder and now - self._seen[1] < LEASE_S:
            return False
        if lease.holder != self._cell.life:
            self._world.note(self._cell.name, "takes the lease")
        held = lease.renew(self._cell.life, lease.count)
        self._seen = (lease.count, now)
        return held

    async def _step(self) -> None:
        version, data = self._world.disk.view
        await self._store()
        view = View.decode(data) if version else None
        if view is None or not view.cells:
            joining = self._world.joining(view, self._cell)
            if joining:
                both = [cell.info for cell in joining]
                await self._store_view(first_view(both, self._world.disk.shards) if view is None else add_cells(view, both))
            return
        for work in (self._bury, self._drain, self._admit, self._finish_moves, self._begin_moves):
            if await work(view):
                return

    async def _store(self) -> None:
        await asyncio.sleep(self._chance.random() * STORE_S * self._cell.store.slowness)

    async def _store_view(self, view: View) -> bool:
        await self._store()
        if self._cell.store.is_down or not self._world.disk.change_view(view.version - 1, view.encode()):
            return False
        owners = ",".join((life or "-") for life in view.owner_lives)
        self._world.note(self._cell.name, "stores view {}: {} moves {}", view.version, owners, len(view.moves))
        self._world.spread(self._cell, view.encode())
        return True

    async def _change(self, step: Callable[[View], View], view: View) -> bool:
        try:
            return await self._store_view(step(view))
        except ViewError:
            return False

    # --- what a holder does, the most urgent first; each works on the view that was read, and one view a step ---

    async def _bury(self, view: View) -> bool:
        for cell in view.cells:
            if cell.life != self._cell.life and self._world.is_given_up(cell.life):
                await self._store()
                if self._cell.store.is_down:
                    return True
                self._world.note(self._cell.name, "seals {}", cell.life)
                self._world.disk.seal(cell.life)
                return await self._change(partial(remove_cell, life=cell.life), view)
        return False

    async def _drain(self, view: View) -> bool:
        if not view.undrained or self._chance.random() < 0.5:
            return False
        life = view.undrained[0]
        self._world.disk.drain()
        return await self._change(lambda view: end_drain(view, life), view)

    async def _admit(self, view: View) -> bool:
        joining = self._world.joining(view, self._cell)
        names = {cell.name for cell in view.cells}
        fresh = [cell.info for cell in joining if cell.name not in names]
        return bool(fresh) and await self._change(lambda view: add_cells(view, fresh[:1]), view)

    async def _begin_moves(self, view: View) -> bool:
        moves = wanted_moves(view)[:MOVES_AT_ONCE]
        if not moves or view.moves:
            return False
        return await self._change(lambda view: begin_moves(view, moves), view)

    async def _finish_moves(self, view: View) -> bool:
        if not view.moves:
            return False
        released: set[int] = set()
        asked: dict[str, list[int]] = {}
        for move in view.moves:
            asked.setdefault(view.owner_lives[move.group] or "", []).append(move.group)
        for life, groups in asked.items():
            self._world.ask_release(self._cell, life, groups, view.version, released.update)
        patience = RELEASE_LIMIT_S
        while patience > 0 and len(released) < len(view.moves):
            await asyncio.sleep(0.1)
            patience -= 0.1
        if released:
            done = set(released)
            return await self._change(lambda view: end_moves(view, done), view)
        return await self._change(lambda view: withdraw_moves(view, [move.group for move in view.moves]), view)
