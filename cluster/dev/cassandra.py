"""A real Cassandra of one or three nodes on this machine, for development and tests.

FOLDER/node-1 ...    configuration, data and logs of each node
FOLDER/running.json  what runs: ports, and the session (`setsid`) of each node, by which it is found and ended
FOLDER/made          the cluster came up whole once; without it the nodes' folders are made anew
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

import psutil

from cluster.dev.node_files import PASSWORD, READY, ROLE_MADE, UP, USER, NodePlan, Ports, command, write_files
from cluster.dev.output import Output
from cluster.dev.software import find_java, jars
from cluster.problems import StartProblem
from cluster.processes import command_of, end_session, send_all, session_members

START_LIMIT_S = 240.0
"""For all nodes together, on a machine that is busy with other things too; alone a node takes 10 s."""
END_LIMIT_S = 60.0
NODE_MIB = 900
"""What a node takes in all."""
NATIVE_PORT = 9042
_RUNNING = "running.json"
_MADE = "made"


class Running(NamedTuple):
    """A cluster that runs."""

    ports: Ports
    sessions: tuple[int, ...]
    """One a node."""
    address: str = ""
    """Where clients find the only node; empty: on loopback."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where clients find the nodes."""
        return (self.address,) if self.address else tuple(f"127.0.0.{number}" for number in range(1, len(self.sessions) + 1))

    @property
    def url(self) -> str:
        """As the setting `store` takes it."""
        return f"cassandra://{USER}:{PASSWORD}@{','.join(self.addresses)}:{self.ports.native}"


def start(folder: Path, nodes: int, native_port: int = 0, *, address: str = "", pem: Path | None = None) -> Running:
    """Start a cluster, or find it running; `native_port` 0: a free one. `address`: of this machine, for clients of a single node that
    are not on it. `pem`: key and certificate, for clients that speak TLS and no others. Raises `StartProblem`, and leaves nothing behind then."""
    found = running(folder)
    if found is not None:
        if len(found.sessions) != nodes:
            raise StartProblem(f"A Cassandra of {len(found.sessions)} nodes runs in {folder} already; end it first (--stop).")
        return found
    _check_addresses(nodes)
    _check_memory(nodes)
    ports = Ports(native_port or _free_port(nodes), _free_port(nodes))
    _check_free(nodes, ports.native)
    java = find_java()
    software = jars(java)
    plans = [NodePlan(number, nodes, folder / f"node-{number}", ports, address, pem) for number in range(1, nodes + 1)]
    with contextlib.ExitStack() as undo:
        undo.callback(stop, folder)
        begun = _start_all(folder, plans, java, software)
        undo.pop_all()
    return begun


def running(folder: Path) -> Running | None:
    """What runs in a folder; None: nothing."""
    try:
        kept = json.loads((folder / _RUNNING).read_text())
    except FileNotFoundError:
        return None
    found = Running(Ports(*kept["ports"]), tuple(kept["sessions"]), kept.get("address", ""))
    return found if any(_is_ours(pid, folder) for session in found.sessions for pid in session_members(session)) else None


def stop(folder: Path) -> None:
    """End all nodes; safe to repeat. Raises `StartProblem` where one cannot be ended."""
    found = running(folder)
    sessions = found.sessions if found is not None else ()
    # All of them at once: each takes some seconds to write what it has.
    for session in sessions:
        send_all([pid for pid in session_members(session) if _is_ours(pid, folder)], signal.SIGTERM)
    for session in sessions:
        if not end_session(session, lambda pid: _is_ours(pid, folder), limit_s=END_LIMIT_S):
            raise StartProblem(f"These processes cannot be ended: {', '.join(map(str, session_members(session)))}.")
    (folder / _RUNNING).unlink(missing_ok=True)


