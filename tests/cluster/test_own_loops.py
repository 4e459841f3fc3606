"""The supervisor's own loops: all begin anew together, and too many failures end the supervisor."""

from __future__ import annotations

import asyncio

import pytest

from actors.store.store import StoreUnavailable
from cluster.own_loops import StateBroken, keep_loops
from cluster.tree import LOOPS, PARTS
from tests.kit.fast_loop import pass_time, play_fast

LIMIT = PARTS[LOOPS].limit


def test_one_that_fails_ends_all_and_all_begin_anew() -> None:
    began: list[str] = []
    repaired = asyncio.Event()

    async def broken_once() -> None:
        began.append("broken")
        if began.count("broken") == 1:
            raise KeyError("what it knew is wrong")
        repaired.set()

    async def sound() -> None:
        began.append("sound")
        await repaired.wait()

    play_fast(keep_loops({"broken": broken_once, "sound": sound}))
    assert began == ["broken", "sound", "broken", "sound"]


def test_where_they_fail_too_often_the_supervisor_is_to_end() -> None:
    tries = []

    async def broken() -> None:
        tries.append(1)
        raise KeyError("what it knew is wrong")

    with pytest.raises(ExceptionGroup) as caught:
        play_fast(keep_loops({"broken": broken}))
    assert caught.group_contains(StateBroken, match="what it knew is wrong")
    assert LIMIT is not None
    assert len(tries) == LIMIT.ends + 1


def test_failures_that_are_rare_end_nobody() -> None:
    tries = []

    async def broken_now_and_then() -> None:
        tries.append(1)
        assert LIMIT is not None
        await pass_time(LIMIT.window_s)
        if len(tries) < 20:
            raise KeyError("once more")

    play_fast(keep_loops({"rare": broken_now_and_then}))
    assert len(tries) == 20


def test_a_store_that_is_away_does_not_count() -> None:
    tries = []

    async def without_store() -> None:
        tries.append(1)
        if len(tries) < 20:
            raise StoreUnavailable("away")

    play_fast(keep_loops({"store": without_store}))
    assert len(tries) == 20
