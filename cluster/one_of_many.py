"""A cell beside others on one data folder, in a process of its own and without Ray: for tests of the cluster, and for profiling."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from actors.store.store import StoreError
from cluster.app import CellApp
from cluster.data_folder import prepare
from cluster.figures import Identity
from cluster.life_lock import hold_life
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.settings import Settings
from cluster.stores import open_record
from gateway.api.bridge import settle


class Seat(NamedTuple):
    """Which of the cells it is, and where its links are."""

    name: str
    link_port: int = 0
    link_url: str = ""


@contextlib.asynccontextmanager
async def one_of_many(settings: Settings, seat: Seat) -> AsyncIterator[CellApp]:
    """A started cell that is in the view; its doors are closed. Raises `StartProblem`."""
    prepare(settings)
    cluster = open_record(settings)
    try:
        life = Membership(cluster).new_life(seat.name)
    finally:
        cluster.close()
    with hold_life(settings.data, life):
        app = CellApp(settings, Identity(seat.name, life, link_port=seat.link_port, link_url=seat.link_url))
        try:
            await app.start()
            await app.join()
            await settle(app.ownership.idle())
            yield app
        except StoreError as error:
            raise StartProblem(str(error)) from error
        finally:
            await app.stop()
