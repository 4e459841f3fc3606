"""Which cells of a data folder live though nothing answers for them: their locks on this machine tell, and the lease in a database."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from actors.store.store import StoreError
from cluster.life_lock import held, is_held
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.processes import kill_for_sure
from cluster.served import keeper
from cluster.settings import Settings
from cluster.stores import open_record


class Ended(NamedTuple):
    """What became of cells that could not be asked to end."""

    gone: list[str]
    left: list[str]
    """Those whose processes cannot be ended from here."""


def anybody_lives(settings: Settings) -> bool:
    """Whether any cell of this data folder, or of its keyspace, still runs. A database that cannot be asked does not say no."""
    if held(settings.data):
        return True
    if not settings.store:
        return False
    try:
        with closing(open_record(settings)) as record:
            return bool(keeper(record))
    except (StoreError, StartProblem):
        return True


def check_nobody_lives_here(settings: Settings) -> None:
    """Raises `StartProblem` where a cell still runs on this machine: whoever works alone with the data would have to kill it."""
    lives = held(settings.data)
    if lives:
        raise StartProblem(
            f"Cells of {settings.data} still run ({', '.join(lives)}), though none can be asked for this: their Ray's head is to be "
            "started again, or `warbler down` ends them."
        )


def end_lives(settings: Settings) -> Ended:
    """Kill the cells of this machine; nothing that was acknowledged is lost. Those of other machines are only named."""
    with closing(open_record(settings)) as record:
        membership = Membership(record)
        here = held(settings.data)
        for life in here:
            process = membership.process(life)
            if process is not None and process.is_near:
                kill_for_sure(process)
        view = membership.view() if settings.store else None
        away = [cell.life for cell in view.cells if cell.life not in here and _is_away(membership, cell.life)] if view is not None else []
    left = [life for life in here if is_held(settings.data, life)]
    return Ended([life for life in here if life not in left], left + away)


def _is_away(membership: Membership, life: str) -> bool:
    process = membership.process(life)
    return process is not None and not process.is_near
