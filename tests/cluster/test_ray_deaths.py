"""Deaths on real Ray: the coordinator's, two at once, and one while the supervisor is dead."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actors.store.cluster_file import ClusterFile
from cluster.membership import Membership
from tests.kit.ray_server import LIMIT_S, Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("ray"))
    server.up()
    yield server
    server.run("down")
    assert server.processes() == []


def shared(cells: dict[str, dict[str, Any]]) -> bool:
    return sorted(cell["slots"] for cell in cells.values()) == [2048, 2048] and sum(cell["has_duty"] for cell in cells.values()) == 1


def test_the_coordinator_is_killed_and_the_other_takes_its_duty_and_its_slots(server: Server) -> None:
    before = server.until(shared)
    (dead,) = (name for name, cell in before.items() if cell["has_duty"])
    (other,) = set(before) - {dead}
    os.kill(before[dead]["pid"], signal.SIGKILL)
    after = server.until(lambda cells: shared(cells) and cells[dead]["pid"] != before[dead]["pid"])
    assert after[other]["has_duty"]
    assert after[other]["life"] == before[other]["life"]


def test_both_cells_are_killed_at_once_and_both_are_back(server: Server) -> None:
    before = server.until(shared)
    for cell in before.values():
        os.kill(cell["pid"], signal.SIGKILL)
    after = server.until(lambda cells: shared(cells) and not {cell["pid"] for cell in cells.values()} & {c["pid"] for c in before.values()})
    assert not {cell["life"] for cell in after.values()} & {cell["life"] for cell in before.values()}


def test_a_cell_that_dies_together_with_the_supervisor_is_replaced_by_the_other_all_the_same(server: Server) -> None:
    before = server.until(shared)
    cluster = ClusterFile(server.settings.data)
    membership = Membership(cluster)
    dead = before["cell-1"]["life"]
    supervisor = server.status()["pid"]
    os.kill(supervisor, signal.SIGKILL)
    os.kill(before["cell-1"]["pid"], signal.SIGKILL)
    end = time.monotonic() + LIMIT_S
    while dead in membership.unsealed():
        assert time.monotonic() < end
    cluster.close()
    while server.run("status", "--json").returncode:
        assert time.monotonic() < end
    after = server.until(lambda cells: shared(cells) and cells["cell-1"]["pid"] != before["cell-1"]["pid"])
    assert after["cell-2"]["life"] == before["cell-2"]["life"]