def start_node(folder: Path, number: int) -> Running:
    """Start a node of a running cluster that has ended, on the data that it has. Raises `StartProblem`."""
    found = running(folder)
    if found is None or not 1 <= number <= len(found.sessions):
        raise StartProblem(f"No Cassandra that has a node {number} runs in {folder}.")
    if session_members(found.sessions[number - 1]):
        return found
    java = find_java()
    plans = [
        NodePlan(one, len(found.sessions), folder / f"node-{one}", found.ports, found.address) for one in range(1, len(found.sessions) + 1)
    ]
    living = [plan for plan in plans if session_members(found.sessions[plan.number - 1])]
    plan = plans[number - 1]
    with contextlib.closing(Output(START_LIMIT_S)) as output:
        process = _launch(plan, java, jars(java))
        sessions = (*found.sessions[: number - 1], process.pid, *found.sessions[number:])
        begun = found._replace(sessions=sessions)
        (folder / _RUNNING).write_text(json.dumps(begun._asdict()))
        name = f"node {number}"
        output.listen(name, process)
        output.wait(lambda said: READY in said[name] and all(_sees(said[name], other) for other in living), "start")
    return begun


def _start_all(folder: Path, plans: list[NodePlan], java: Path, software: list[Path]) -> Running:
    is_new = not (folder / _MADE).exists()
    output = Output(START_LIMIT_S)
    sessions: list[int] = []
    with contextlib.closing(output):
        for plan in plans:
            if is_new and plan.folder.exists():
                shutil.rmtree(plan.folder)  # of a start that was cut off
            write_files(plan)
            process = _launch(plan, java, software)
            sessions.append(process.pid)
            begun = Running(plan.ports, tuple(sessions), plan.for_clients)
            (folder / _RUNNING).write_text(json.dumps(begun._asdict()))
            output.listen(f"node {plan.number}", process)
            # One after the other: the first one is the one that the others ask, and three at once are slower on two cores.
            output.wait(lambda said, name=f"node {plan.number}": READY in said[name], "start")  # type: ignore[misc]
        # Before they see each other, most of them are not there, and nobody can log in.
        pairs = [(one, other) for one in plans for other in plans if one is not other]
        output.wait(lambda said: all(_sees(said[f"node {one.number}"], other) for one, other in pairs), "bring its nodes together")
        if is_new:
            output.wait(lambda said: any(ROLE_MADE in text for text in said.values()), "make its first role")
    (folder / _MADE).touch()
    return begun


def _sees(said: str, other: NodePlan) -> bool:
    return UP.format(address=other.address, port=other.ports.storage) in said


def _launch(plan: NodePlan, java: Path, software: list[Path]) -> subprocess.Popen[str]:
    with (plan.folder / "stderr.log").open("w") as errors:
        return subprocess.Popen(
            command(plan, java, software), cwd=plan.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True,
        )  # fmt: skip


def _is_ours(pid: int, folder: Path) -> bool:
    return f"cassandra.logdir={folder}/node-" in command_of(pid)


def _check_addresses(nodes: int) -> None:
    for number in range(1, nodes + 1):
        try:
            socket.create_server((f"127.0.0.{number}", 0)).close()
        except OSError as error:
            raise StartProblem(
                f"This machine has no address 127.0.0.{number}. On macOS it has to be added until the next start: "
                f"sudo ifconfig lo0 alias 127.0.0.{number} up"
            ) from error


def _check_memory(nodes: int) -> None:
    free = psutil.virtual_memory().available >> 20
    if free < nodes * NODE_MIB:
        raise StartProblem(f"{nodes} nodes of Cassandra need {nodes * NODE_MIB} MiB of memory; {free} MiB are free.")


def _check_free(nodes: int, port: int) -> None:
    for number in range(1, nodes + 1):
        try:
            socket.create_server((f"127.0.0.{number}", port)).close()
        except OSError as error:
            raise StartProblem(f"The port {port} of 127.0.0.{number} is taken; name another one with --port.") from error


def _free_port(nodes: int) -> int:
    """One that is free on every node's address."""
    with contextlib.ExitStack() as held:
        while True:
            first = held.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = int(first.getsockname()[1])
            try:
                for number in range(2, nodes + 1):
                    socket.create_server((f"127.0.0.{number}", port)).close()
            except OSError:
                continue  # the next one that the system gives
            return port
