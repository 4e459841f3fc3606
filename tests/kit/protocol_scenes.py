"""What a client that was written from the protocol page alone goes through, against any server that speaks the protocol.

Each scene is a function of a `Stage` and of the client, which is logged in as the stage's first person.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from gateway.client import Client

NODE = shutil.which("node") or ""
PROGRAM = Path(__file__).parent.parent / "gateway" / "protocol_client.mjs"


class Stage(Protocol):
    """A server, two people with a device each."""

    port: int
    url: str
    """Where clients open WebSockets."""
    alice: str
    alice_token: str
    bob: str
    bob_token: str

    async def crash(self) -> None:
        """What serves alice's connection dies, and is started again."""

    async def log_alice_out(self) -> None:
        """Her device is taken away."""


class NodeClient:
    """The program, driven over its input and output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    @classmethod
    async def start(cls, stage: Stage) -> NodeClient:
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                NODE, str(PROGRAM), "127.0.0.1", str(stage.port), stage.alice_token, stdin=pipe, stdout=pipe, stderr=pipe
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


Scene = Callable[[Stage, NodeClient], Awaitable[None]]


async def play(scene: Scene, stage: Stage) -> None:
    """One scene, with the program logged in as alice."""
    assert NODE, "node is not on the PATH"
    alice = await NodeClient.start(stage)
    try:
        await scene(stage, alice)
    finally:
        await alice.stop()


def bodies(answer: dict[str, Any]) -> list[str]:
    return [entry["body"] for entry in answer["entries"] if entry["kind"] == "text"]


async def it_chats_with_a_client_of_the_sdk(stage: Stage, alice: NodeClient) -> None:
    async with Client(stage.url, stage.bob_token) as bob:
        room = (await alice.ask("direct", stage.bob))["room"]
        texts = [f"m{number} é中😀\n" for number in range(100)]
        assert (await alice.ask("post", room, *texts))["seqs"] == list(range(2, 102))
        assert await bob.send(room, "hello") == 102
        answer = await alice.ask("until", room, 102)
        assert [entry["seq"] for entry in answer["entries"]] == list(range(1, 103))
        assert bodies(answer) == [*texts, "hello"]


async def it_comes_back_after_a_crash_repeats_and_catches_up(stage: Stage, alice: NodeClient) -> None:
    async with Client(stage.url, stage.bob_token) as bob:
        room = (await alice.ask("direct", stage.bob))["room"]
        assert (await alice.ask("post", room, "one"))["seqs"] == [2]
        await stage.crash()
        assert await bob.send(room, "two") == 3
        assert (await alice.ask("post", room, "three", "four"))["seqs"] == [4, 5]
        assert bodies(await alice.ask("until", room, 5)) == ["one", "two", "three", "four"]
        assert (await alice.ask("state"))["welcomes"] == 2


async def it_catches_up_after_an_absence_page_by_page(stage: Stage, alice: NodeClient) -> None:
    async with Client(stage.url, stage.bob_token) as bob:
        room = (await bob.direct(stage.alice)).room
        await alice.ask("until", room, 1)
        await alice.ask("cut")
        await asyncio.gather(*(bob.send(room, f"m{number}") for number in range(180)))
        assert bodies(await alice.ask("until", room, 181)) == [f"m{number}" for number in range(180)]


async def it_finds_its_number_again(stage: Stage, alice: NodeClient) -> None:
    room = (await alice.ask("direct", stage.bob))["room"]
    await alice.ask("post", room, "a", "b", "c")
    await alice.ask("forget")
    assert (await alice.ask("post", room, "d", "e"))["seqs"] == [5, 6]


async def a_refused_post_frees_its_number(stage: Stage, alice: NodeClient) -> None:
    room = (await alice.ask("direct", stage.bob))["room"]
    assert (await alice.ask("post", "nosuchroom", "x", "y"))["seqs"] == ["no_such_room", "no_such_room"]
    assert (await alice.ask("post", room, "a"))["seqs"] == [2]


async def its_wrong_frames_are_answered_as_the_page_says(stage: Stage, alice: NodeClient) -> None:
    frame = (await alice.ask("raw", '{"t":"ack","room":"abcd"}'))["frame"]
    assert (frame["code"], frame["q"], frame["fields"]["reason"]) == ("invalid", 0, "seq: Field required")
    frame = (await alice.ask("raw", json.dumps({"t": "hello", "v": 1, "token": stage.alice_token})))["frame"]
    assert frame["code"] == "not_now"
    assert (await alice.ask("direct", "nobody"))["error"] == "no_such_user"


async def a_code_that_says_log_in_again_ends_it(stage: Stage, alice: NodeClient) -> None:
    await alice.ask("direct", stage.bob)
    await stage.log_alice_out()
    assert await alice.ended() == (3, "closed with 4102\n")


SCENES: list[Scene] = [
    it_chats_with_a_client_of_the_sdk,
    it_comes_back_after_a_crash_repeats_and_catches_up,
    it_catches_up_after_an_absence_page_by_page,
    it_finds_its_number_again,
    a_refused_post_frees_its_number,
    its_wrong_frames_are_answered_as_the_page_says,
    a_code_that_says_log_in_again_ends_it,
]
