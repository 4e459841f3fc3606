"""How a supervisor that begins finds the cells of the one before: those that answer are adopted, the processes of all others end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cluster.child import Child
from cluster.hands import CellPort, Hands
from cluster.membership import Membership
from gateway.logs import event_log

FIND_TRIES = 3

_log = event_log("cluster.supervisor")


class Adopted(NamedTuple):
    """What was found."""

    children: dict[str, Child]
    """Every wanted cell, by name; those that live have their life and process."""
    leaving: list[Child]
    """Living cells that were being emptied, or that nobody wants any more."""
    dead: list[str]
    """Lives whose process is gone for sure, and that still have to be seen out."""


async def adopt(membership: Membership, hands: Hands, wanted: Sequence[str]) -> Adopted:
    """Look at every life that could still commit."""
    view = membership.view()
    infos = {cell.life: cell for cell in view.cells} if view is not None else {}
    draining = view.draining if view is not None else ()
    found = Adopted({name: Child(name) for name in wanted}, [], [])
    for life in membership.unsealed():
        info = infos.get(life)
        port = await _find(hands, info.name, life) if info is not None else None
        if info is None or port is None:
            await hands.kill(life, membership.process(life))
            found.dead.append(life)
            continue
        child = Child(info.name) if life in draining or info.name not in found.children else found.children[info.name]
        child.life, child.port, child.process = life, port, membership.process(life)
        if child is not found.children.get(info.name):
            child.turns("draining")
            found.leaving.append(child)
        _log.info("cell_adopted", cell=child.name, life=life)
    for life in set(infos) - set(membership.unsealed()):
        membership.leave(life)
    return found


async def _find(hands: Hands, name: str, life: str) -> CellPort | None:
    """More than once: a healthy cell that is slow to answer once is not to be ended for it."""
    for _ in range(FIND_TRIES):
        found = await hands.find(name, life)
        if found is not None:
            return found
    return None
