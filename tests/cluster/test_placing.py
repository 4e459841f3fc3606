"""Which cells are wanted where: the plan, the settings, and nodes that are named by the test instead of by Ray."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import pytest

from actors.runtime.plain import changed
from actors.runtime.view import CellInfo
from actors.store.cluster_file import ClusterFile
from cluster import placing as module
from cluster import plan_steps as steps
from cluster.child import Child
from cluster.data_folder import prepare
from cluster.membership import Membership
from cluster.nodes import Node
from cluster.placing import Placing
from cluster.plan import Hold
from cluster.plan_keeper import PlanKeeper
from cluster.ray_hands import RayHands
from cluster.settings import Settings

NODES = [Node("id-a", "10.0.0.1"), Node("id-b", "10.0.0.2")]


class Scene:
    """A placing on a new data folder."""

    def __init__(self, folder: Path, address: str = "") -> None:
        settings = Settings(
            data=folder, cells=2, shards=8, address=address, secrets=folder if address else None, nodes_share_this_machine=True
        )
        prepare(settings.model_copy(update={"secrets": None}))
        self.membership = Membership(ClusterFile(folder))
        self.membership.join(CellInfo("x-1", "x"))
        self.plan = PlanKeeper(self.membership)
        self.hands = RayHands(settings)
        self.placing = Placing(settings, self.membership, self.plan, self.hands)

    def wanted(self, *serving: str) -> tuple[str, ...]:
        async def look() -> tuple[str, ...]:
            children = {name: Child(name) for name in serving}
            for child in children.values():
                child.turns("serving")
            await self.placing.look(children, {})
            return self.placing.wanted()

        return asyncio.run(look())

    def nodes(self, names: tuple[str, ...]) -> list[str]:
        return [self.hands.node_of(name) for name in names]


@pytest.fixture
def on_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(module, "living_nodes", lambda: NODES)
    return Scene(tmp_path, "10.0.0.1:6379")


def test_there_are_as_many_cells_as_the_plan_says_and_where_it_does_not_as_the_settings_do(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.wanted() == ("cell-1", "cell-2")
    scene.plan.change(partial(changed, cells=3))
    assert scene.wanted() == ("cell-1", "cell-2", "cell-3")
    assert not scene.hands.has_another_node("cell-1")


def test_a_node_that_is_avoided_keeps_what_serves_there_and_gets_nothing_else_until_its_time_is_over(on_nodes: Scene) -> None:
    before = on_nodes.wanted()
    assert sorted(on_nodes.nodes(before)) == ["id-a", "id-a", "id-b", "id-b"]
    bad, good = [name for name in before if on_nodes.hands.node_of(name) == "id-b"]
    assert on_nodes.hands.has_another_node(bad)
    on_nodes.plan.change(partial(steps.avoid, node="id-b", hold=Hold(time.time() + 60, "why")))
    after = on_nodes.wanted(good)
    assert sorted(on_nodes.nodes(after)) == ["id-a", "id-a", "id-a", "id-b"]
    assert good in after and bad not in after
    on_nodes.plan.change(partial(steps.avoid, node="id-b", hold=Hold(time.time() - 1, "why")))
    assert on_nodes.wanted(good) == before


def test_a_rooms_own_cell_goes_to_another_node_where_its_own_is_avoided_and_it_does_not_serve(on_nodes: Scene) -> None:
    on_nodes.placing.seats.wish("9f2c", on=True)
    assert "room:9f2c" in on_nodes.wanted()
    node = on_nodes.hands.node_of("room:9f2c")
    on_nodes.plan.change(partial(steps.avoid, node=node, hold=Hold(time.time() + 60, "why")))
    on_nodes.wanted("room:9f2c")
    assert on_nodes.hands.node_of("room:9f2c") == node
    on_nodes.wanted()
    assert on_nodes.hands.node_of("room:9f2c") != node


def test_where_every_node_is_avoided_all_are_used(on_nodes: Scene) -> None:
    for node in NODES:
        on_nodes.plan.change(partial(steps.avoid, node=node.id, hold=Hold(time.time() + 60, "why")))
    assert len(on_nodes.wanted()) == 4
