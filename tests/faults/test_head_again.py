"""Ray's head is killed and started again by the documented command, on real Ray."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cluster.bench.servers import UNLIMITED
from cluster.data_folder import prepare
from cluster.settings import Settings
from tests.faults.ray_nodes import CELLS, RayNodes
from tests.faults.running_on_ray import SHARDS


@pytest.mark.slow
def test_a_killed_head_is_started_again_by_its_own_command_and_cells_of_other_nodes_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        nodes = RayNodes(tmp_path, UNLIMITED)
        prepare(Settings(data=nodes.data, secrets=nodes.secrets, shards=SHARDS))
        try:
            await nodes.start()
            before = nodes.lives()
            nodes.kill_head()
            await nodes.start_head_again()
            for life in [life for life, node in before.items() if node == "head"]:
                await nodes.map.changed(life)
            await nodes.has_cells(sum(CELLS.values()))
            assert {life for life, node in before.items() if node == "other"} <= set(nodes.lives())
            assert "serving" in " ".join(await nodes.command("status", "--once"))
        finally:
            await nodes.end()

    asyncio.run(scenario())
