"""Starts the Ray of one node among several, from outside; Ray itself is not imported here.

What a node is for is told by options, or by a file that lists all nodes by address, the same on each of them:

    ["10.0.0.1"]
    roles = "edge-chat"
    zone = "a"
    cells = 2
    host = "chat-1.example"
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cluster.addresses import is_own
from cluster.former_head import DEFAULT_FOLDER, STORAGE_VARIABLE, end_former_head
from cluster.nodes import CELLS_LABEL, HOST_LABEL, ROLES_LABEL, ZONE_LABEL, resources_of, roles_of
from cluster.problems import StartProblem, last_words
from cluster.ray_environment import node_variables
from cluster.secrets_folder import read_secrets
from cluster.settings import Settings

START_LIMIT_S = 90.0
LEAST_FILES = 4096
"""Fewer files would end Ray itself before it ends chats."""
STORAGE = "head"
"""In the data folder's ``run``: what Ray's head knows."""
LABELS = {"roles": ROLES_LABEL, "zone": ZONE_LABEL, "cells": CELLS_LABEL, "host": HOST_LABEL}
"""What a node may say of itself, and as which label of Ray."""


class NodePlan(NamedTuple):
    """One node to start."""

    address: str = ""
    """Its private address; empty: Ray finds it."""
    head: bool = False
    join: str = ""
    """`HOST:PORT` of the head that it joins."""
    port: int = 6379
    """Of the head."""
    labels: Mapping[str, str] = {}
    autoscaling: Path | None = None
    """What `ray up` gives its head."""
    gpus: int | None = None
    temp: Path | None = None


def listed(file: Path) -> tuple[str, dict[str, str]]:
    """This machine's address and labels in a file of all nodes. Raises `StartProblem` where it is not there or not clear."""
    try:
        rows = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise StartProblem(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartProblem(f"{file} is not valid TOML: {error}.") from error
    own = [address for address in rows if is_own(address)]
    if len(own) != 1:
        raise StartProblem(f"{file} lists {len(own)} addresses of this machine ({', '.join(own) or 'none'}); it needs one.")
    return own[0], labels_of(rows[own[0]], f"{file}, {own[0]}")


def labels_of(said: Mapping[str, object], where: str) -> dict[str, str]:
    """The labels of a node. Raises `StartProblem` for what is none."""
    unknown = sorted(set(said) - set(LABELS))
    if unknown:
        raise StartProblem(f"{where}: {', '.join(unknown)}: a node has {', '.join(LABELS)} and nothing else.")
    labels = {LABELS[name]: str(value) for name, value in said.items() if value not in (None, "")}
    roles_of(labels)
    return labels


def start_node(settings: Settings, plan: NodePlan) -> str:
    """Start it; what Ray said last. Raises `StartProblem`."""
    if settings.secrets is None:
        raise StartProblem("A node needs --secrets: the folder that was made once, by `warbler secrets`, for all nodes.")
    read_secrets(settings.secrets)
    raise_files()
    storage = storage_of(settings) if plan.head else {}
    if plan.join:
        check_reachable(plan.join)
    if storage:
        end_former_head(storage[STORAGE_VARIABLE], plan.temp or DEFAULT_FOLDER, plan.port)
    try:
        done = subprocess.run(
            command_for(settings, plan), env={**node_variables(settings), **autoscaler_of(plan.autoscaling), **storage}, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=START_LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise StartProblem(f"Ray did not start within {START_LIMIT_S:.0f} s on this machine.") from error
    if done.returncode != 0:
        raise StartProblem(f"Ray did not start: {last_words(done.stdout)}")
    return done.stdout


def command_for(settings: Settings, plan: NodePlan) -> list[str]:
    """The command line of `ray start`."""
    labels = ",".join(f"{name}={value}" for name, value in sorted(plan.labels.items()))
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start"),
        *(("--head", "--port", str(plan.port)) if plan.head else ("--address", plan.join)),
        *(("--node-ip-address", plan.address) if plan.address else ()),
        *(("--labels", labels) if labels else ()),
        *(("--autoscaling-config", str(plan.autoscaling)) if plan.autoscaling is not None else ()),
        *(("--num-gpus", str(plan.gpus)) if plan.gpus is not None else ()),
        *(("--temp-dir", str(plan.temp)) if plan.temp is not None else ()),
        *("--resources", json.dumps(resources_of({**plan.labels, **_told_labels()}))),
        *("--object-store-memory", str(settings.ray_memory_mib << 20)),
        *("--include-dashboard", "false") * plan.head,
        *("--disable-usage-stats", "--include-log-monitor", "false", "--log-style", "record", "--log-color", "false"),
    ]


def autoscaler_of(file: Path | None) -> dict[str, str]:
    """The variable that chooses Ray's autoscaler for the machines in a file of `ray up`: for own machines the first one, since
    the second (of Ray 2.60) takes its head for a machine that is still to be started, and then starts one too few."""
    if file is None:
        return {}
    try:
        provider = json.loads(file.expanduser().read_text())["provider"]["type"]
    except OSError as error:
        raise StartProblem(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StartProblem(f"{file} is not what `ray up` gives its head.") from error
    return {"RAY_enable_autoscaler_v2": "0"} if provider == "local" else {}


def storage_of(settings: Settings) -> dict[str, str]:
    """The variables with which a head writes down what it knows, so that nodes and cells go on when it is started again after
    its machine died. Raises `StartProblem` where the folder cannot be made."""
    if sys.platform != "linux":
        return {}  # Ray's package has that store for Linux alone
    folder = settings.data / "run" / STORAGE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.data.chmod(0o700)
    except OSError as error:
        raise StartProblem(f"The folder {folder} cannot be made: {error.strerror}.") from error
    return {"RAY_gcs_storage": "rocksdb", STORAGE_VARIABLE: str(folder.resolve())}


def _told_labels() -> dict[str, str]:
    """The labels with which `ray up` starts this machine."""
    found: dict[str, str] = json.loads(os.environ.get("RAY_OVERRIDE_LABELS") or "{}")
    return found


def raise_files() -> None:
    """As many open files as the system lets a process have: each connection is one. Raises `StartProblem` where that is too few."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < LEAST_FILES:
        raise StartProblem(f"This machine allows {hard} open files a process: raise the hard limit (`ulimit -Hn`) to 65536.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20 if hard == resource.RLIM_INFINITY else hard, hard))


def check_reachable(address: str) -> None:
    """Raises `StartProblem` where nobody listens: Ray itself would try for a long time without a word."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10.0).close()
    except (OSError, ValueError) as error:
        raise StartProblem(f"The head {address} does not answer: {error}.") from error
