"""A program that posts by key, as over HTTP: asks some cell, and asks again with the same key until it is answered."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from actors.errors import ChatError
from actors.messages.room import KeyedPost, Stored
from actors.runtime.actor import actor_id
from actors.runtime.promise import Promise

if TYPE_CHECKING:
    from tests.simulation.world import World

PATIENCE_S = 3.0
"""Without an answer for so long it asks again."""
PAUSE_S = 1.0
FINAL = frozenset({"no_such_room"})
"""A refusal that a repeat would not change: no member (any more)."""


class KeyedText:
    """One text that is to be posted once."""

    def __init__(self, world: World, room: str, user: str, number: int, chance: Random) -> None:
        self.room = room
        self.body = f"{user} by key {number}"
        self.stored: set[int] = set()
        """The seqs that it was told."""
        self.refused = ""
        self._world = world
        self._asked = KeyedPost(user, f"key-{number}", self.body)
        self._chance = chance
        self._attempt = 0

    @property
    def is_answered(self) -> bool:
        """Whether it needs to ask no more."""
        return bool(self.stored or self.refused)

    def ask(self) -> None:
        """Ask some cell, now and then two at once, as one does whose first request was slow."""
        if self.is_answered:
            return
        self._attempt += 1
        for _ in range(self._chance.choice((1, 1, 1, 2))):
            cell = self._world.an_edge(self._chance)
            if cell is not None:
                cell.cell.ask(actor_id("room", self.room), self._asked).when_settled(self._answered)
        self._world.clock.later(PATIENCE_S, self._again, self._attempt)

    def _again(self, attempt: int) -> None:
        if attempt == self._attempt:
            self.ask()

    def _answered(self, answer: Promise[Stored]) -> None:
        error = answer.error
        if error is None:
            self.stored.add(answer.result().seq)
            self._world.note("program", "{} in {} is stored as {}", self.body, self.room, answer.result().seq)
        elif isinstance(error, ChatError) and error.code in FINAL:
            self.refused = error.code
        else:
            self._world.clock.later(self._chance.random() * PAUSE_S, self._again, self._attempt)
