"""A process that dies between commit and fan-out, or between fan-out and receipt: everybody gets the message without a further post."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop

from cluster.bench.dialect import Account
from cluster.bench.servers import UNLIMITED
from tests.faults.scene import Cast, Cell, Program, Size, make_accounts, make_room
from tests.kit.fault_plan import Step, dies
from tests.kit.log_lines import until
from tests.kit.raw import Raw

pytestmark = pytest.mark.slow

LIMIT_S = 60.0
LAST_WORDS = "last words"


async def one_cell(data: Path, step: Step, size: Size) -> None:
    accounts = make_accounts(data, size)
    server = Cell(data, {**UNLIMITED, **dies({LAST_WORDS: step}, data)})
    try:
        await server.start()
        room = await make_room(server.url(0), accounts, "room-one", size)
        cast = Cast(accounts, server, room)
        async with asyncio.timeout(LIMIT_S), Program(cast.program_account, server.url(0)) as program:
            await cast.warm_up()
            cast.post_and_be_silent(LAST_WORDS)
            await server.died()
            cast.history.fault(f"killed at {step}")
            if step != "at_edge":
                assert cast.poster.unanswered() == (0 if step == "after_answer" else 1)
            await server.start()
            await program.until(LAST_WORDS)
            await cast.all_have(LAST_WORDS)
            assert program.seqs == list(range(1, len(program.seqs) + 1))
        await cast.leave()
    finally:
        await server.kill()


@pytest.mark.parametrize(
    ("step", "size"),
    [("before_answer", "small"), ("after_answer", "small"), ("at_edge", "small"), ("before_answer", "large"), ("at_edge", "large")],
)
def test_a_post_whose_process_died_after_its_commit_reaches_all_without_a_further_post(tmp_path: Path, step: Step, size: Size) -> None:
    uvloop.run(one_cell(tmp_path, step, size))


QUIET = {"actors.user_cursors.QUIET_S": 0.2, "actors.user.TICK_S": 0.2}
"""A mark is asked away soon."""


async def without_marks(data: Path) -> None:
    """The same where nobody has a mark: the post's own commit has to carry them."""
    accounts = make_accounts(data, "small")
    server = Cell(data, {**UNLIMITED, **dies({LAST_WORDS: "before_answer"}, data, QUIET)})
    try:
        await server.start()
        room = await make_room(server.url(0), accounts, "room-one", "small")
        cast = Cast(accounts, server, room)
        async with asyncio.timeout(LIMIT_S):
            await cast.warm_up(texts=7)  # with the first entry that makes eight: the devices acknowledge them
            marks = Marks(data, room, accounts[3][0].user)
            await acknowledged_everywhere(cast, server.url(0), accounts[3])
            await until(lambda: marks.told("mark_cleared") == 1, data)
            assert not await is_marked(server.url(0), accounts[3][0], room)
            kept = marks.told("mark_kept")
            cast.post_and_be_silent(LAST_WORDS)
            await server.died()
            assert marks.told("mark_kept") == kept, "it died too late: the mark was told"
            await server.start()
            await until(lambda: marks.told("mark_kept") > kept, data)  # the taker tells it again
            assert await is_marked(server.url(0), accounts[3][0], room)
            await cast.all_have(LAST_WORDS)
        await cast.leave()
    finally:
        await server.kill()


class Marks:
    """What the log tells of the marks of one user in one room."""

    def __init__(self, data: Path, room: str, user: str) -> None:
        self._log = data / "bench.log"
        self._of = {"room": room, "user": user}

    def told(self, event: str) -> int:
        """How often."""
        rows = [
            json.loads(line) for line in self._log.read_text().splitlines(keepends=True) if f'"{event}"' in line and line.endswith("\n")
        ]
        return sum(self._of.items() <= row.items() for row in rows)


async def acknowledged_everywhere(cast: Cast, url: str, devices: Sequence[Account]) -> None:
    """Every device of the user who is away acknowledges the head: the user asks the mark away then, on a clock of its own."""
    head = await cast.head()
    for account in devices:
        raw = await Raw.log_in(url, account.token)
        raw.say({"t": "ack", "room": cast.room, "seq": head})
        await raw.still_there()
        await raw.leave()


async def is_marked(url: str, account: Account, room: str) -> bool:
    """Whether the welcome of a device marks the room."""
    raw = await Raw.log_in(url, account.token)
    welcome = raw.frames[0]
    await raw.leave()
    return any(info["room"] == room and info.get("marked", False) for info in welcome["rooms"])


def test_a_post_that_dies_after_its_commit_leaves_a_mark_where_none_stood(tmp_path: Path) -> None:
    uvloop.run(without_marks(tmp_path))
