"""What Ray knows of its nodes, asked from inside (drivers and actors)."""

from __future__ import annotations

import os
import signal
from typing import Any

import ray
from ray.autoscaler.sdk import request_resources
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.nodes import ROOM, UNIT, Node
from cluster.processes import ProcessId, kill_for_sure

HEAD_RESOURCE = "node:__internal_head__"
"""The resource by which Ray marks its head."""


def living_nodes() -> list[Node]:
    """The nodes that Ray calls alive, by address."""
    found = [_node(row) for row in ray.nodes() if row["Alive"]]
    return sorted(found, key=lambda node: (not node.is_head, node.address, node.id))


def _node(row: dict[str, Any]) -> Node:
    resources = row["Resources"]
    return Node(row["NodeID"], row["NodeManagerAddress"], row["Labels"], resources.get(UNIT, 0.0), HEAD_RESOURCE in resources)


def on_node(node: str) -> Any:
    """The scheduling strategy: there or nowhere."""
    return NodeAffinitySchedulingStrategy(node, soft=False)


def _end_raylet() -> None:
    """A node's Ray ends in good order when its raylet, the parent of its workers, is asked to."""
    os.kill(os.getppid(), signal.SIGTERM)


def _kill_here(process: ProcessId) -> bool:
    """True where it is gone, or never was here: a machine that was started again has other processes."""
    return not process.is_near or kill_for_sure(process)


RAY_KILL: Any = ray.remote(num_cpus=0, max_retries=0)(_kill_here)
RAY_END_NODE: Any = ray.remote(num_cpus=0, max_retries=0)(_end_raylet)


def kill_there(node: str, process: ProcessId) -> Any:
    """Kill a process that only its own node can see; the reference says whether it is gone."""
    return RAY_KILL.options(scheduling_strategy=on_node(node)).remote(process)


def end_nodes(nodes: list[Node], limit_s: float) -> None:
    """End the Ray of these nodes. A node cannot answer that it has ended: whoever asks looks whether it is gone."""
    asked = [RAY_END_NODE.options(scheduling_strategy=on_node(node.id)).remote() for node in nodes]
    if asked:
        ray.wait(asked, num_returns=len(asked), timeout=limit_s)


def home_node() -> str:
    """The id of the node that this process is on."""
    found: str = ray.get_runtime_context().get_node_id()
    return found


def ask_for(nodes: int) -> None:
    """Ask Ray's autoscaler to have at least so many nodes for chat; what it keeps beyond that is idle or its own minimum."""
    request_resources(bundles=[{ROOM: 1}] * nodes)
