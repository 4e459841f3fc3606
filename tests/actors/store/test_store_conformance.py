"""The conformance suite, run against every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

pytest.register_assert_rewrite("tests.actors.store.conformance", "tests.actors.store.conformance_reads")

from actors.runtime.promise import Promise  # noqa: E402
from actors.store.store import Store  # noqa: E402
from tests.actors.store.conformance import *  # noqa: E402, F403
from tests.actors.store.conformance_reads import *  # noqa: E402, F403
from tests.kit.cassandra import CassandraLab  # noqa: E402
from tests.kit.memory import MemoryDisk, MemoryStore  # noqa: E402
from tests.kit.turns import Turns  # noqa: E402
from tests.kit.warehouse import Warehouse  # noqa: E402

T = TypeVar("T")


class MemoryLab:
    """Stores in memory; commits settle in the next turn."""

    def __init__(self) -> None:
        self._disk = MemoryDisk()
        self._turns = Turns()

    def store(self, life: str = "a") -> Store:
        return MemoryStore(self._disk, life, self._turns.soon)

    def seal(self, life: str) -> None:
        self._disk.seal(life)

    def wait(self, promise: Promise[T]) -> T:
        return self._turns.wait(promise)

    def settle(self, *promises: Promise[Any]) -> list[BaseException | None]:
        return self._turns.settle(*promises)


@pytest.fixture(params=["memory", "sqlite", "sqlite in three shards", pytest.param("cassandra", marks=pytest.mark.slow)])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Every store that there is."""
    if request.param == "memory":
        yield MemoryLab()
        return
    if request.param == "cassandra":
        with CassandraLab() as cassandra:
            yield cassandra
        return
    with Warehouse(tmp_path / "data", shards=3 if "three" in request.param else 1) as warehouse:
        yield warehouse
