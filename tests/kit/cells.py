"""Two cells on one data folder in this process, and the stored view, without a supervisor."""

from __future__ import annotations

from actors.runtime.view import View
from actors.store.cluster_file import ClusterFile
from cluster.app import CellApp
from cluster.data_folder import prepare
from cluster.figures import Identity
from cluster.membership import Membership
from cluster.settings import Settings


class Pair:
    """Two cells and the stored view, without a supervisor."""

    def __init__(self, settings: Settings) -> None:
        prepare(settings)
        self.settings = settings
        self.membership = Membership(ClusterFile(settings.data))
        self.apps: list[CellApp] = []

    async def __aenter__(self) -> Pair:
        for name in ("cell-1", "cell-2"):
            app = CellApp(self.settings, Identity(name, self.membership.new_life(name)))
            self.apps.append(app)
            await self.push(self.membership.join(await app.start()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for app in self.apps:
            await app.stop()

    async def push(self, view: View) -> None:
        """All cells act on this view, and on those that they store because of it."""
        pushed = 0
        while pushed < view.version:
            pushed = view.version
            for app in self.apps:
                await app.apply_view(view.encode())
            view = self.membership.view() or view

    async def move_one(self) -> None:
        view = self.membership.begin_moves(1)
        assert view is not None
        await self.push(view)
        (move,) = view.moves
        await self.push(self.membership.end_moves({move.group}))
