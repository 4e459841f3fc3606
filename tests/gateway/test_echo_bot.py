"""The program on the page about the echo bot does what the page says: its text is run."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from gateway.client import Client
from gateway.connection import Connection
from tests.kit.calls import called
from tests.kit.live import Live, token, with_live

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM, ACCOUNT = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "echo-bot.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_program_has_about_ten_lines() -> None:
    assert len([line for line in PROGRAM.splitlines() if line.strip()]) <= 10


@pytest.mark.slow
def test_the_program_answers_and_goes_on_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    welcomed = called(monkeypatch, Connection, "_welcomed")
    (tmp_path / "echo.py").write_text(PROGRAM, encoding="utf-8")

    async def start(live: Live) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "echo.py",
            live.url,
            token("echo"),
            cwd=tmp_path,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    async def main(live: Live) -> None:
        await live.register("alice", "echo")
        async with Client(live.url, token("alice")) as alice:
            heard = alice.entries()
            room = (await alice.direct("echo")).room
            welcomed.clear()
            bot = await start(live)
            try:
                await welcomed.wait()
                await _said_back(alice, heard, room, "one")
                await live.kill()
                await live.start()
                await _said_back(alice, heard, room, "two")
                bot.send_signal(signal.SIGINT)
                await bot.wait()
                await alice.send(room, "three")
                bot = await start(live)
                assert (await _next_text(heard)) == "three"
                await _said_back(alice, heard, room, "four")
            finally:
                if bot.returncode is None:
                    bot.kill()
                await bot.wait()

    with_live(main)


async def _next_text(heard: object) -> str:
    async for entry in heard:  # type: ignore[attr-defined]
        if entry.kind == "text":
            return str(entry.body)
    raise AssertionError("the entries ended")


async def _said_back(alice: Client, heard: object, room: str, text: str) -> None:
    await alice.send(room, text)
    assert await _next_text(heard) == text
