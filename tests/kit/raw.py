"""A client that sends what it is told to, right or wrong, and shows what comes back: for tests of what frames lead to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import orjson

from cluster.bench.lean_client import LeanClient, LoadError, connect, text_frame
from tests.kit.spans import lasts

LIMIT_S = 30.0
RETRY_S = 0.1
"""Where the server does not say how long."""
_CLOSED = re.compile(r"closed by the server: (\d+)")


async def put_off(what: str, answer: dict[str, Any]) -> None:
    """Wait for as long as the server has told; `LoadError` where it has told not to come again."""
    if not answer["retry"]:
        raise LoadError(f"{what} was refused: {answer}")
    await lasts(answer.get("retry_after") or RETRY_S)


class Raw:
    """One connection."""

    def __init__(self, client: LeanClient) -> None:
        self.client = client
        self.frames: list[dict[str, Any]] = []
        """What has come and was not taken yet."""
        self._came = asyncio.Event()
        client.on_frame = self._frame
        client.gone.add_done_callback(self._gone)

    @classmethod
    async def connect(cls, url: str) -> Raw:
        """Open a WebSocket; nothing is said yet."""
        return cls(await connect(url))

    @classmethod
    async def log_in(cls, url: str, token: str, since: int = 0) -> Raw:
        """Connect and be welcomed. The welcome is the first of `frames`."""
        raw = await cls.connect(url)
        raw.say({"t": "hello", "v": 1, "token": token, "since": since})
        raw.frames.insert(0, await raw.hear("welcome"))
        return raw

    @classmethod
    async def log_in_when_open(cls, url: str, token: str) -> Raw:
        """The same; where the server puts it off, as it does while a cell is being taken over, it comes again when it was told to."""
        while True:
            raw = await cls.connect(url)
            raw.say({"t": "hello", "v": 1, "token": token, "since": 0})
            answer = await raw.hear("welcome", "error")
            if answer["t"] == "welcome":
                raw.frames.insert(0, answer)
                return raw
            await raw.leave()
            await put_off("hello", answer)

    def say(self, frame: dict[str, Any]) -> None:
        """Send a frame."""
        self.say_text(orjson.dumps(frame))

    def say_text(self, text: bytes) -> None:
        """Send a text frame of any bytes."""
        self.client.write(text_frame(text))

    def say_all(self, frames: Iterable[dict[str, Any]]) -> None:
        """Send frames in one write: they arrive together."""
        self.client.write(b"".join(text_frame(orjson.dumps(frame)) for frame in frames))

    async def hear(self, *tags: str, **fields: Any) -> dict[str, Any]:
        """The first frame with one of these tags and these fields; what came before it stays. `LoadError` where none comes."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while (found := self._find(tags, fields)) is None:
                    if self.client.gone.done():
                        raise LoadError(f"no {tags} {fields}: {self.client.why_gone()}; came: {self.frames[-3:]}")
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError as error:
            raise LoadError(f"no {tags} {fields} within {LIMIT_S} s; came: {self.frames[-3:]}") from error
        self.frames.remove(found)
        return found

    async def ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Send a request with a `q` and take its answer."""
        self.say(frame)
        return await self.hear("ok", "page", "error", q=frame["q"])

    async def ask_until_done(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Ask again while the answer is that it can succeed later."""
        while (answer := await self.ask(frame))["t"] == "error":
            await put_off(frame["t"], answer)
        return answer

    async def still_there(self) -> None:
        """The connection works: a ping is answered. All that came before the ping was handled then."""
        self.say({"t": "ping", "q": 77})
        await self.hear("pong", q=77)

    async def close_code(self) -> int:
        """Wait until the server has closed; its code, 0 where there was none."""
        async with asyncio.timeout(LIMIT_S):
            await asyncio.wait([self.client.gone])
        found = _CLOSED.search(self.client.why_gone())
        return int(found[1]) if found else 0

    async def leave(self) -> None:
        """Close and wait for the end."""
        self.client.close()
        await asyncio.wait([self.client.gone])

    def drop(self) -> None:
        """Break the connection."""
        if self.client.transport is not None:
            self.client.transport.abort()

    def _find(self, tags: tuple[str, ...], fields: dict[str, Any]) -> dict[str, Any] | None:
        for frame in self.frames:
            if frame["t"] in tags and all(frame.get(name) == value for name, value in fields.items()):
                return frame
        return None

    def _frame(self, data: bytes, start: int, stop: int) -> None:
        self.frames.append(orjson.loads(data[start:stop]))
        self._came.set()

    def _gone(self, gone: asyncio.Future[None]) -> None:
        self._came.set()
