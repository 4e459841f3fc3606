"""The real thing: Ray's autoscaler with its fake machines is asked for a node, cells come and go, and the node is given back."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.nodes import ROLES_LABEL, ZONE_LABEL, resources_of
from cluster.processes import command_of, end_session, session_members
from cluster.secrets_folder import make_secrets
from gateway.client import Client
from gateway.client_accounts import Accounts
from tests.kit.process_end import await_end

pytestmark = pytest.mark.slow
LIMIT_S = 90.0
HEAD_ID = "f" * 51 + "00000"
"""The id that Ray's fake provider expects of its head."""
START = """
import sys
from pathlib import Path
from cluster import ray_environment
from cluster.ray_node import NodePlan, start_node
from cluster.settings import Settings
ray_environment.FROM_LAUNCHER = (*ray_environment.FROM_LAUNCHER, "RAY_FAKE_CLUSTER", "RAY_OVERRIDE_NODE_ID_FOR_TESTING")
folder, port = Path(sys.argv[1]), int(sys.argv[2])
plan = NodePlan("127.0.0.1", head=True, port=port, labels={"warbler-zone": "a"}, autoscaling=folder / "fake.json", gpus=0, temp=Path(sys.argv[3]))
start_node(Settings(data=folder / "unused", secrets=folder / "secrets"), plan)
"""


def config(port: int) -> dict[str, Any]:
    """What `ray up` would give its head: machines that are processes of this one."""
    kinds = {"ray.head.default": ("a", 0), "chat": ("b", 2)}
    empty: dict[str, Any] = {
        name: [] for name in ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")
    }
    return {
        "cluster_name": "fake", "max_workers": 2, "upscaling_speed": 1.0, "idle_timeout_minutes": 0.05,
        "provider": {
            "type": "fake_multinode", "head_node_id": HEAD_ID, "gcs_address": f"127.0.0.1:{port}",
            "disable_node_updaters": True, "launch_multiple": True, "use_node_id_as_ip": True,
        },
        "available_node_types": {
            kind: {
                "resources": {"CPU": 1, **resources_of({})}, "labels": {ROLES_LABEL: "edge-chat", ZONE_LABEL: zone}, "node_config": {},
                "min_workers": 0, "max_workers": most,
            }
            for kind, (zone, most) in kinds.items()
        },
        "head_node_type": "ray.head.default", "auth": {}, "docker": {}, "file_mounts": {}, "cluster_synced_files": [],
        "file_mounts_sync_continuously": False, "rsync_exclude": [], "rsync_filter": [],
        "head_start_ray_commands": [], "worker_start_ray_commands": [], **empty,
    }  # fmt: skip


class Cluster:
    """A head whose autoscaler has machines to give, and Warbler on it."""

    def __init__(self, folder: Path, ray_folder: Path) -> None:
        self.folder = folder
        make_secrets(folder / "secrets")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        (folder / "fake.json").write_text(json.dumps(config(self.port)))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WARBLER_", "RAY_"))}
        self.environment = {**kept, "WARBLER_SECRETS": str(folder / "secrets"), "WARBLER_MAX_CONNECTIONS": "4"}
        told = {"RAY_FAKE_CLUSTER": "1", "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID, "RAY_CLOUD_INSTANCE_ID": HEAD_ID}
        # The second autoscaler cannot be had with fake machines: a file of it is not in Ray's package.
        told |= {"RAY_enable_autoscaler_v2": "0", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
        command = [sys.executable, "-c", START, str(folder), str(self.port), str(ray_folder)]
        self.ray = subprocess.Popen(command, env={**self.environment, **told}, start_new_session=True, stderr=subprocess.PIPE, text=True)
        _, said = self.ray.communicate(timeout=LIMIT_S)
        assert self.ray.returncode == 0, said

    def run(self, *arguments: str, **variables: str) -> str:
        command = [sys.executable, "-m", "cluster.cli", *arguments, "--data", str(self.folder / "data")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, env={**self.environment, **variables}, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def until(self, what: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            cells: list[dict[str, Any]] = json.loads(self.run("status", "--json"))["cells"]
            if all(cell["state"] == "serving" and "slots" in cell for cell in cells) and what(cells):
                return cells
        raise AssertionError(f"not within {LIMIT_S} s; now: {cells}")

    def raylets(self) -> set[int]:
        return {pid for pid in session_members(self.ray.pid) if "/raylet/raylet" in command_of(pid)}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    ray_folder = Path("/tmp") / f"wbe{os.getpid()}"
    cluster = None
    try:
        cluster = Cluster(tmp_path, ray_folder)
        yield cluster
    finally:
        if cluster is not None:
            end_session(cluster.ray.pid, lambda pid: str(ray_folder) in command_of(pid), limit_s=10.0)
        subprocess.run(["rm", "-rf", str(ray_folder)], check=True)


async def crowded(cluster: Cluster, url: str) -> list[dict[str, Any]]:
    """Three clients are more than the first cell should bear: a node is asked for, and gets a cell. The cells then."""
    account = Accounts(url)
    logins = [await asyncio.to_thread(account.register, name, "correct horse battery") for name in ("anna", "ben", "cleo")]
    clients = [Client(account.websocket_url, login.token) for login in logins]
    async with clients[0], clients[1], clients[2]:
        room = (await clients[0].create("all", [login.user for login in logins[1:]])).room
        await clients[0].send(room, "it is full here")
        cells = await asyncio.to_thread(cluster.until, lambda cells: len(cells) == 2 and all(cell["slots"] for cell in cells))
        await clients[0].send(room, "not any more")
        return cells


def test_a_cluster_that_is_short_gets_a_node_from_rays_autoscaler_and_gives_it_back(cluster: Cluster) -> None:
    growing = {"WARBLER_MOST_NODES": "2", "WARBLER_GROW_AFTER_S": "1", "WARBLER_SHRINK_AFTER_S": "2", "WARBLER_CELLS": "1"}
    address = f"127.0.0.1:{cluster.port}"
    cluster.run("up", "--address", address, "--port", "0", "--shards", "4", "--detach", WARBLER_PASSWORD_THREADS="1", **growing)
    (first,) = cluster.until(lambda cells: len(cells) == 1)
    (home,) = cluster.raylets()
    cells = asyncio.run(crowded(cluster, f"http://127.0.0.1:{first['port']}"))
    (added,) = cluster.raylets() - {home}
    assert sorted(cell["slots"] for cell in cells) == [2048, 2048]
    (left,) = cluster.until(lambda cells: len(cells) == 1)
    assert (left["life"], left["slots"]) == (first["life"], 4096)
    await_end(added, LIMIT_S)
    cluster.run("down")
    assert cluster.raylets() == {home}, "a Ray that was joined is not ours to end"
