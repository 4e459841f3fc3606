"""`warbler store copy`: what it refuses, what a SIGKILL costs, and that a server on the new store goes on where the old one ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from actors.store.cluster_file import ClusterFile, is_complete
from actors.store.copying import NOTE, Note, noted
from cluster.cli import main
from cluster.data_folder import prepare
from cluster.life_lock import hold_life
from cluster.lonely import only_cell
from cluster.settings import Settings
from tests.kit.cassandra import server as database
from tests.kit.raw import Raw
from tests.kit.ray_server import Server
from tests.kit.sound_data import all_rows, room_rows
from tests.kit.stocked import load

Captured = pytest.CaptureFixture[str]
LONG = 40_000
"""Messages of one room: some seconds of copying."""


def stocked(folder: Path, shards: int = 2) -> Path:
    """A data folder with sound data."""
    prepare(Settings(data=folder, shards=shards, cells=1))
    load(folder, all_rows())
    return folder


def run(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments]) or 0
    except SystemExit as ended:
        return int(ended.code or 0)


def test_files_are_shared_out_anew_and_compared(tmp_path: Path, capsys: Captured) -> None:
    old = stocked(tmp_path / "old")
    assert run("store", "copy", f"sqlite://{old}", f"sqlite://{tmp_path / 'new'}", "--shards", 5) == 0
    told = capsys.readouterr().out
    assert "entries               567 rows  sha256 " in told
    assert "10 rooms, accounts and operations" in told
    with closing(ClusterFile(tmp_path / "new")) as cluster:
        assert cluster.shards == 5
    assert run("store", "check", "--data", tmp_path / "new") == 0
    # Again: there is nothing to do, and it is compared once more.
    assert run("store", "copy", f"sqlite://{old}", f"sqlite://{tmp_path / 'new'}") == 0


def test_a_store_with_data_is_not_touched(tmp_path: Path, capsys: Captured) -> None:
    old, other = stocked(tmp_path / "old"), stocked(tmp_path / "other")
    assert run("store", "copy", f"sqlite://{old}", f"sqlite://{other}") == 1
    assert "There is data in" in capsys.readouterr().err
    assert run("store", "copy", f"sqlite://{old}", f"sqlite://{old}") == 1
    assert "one and the same store" in capsys.readouterr().err


def test_a_source_that_is_not_there_makes_no_target(tmp_path: Path, capsys: Captured) -> None:
    assert run("store", "copy", f"sqlite://{tmp_path / 'none'}", f"sqlite://{tmp_path / 'new'}") == 1
    assert "There is no Warbler data" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_while_a_cell_works_on_the_source_nothing_is_copied(tmp_path: Path, capsys: Captured) -> None:
    old = stocked(tmp_path / "old")
    with closing(ClusterFile(old)) as cluster:
        cluster.add_life("cell-1-aa")
    with hold_life(old, "cell-1-aa"):
        assert run("store", "copy", f"sqlite://{old}", f"sqlite://{tmp_path / 'new'}") == 1
    assert "A process of cell-1-aa still works on" in capsys.readouterr().err
    assert not is_complete(tmp_path / "new")


def test_no_server_starts_on_a_copy_that_is_not_finished(tmp_path: Path, capsys: Captured) -> None:
    new = stocked(tmp_path / "new")
    with closing(ClusterFile(new)) as cluster:
        assert cluster.change_setting(NOTE, None, b'{"source":"x"}')
    assert run("accounts", "show", "ann", "--data", new) == 1
    assert "a copy that is not finished" in capsys.readouterr().err


@pytest.mark.slow
def test_a_copy_that_is_killed_again_and_again_goes_on(tmp_path: Path) -> None:
    old, new = stocked(tmp_path / "old"), tmp_path / "new"
    load(old, (row for number in range(10) for row in room_rows(f"rlong{number}", LONG // 10)))
    command = [sys.executable, "-m", "cluster.cli", "store", "copy", f"sqlite://{old}", f"sqlite://{new}", "--shards", "3"]
    kept: list[Note] = []
    for _ in range(3):
        copying = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kept.append(_further(new, kept[-1].rows if kept else 0, copying))
        copying.kill()
        copying.wait()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f"{567 + LONG} rows" in done.stdout
    assert [note.attempt for note in kept] == [1, 2, 3]
    assert kept[0].rows < kept[1].rows < kept[2].rows
    assert run("store", "check", "--data", new) == 0


def _further(folder: Path, rows: int, copying: subprocess.Popen[Any]) -> Note:
    """Look until more is noted than that."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert copying.poll() is None, "it ended before it could be killed"
        if is_complete(folder):
            with closing(ClusterFile(folder)) as cluster:
                note = noted(cluster)
            if note is not None and note.rows > rows:
                return note
    raise AssertionError("nothing was noted")


