"""A real Cassandra comes up, lets clients in, keeps what it was given, and goes without a trace."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

from cluster.dev import cassandra
from cluster.dev.node_files import PASSWORD, USER, NodePlan, Ports, command
from cluster.dev.output import Output
from cluster.problems import StartProblem
from cluster.processes import session_members


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose cluster is ended at the end."""
    yield tmp_path
    cassandra.stop(tmp_path)


@contextlib.contextmanager
def client(running: cassandra.Running, *addresses: str) -> Iterator[Cluster]:
    """A client that logs in."""
    cluster = Cluster([*addresses], port=running.ports.native, auth_provider=PlainTextAuthProvider(USER, PASSWORD))
    try:
        yield cluster
    finally:
        cluster.shutdown()


def ask(running: cassandra.Running, *statements: str) -> list[tuple[object, ...]]:
    """What the last statement answers."""
    with client(running, *running.addresses) as cluster:
        session = cluster.connect()
        return [list(map(tuple, session.execute(statement))) for statement in statements][-1]


KEYSPACE = "CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'dev': '%d'}"


@pytest.mark.slow
def test_one_node_comes_up_keeps_its_data_and_leaves_no_process(folder: Path) -> None:
    running = cassandra.start(folder, 1)
    assert cassandra.start(folder, 1) == running
    insert = "INSERT INTO k.t (a, b) VALUES (1, 'kept')"
    ask(running, KEYSPACE % 1, "CREATE TABLE k.t (a int PRIMARY KEY, b text)", insert)
    with pytest.raises(StartProblem, match=r"of 1 nodes runs in .* already"):
        cassandra.start(folder, 3)
    cassandra.stop(folder)
    assert [pid for session in running.sessions for pid in session_members(session)] == []
    assert cassandra.running(folder) is None
    again = cassandra.start(folder, 1, running.ports.native)
    assert again.ports.native == running.ports.native
    assert ask(again, "SELECT b FROM k.t WHERE a = 1") == [("kept",)]


@pytest.mark.slow
def test_three_nodes_in_three_racks_keep_three_copies(folder: Path) -> None:
    running = cassandra.start(folder, 3)
    for address in running.addresses:
        with client(running, address) as cluster:
            cluster.connect()  # each of them lets clients in at once
            assert sorted(host.rack for host in cluster.metadata.all_hosts()) == ["rack1", "rack2", "rack3"]
    assert ask(running, KEYSPACE % 3, "CREATE TABLE k.t (a int PRIMARY KEY)", "SELECT a FROM k.t") == []
    assert ask(running, "SELECT role FROM system_auth.roles") == [("cassandra",)]


@pytest.mark.slow
def test_a_node_that_cannot_start_is_told_with_its_reason_and_nothing_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.dev.node_files.HEAP_MIB", 3)
    with pytest.raises(StartProblem, match="node 1 ended while it started"):
        cassandra.start(folder, 1)
    assert cassandra.running(folder) is None


def test_a_port_that_is_taken_is_told_before_anything_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartProblem, match=rf"port {port} of 127\.0\.0\.1 is taken"):
            cassandra.start(folder, 1, port)
    assert list(folder.iterdir()) == []


def test_too_little_memory_is_told_before_anything_is_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = psutil.virtual_memory()._replace(available=1 << 30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(StartProblem, match="3 nodes of Cassandra need 2700 MiB of memory; 1024 MiB are free"):
        cassandra.start(folder, 3)


def test_an_address_that_is_missing_is_told_with_the_command_that_adds_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: tuple[str, int]) -> socket.socket:
        if address[0] == "127.0.0.2":
            raise OSError("Can't assign requested address")
        return real(address)

    real = socket.create_server
    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(StartProblem, match=r"no address 127\.0\.0\.2\..*sudo ifconfig lo0 alias 127\.0\.0\.2 up"):
        cassandra.start(folder, 3)


def test_the_command_names_the_agent_and_its_folder(tmp_path: Path) -> None:
    plan = NodePlan(2, 3, tmp_path / "node-2", Ports(1, 2))
    parts = command(plan, Path("/java"), [Path("/lib/guava-1.jar"), Path("/lib/jamm-0.4.0.jar")])
    assert "-javaagent:/lib/jamm-0.4.0.jar" in parts
    assert f"-Dcassandra.logdir={tmp_path}/node-2" in parts


def test_a_program_that_says_nothing_is_given_up_in_time(tmp_path: Path) -> None:
    output = Output(0.05)
    with psutil.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1, stdout=-1, text=True) as process:
        output.listen("node 1", process)
        with pytest.raises(StartProblem, match="did not start within"):
            output.wait(lambda said: "ready" in said["node 1"], "start")
        process.communicate()
    output.close()
