"""Bad frames on the real port: the documented answer, an end only where the protocol names one, nothing in the log, nobody else hurt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import uvloop

from actors.commands import MAX_BODY_BYTES
from cluster.bench.dialect import Account
from cluster.bench.servers import UNLIMITED
from tests.faults.scene import Cell, make_accounts
from tests.kit.raw import Raw

pytestmark = pytest.mark.slow

LIMIT_S = 60.0
DEEP = 10_000


class Bad(NamedTuple):
    """A frame, the code of its `error`, and with which code the connection is closed then (0: it stays)."""

    name: str
    text: bytes
    error: str
    close: int = 0


def post(**fields: object) -> bytes:
    """A post to the room of the test, with something changed."""
    good = {"t": "post", "room": "ROOM", "n": 1, "id": "id-00000001", "body": "text"}
    return json.dumps({name: value for name, value in {**good, **fields}.items() if value is not ...}).encode()


def pull(**fields: object) -> bytes:
    """A pull, with something changed."""
    return json.dumps({"t": "pull", "q": 1, "room": "ROOM", **fields}).encode()


WRONG = (
    Bad("nothing", b"", "invalid"),
    Bad("not JSON", b"{oops", "invalid"),
    Bad("half of it", post()[:-5], "invalid"),
    Bad("two objects", post() + post(), "invalid"),
    Bad("a list", b"[]", "invalid"),
    Bad("a number", b"17", "invalid"),
    Bad("null", b"null", "invalid"),
    Bad("no tag", b"{}", "invalid"),
    Bad("a tag that is none", b'{"t":7}', "invalid"),
    Bad("an unknown tag", b'{"t":"shout"}', "invalid"),
    Bad("a frame of the server", b'{"t":"sent","room":"ROOM","n":1,"seq":1,"at":1}', "invalid"),
    Bad("a number as text", post(n="1"), "invalid"),
    Bad("a text as number", post(body=5), "invalid"),
    Bad("a list as room", post(room=["ROOM"]), "invalid"),
    Bad("null as body", post(body=None), "invalid"),
    Bad("true as number", post(n=True), "invalid"),
    Bad("a fraction", post(n=1.5), "invalid"),
    Bad("zero", post(n=0), "invalid"),
    Bad("less than nothing", pull(after=-1), "invalid"),
    Bad("more than JSON keeps", post(n=2**53), "invalid"),
    Bad("a number of a thousand digits", b'{"t":"pull","q":1,"room":"ROOM","after":' + b"9" * 1000 + b"}", "invalid"),
    Bad("a page without end", pull(limit=10**6), "invalid"),
    Bad("no body", post(body=...), "invalid"),
    Bad("an empty body", post(body=""), "invalid"),
    Bad("a long body", post(body="x" * (MAX_BODY_BYTES + 1)), "too_large"),
    Bad("a long body of few characters", post(body="\N{PILE OF POO}" * (MAX_BODY_BYTES // 4 + 1)), "too_large"),
    Bad("lists in lists", b'{"t":"post","room":' + b"[" * DEEP + b"]" * DEEP + b"}", "invalid"),
    Bad("objects in objects", b'{"t":"post","extra":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}", "invalid"),
    Bad("lists that do not end", b"[" * DEEP, "invalid"),
    Bad("NaN", b'{"t":"pull","q":NaN,"room":"ROOM"}', "invalid"),
    Bad("Infinity", b'{"t":"post","room":"ROOM","n":Infinity,"id":"id-00000001","body":"text"}', "invalid"),
    Bad("a lone surrogate", b'{"t":"post","room":"ROOM","n":1,"id":"id-00000001","body":"\\ud800"}', "invalid"),
    Bad("a lone second surrogate", b'{"t":"post","room":"ROOM","n":1,"id":"id-00000001","body":"\\udc00 x"}', "invalid"),
    Bad("U+0000", post(body="a\0b"), "invalid"),
    Bad("U+0000 itself", b'{"t":"post","room":"ROOM","n":1,"id":"id-00000001","body":"a\0b"}', "invalid"),
    Bad("U+0000 in a name", b'{"t":"create","q":1,"key":"key-00000001","name":"a\\u0000b"}', "invalid"),
    Bad("a line end in a name", b'{"t":"create","q":1,"key":"key-00000001","name":"a\\nb"}', "invalid"),
    Bad("a field that is not known", post(color="red"), "invalid"),
    Bad("a forged sender", post(user="user0"), "invalid"),
    Bad("a forged device", post(device="0123456789abcdef"), "invalid"),
    Bad("a forged seq", post(seq=1), "invalid"),
    Bad("a forged time", post(at=1), "invalid"),
    Bad("hello again", b'{"t":"hello","v":1,"token":"0123456789"}', "not_now"),
    Bad("a seq that is not there, acknowledged", b'{"t":"ack","room":"ROOM","seq":1000000}', "beyond_head"),
    Bad("a seq that is not there, read", b'{"t":"read","room":"ROOM","seq":1000000}', "beyond_head"),
)

EARLY = (
    Bad("not JSON", b"{oops", "invalid", 4200),
    Bad("lists in lists", b"[" * DEEP, "invalid", 4200),
    Bad("a field that is not known", b'{"t":"hello","v":1,"token":"0123456789","user":"user0"}', "invalid", 4200),
    Bad("no version", b'{"t":"hello","token":"0123456789"}', "invalid", 4200),
    Bad("a post first", post(room="abcd"), "not_now", 4202),
    Bad("a ping first", b'{"t":"ping"}', "not_now", 4202),
    Bad("a body above its limit", post(room="abcd", body="x" * (MAX_BODY_BYTES + 1)), "too_large", 4200),
    Bad("another version", b'{"t":"hello","v":9,"token":"0123456789"}', "unsupported_version", 4203),
    Bad("a token that is none", b'{"t":"hello","v":1,"token":"0123456789"}', "bad_token", 4100),
    Bad("a token of nobody", b'{"t":"hello","v":1,"token":"wbl:nobody:Ag3EbpY48LG-bNZP4Mp7_1WjJBGhD4BBvw9QkwcZu98"}', "bad_token", 4100),
    Bad(
        "a token that is not the user's",
        b'{"t":"hello","v":1,"token":"wbl:user1:Ag3EbpY48LG-bNZP4Mp7_1WjJBGhD4BBvw9QkwcZu98"}',
        "bad_token",
        4100,
    ),
)
"""Before `welcome` every wrong frame is the last."""

ZERO_KEY = b"\0\0\0\0"
TRANSPORT = (
    ("a text of a mebibyte", b"\x81\xff" + (1 << 20).to_bytes(8, "big") + ZERO_KEY + b" " * (1 << 20), 1009),
    ("a mebibyte in fragments", b"\x01\xfe\xff\xff" + ZERO_KEY + b" " * 65535 + (b"\x00\xfe\xff\xff" + ZERO_KEY + b" " * 65535) * 16, 1009),
    ("a length without end", b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + ZERO_KEY, 1009),
    ("a binary frame", b"\x82\x82" + ZERO_KEY + b"{}", 1003),
    ("bytes that are not UTF-8", b"\x81\x84" + ZERO_KEY + b'"\xff\xfe"', 1007),
    ("a surrogate as UTF-8", b"\x81\x85" + ZERO_KEY + b'"\xed\xa0\x80"', 1007),
    ("no mask", b"\x81\x02{}", 1002),
    ("reserved bits", b"\xf1\x82" + ZERO_KEY + b"{}", 1002),
    ("a reserved opcode", b"\x83\x82" + ZERO_KEY + b"{}", 1002),
    ("a fragment of nothing", b"\x80\x82" + ZERO_KEY + b"{}", 1002),
    ("a long ping", b"\x89\xfe\x00\x80" + ZERO_KEY + b"x" * 128, 1002),
)


class Ground:
    """A server with a room; one who does wrong, and two who chat."""

    def __init__(self, url: str, accounts: list[list[Account]], room: str, ann: Raw, bob: Raw) -> None:
        self.url = url
        self.room = room
        self.wrongdoer = accounts[2][0]
        self.stranger = accounts[3][0]
        self._ann, self._bob = ann, bob
        self._n = 0

    def text(self, bad: Bad) -> bytes:
        """The frame, with the room's name in it."""
        return bad.text.replace(b"ROOM", self.room.encode())

    async def others_chat(self) -> None:
        """A message of one of the others reaches the other one."""
        self._n += 1
        self._ann.say({"t": "post", "room": self.room, "n": self._n, "id": f"post-{self._n:05d}", "body": "still here"})
        await self._ann.hear("sent", n=self._n)
        await self._bob.hear("msg", n=self._n)


