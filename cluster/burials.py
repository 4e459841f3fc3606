"""The dead: gone for sure, told to the living, sealed, out of the view. By the cells that live; where none does, from here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from actors.store.store import StoreError
from cluster.child import Child
from cluster.hands import CellPort, Hands
from cluster.membership import Membership
from gateway.logs import event_log

REPORT_LIMIT_S = 2.0
"""How long a cell is given to take a report."""
SEAL_LIMIT_S = 10.0
"""A reported death that no cell has dealt with by then is dealt with here."""
LOOK_S = 0.2
"""Between two looks whether it has been."""

_log = event_log("cluster.supervisor")


class Burials:
    """Of one supervisor. `living`: the cells that can be told."""

    def __init__(self, membership: Membership, hands: Hands, living: Callable[[], Iterable[Child]]) -> None:
        self._membership = membership
        self._hands = hands
        self._living = living
        self._under_way: set[asyncio.Task[None]] = set()
        self.tasks = asyncio.TaskGroup()
        """Where burials go on while something else is done; whoever runs the supervisor puts its own here."""
        self.alone = False
        """Whether the whole server is stopping: no cell seals another one any more."""

    async def bury(self, child: Child) -> None:
        """The process is gone for sure when this returns, and whoever is to act on that hears of it; a new life need not wait for them."""
        life, process = child.life, child.process
        child.port = child.process = None
        if not life:
            return
        await self._hands.kill(life, process)
        child.life = ""
        if self.alone:
            self.see_out_alone(life)
            return
        child.problem = child.last_end = await self._report(life, child.problem) or child.problem
        burial = self.tasks.create_task(self.see_out(life, child.problem), name=f"bury {life}")
        self._under_way.add(burial)
        burial.add_done_callback(self._under_way.discard)

    async def see_out(self, life: str, why: str) -> None:
        """Until a dead life is sealed and out of the view: by the cells that live; where none does, or none does it, from here."""
        end = asyncio.get_running_loop().time() + SEAL_LIMIT_S
        while not self._saw_out(life, end):
            await self._report(life, why)
            await asyncio.sleep(LOOK_S)

    def _saw_out(self, life: str, end: float) -> bool:
        try:
            if not self._is_not_out(life):
                return True
            if self._ports() and asyncio.get_running_loop().time() < end:
                return False
            self.see_out_alone(life)
        except StoreError as error:
            # It is away, for the cells too: nothing is lost by trying again.
            _log.warning("life_not_seen_out", life=life, reason=str(error))
            return False
        return True

    async def end_stranger(self, life: str, why: str) -> None:
        """End the process of a life that is nobody's child, and see it out."""
        await self._hands.kill(life, self._membership.process(life))
        await self.see_out(life, why)

    def see_out_alone(self, life: str) -> None:
        """Seal it, and take it out of the view, here and now."""
        self._membership.seal(life)
        self._membership.leave(life)

    async def close(self) -> None:
        """What is under way is given up: whoever closes sees everybody out."""
        self.alone = True
        burials = list(self._under_way)
        for burial in burials:
            burial.cancel()
        await asyncio.gather(*burials, return_exceptions=True)

    def _is_not_out(self, life: str) -> bool:
        view = self._membership.view()
        return life in self._membership.unsealed() or (view is not None and life in view.by_life)

    def _ports(self) -> list[CellPort]:
        return [child.port for child in self._living() if child.port is not None and child.process is not None]

    async def _report(self, life: str, why: str) -> str:
        """Tell all living cells; returns what one of them knows of it."""
        answers = await asyncio.gather(*(self._tell(port, life, why) for port in self._ports()))
        return next((answer for answer in answers if answer), "")

    async def _tell(self, port: CellPort, life: str, why: str) -> str:
        try:
            async with asyncio.timeout(REPORT_LIMIT_S):
                return await port.report_death(life, why)
        except Exception as error:  # noqa: BLE001 - dead, frozen or broken itself: its keeper hears of that; the others were told
            _log.warning("death_not_reported", life=life, reason=repr(error))
            return ""
