"""A live cell as an operator sees it: figures after some traffic, and one message followed through the log."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from actors.errors import ChatError
from actors.runtime.actor import actor_id
from cluster.app import CellApp
from cluster.lonely import only_cell
from cluster.settings import Settings
from gateway.client import Client
from gateway.metrics import TABLE
from tests.kit.logged import logged

SECRET = "what nobody may read in a log"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    with logged() as stream:
        yield stream


def play(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 30))


async def scrape(http: httpx.AsyncClient) -> dict[str, float]:
    """``name{label}`` without the cell's label -> value, of all that is not zero."""
    families = text_string_to_metric_families((await http.get("/metrics")).text)
    samples = [sample for family in families for sample in family.samples]
    return {
        sample.name.removeprefix("warbler_")
        + "".join(f"{{{v}}}" for k, v in sample.labels.items() if k not in ("cell", "le")): sample.value
        for sample in samples
        if sample.value
    }


async def traffic(app: CellApp, port: int) -> None:
    """Ann writes to Bob, and so widely that the filter stops her."""
    tokens = dict(await app.accounts.create_many(["ann", "bob", "cat", "dan", "eve", "fay", "gus"]))
    url = f"ws://127.0.0.1:{port}/ws"
    async with Client(url, tokens["ann"]) as ann, Client(url, tokens["bob"]) as bob:
        room = (await ann.direct("bob")).room
        await ann.send(room, "hello")
        async for entry in bob.entries():
            if entry.body == "hello":
                break
        for other in ("cat", "dan", "eve", "fay"):
            await ann.send((await ann.direct(other)).room, "see http://example.com")
        await ann.send(room, "see http://example.com")
        with pytest.raises(ChatError, match="few rooms"):
            await ann.send((await ann.direct("gus")).room, "see http://example.com")


def test_after_some_traffic_the_figures_say_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with only_cell(Settings(data=tmp_path, port=0)) as app:
            port = await app.open_doors(0)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                assert "posts_stored_total" not in await scrape(http)
                await traffic(app, port)
                app.chat.cell.report("crashed", actor_id("room", "x"), None)
                found = await scrape(http)
                assert "\nwarbler_loop_lag_max_seconds{" in (await http.get("/metrics")).text  # 0 where the loop was never late
        for name in (
            "frames_total{in}", "frames_total{out}", "bytes_total{in}", "bytes_total{out}",
            "posts_refused_total{refused}", "spam_refusals_total", "http_requests_total{2xx}", "http_seconds_count",
            "actors{room}", "actors{user}", "crashes_total{room}",
            "commits_total", "commit_seconds_count", "commit_seconds_sum", "commit_group_size_count",
            "connections{all}", "resident_bytes", "cpu_seconds_total", "view_version",
        ):  # fmt: skip
            assert name in found, name
        assert found["posts_stored_total"] == 6
        assert sum(value for name, value in found.items() if name.startswith("closes_total")) == 2
        assert found["slots"] == 4096
        assert found["commit_group_size_sum"] <= found["commits_total"]

    play(scenario())


def test_every_metric_of_the_table_has_a_source(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with only_cell(Settings(data=tmp_path, port=0)) as app:
            port = await app.open_doors(0)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                text = (await http.get("/metrics")).text
        assert [name for name in TABLE if f"# TYPE warbler_{name}" not in text] == []

    play(scenario())


def test_one_post_is_found_in_the_log_from_end_to_end_by_room_and_seq(tmp_path: Path, log: io.StringIO) -> None:
    async def scenario() -> None:
        async with only_cell(Settings(data=tmp_path, port=0, log_level="debug")) as app:
            port = await app.open_doors(0)
            tokens = dict(await app.accounts.create_many(["ann", "bob"]))
            url = f"ws://127.0.0.1:{port}/ws"
            async with Client(url, tokens["bob"]) as bob, connect(url) as ann:
                await ann.send(json.dumps({"t": "hello", "v": 1, "token": tokens["ann"]}))
                await ann.recv()
                room = (await bob.direct("ann")).room
                # in fragments: the way on which a library sees whole frames
                frame = json.dumps({"t": "post", "room": room, "n": 1, "id": "post-0000001", "body": SECRET})
                await ann.send([frame[:20], frame[20:]])
                async for entry in bob.entries():
                    if entry.body == SECRET:
                        seq = entry.seq
                        break
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        steps = [line for line in lines if line.get("room") == room and line.get("seq") == seq]
        assert [line["step"] for line in steps] == ["committed", "fanned_out", "delivered"]
        (received,) = [line for line in lines if line.get("room") == room and line.get("step") == "received"]
        assert (received["n"], received["device"]) == (1, steps[0]["device"])
        whose = {line["session"]: line["user"] for line in lines if line["event"] == "session_welcomed"}
        assert (whose[received["session"]], whose[steps[2]["session"]]) == ("ann", "bob")
        assert SECRET not in log.getvalue()
        assert not any(token.split(":")[-1] in log.getvalue() for token in tokens.values())

    play(scenario())


def test_nothing_is_followed_unless_it_is_wanted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with only_cell(Settings(data=tmp_path, port=0)) as app:
            assert app.chat.tables.sessions.trace is None

    play(scenario())
