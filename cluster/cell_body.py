"""A started cell, as its member steers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.runtime.view import View
from cluster.loads import Load
from cluster.vitals import Sources, Vitals

if TYPE_CHECKING:
    from cluster.app import CellApp


class CellBody:
    """Implements `Body`."""

    def __init__(self, app: CellApp) -> None:
        self._app = app
        sources = Sources(
            connections=lambda: app.doors.front.sockets,
            edge_url=lambda: app.doors.edge_url,
            loop_lag_s=app.lag.take_recent_s,
            queued=app.store.queued,
            work=app.store.work,
            draining=lambda: app.is_draining,
        )
        self._vitals = Vitals(app.who.life, app.who.name, app.info.weight, sources, app.clock.now)

    def load(self) -> Load:
        """See `Body`."""
        return self._vitals.load()

    def released(self) -> tuple[tuple[int, int], ...]:
        """See `Body`."""
        return self._app.ownership.released

    def adopt(self, view: View) -> None:
        """See `Body`."""
        self._app.ownership.adopt(view)

    def answer_reads(self, until: float) -> None:
        """See `Body`."""
        self._app.chat.cell.reads_until = until

    def leave(self, why: str) -> None:
        """See `Body`: nothing of what its actors say is true any more."""
        app = self._app
        app.ownership.close()
        if app.chat.view is not None:
            app.chat.cell.drop_slots(app.chat.view.slots(app.who.life))
        if app.out is not None and not app.out.done():
            app.out.set_result(why)
