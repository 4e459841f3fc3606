"""The real thing: cells on Ray, started and ended by the command line, killed in between."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.processes import command_of, session_members
from cluster.ray_environment import read_instance, token_file
from tests.kit.ray_server import LIMIT_S, Server

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("ray"))
    told = server.up()
    assert "Warbler is ready: http://127.0.0.1:" in told
    yield server
    server.run("down")
    assert server.processes() == []


def shared(cells: dict[str, dict[str, Any]]) -> bool:
    return sorted(cell["slots"] for cell in cells.values()) == [2048, 2048]


def test_two_cells_share_slots_and_port_and_answer(server: Server) -> None:
    cells = server.until(shared)
    assert len({cell["pid"] for cell in cells.values()}) == 2
    assert len({cell["port"] for cell in cells.values()}) == 1
    url = server.status()["url"]
    assert httpx.get(f"{url}healthz").json()["ok"] is True


def test_nothing_of_ray_listens_beyond_this_machine(server: Server) -> None:
    inodes = {
        os.readlink(link)[8:-1]
        for pid in server.processes()
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink() and os.path.lexists(link) and os.readlink(link).startswith("socket:")
    }
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = {row[1].rsplit(":", 1)[0] for row in rows if row[3] == "0A" and row[9] in inodes}
    assert listening <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert listening


def test_rays_sockets_and_the_token_are_for_this_user_alone(server: Server) -> None:
    instance = read_instance(server.settings)
    assert instance is not None
    assert Path(instance.folder).stat().st_mode & 0o777 == 0o700
    assert list(Path(instance.folder).glob("r/session_*/sockets/*"))
    assert token_file(server.settings).stat().st_mode & 0o777 == 0o600


def test_accounts_are_made_by_the_running_server(server: Server) -> None:
    made = server.run("accounts", "create", "anna", WARBLER_PASSWORD="correct horse")
    assert json.loads(made.stdout)["user"] == "anna", made.stderr
    again = server.run("accounts", "create", "anna", WARBLER_PASSWORD="correct horse")
    assert (again.returncode, again.stderr) == (1, "warbler: anna: That name is taken.\n")


def test_a_second_start_takes_the_running_server_over(server: Server) -> None:
    before = {cell["life"] for cell in server.cells().values()}
    assert "it was running already" in server.up()
    assert {cell["life"] for cell in server.cells().values()} == before


def test_a_killed_cell_is_back_with_its_slots_and_the_other_never_ended(server: Server) -> None:
    before = server.until(shared)
    os.kill(before["cell-1"]["pid"], signal.SIGKILL)
    after = server.until(lambda cells: shared(cells) and cells["cell-1"]["pid"] != before["cell-1"]["pid"])
    assert after["cell-1"]["restarts"] == before["cell-1"]["restarts"] + 1
    assert after["cell-2"]["life"] == before["cell-2"]["life"]
    assert after["cell-1"]["port"] == before["cell-1"]["port"]


def test_a_frozen_cell_is_killed_and_replaced(server: Server) -> None:
    before = server.until(shared)
    os.kill(before["cell-2"]["pid"], signal.SIGSTOP)
    after = server.until(lambda cells: shared(cells) and cells["cell-2"]["pid"] != before["cell-2"]["pid"])
    assert "no beat" in after["cell-2"]["last_end"]
    assert after["cell-1"]["life"] == before["cell-1"]["life"]


def test_a_killed_supervisor_is_back_and_adopts_the_living_cells(server: Server) -> None:
    before = server.status()
    os.kill(before["pid"], signal.SIGKILL)
    end = time.monotonic() + LIMIT_S
    while (found := server.run("status", "--json")).returncode or json.loads(found.stdout)["pid"] == before["pid"]:
        assert time.monotonic() < end
    cells = server.until(shared)
    assert {cell["life"] for cell in cells.values()} == {cell["life"] for cell in before["cells"]}


def test_without_its_token_the_running_server_cannot_be_reached_and_that_is_said(server: Server) -> None:
    token = token_file(server.settings)
    kept = token.rename(token.with_suffix(".kept"))
    done = server.run("status", "--once")
    kept.rename(token)
    assert done.returncode == 1
    assert done.stderr.startswith("warbler: Ray's token ")
    assert done.stderr.count("\n") == 1


def test_after_everything_was_killed_it_starts_again_with_what_was_stored(server: Server) -> None:
    lives = {cell["life"] for cell in server.cells().values()}
    for pid in server.processes():
        os.kill(pid, signal.SIGKILL)
    assert "it was running already" not in server.up()
    assert lives.isdisjoint(cell["life"] for cell in server.cells().values())
    shown = server.run("accounts", "show", "anna")
    assert json.loads(shown.stdout)["user"] == "anna"


def test_without_its_head_every_command_says_so_at_once_and_a_start_begins_anew(server: Server) -> None:
    heads = [pid for pid in server.processes() if "gcs_server" in command_of(pid)]
    assert heads
    for pid in heads:
        os.kill(pid, signal.SIGKILL)
    asked = server.run("status", "--once")
    assert asked.returncode == 1
    assert "head" in asked.stderr and "warbler up" in asked.stderr
    assert "it was running already" not in server.up()
    server.until(shared)


def test_in_the_foreground_with_the_default_folder_it_tells_what_happens_and_leaves_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path)
    command = [sys.executable, "-m", "cluster.cli", "up", "--port", "0", "--cells", "1"]
    options: dict[str, Any] = {"env": {**server.environment, "PYTHONPATH": str(ROOT)}, "cwd": tmp_path}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options) as process:
        assert process.stdout is not None
        said = [process.stdout.readline()]
        assert "Warbler is ready" in said[0]
        instance = read_instance(server.settings)
        assert instance is not None
        os.kill(server.cells()["cell-1"]["pid"], signal.SIGKILL)
        while "  cell-1: serving" not in said[-1]:
            said.append(process.stdout.readline())
            assert re.match(r"  (data|cells|stop) |\d\d:\d\d:\d\d  cell-1: ", said[-1]), said
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 0
    assert rest == "Stopping ...\nWarbler was stopped.\n"
    assert session_members(instance.session) == []
    assert not Path(instance.folder).exists()