@asynccontextmanager
async def ground(data: Path) -> AsyncIterator[Ground]:
    """Start it; at the end nothing may have been written to the log that a person should look at."""
    accounts = make_accounts(data, "small")
    server = Cell(data, UNLIMITED)
    await server.start()
    try:
        async with asyncio.timeout(LIMIT_S):
            ann, bob = [await Raw.log_in(server.url(0), devices[0].token) for devices in accounts[:2]]
            members = [devices[0].user for devices in accounts[1:3]]
            created = await ann.ask({"t": "create", "q": 1, "key": "the-room", "name": "Room", "members": members})
            yield Ground(server.url(0), accounts, created["result"]["room"]["room"], ann, bob)
            await ann.still_there()
            await bob.still_there()
    finally:
        await server.kill()
    written = (data / "bench.log").read_text()
    assert "Traceback" not in written
    assert [line for line in written.splitlines() if json.loads(line)["level"] == "error"] == []


def test_wrong_frames_are_answered_and_the_connection_stays(tmp_path: Path) -> None:
    async def run() -> None:
        async with ground(tmp_path) as g:
            raw = await Raw.log_in(g.url, g.wrongdoer.token)
            for number, bad in enumerate(WRONG):
                if number and not number % 20:  # as many as are borne within a minute
                    await raw.leave()
                    raw = await Raw.log_in(g.url, g.wrongdoer.token)
                raw.say_text(g.text(bad))
                answer = await raw.hear("error", "sent", "ok", "page")
                assert (answer["t"], answer.get("q"), answer.get("code")) == ("error", 0, bad.error), bad.name
                assert answer["retry"] is False
                await raw.still_there()
            await g.others_chat()
            raw.say_text(post(room=g.room))
            assert (await raw.hear("sent"))["n"] == 1, "some of the wrong posts was stored"

    uvloop.run(run())


