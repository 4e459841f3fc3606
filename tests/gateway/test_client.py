"""The SDK against the real core behind a real front: chat, reconnect, restart, endings."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
import uvloop

from actors.closing import BAD_TOKEN, LOGGED_OUT, REPLACED
from gateway.client import ChatError, Client, ClientClosed, FileState, MemoryState
from gateway.client_link import GHOST_S, Link, is_ghost
from gateway.client_state import Saved
from gateway.client_talk import Talk
from tests.kit.live import Live, token, with_live


async def texts(client: Client, count: int, *, own: bool = False) -> list[tuple[int, str]]:
    """The next texts that the client is given, as (seq, body)."""
    found: list[tuple[int, str]] = []
    async for entry in client.entries(own=own):
        if entry.kind == "text":
            found.append((entry.seq, entry.body))
        if len(found) == count:
            return found
    raise AssertionError("the entries ended")


def test_two_clients_chat() -> None:
    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        async with Client(live.url, token("alice")) as alice, Client(live.url, token("bob")) as bob:
            room = (await alice.direct("bob")).room
            assert await alice.send(room, "hi") == 2
            assert await texts(bob, 1) == [(2, "hi")]
            assert await bob.send(room, "hello") == 3
            assert await texts(alice, 1) == [(3, "hello")]
            assert (alice.user, alice.device, bob.user) == ("alice", "aliced1", "bob")

    with_live(main)


def test_posts_at_once_keep_the_order_of_the_calls() -> None:
    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        async with Client(live.url, token("alice")) as alice, Client(live.url, token("bob")) as bob:
            room = (await alice.direct("bob")).room
            seqs = await asyncio.gather(*(alice.send(room, f"m{number}") for number in range(200)))
            assert seqs == list(range(2, 202))
            assert await texts(bob, 200) == [(number + 2, f"m{number}") for number in range(200)]

    with_live(main)


def test_rooms_and_members() -> None:
    async def main(live: Live) -> None:
        await live.register("alice", "bob", "carol")
        async with Client(live.url, token("alice")) as alice, Client(live.url, token("bob")) as bob:
            room = (await alice.create("Garden", ["bob"], topic="roses")).room
            await alice.role(room, "bob", "admin")
            assert (await alice.edit(room, name="Park", public=True)).name == "Park"
            await bob.invite(room, "carol")
            page = await bob.members(room)
            assert {(member["user"], member["role"]) for member in page["members"]} == {
                ("alice", "owner"),
                ("bob", "admin"),
                ("carol", "member"),
            }
            await bob.kick(room, "carol")
            async with Client(live.url, token("carol")) as carol:
                with pytest.raises(ChatError, match="banned"):
                    await carol.join(room)
                await bob.invite(room, "carol")
                await carol.leave(room)
                assert (await carol.join(room)).room == room
                await carol.leave(room)
                with pytest.raises(ChatError) as refused:
                    await carol.history(room, before=5)
                assert refused.value.code in ("no_such_room", "not_a_member")
            assert [info.name for info in await bob.rooms()] == ["Park"]
            assert (await bob.who("carol"))["display"] == "Carol"
            assert [entry.kind for entry in (await alice.history(room)).entries][:2] == ["create", "role"]

    with_live(main)


def test_a_refusal_reaches_the_caller_and_the_next_post_goes_through() -> None:
    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        async with Client(live.url, token("alice")) as alice:
            room = (await alice.direct("bob")).room
            results = await asyncio.gather(
                alice.send("nosuchroom", "x"), alice.send(room, "one"), alice.send(room, "x" * 20_000), return_exceptions=True
            )
            assert [getattr(result, "code", result) for result in results] == ["no_such_room", 2, "too_large"]
            assert await alice.send(room, "two") == 3

    with_live(main)


def test_through_a_crash_of_the_server_every_post_is_stored_once_and_seen_once() -> None:
    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        async with Client(live.url, token("alice")) as alice, Client(live.url, token("bob")) as bob:
            room = (await alice.direct("bob")).room
            await alice.send(room, "first")
            for wave in range(3):
                sends = [asyncio.ensure_future(alice.send(room, f"w{wave}-{number}")) for number in range(50)]
                await sends[0]
                await live.kill()
                await live.start()
                seqs = await asyncio.gather(*sends)
                assert seqs == list(range(seqs[0], seqs[0] + 50))
            wanted = ["first"] + [f"w{wave}-{number}" for wave in range(3) for number in range(50)]
            assert await texts(bob, 151) == [(place + 2, body) for place, body in enumerate(wanted)]
            assert [body for _, body in await texts(alice, 151, own=True)] == wanted

    with_live(main)


def test_a_program_that_is_started_again_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        state = FileState(tmp_path / "bob.json")
        async with Client(live.url, token("alice")) as alice:
            async with Client(live.url, token("bob"), state=state) as bob:
                room = (await alice.direct("bob")).room
                for number in range(3):
                    await alice.send(room, f"m{number}")
                assert await texts(bob, 2) == [(2, "m0"), (3, "m1")]
                assert await bob.send(room, "answer") == 5
            await alice.send(room, "while away")
            async with Client(live.url, token("bob"), state=FileState(tmp_path / "bob.json")) as bob:
                assert await texts(bob, 2) == [(4, "m2"), (6, "while away")]
                assert await bob.send(room, "again") == 7

    with_live(main)


def test_a_program_without_its_state_finds_its_number_and_begins_after_the_head() -> None:
    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        async with Client(live.url, token("alice")) as alice:
            room = (await alice.direct("bob")).room
            for run in range(3):
                async with Client(live.url, token("bob"), state=MemoryState()) as bob:
                    before = await asyncio.gather(*(bob.send(room, f"{run}-{number}") for number in range(5)))
                    assert before == list(range(before[0], before[0] + 5))
                    await alice.send(room, f"hi {run}")
                    assert await texts(bob, 1) == [(before[-1] + 1, f"hi {run}")]

    with_live(main)


def test_from_the_first_entry_everything_is_given(tmp_path: Path) -> None:
    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        async with Client(live.url, token("alice")) as alice:
            room = (await alice.direct("bob")).room
            await asyncio.gather(*(alice.send(room, f"m{number}") for number in range(450)))
        async with Client(live.url, token("bob", "d2"), start="first") as bob:
            assert await texts(bob, 450) == [(number + 2, f"m{number}") for number in range(450)]

    with_live(main)


def test_a_connection_that_broke_a_moment_ago_may_have_replaced_the_next_and_ends_no_client() -> None:
    assert is_ghost(broke_at=100.0, now=100.0 + GHOST_S - 1.0)
    assert not is_ghost(broke_at=100.0, now=100.0 + GHOST_S)


def test_a_newer_connection_of_the_device_ends_the_older_client() -> None:
    async def main(live: Live) -> None:
        await live.register("alice")
        async with Client(live.url, token("alice")) as older, Client(live.url, token("alice")):
            with pytest.raises(ClientClosed) as ended:
                await texts(older, 1)
            assert ended.value.code == REPLACED

    with_live(main)


def test_a_token_that_is_not_valid_ends_the_client_with_the_reason() -> None:
    async def main(live: Live) -> None:
        with pytest.raises(ClientClosed) as ended:
            async with Client(live.url, "not a token of anybody"):
                raise AssertionError("it connected")
        assert (ended.value.code, ended.value.must_log_in) == (BAD_TOKEN, True)
        assert ended.value.error is not None
        assert ended.value.error.code == "bad_token"

    with_live(main)


def test_logging_out_ends_the_client_and_what_it_waits_for() -> None:
    async def main(live: Live) -> None:
        await live.register("alice")
        async with Client(live.url, token("alice")) as alice:
            waiting = asyncio.ensure_future(texts(alice, 1))
            await live.log_out("alice", "d1")
            with pytest.raises(ClientClosed) as ended:
                await waiting
            assert (ended.value.code, ended.value.must_log_in) == (LOGGED_OUT, True)
            with pytest.raises(ClientClosed):
                await alice.send("abcd", "x")

    with_live(main)


def test_a_token_that_is_given_by_a_function_is_asked_for_again() -> None:
    async def main(live: Live) -> None:
        await live.register("alice")
        given = iter(["an old token of hers", token("alice")])

        async def next_token() -> str:
            return next(given)

        async with Client(live.url, next_token) as alice:
            assert alice.user == "alice"

    with_live(main)


@pytest.mark.parametrize(("path", "code"), [("/elsewhere", 404), ("/ws?token=secret", 400)])
def test_an_address_that_is_not_of_a_server_ends_the_client(path: str, code: int) -> None:
    async def main(live: Live) -> None:
        with pytest.raises(ClientClosed) as ended:
            async with Client(live.url.replace("/ws", path), token("alice")):
                raise AssertionError("it connected")
        assert ended.value.code == code

    with_live(main)


def test_a_state_that_is_damaged_is_told_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"seqs": [1]}')

    async def main(live: Live) -> None:
        with pytest.raises(ValueError, match="seqs"):
            async with Client(live.url, token("alice"), state=FileState(path)):
                raise AssertionError("it connected")

    with_live(main)


def test_a_state_that_cannot_be_saved_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.client.SAVE_INTERVAL_S", 0.01)

    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        with pytest.raises(FileNotFoundError):
            async with Client(live.url, token("alice"), state=FileState(tmp_path / "never" / "state.json")):
                raise AssertionError("it connected")
        folder = tmp_path / "for a while"
        folder.mkdir()
        with pytest.raises(OSError, match="for a while"):
            async with Client(live.url, token("alice"), state=FileState(folder / "state.json")) as alice:
                (folder / "state.json").unlink()
                folder.rmdir()
                await alice.direct("bob")
                await texts(alice, 100)

    with_live(main)


def test_a_program_that_looks_away_for_a_while_misses_nothing() -> None:
    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        async with Client(live.url, token("alice")) as alice, Client(live.url, token("bob"), start="first") as bob:
            room = (await alice.direct("bob")).room
            await asyncio.gather(*(alice.send(room, f"m{number}") for number in range(1500)))
            assert len(bob._talk.rooms.ready) <= 1000
            assert await texts(bob, 1500) == [(number + 2, f"m{number}") for number in range(1500)]

    with_live(main)


def test_a_connection_that_is_refused_with_a_time_is_not_tried_again_before_it() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            talk = Talk(Saved(), from_first=False, agent="test", chance=random.Random(1))
            link = Link(f"ws://127.0.0.1:{port}/ws", "token", talk, tls=None, chance=random.Random(1))
            assert 7.0 < await link._connection() < 8.0

    uvloop.run(main())
