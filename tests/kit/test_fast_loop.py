"""The loop whose time is moved by hand."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.kit.fast_loop import pass_time, play_fast


def test_an_hour_passes_at_once_and_in_order() -> None:
    seen: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        await pass_time(seconds)
        seen.append(name)

    async def story() -> float:
        began = asyncio.get_running_loop().time()
        await asyncio.gather(wait("late", 1800.0), wait("early", 0.001), wait("never mind", 0.0))
        return asyncio.get_running_loop().time() - began

    before = time.monotonic()
    assert play_fast(story()) == pytest.approx(1800.0)
    assert seen == ["never mind", "early", "late"]
    assert time.monotonic() - before < 60.0


def test_what_never_comes_is_told() -> None:
    async def story() -> None:
        async with asyncio.timeout(None):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        play_fast(story())
