"""A database of ledgers, lives and groups in memory, for the logic of chains and takers: it carries out their statements as Cassandra
promises to, one at a time, and may lose an answer, or hold a request back and let it arrive later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from actors.store.cassandra.schema import OPEN, ROLLED, SEALED
from actors.store.cassandra.steps import Answers, Ask, Asks, Rows
from actors.store.store import StoreUnavailable


class Ledger:
    """One partition."""

    def __init__(self, state: int) -> None:
        self.state = state
        self.next = 0
        self.stamp = b""
        self.rows: dict[int, bytes] = {}


class Held(NamedTuple):
    """A request that its sender has given up, and that may still arrive."""

    ask: Ask


class Ledgers:
    """Implements `Port`, at once."""

    def __init__(self) -> None:
        self.ledgers: dict[tuple[str, int], Ledger] = {}
        self.lives: dict[str, int] = {}
        self.floors: dict[str, tuple[int, tuple[int, int]]] = {}
        self.owners: dict[int, tuple[str, int]] = {}
        self.asked: list[Ask] = []
        self.held: list[Held] = []
        self._faults: list[tuple[str, str]] = []

    def lose_answer(self, statement: str) -> None:
        """The next one of these is carried out, and its sender hears nothing."""
        self._faults.append((statement, "lose"))

    def hold_back(self, statement: str) -> None:
        """The next one of these does not arrive before `deliver`, and its sender hears nothing."""
        self._faults.append((statement, "hold"))

    def deliver(self) -> list[Rows]:
        """What was held back arrives now."""
        held, self.held = self.held, []
        return [self.carry_out(late.ask) for late in held]

    def send(self, asks: Asks, done: Callable[[Answers | Exception], None]) -> None:
        """See `Port`."""
        answers: Answers = []
        for ask in asks:
            fault = next((number for number, (name, _) in enumerate(self._faults) if name == ask.statement), None)
            how = self._faults.pop(fault)[1] if fault is not None else ""
            if how == "hold":
                self.held.append(Held(ask))
            else:
                answers.append(self.carry_out(ask))
            if how:
                done(StoreUnavailable("timed out"))
                return
        done(answers)

    def write(self, asks: Asks, done: Callable[[Exception | None], None]) -> None:
        """See `Port`: nothing that lies here is written so."""
        raise AssertionError(f"{asks} are no statements of ledgers")

    def data(self, life: str) -> list[bytes]:
        """All rows of a life's chain, in order."""
        parts = sorted(part for name, part in self.ledgers if name == life)
        return [row for part in parts for _, row in sorted(self.ledgers[life, part].rows.items())]

    def carry_out(self, ask: Ask) -> Rows:
        """What it answers, now."""
        self.asked.append(ask)
        name = "_" + ask.statement.lower().replace(" ", "_")
        return getattr(self, name)(*ask.values)  # type: ignore[no-any-return]

    # --- ledgers ---

    def _open_ledger(self, life: str, part: int) -> Rows:
        return self._insert(life, part, OPEN)

    def _sealed_ledger(self, life: str, part: int) -> Rows:
        return self._insert(life, part, SEALED)

    def _insert(self, life: str, part: int, state: int) -> Rows:
        found = self.ledgers.get((life, part))
        if found is not None:
            return [(False, life, part, None, found.next, found.stamp, found.state, None)]
        self.ledgers[life, part] = Ledger(state)
        return [(True,)]

    def _append(self, now: int, stamp: bytes, data: bytes, life: str, part: int, k: int, next_k: int, before: bytes) -> Rows:
        found = self.ledgers.get((life, part))
        if found is None:
            return [(False,)]
        if (found.state, found.next, found.stamp) != (OPEN, next_k, before):
            return [(False, found.state, found.next, found.stamp)]
        found.next, found.stamp = now, stamp
        found.rows[k] = data
        return [(True,)]

    def _roll(self, life: str, part: int, next_k: int) -> Rows:
        found = self.ledgers[life, part]
        if (found.state, found.next) != (OPEN, next_k):
            return [(False, found.state, found.next)]
        found.state = ROLLED
        return [(True,)]

    def _seal(self, life: str, part: int) -> Rows:
        found = self.ledgers.get((life, part))
        if found is None or found.state != OPEN:
            return [(False,) if found is None else (False, found.state)]
        found.state = SEALED
        return [(True,)]

    def _ledger_rows(self, life: str, part: int, k: int, limit: int) -> Rows:
        found = self.ledgers.get((life, part))
        rows: list[tuple[Any, ...]] = sorted(item for item in found.rows.items() if item[0] >= k) if found else []
        return rows[:limit] or ([(None, None)] if found else [])

    def _drop_ledger_rows(self, life: str, part: int) -> Rows:
        self.ledgers[life, part].rows.clear()
        return []

    def _floor(self, life: str) -> Rows:
        return [self.floors[life][1]] if life in self.floors else []

    def _put_floor(self, life: str, part: int, k: int, stamp: int) -> Rows:
        self.floors[life] = max(self.floors.get(life, (-1, (0, 0))), (stamp, (part, k)))
        return []

    # --- lives and groups ---

    def _life(self, life: str) -> Rows:
        return [(self.lives[life],)] if life in self.lives else []

    def _add_life(self, life: str) -> Rows:
        is_new = life not in self.lives
        self.lives.setdefault(life, 0)
        return [(is_new,)]

    def _set_life(self, state: int, life: str, before: int) -> Rows:
        if self.lives.get(life) != before:
            return [(False, self.lives.get(life))]
        self.lives[life] = state
        return [(True,)]

    def _owner(self, group: int) -> Rows:
        return [self.owners[group]] if group in self.owners else []

    def _first_owner(self, group: int, life: str, epoch: int) -> Rows:
        if group in self.owners:
            return [(False, group, *self.owners[group])]
        self.owners[group] = (life, epoch)
        return [(True,)]

    def _change_owner(self, life: str, epoch: int, group: int, before: str, epoch_before: int) -> Rows:
        if self.owners.get(group) != (before, epoch_before):
            return [(False, *self.owners[group])]
        self.owners[group] = (life, epoch)
        return [(True,)]

    def _drop_owner(self, group: int, before: str, epoch: int) -> Rows:
        if self.owners.get(group) != (before, epoch):
            return [(False, *self.owners.get(group, ()))]
        del self.owners[group]
        return [(True,)]
