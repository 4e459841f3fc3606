"""Three nodes of Cassandra at replication 3, and three cells: nodes are killed, paused or full, cells frozen or cut off, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.on_cassandra import ON_CASSANDRA
from tests.faults.running import Running
from tests.faults.running_on_cassandra import on_nodes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with on_nodes(tmp_path_factory.mktemp("nodes"), ON_CASSANDRA) as found:
        yield found


@pytest.mark.parametrize("name", ON_CASSANDRA)
def test_nothing_is_lost_repeated_or_reordered_when(running: Running, name: str) -> None:
    running.play(name)
