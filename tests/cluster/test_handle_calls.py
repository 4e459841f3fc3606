"""Calls of programs, carried out by real cells on a real folder: the right answers, and one post however often it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from actors.errors import ChatError
from actors.messages.room import OpenRoom
from actors.naming import room_for
from actors.runtime.actor import actor_id
from actors.runtime.ring import SLOTS, group_of, slot_of
from actors.runtime.view import wanted_moves
from cluster.handle_calls import AT_ONCE, HandleCalls
from cluster.settings import Settings
from gateway.api.bridge import ask, settle
from tests.kit.cells import Pair

KEY = "the-key-00"


def play(folder: Path, scenario: Callable[[Pair, str], Coroutine[Any, Any, None]], *, moved: bool = True) -> None:
    """Two cells with a shard each, and a room of the first; before the move, the first has both, and the room is to move."""

    async def around() -> None:
        async with Pair(Settings(data=folder, port=0, shards=2)) as pair:
            app = pair.apps[0]
            view = pair.membership.view()
            assert view is not None
            (move,) = wanted_moves(view)
            if moved:
                await pair.move_one()
            await app.accounts.create_many(["anna", "bob"])
            rooms = (room_for("anna", f"key{number:05d}") for number in count())
            room = next(room for room in rooms if (group_of(slot_of(actor_id("room", room)), 2) == move.group) is not moved)
            await ask(app.asker, actor_id("room", room), OpenRoom("anna", "Plans", "", False, ["bob"]))
            await scenario(pair, f"room:{room}")

    asyncio.run(asyncio.wait_for(around(), 30))


async def bodies(calls: HandleCalls, room: str) -> list[str]:
    page = await calls.carry_out(room, "history", {}, 5.0)
    return [entry["body"] for entry in page["entries"] if entry["kind"] == "text"]


def test_either_cell_carries_out_every_call_of_a_room(tmp_path: Path) -> None:
    async def scenario(pair: Pair, room: str) -> None:
        for number, app in enumerate(pair.apps):
            calls = HandleCalls(app.chat)
            post = {"by": "anna", "body": f"text {number}", "key": f"{KEY}{number}"}
            assert (await calls.carry_out(room, "post", post, 5.0))["seq"] == 2 + number
            assert await bodies(calls, room) == [f"text {one}" for one in range(number + 1)]
            members = await calls.carry_out(room, "members", {"limit": 1}, 5.0)
            assert members == {"members": [{"user": "anna", "display": "anna", "role": "owner", "read": 0}], "count": 2, "more": True}
            stats = await calls.carry_out(room, "stats", {}, 5.0)
            assert (stats["name"], stats["head"], stats["life"]) == ("Plans", 2 + number, pair.apps[0].who.life)
        assert await calls.carry_out(room, "kick", {"user": "bob"}, 5.0) is None
        with pytest.raises(ChatError, match="not_a_member"):
            await calls.carry_out(room, "kick", {"user": "bob"}, 5.0)

    play(tmp_path, scenario)


def test_a_post_that_is_asked_again_under_its_key_is_one_post(tmp_path: Path) -> None:
    async def scenario(pair: Pair, room: str) -> None:
        post = {"by": "anna", "body": "once", "key": KEY}
        answers = [await HandleCalls(app.chat).carry_out(room, "post", post, 5.0) for app in (*pair.apps, *pair.apps)]
        assert len({answer["seq"] for answer in answers}) == 1
        assert await bodies(HandleCalls(pair.apps[0].chat), room) == ["once"]

    play(tmp_path, scenario)


def test_a_call_waits_while_its_room_moves_and_is_answered_by_the_new_owner(tmp_path: Path) -> None:
    async def scenario(pair: Pair, room: str) -> None:
        first, second = pair.apps
        view = pair.membership.begin_moves(1)
        assert view is not None
        await pair.push(view)
        (move,) = view.moves
        pauses: list[float] = []

        async def moved(pause_s: float) -> None:
            if not pauses:
                await pair.push(pair.membership.end_moves({move.group}))
            pauses.append(pause_s)

        calls = HandleCalls(first.chat, sleep=moved)
        await calls.carry_out(room, "post", {"by": "bob", "body": "after the move", "key": KEY}, 10.0)
        assert pauses
        assert (await calls.carry_out(room, "stats", {}, 5.0))["life"] == second.who.life
        assert await bodies(calls, room) == ["after the move"]

    play(tmp_path, scenario, moved=False)


def test_a_room_without_an_owner_is_asked_until_the_time_is_up(tmp_path: Path) -> None:
    async def scenario(pair: Pair, room: str) -> None:
        first = pair.apps[0]
        await settle(first.chat.cell.close_slots(range(SLOTS)))
        now = [100.0]

        async def pass_time(pause_s: float) -> None:
            now[0] += pause_s

        calls = HandleCalls(first.chat, now=lambda: now[0], sleep=pass_time)
        with pytest.raises(ChatError, match="unavailable"):
            await calls.carry_out(room, "stats", {}, 10.0)
        assert 108.0 < now[0] < 110.0
        assert calls.under_way == 0

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("call", "arguments", "code"),
    [
        ("post", {"by": "anna", "body": "text"}, "invalid"),
        ("post", {"by": "anna", "body": "\0", "key": KEY}, "invalid"),
        ("post", {"by": "anna", "body": "", "key": KEY}, "invalid"),
        ("post", {"by": "anna", "body": "ä" * 8193, "key": KEY}, "too_large"),
        ("post", {"by": "carl", "body": "text", "key": KEY}, "no_such_room"),
        ("post", {"by": "anna", "body": object(), "key": KEY}, "invalid"),
        ("history", {"limit": 201}, "invalid"),
        ("history", {"by": "anna"}, "invalid"),
        ("kick", {"user": "anna"}, "forbidden"),
        ("close", {}, "invalid"),
        ("on_stop", {}, "invalid"),
    ],
)
def test_what_is_wrong_is_refused_with_a_code(tmp_path: Path, call: str, arguments: dict[str, Any], code: str) -> None:
    async def scenario(pair: Pair, room: str) -> None:
        with pytest.raises(ChatError) as refused:
            await HandleCalls(pair.apps[0].chat).carry_out(room, call, arguments, 1.0)
        assert refused.value.code == code

    play(tmp_path, scenario)


def test_a_room_and_a_session_that_are_not_there_are_told_at_once(tmp_path: Path) -> None:
    async def scenario(pair: Pair, room: str) -> None:
        calls = HandleCalls(pair.apps[0].chat)
        for address, code in (
            ("room:nothing", "no_such_room"),
            (f"session:{pair.apps[0].who.life}~1", "no_such_session"),
            ("session:cell-9-00000000~1", "no_such_session"),
            ("user:anna", "invalid"),
        ):
            with pytest.raises(ChatError) as refused:
                await calls.carry_out(address, "stats", {}, 10.0)
            assert refused.value.code == code

    play(tmp_path, scenario)


def test_too_many_calls_at_once_are_refused_since_chat_comes_first(tmp_path: Path) -> None:
    async def scenario(pair: Pair, room: str) -> None:
        calls = HandleCalls(pair.apps[0].chat)
        asked = [asyncio.ensure_future(calls.carry_out(room, "stats", {}, 5.0)) for _ in range(AT_ONCE + 5)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [answer.code for answer in answers if isinstance(answer, ChatError)] == ["overloaded"] * 5
        assert (await calls.carry_out(room, "stats", {}, 5.0))["head"] == 1

    play(tmp_path, scenario)
