"""The tables of Cassandra in memory: the statements of the schema that ask no condition, each carried out as its text says.

What was written with the highest timestamp stands, however late and in whatever order it comes; of two alike, what takes away.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from operator import eq, ge, gt, le, lt
from typing import Any, NamedTuple

from actors.store.cassandra.schema import STATEMENTS, STEPS
from actors.store.cassandra.steps import Rows

Key = tuple[Any, ...]
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq, ">": gt, ">=": ge, "<": lt, "<=": le, "IN": lambda value, some: value in some,
}  # fmt: skip
_INSERT = re.compile(r"INSERT INTO (\w+) \((.*?)\) VALUES \([?, ]+\) USING TIMESTAMP \?$")
_DELETE = re.compile(r"DELETE FROM (\w+) USING TIMESTAMP \? WHERE (.*)$")
_SELECT = re.compile(r"SELECT (.*?) FROM (\w+) WHERE (.*?)( ORDER BY \w+ DESC)?( LIMIT \?)?( ALLOW FILTERING)?$")
_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) \(.*PRIMARY KEY \((\((.*?)\)|\"?\w+\"?)(.*?)\)\)")
_SINGLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) \(\"?(\w+)\"? \w+ PRIMARY KEY")


class Shape(NamedTuple):
    """The key of a table."""

    partition: tuple[str, ...]
    order: tuple[str, ...]
    """Of the rows inside of a partition."""


class Table:
    """The rows of one table."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._rows: dict[Key, dict[Key, tuple[int, dict[str, Any]]]] = {}
        self._gone: dict[Key, dict[Key, int]] = {}
        """Partition -> beginning of the keys that were taken away -> with which timestamp."""

    def copy(self) -> Table:
        """Another one with the same rows."""
        other = Table(self.shape)
        other._rows = {key: dict(rows) for key, rows in self._rows.items()}
        other._gone = {key: dict(gone) for key, gone in self._gone.items()}
        return other

    def insert(self, row: dict[str, Any], stamp: int) -> None:
        """Put a whole row."""
        partition, order = self._key(row)
        rows = self._rows.setdefault(partition, {})
        if order not in rows or rows[order][0] <= stamp:
            rows[order] = (stamp, row)

    def delete(self, where: dict[str, Any], stamp: int) -> None:
        """Take away all rows that are so."""
        partition = tuple(where[name] for name in self.shape.partition)
        prefix = tuple(where[name] for name in self.shape.order if name in where)
        gone = self._gone.setdefault(partition, {})
        gone[prefix] = max(stamp, gone.get(prefix, stamp))

    def select(self, conditions: list[tuple[str, str, Any]]) -> list[dict[str, Any]]:
        """Rows that are so, by their keys."""
        asked = {name: value for name, operator, value in conditions if operator == "="}
        whole = all(name in asked for name in self.shape.partition)
        partitions = [tuple(asked[name] for name in self.shape.partition)] if whole else sorted(self._rows)
        return [
            row
            for partition in partitions
            for order, (stamp, row) in sorted(self._rows.get(partition, {}).items(), key=lambda item: item[0])
            if self._stands(partition, order, stamp) and all(_OPERATORS[how](row[name], value) for name, how, value in conditions)
        ]

    def _stands(self, partition: Key, order: Key, stamp: int) -> bool:
        gone = self._gone.get(partition)
        return not gone or all(gone.get(order[:length], stamp - 1) < stamp for length in range(len(order) + 1))

    def _key(self, row: dict[str, Any]) -> tuple[Key, Key]:
        return tuple(row[name] for name in self.shape.partition), tuple(row[name] for name in self.shape.order)


class Tables:
    """All tables of the schema."""

    def __init__(self) -> None:
        self._tables = {name: Table(shape) for name, shape in SHAPES.items()}

    def copy(self) -> Tables:
        """Others with the same rows."""
        other = Tables()
        other._tables = {name: table.copy() for name, table in self._tables.items()}
        return other

    def carry_out(self, statement: str, values: Key) -> Rows:
        """What it answers."""
        return PREPARED[statement](self._tables, values)


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip().strip('"') for name in listed.split(",") if name.strip())


def _shapes() -> dict[str, Shape]:
    found = {}
    for text in (re.sub(r"\s+", " ", text) for step in STEPS for text in step):
        if single := _SINGLE.match(text):
            found[single[1]] = Shape((single[2],), ())
        elif table := _TABLE.match(text):
            found[table[1]] = Shape(_names(table[3] or table[2]), _names(table[4]))
    return found


def _insert(table: str, columns: tuple[str, ...], tables: dict[str, Table], values: Key) -> Rows:
    tables[table].insert(dict(zip(columns, values[:-1], strict=True)), values[-1])
    return []


def _delete(table: str, columns: tuple[str, ...], tables: dict[str, Table], values: Key) -> Rows:
    tables[table].delete(dict(zip(columns, values[1:], strict=True)), values[0])
    return []


def _select(
    table: str,
    columns: tuple[str, ...],
    conditions: list[tuple[str, str]],
    backwards: bool,
    limited: bool,
    tables: dict[str, Table],
    values: Key,
) -> Rows:
    asked = [(name, how, value) for (name, how), value in zip(conditions, values[: len(conditions)], strict=True)]
    rows = tables[table].select(asked)
    if backwards:
        rows.reverse()
    return [tuple(row[name] for name in columns) for row in (rows[: values[-1]] if limited else rows)]


def _conditions(text: str) -> list[tuple[str, str]]:
    found = []
    for part in text.split(" AND "):
        name, how, mark = part.split()
        assert mark == "?", part
        found.append((name.strip('"'), how))
    return found


def _prepare(text: str) -> Callable[[dict[str, Table], Key], Rows] | None:
    if insert := _INSERT.match(text):
        return partial(_insert, insert[1], _names(insert[2]))
    if delete := _DELETE.match(text):
        return partial(_delete, delete[1], tuple(name for name, _ in _conditions(delete[2])))
    if (select := _SELECT.match(text)) and select[2] not in LEDGERS and "?" in select[3]:
        return partial(_select, select[2], _names(select[1]), _conditions(select[3]), bool(select[4]), bool(select[5]))
    return None


LEDGERS = {"ledgers", "lives", "floors", "owners"}
"""Tables of `tests.kit.ledgers`."""
SHAPES = _shapes()
PREPARED = {
    name: prepared
    for name, text in STATEMENTS.items()
    if " IF " not in text and (prepared := _prepare(re.sub(r"\s+", " ", text))) is not None
}
"""The statements that are carried out here, by their names."""
