"""The health probe of a cell: a write goes through a group commit, and a question through an actor's mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from actors.chat_cell import ChatCell
from actors.messages.delivery import ReadHeads
from actors.runtime.actor import pinned_id
from actors.store.rows import ReadRow
from actors.store.store import Commit, Store
from gateway.api.bridge import ask, settle

PROBER = "~health"
"""A user name that nobody can have; its one row is replaced by each probe."""


class Probe:
    """Call it: details for people, or what was raised on the way."""

    def __init__(self, chat: ChatCell, store: Store) -> None:
        self._chat = chat
        self._store = store
        self._numbers = count(1)

    async def __call__(self) -> Mapping[str, Any]:
        """Commit, where this cell owns slots, and ask."""
        view = self._chat.view
        slots = view.slots(self._chat.life) if view is not None else ()
        if slots:
            row = ReadRow(PROBER, self._chat.life, next(self._numbers))
            await settle(self._store.commit(Commit(slots[0], (row,))))
        await ask(self._chat.cell, pinned_id("desk", self._chat.life), ReadHeads([]), timeout=1.0)
        return {"life": self._chat.life, "slots": len(slots), "view": view.version if view is not None else 0}
