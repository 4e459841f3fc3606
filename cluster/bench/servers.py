"""The servers of a plan: the bare relay, a cell on a folder of its own, or a server that runs already.

The command line of a cell stands here and nowhere else in this package.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cluster import ray_instance
from cluster.bench.database import Database
from cluster.bench.dialect import Account, BareDialect, WarblerDialect
from cluster.bench.lean_client import LoadError
from cluster.bench.measure import with_children
from cluster.bench.plans import Plan
from cluster.bench.seed import load_rows, seed_accounts
from cluster.bench.side import Side
from cluster.bench.target import SERVER_CORE, Target, on_core, started
from cluster.processes import session_members
from cluster.settings import Settings

BARE_PREFIX = "relay"
PREFIX = "bench"
"""User names are this and a number."""


@contextlib.contextmanager
def bare_relay(plan: Plan, *, core: int | None = SERVER_CORE) -> Iterator[Side]:
    """A bare relay with the users of a plan, and the past that it pushes on request."""
    command = [sys.executable, "-m", "cluster.bench.bare", BARE_PREFIX, str(plan.users), str(plan.past)]
    with started(command, core=core) as (process, line):
        target = Target((f"http://127.0.0.1:{line.split()[1]}",), tuple(with_children([process.pid])))
        yield Side(target, BareDialect(BARE_PREFIX, plan.users))


def cell_command(data: Path, port: int = 0) -> list[str]:
    """One cell in one process, without Ray; it prints ``ready http://HOST:PORT`` once it listens."""
    return [sys.executable, "-m", "cluster.cell_process", "--data", str(data), "--port", str(port), "--log", str(data / "bench.log")]


UNLIMITED = {
    "WARBLER_POSTS_PER_SECOND": "1000000",
    "WARBLER_REQUESTS_PER_SECOND": "1000000",
    "WARBLER_ARRIVALS_PER_SECOND": "1000000",
    "WARBLER_ARRIVALS_SHARE": "1",
    "WARBLER_MAX_CONNECTIONS_PER_ADDRESS": "1000000",
}
"""Settings under load: all comes from one address, and faster than a person types."""
ADMITTING = {name: value for name, value in UNLIMITED.items() if "ARRIVALS" not in name}
"""The same, where it is measured how clients are let in: as it is by default."""


def read_accounts(path: Path) -> list[Account]:
    """The accounts in a file of lines of user, tab, token."""
    accounts = [Account(*line.split("\t", 1)) for line in path.read_text().splitlines() if line]
    return sorted(accounts, key=lambda account: (len(account.user), account.user))


@contextlib.contextmanager
def own_cell(
    data: Path,
    accounts: Sequence[Account],
    *,
    core: int | None = SERVER_CORE,
    environment: dict[str, str] = UNLIMITED,
    beside: Sequence[int] = (),
) -> Iterator[Side]:
    """One cell on a folder that has these accounts; `beside`: processes whose CPU is shown apart."""
    began = time.perf_counter()
    with started(cell_command(data), core=core, environment=environment) as (process, line):
        pids = tuple(with_children([process.pid]))
        target = Target((line.split()[1],), pids, tuple(beside), data, time.perf_counter() - began)
        yield Side(target, WarblerDialect(accounts))


@contextlib.contextmanager
def fresh_cell(
    plan: Plan, folder: Path, *, core: int | None = SERVER_CORE, shards: int = 1, environment: dict[str, str] = UNLIMITED
) -> Iterator[Side]:
    """One cell on an empty folder under `folder` with the accounts that a plan needs; one shard, as for one cell."""
    with tempfile.TemporaryDirectory(prefix="warbler-bench-", dir=folder) as name:
        data = Path(name)
        accounts = [devices[0] for devices in seed_accounts(data, plan.users, prefix=PREFIX, cells=shards)]
        with own_cell(data, accounts, core=core, environment=environment) as side:
            yield side


@contextlib.contextmanager
def cell_on_database(plan: Plan, folder: Path, base: Database, *, core: int | None = SERVER_CORE) -> Iterator[Side]:
    """The same on a keyspace of its own, with the rows that the plan wants to lie there; the database's CPU counts apart."""
    with tempfile.TemporaryDirectory(prefix="warbler-bench-", dir=folder) as name, base.keyspace() as store:
        data = Path(name)
        accounts = [devices[0] for devices in seed_accounts(data, plan.users, prefix=PREFIX, store=store)]
        load_rows(data, plan.rows(), store=store)
        with own_cell(data, accounts, core=core, environment={**UNLIMITED, "WARBLER_STORE": store}, beside=base.pids) as side:
            yield side


@contextlib.contextmanager
def server_on_ray(plan: Plan, folder: Path, cells: int, *, core: int | None = SERVER_CORE) -> Iterator[Side]:
    """`warbler up` with so many cells on an empty folder; Ray's own processes count apart."""
    with tempfile.TemporaryDirectory(prefix="warbler-bench-", dir=folder) as name:
        data = Path(name)
        accounts = [devices[0] for devices in seed_accounts(data, plan.users, prefix=PREFIX, cells=cells)]
        began = time.perf_counter()
        run_warbler("up", "--data", name, "--port", "0", "--cells", str(cells), "--detach", core=core)
        try:
            ready_s = time.perf_counter() - began
            status = json.loads(run_warbler("status", "--data", name, "--json"))
            pids = tuple(int(cell["pid"]) for cell in status["cells"])
            instance = ray_instance.running(Settings(data=data))
            beside = [pid for pid in session_members(instance.session) if pid not in pids] if instance is not None else []
            target = Target((status["url"].rstrip("/"),), pids, tuple(beside), data, ready_s)
            yield Side(target, WarblerDialect(accounts))
        finally:
            run_warbler("down", "--data", name)


def run_warbler(*arguments: str, core: int | None = None, **variables: str) -> str:
    """Run a command to its end; its standard output. Raises `LoadError` where it fails."""
    command = [sys.executable, "-m", "cluster.cli", *arguments]
    with on_core(core):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **UNLIMITED, **variables})
    if done.returncode != 0:
        raise LoadError(f"warbler {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@contextlib.contextmanager
def running_server(urls: Sequence[str], pids: Sequence[int], daemons: Sequence[int], tokens: Path, folder: Path) -> Iterator[Side]:
    """A server that runs already, on this machine where its CPU is to be told."""
    target = Target(tuple(urls), tuple(pids), tuple(daemons), folder)
    yield Side(target, WarblerDialect(read_accounts(tokens)))
