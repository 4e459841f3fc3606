"""Which cell a call goes to: the view as somebody outside of the cells knows it, and the handles of their actors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.runtime.actor import ActorId, life_of
from actors.runtime.view import View

FRESH_S = 5.0
"""A view older than this is read again before the next call. An old one costs a hop over a link, never a wrong answer."""


class CellRoutes:
    """Pure: who reads the view hands it in."""

    def __init__(self) -> None:
        self.view: View | None = None
        self.handles: dict[str, Any] = {}
        """Life -> the handle of its actor."""
        self._read_at = 0.0

    def adopt(self, view: View, fresh: Mapping[str, Any], now: float) -> None:
        """Go by this view; handles of lives that it does not name are forgotten."""
        self.view, self._read_at = view, now
        self.handles = {life: handle for life, handle in {**self.handles, **fresh}.items() if life in view.by_life}

    def stale(self, now: float) -> bool:
        """Whether the view should be read before the next call."""
        return self.view is None or now - self._read_at > FRESH_S

    def find(self, address: ActorId) -> tuple[str, Any] | None:
        """The life of the owner and its handle; that of any other cell, which asks the owner, where the owner's is not known."""
        if self.view is None or not self.handles:
            return None
        life = life_of(address) or self.view.owner_of(address)
        if life not in self.handles:
            life = next(iter(self.handles))
        return life, self.handles[life]

    def forget(self, life: str) -> None:
        """That cell is dead, or does not answer: the view is read anew."""
        self.handles.pop(life, None)
        self.view = None
