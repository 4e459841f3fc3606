"""The supervisor on real Ray is killed while something is under way: commands wait for it, and what was wanted is done.

Nothing sleeps here: the tests wait for the end of a process, for a view in the store, for a line of a command.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from actors.commands import PROTOCOL_VERSION
from cluster.processes import command_of
from gateway.client_accounts import Accounts
from tests.kit.process_end import await_end
from tests.kit.program import Program
from tests.kit.ray_server import Server

pytestmark = pytest.mark.slow
DRAIN_S = "30"
"""So long is a cell given to send its clients away: a drain with clients is under way when the tests look."""
CLIENTS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("ray"))
    server.up(WARBLER_DRAIN_SECONDS=DRAIN_S)
    yield server
    server.run("down")
    assert server.processes() == []


def shared(cells: dict[str, dict[str, Any]]) -> bool:
    return sorted(cell["slots"] for cell in cells.values()) == [2048, 2048]


def lives(server: Server) -> dict[str, str]:
    return {name: cell["life"] for name, cell in server.until(shared).items()}


def said(command: subprocess.Popen[str]) -> list[str]:
    """What a command has said when it ended well."""
    out, err = command.communicate(timeout=200)
    assert command.returncode == 0, out + err
    return out.splitlines()


def test_every_command_waits_for_a_supervisor_that_has_just_died(server: Server) -> None:
    before = lives(server)
    server.kill_supervisor()
    status = server.run("status", "--json")
    assert status.returncode == 0, status.stderr
    server.kill_supervisor()
    assert "it was running already" in server.up()
    server.kill_supervisor()
    tree = server.run("status", "--tree")
    assert tree.returncode == 0 and "permanent" in tree.stdout
    server.kill_supervisor()
    moved = server.run("move", "0", "cell-1")
    assert (moved.returncode, moved.stdout) == (0, "group 0: goes to cell-1, and stays there\n"), moved.stderr
    server.kill_supervisor()
    undone = server.run("move", "0", "--undo")
    assert undone.stdout == "group 0: placement decides again\n", undone.stderr
    assert lives(server) == before


def test_a_cell_that_was_taken_off_stays_off_though_supervisor_and_then_everything_is_killed(server: Server) -> None:
    old = lives(server)["cell-2"]
    command = server.begin("drain", "cell-2")
    server.until_view(lambda view: old in view.draining)
    server.kill_supervisor()
    assert said(command) == ["cell-2: empty, and ended"]
    status = server.status()
    assert ([cell["name"] for cell in status["cells"]], status["off"]) == (["cell-1"], ["cell-2"])
    for pid in server.processes():
        os.kill(pid, signal.SIGKILL)
    assert "cells  cell-1\n" in server.up(WARBLER_DRAIN_SECONDS=DRAIN_S)
    assert server.status()["off"] == ["cell-2"]
    assert server.run("drain", "cell-2", "--undo").stdout == "cell-2: wanted again\n"
    assert set(lives(server)) == {"cell-1", "cell-2"}


async def among_clients(server: Server, cell: dict[str, Any], act: Callable[[], Any]) -> Any:
    """What `act` returns in a thread, while people are connected to this very cell who do not move when they are asked."""
    accounts = Accounts(server.status()["url"])
    login = await asyncio.to_thread(accounts.register, f"anna-{cell['pid']}", "correct horse battery")
    async with contextlib.AsyncExitStack() as open_until:
        for _ in range(CLIENTS):
            client = await open_until.enter_async_context(connect(cell["edge_url"]))
            await client.send(json.dumps({"t": "hello", "v": PROTOCOL_VERSION, "token": login.token}))
            await client.recv()
        return await asyncio.to_thread(act)


def test_a_drain_can_be_taken_back_while_it_is_under_way_also_by_another_supervisor(server: Server) -> None:
    cells = server.until(shared)
    old = cells["cell-2"]["life"]

    def take_back() -> list[str]:
        command = server.begin("drain", "cell-2")
        server.until_view(lambda view: old in view.draining)
        server.kill_supervisor()
        undone = server.run("drain", "cell-2", "--undo")
        assert undone.returncode == 0, undone.stderr
        return said(command)

    assert asyncio.run(among_clients(server, cells["cell-2"], take_back)) == ["cell-2: wanted again"]
    server.until_view(lambda view: not view.draining)
    assert lives(server)["cell-2"] == old
    assert server.status()["off"] == []


def test_a_roll_goes_on_though_the_supervisor_is_killed_in_the_middle_and_the_switch_is_another_process(server: Server) -> None:
    before = lives(server)
    program = Program(server)
    program.value('get_actor("room:nothing") and None')
    assert program.answer('ray.get(get_actor("room:nothing").stats.remote())')["code"] == "no_such_room"
    (switch,) = [pid for pid in server.processes() if command_of(pid).startswith("ray::Switch")]
    command = server.begin("roll")
    server.until_view(lambda view: bool(set(view.draining) & set(before.values())))
    await_end(switch)
    server.kill_supervisor()
    assert said(command) == ["supervisor: replaced", "switch: replaced", "cell-1: replaced", "cell-2: replaced"]
    after = lives(server)
    assert not set(after.values()) & set(before.values())
    assert program.answer('ray.get(get_actor("room:nothing").stats.remote())')["code"] == "no_such_room"
    program.end()


def test_as_many_cells_as_were_asked_for_once_come_back_with_a_start_that_does_not_say(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        server.run("up", "--port", "0", "--cells", "1", "--shards", "4", "--detach")
        assert len(server.status()["cells"]) == 1
        server.kill_supervisor()
        done = server.run("down")
        assert (done.returncode, done.stdout) == (0, "Warbler was stopped.\n")
        server.run("up", "--port", "0", "--detach")
        assert len(server.status()["cells"]) == 1
        assert json.loads(server.run("status", "--json").stdout)["state"] == "well"
    finally:
        server.run("down")
    assert server.processes() == []