class Written(NamedTuple):
    """What was there before the copy."""

    token: str
    room: str
    entries: list[dict[str, Any]]


async def _write(settings: Settings) -> Written:
    prepare(settings)
    async with only_cell(settings) as app:
        url = settings.url(await app.open_doors(0))
        async with httpx.AsyncClient(base_url=f"{url}api/v1", timeout=20.0) as client:
            made = await client.post("/accounts", json={"name": "ann", "password": "correct horse battery"})
            token = str(made.json()["token"])
            client.headers["Authorization"] = f"Bearer {token}"
            opened = await client.post("/rooms", json={"name": "tea"}, headers={"Idempotency-Key": "room-tea-000"})
            room = str(opened.json()["room"])
            for number in range(5):
                headers = {"Idempotency-Key": f"key-{number:05d}"}
                told = await client.post(f"/rooms/{room}/messages", json={"body": f"by key {number}"}, headers=headers)
                assert told.status_code == 201, told.text
            device = await Raw.log_in(_ws(url), token)
            for n in (1, 2, 3):
                device.say({"t": "post", "room": room, "n": n, "id": f"device-{n:04d}", "body": f"by number {n}"})
                await device.hear("sent", n=n)
            await device.leave()
            return Written(token, room, await _history(client, room))


async def _history(client: httpx.AsyncClient, room: str) -> list[dict[str, Any]]:
    told = await client.get(f"/rooms/{room}/messages", params={"after": 0, "limit": 200})
    assert told.status_code == 200, told.text
    entries: list[dict[str, Any]] = told.json()["entries"]
    return entries


def _ws(url: str) -> str:
    return f"{url.replace('http', 'ws', 1)}ws"


async def _go_on(url: str, written: Written) -> None:
    async with httpx.AsyncClient(base_url=f"{url}api/v1", timeout=20.0) as client:
        told = await client.post("/login", json={"name": "ann", "password": "correct horse battery"})
        assert told.status_code == 200, told.text
        client.headers["Authorization"] = f"Bearer {told.json()['token']}"
        assert await _history(client, written.room) == written.entries
        last = written.entries[-1]["seq"]
        again = {"Idempotency-Key": "key-00002"}
        first = next(entry["seq"] for entry in written.entries if entry.get("body") == "by key 2")
        told = await client.post(f"/rooms/{written.room}/messages", json={"body": "by key 2"}, headers=again)
        assert told.json()["seq"] == first
        device = await Raw.log_in_when_open(_ws(url), written.token)
        device.say({"t": "post", "room": written.room, "n": 2, "id": "device-0002", "body": "by number 2"})
        repeated = await device.hear("sent", n=2)
        assert repeated["seq"] == next(entry["seq"] for entry in written.entries if entry.get("body") == "by number 2")
        device.say({"t": "post", "room": written.room, "n": 3, "id": "another-0003", "body": "x"})
        assert (await device.hear("refused", n=3))["code"] == "number_used"
        device.say({"t": "post", "room": written.room, "n": 4, "id": "device-0004", "body": "the next one"})
        assert (await device.hear("sent", n=4))["seq"] == last + 1
        await device.leave()


@pytest.mark.slow
def test_a_server_on_cassandra_goes_on_where_the_files_ended(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", cells=1, shards=4)
    written = asyncio.run(_write(settings))
    store = f"{database().url}/copied_{os.getpid()}"
    assert run("store", "copy", f"sqlite://{settings.data}", store, "--data", settings.data) == 0
    server = Server(tmp_path, store=store)
    server.up()
    try:
        asyncio.run(_go_on(server.status()["url"], written))
    finally:
        server.run("down")
    assert run("store", "check", store, "--data", settings.data) == 0
    # And back into files, as many as are wanted.
    assert run("store", "copy", store, f"sqlite://{tmp_path / 'back'}", "--data", settings.data, "--shards", 3) == 0
    assert run("store", "check", "--data", tmp_path / "back") == 0
