"""A cell that is alone in its store, in this process and without Ray: for the bench, and for commands of a server
that is down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from actors.store.store import StoreError
from cluster.app import CellApp
from cluster.data_folder import prepare
from cluster.figures import Identity
from cluster.folder_lock import folder_lock
from cluster.living import check_nobody_lives_here
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.processes import is_alive, kill_for_sure
from cluster.served import check_unserved
from cluster.settings import Settings
from cluster.stores import open_record
from gateway.api.bridge import settle

NAME = "cell-1"


def end_old_lives(membership: Membership) -> None:
    """Kill, seal and take out of the view every life that could still commit. Raises `StartProblem` where one cannot be killed."""
    for life in membership.unsealed():
        process = membership.process(life)
        # One of another machine is fenced by the seal alone.
        if process is not None and process.is_near and is_alive(process) and not kill_for_sure(process):
            raise StartProblem(f"The process {process.pid} of an earlier run cannot be ended; it still may write to the data.")
        membership.seal(life)
    view = membership.view()
    for cell in view.cells if view is not None else ():
        membership.leave(cell.life)


@contextlib.asynccontextmanager
async def only_cell(settings: Settings) -> AsyncIterator[CellApp]:
    """A started cell that owns everything; its doors are closed. Raises `StartProblem`."""
    prepare(settings)
    with folder_lock(settings):
        check_nobody_lives_here(settings)
        cluster = open_record(settings)
        try:
            membership = Membership(cluster)
            await asyncio.to_thread(check_unserved, cluster)
            end_old_lives(membership)
            life = membership.new_life(NAME)
            app = CellApp(settings, Identity(NAME, life))
            try:
                await app.start()
                await app.join()
                await settle(app.ownership.idle())
                yield app
            finally:
                await app.stop()
                membership.seal(life)
                membership.leave(life)
        except StoreError as error:
            raise StartProblem(str(error)) from error
        finally:
            cluster.close()