def test_a_wrong_first_frame_is_answered_and_ends_the_connection(tmp_path: Path) -> None:
    async def run() -> None:
        async with ground(tmp_path) as g:
            for bad in EARLY:
                raw = await Raw.connect(g.url)
                raw.say_text(g.text(bad))
                assert (await raw.hear("error"))["code"] == bad.error, bad.name
                assert await raw.close_code() == bad.close, bad.name
                await g.others_chat()

    uvloop.run(run())


def test_frames_against_the_transport_end_the_connection_with_their_code(tmp_path: Path) -> None:
    async def run() -> None:
        async with ground(tmp_path) as g:
            for name, data, code in TRANSPORT:
                for logs_in in (False, True):
                    raw = await (Raw.log_in(g.url, g.wrongdoer.token) if logs_in else Raw.connect(g.url))
                    raw.client.write(data)
                    assert await raw.close_code() == code, name
                await g.others_chat()

    uvloop.run(run())


def test_whoever_sends_wrong_frames_without_end_is_closed(tmp_path: Path) -> None:
    async def run() -> None:
        async with ground(tmp_path) as g:
            raw = await Raw.log_in(g.url, g.wrongdoer.token)
            for _ in range(1000):
                raw.say_text(b"{oops")
            assert await raw.close_code() == 4204
            assert sum(frame["t"] == "error" for frame in raw.frames) == 21
            await g.others_chat()

    uvloop.run(run())


def test_a_stranger_to_a_room_learns_nothing_of_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with ground(tmp_path) as g:
            await g.others_chat()
            raw = await Raw.log_in(g.url, g.stranger.token)
            for q, frame in enumerate(
                [
                    {"t": "pull", "room": g.room},
                    {"t": "members", "room": g.room},
                    {"t": "join", "room": g.room},
                    {"t": "invite", "room": g.room, "user": "user4"},
                    {"t": "kick", "room": g.room, "user": "user0"},
                    {"t": "edit", "room": g.room, "name": "mine"},
                ],
                start=1,
            ):
                answer = await raw.ask({**frame, "q": q})
                assert (answer["t"], answer["code"]) == ("error", "no_such_room"), frame["t"]
            for tag in ("ack", "read"):
                raw.say({"t": tag, "room": g.room, "seq": 1_000_000})
                answer = await raw.hear("error", q=0)
                assert answer["code"] == "no_such_room" or answer.get("fields", {}).get("head", 0) == 0
            raw.say({"t": "post", "room": g.room, "n": 1, "id": "id-00000001", "body": "let me in"})
            assert (await raw.hear("refused"))["code"] == "no_such_room"
            await g.others_chat()

    uvloop.run(run())
