"""Ray by itself, with nothing set: how long until an actor whose process, or node, was killed or frozen answers again elsewhere.

    python -m tests.faults.ray_defaults [--runs 3]

What the figures of the scenarios are compared with. A head without room for the actor, and two nodes with room for it; the actor has
unlimited restarts and calls, and somebody asks it all the time, each time anew as soon as the call before has ended.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray.exceptions import RayError

from cluster.bench.killable import free_port
from cluster.processes import command_of, end_session, session_members
from tests.faults.gauge import at

PLACE = "place"
"""The resource that the nodes have for the actor."""
LIMIT_S = 240.0


@ray.remote(max_restarts=-1, max_task_retries=-1, resources={PLACE: 1}, num_cpus=0)
class Echo:
    """Says which process it is."""

    def pid(self) -> int:
        """Of this life."""
        return os.getpid()


class PlainRay:
    """A head and two nodes, each in a session of the system of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self._sessions: list[int] = []

    @property
    def address(self) -> str:
        """Of the head."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """The head, then the nodes."""
        self._start_node("--head", "--port", str(self._port), "--include-dashboard", "false", "--temp-dir", str(self._folder))
        for _ in range(2):
            self._start_node("--address", self.address, "--resources", f'{{"{PLACE}": 1}}')

    def _start_node(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--node-ip-address", "127.0.0.1", "--num-cpus", "1", *arguments]
        command += ["--object-store-memory", str(100 << 20), "--disable-usage-stats"]
        process = subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL, start_new_session=True)
        if process.wait(LIMIT_S) != 0:
            raise RuntimeError("a node of Ray did not start")
        self._sessions.append(process.pid)

    def node_of(self, pid: int) -> list[int]:
        """All processes of the node that a process belongs to."""
        return next(members for session in self._sessions if pid in (members := session_members(session)))

    def end(self) -> None:
        """End all of it."""
        for session in self._sessions:
            for pid in session_members(session):
                os.kill(pid, signal.SIGCONT)
            end_session(session, lambda pid: str(self._folder) in command_of(pid), limit_s=10.0)


@contextmanager
def plain_ray() -> Iterator[PlainRay]:
    """A running one, to which this process is connected."""
    with tempfile.TemporaryDirectory(prefix="rd", dir="/tmp") as folder:
        nodes = PlainRay(Path(folder))
        try:
            nodes.start()
            ray.init(address=nodes.address, log_to_driver=False)
            yield nodes
        finally:
            ray.shutdown()
            nodes.end()


def kill_process(nodes: PlainRay, pid: int) -> None:
    """SIGKILL to the actor's process alone."""
    os.kill(pid, signal.SIGKILL)


def kill_node(nodes: PlainRay, pid: int) -> None:
    """SIGKILL to everything on its node."""
    for member in nodes.node_of(pid):
        os.kill(member, signal.SIGKILL)


def freeze_node(nodes: PlainRay, pid: int) -> None:
    """SIGSTOP to everything on its node."""
    for member in nodes.node_of(pid):
        os.kill(member, signal.SIGSTOP)


FAULTS: dict[str, Callable[[PlainRay, int], None]] = {
    "process killed": kill_process,
    "node killed": kill_node,
    "node frozen": freeze_node,
}


def measure(fault: Callable[[PlainRay, int], None]) -> float:
    """Seconds from the fault to the first answer of the actor's next process."""
    with plain_ray() as nodes:
        actor = Echo.remote()
        before = ray.get(actor.pid.remote(), timeout=LIMIT_S)
        began = time.monotonic()
        fault(nodes, before)
        while time.monotonic() < began + LIMIT_S:
            try:
                if ray.get(actor.pid.remote(), timeout=LIMIT_S) != before:
                    return time.monotonic() - began
            except RayError as error:
                print(f"  {type(error).__name__}")
        raise RuntimeError(f"no answer within {LIMIT_S:.0f} s")


def main() -> None:
    """Each fault so often, on a Ray of its own."""
    parser = argparse.ArgumentParser(prog="tests.faults.ray_defaults", description="How soon Ray by itself has an actor back.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=FAULTS, action="append")
    given = parser.parse_args()
    for name in given.only or FAULTS:
        took = [measure(FAULTS[name]) for _ in range(given.runs)]
        print(f"{name}: {at(took, 0.5):.1f} s (median of {len(took)}), worst {max(took):.1f} s", flush=True)


if __name__ == "__main__":
    main()
