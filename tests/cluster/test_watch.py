"""Noticing the death of a process."""

from __future__ import annotations

import asyncio

from cluster.watch import WELL, in_plain_words, until_gone


def test_a_call_that_fails_on_a_dead_process_is_its_end() -> None:
    async def endless() -> None:
        raise ConnectionError("line one\nline two")

    assert asyncio.run(until_gone(endless, lambda: False)) == "ConnectionError: line two"


def test_a_call_that_fails_on_a_living_process_is_made_again() -> None:
    async def scenario() -> int:
        broken_lines = 0
        dead = asyncio.Event()

        async def endless() -> None:
            nonlocal broken_lines
            broken_lines += 1
            if broken_lines == 2:
                dead.set()
            raise ConnectionError("broken")

        await asyncio.wait_for(until_gone(endless, lambda: not dead.is_set()), 5)
        return broken_lines

    assert asyncio.run(scenario()) == 2


def test_a_process_that_was_killed_is_told_in_plain_words() -> None:
    long = "ActorDiedError: The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: ..."
    assert in_plain_words(long) == "it was killed or it crashed (SYSTEM_ERROR)"
    assert in_plain_words(long.replace("SYSTEM_ERROR", "INTENDED_USER_EXIT")) == WELL
    assert in_plain_words("The actor is dead because its worker process has died.") == "it was killed or it crashed"
    assert in_plain_words("ConnectionError: line two") == "ConnectionError: line two"
