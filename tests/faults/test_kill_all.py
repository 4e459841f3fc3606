"""SIGKILL of all processes at random moments under load: nothing acknowledged is lost, repeated or reordered."""

from __future__ import annotations

from pathlib import Path

import pytest
import uvloop

from cluster.bench.crowd import Crowd, Shape
from cluster.bench.killable import CellProcess, RayServer
from cluster.bench.servers import UNLIMITED
from tests.faults.kill_rounds import killed_again_and_again

pytestmark = pytest.mark.slow

ROUNDS = 20


def cell_killed(data: Path, shape: Shape, rounds: int, seed: int, environment: dict[str, str]) -> Crowd:
    return uvloop.run(killed_again_and_again(CellProcess(data, environment), data, shape, rounds, seed))


def test_twenty_kills_of_everything_lose_repeat_and_reorder_nothing(tmp_path: Path) -> None:
    crowd = cell_killed(tmp_path, Shape(), ROUNDS, seed=20, environment=UNLIMITED)
    assert len(crowd.history.faults) == ROUNDS
    assert sum(crowd.history.heads.values()) > ROUNDS * 60
    assert len(crowd.away) == 3


def test_the_same_holds_in_a_hall_above_the_limit_of_small_rooms(tmp_path: Path) -> None:
    shape = Shape(users=10, directs=2, groups=1, hall_members=300)
    crowd = cell_killed(tmp_path, shape, 5, seed=21, environment=UNLIMITED)
    assert len(crowd.history.faults) == 5


def test_the_same_holds_where_the_server_refuses_what_comes_too_fast(tmp_path: Path) -> None:
    crowd = cell_killed(tmp_path, Shape(), 5, seed=22, environment={})
    assert len(crowd.history.faults) == 5


def test_two_cells_on_ray_killed_with_all_of_ray_lose_nothing(tmp_path: Path) -> None:
    async def run() -> Crowd:
        server = RayServer(tmp_path, 2, UNLIMITED)
        try:
            return await killed_again_and_again(server, tmp_path, Shape(), 3, seed=23)
        finally:
            await server.end()

    crowd = uvloop.run(run())
    assert len(crowd.history.faults) == 3
