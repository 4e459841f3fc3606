"""A client in another language, written from the protocol page alone, talks to a server."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.client import Client
from tests.kit.live import Live, token, with_live

NODE = shutil.which("node") or ""
PROGRAM = Path(__file__).with_name("protocol_client.mjs")
Main = Callable[[Live, "NodeClient"], Awaitable[None]]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("node")]


@pytest.fixture(scope="module")
def node() -> None:
    """The client needs Node.js: without it these tests fail, and say so."""
    assert NODE, "node is not on the PATH"


class NodeClient:
    """The program, driven over its input and output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    @classmethod
    async def start(cls, live: Live, user_token: str) -> NodeClient:
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                NODE, str(PROGRAM), "127.0.0.1", str(live.port), user_token, stdin=pipe, stdout=pipe, stderr=pipe
            )
        )

    async def ask(self, *command: Any) -> dict[str, Any]:
        self._input.write(json.dumps(command).encode() + b"\n")
        line = await self._output.readline()
        assert line, await self.ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ended(self) -> tuple[int, str]:
        """Exit code and what it said."""
        assert self._process.stderr is not None
        said = await self._process.stderr.read()
        return await self._process.wait(), said.decode()

    async def stop(self) -> None:
        self._input.close()
        if self._process.returncode is None:
            await self._process.wait()


def with_node(main: Main) -> None:
    """Run `main` with a server, the accounts alice and bob, and the program logged in as alice."""

    async def around(live: Live) -> None:
        await live.register("alice", "bob")
        client = await NodeClient.start(live, token("alice"))
        try:
            await main(live, client)
        finally:
            await client.stop()

    with_live(around)


def bodies(answer: dict[str, Any]) -> list[str]:
    return [entry["body"] for entry in answer["entries"] if entry["kind"] == "text"]


def test_it_chats_with_a_client_of_the_sdk() -> None:
    async def main(live: Live, alice: NodeClient) -> None:
        async with Client(live.url, token("bob")) as bob:
            room = (await alice.ask("direct", "bob"))["room"]
            texts = [f"m{number} é中😀\n" for number in range(100)]
            assert (await alice.ask("post", room, *texts))["seqs"] == list(range(2, 102))
            assert await bob.send(room, "hello") == 102
            answer = await alice.ask("until", room, 102)
            assert [entry["seq"] for entry in answer["entries"]] == list(range(1, 103))
            assert bodies(answer) == [*texts, "hello"]

    with_node(main)


def test_it_comes_back_after_a_crash_repeats_and_catches_up() -> None:
    async def main(live: Live, alice: NodeClient) -> None:
        async with Client(live.url, token("bob")) as bob:
            room = (await alice.ask("direct", "bob"))["room"]
            assert (await alice.ask("post", room, "one"))["seqs"] == [2]
            await live.kill()
            await live.start()
            assert await bob.send(room, "two") == 3
            assert (await alice.ask("post", room, "three", "four"))["seqs"] == [4, 5]
            assert bodies(await alice.ask("until", room, 5)) == ["one", "two", "three", "four"]
            assert (await alice.ask("state"))["welcomes"] == 2

    with_node(main)


def test_it_catches_up_after_an_absence_page_by_page() -> None:
    async def main(live: Live, alice: NodeClient) -> None:
        async with Client(live.url, token("bob")) as bob:
            room = (await bob.direct("alice")).room
            await alice.ask("until", room, 1)
            await alice.ask("cut")
            await asyncio.gather(*(bob.send(room, f"m{number}") for number in range(180)))
            assert bodies(await alice.ask("until", room, 181)) == [f"m{number}" for number in range(180)]

    with_node(main)


def test_it_finds_its_number_again() -> None:
    async def main(live: Live, alice: NodeClient) -> None:
        room = (await alice.ask("direct", "bob"))["room"]
        await alice.ask("post", room, "a", "b", "c")
        await alice.ask("forget")
        assert (await alice.ask("post", room, "d", "e"))["seqs"] == [5, 6]

    with_node(main)


def test_a_refused_post_frees_its_number() -> None:
    async def main(live: Live, alice: NodeClient) -> None:
        room = (await alice.ask("direct", "bob"))["room"]
        assert (await alice.ask("post", "nosuchroom", "x", "y"))["seqs"] == ["no_such_room", "no_such_room"]
        assert (await alice.ask("post", room, "a"))["seqs"] == [2]

    with_node(main)


def test_its_wrong_frames_are_answered_as_the_page_says() -> None:
    async def main(live: Live, alice: NodeClient) -> None:
        frame = (await alice.ask("raw", '{"t":"ack","room":"abcd"}'))["frame"]
        assert (frame["code"], frame["q"], frame["fields"]["reason"]) == ("invalid", 0, "seq: Field required")
        frame = (await alice.ask("raw", json.dumps({"t": "hello", "v": 1, "token": token("alice")})))["frame"]
        assert frame["code"] == "not_now"
        assert (await alice.ask("direct", "nobody"))["error"] == "no_such_user"

    with_node(main)


def test_a_code_that_says_log_in_again_ends_it() -> None:
    async def main(live: Live, alice: NodeClient) -> None:
        await alice.ask("direct", "bob")
        await live.log_out("alice", "d1")
        assert await alice.ended() == (3, "closed with 4102\n")

    with_node(main)
