"""Links over real sockets: two cells of one process find each other, lose each other, and account for every loss."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import pytest

from actors.errors import ChatError, Unavailable, Unknown
from actors.runtime.promise import Promise
from actors.runtime.view import CellInfo, View, first_view
from cluster import peer as peer_module
from cluster import peer_socket
from tests.kit.peers import Cell, Double, Note, X, connected, on_loop, pair, result, stop, turn_until

# --- two cells -------------------------------------------------------------------------------------------------------


def test_tells_and_asks_go_both_ways_in_order() -> None:
    async def test() -> None:
        a, b, _ = await pair()
        b.local.answer = lambda to, request: 2 * request.number if isinstance(request, Double) and request.number else ChatError("not_now")
        a.local.answer = lambda to, request: 5
        for number in range(3000):
            a.links.tell("b.1", (X,), Note(number, "x" * 100))
            b.links.tell("a.1", (X,), Note(number))
        assert await result(a.links.ask("b.1", X, Double(21), 5.0)) == 42
        assert await result(b.links.ask("a.1", X, Double(1), 5.0)) == 5
        with pytest.raises(ChatError, match="not_now"):
            await result(a.links.ask("b.1", X, Double(0), 5.0))
        assert a.numbers() == b.numbers() == list(range(3000))
        assert a.link("b.1").counters["frames"] < 30
        await stop(a, b)

    on_loop(test)


def test_a_message_of_megabytes_passes() -> None:
    async def test() -> None:
        a, b, _ = await pair()
        a.links.tell("b.1", (X,), Note(1, "x" * 9_000_000))
        a.links.tell("b.1", (X,), Note(2))
        await turn_until(lambda: b.numbers() == [1, 2])
        assert isinstance(b.local.taken[0][1], Note)
        assert len(b.local.taken[0][1].text) == 9_000_000
        await stop(a, b)

    on_loop(test)


def test_a_cell_that_comes_later_is_connected_and_one_that_leaves_is_let_go() -> None:
    async def test() -> None:
        a = Cell("a.1")
        info = await a.start()
        b = Cell("b.1")
        with socket.socket() as placeholder:
            placeholder.bind(("127.0.0.1", 0))
            port = placeholder.getsockname()[1]
        view = first_view([info, CellInfo("b.1", "b.1", url=f"ws://127.0.0.1:{port}")], 8)
        a.links.adopt(view)
        a.links.tell("b.1", (X,), Note(1))
        await turn_until(lambda: next(iter(a.dialer._dialings)).attempts > 1)
        await b.listener.start(port=port)
        await turn_until(lambda: b.numbers() == [1])
        a.links.adopt(first_view([info], 8))
        a.links.adopt(View(2, (info,), (0,), (1,)))
        assert a.links.link("b.1") is None
        await turn_until(lambda: not b.listener._peers)
        assert a.local.lost == ["b.1"]
        await stop(a, b)

    on_loop(test)


def test_the_url_names_what_others_know_this_host_by() -> None:
    async def test() -> None:
        a = Cell("a.1")
        url = await a.listener.start(advertise="node-7.internal")
        assert url.startswith("ws://node-7.internal:")
        assert int(url.rpartition(":")[2]) > 0
        await a.listener.close()
        assert (await a.listener.start(advertise="fd00::7")).startswith("ws://[fd00::7]:")
        await stop(a)

    on_loop(test)


def test_closing_twice_and_before_a_connection_stands_leaves_nothing() -> None:
    async def test() -> None:
        a, b, _ = await pair()
        a.links.tell("b.1", (X,), Note(1))
        await stop(a, b)
        await stop(a, b)
        assert [reason for _, _, reason in a.local.undelivered_items] == ["no_link"]

    on_loop(test)


# --- broken connections ----------------------------------------------------------------------------------------------


def abort_all(cell: Cell) -> int:
    """Cut what a cell has accepted, as a reset of the network does."""
    peers = list(cell.listener._peers)
    for accepted in peers:
        assert accepted._transport is not None
        accepted._transport.abort()
    return len(peers)


def test_connections_killed_under_load_repeat_nothing_keep_order_and_every_loss_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    # Every connection counts as steady, so that each break is followed by a short pause.
    monkeypatch.setattr(peer_module, "STEADY_S", 0.0)

    async def test() -> None:
        a, b, _ = await pair()
        b.local.answer = lambda to, request: 1
        asks: list[Promise[int]] = []
        told = cuts = 0
        while cuts < 12:
            await connected(a, b)
            before = (len(b.local.taken), a.link("b.1").counters["breaks"])
            for _ in range(400):
                a.links.tell("b.1", (X,), Note(told, "x" * 200))
                told += 1
                if told % 50 == 0:
                    asks.append(a.links.ask("b.1", X, Double(told), 5.0))
                if told % 97 == 0:
                    await asyncio.sleep(0)
            # The cut before may be noticed only now: then there is nothing to cut yet.
            await turn_until(lambda before=before: before != (len(b.local.taken), a.link("b.1").counters["breaks"]), 0.0)  # type: ignore[misc]
            cuts += abort_all(b)
        while b.numbers()[-1] != told:
            with suppress(Unknown, Unavailable):
                await result(a.links.ask("b.1", X, Double(0), 5.0))
                a.links.tell("b.1", (X,), Note(told))
                await result(a.links.ask("b.1", X, Double(0), 5.0))
        arrived = b.numbers()
        reported = {m.number: reason for _, m, reason in a.local.undelivered_items if isinstance(m, Note)}
        assert arrived == sorted(set(arrived))
        assert set(arrived) | set(reported) == set(range(told + 1))
        assert {reported[number] for number in set(arrived) & set(reported)} <= {"lost"}
        assert len(reported) == len(a.local.undelivered_items)
        assert len(a.local.lost) >= cuts
        ends = [type(ask.error) for ask in asks]
        assert set(ends) <= {type(None), Unknown, Unavailable}
        assert type(None) in ends
        await stop(a, b)

    on_loop(test)


def test_a_peer_that_answers_no_ping_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_socket, "PING_S", 0.03)

    async def test() -> None:
        a, b, _ = await pair()
        await connected(a, b)
        (accepted,) = b.listener._peers
        assert accepted._transport is not None
        assert accepted._timer is not None
        accepted._transport.pause_reading()
        accepted._timer.cancel()
        a.links.tell("b.1", (X,), Note(1))
        await turn_until(lambda: a.local.lost == ["b.1"])
        assert a.local.undelivered_items == [(X, Note(1), "lost")]
        (dialing,) = a.dialer._dialings
        assert "pings without an answer" in dialing.last_reason
        await connected(a, b)
        await stop(a, b)

    on_loop(test)


def test_an_idle_connection_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_socket, "PING_S", 0.01)

    async def test() -> None:
        a, b, _ = await pair()
        await connected(a, b)
        pings: list[bytes] = []
        (accepted,) = b.listener._peers
        take = accepted._take_frame

        def counting(frame: Any) -> None:
            pings.append(frame.data)
            take(frame)

        monkeypatch.setattr(accepted, "_take_frame", counting)
        await turn_until(lambda: len(pings) >= 10)
        assert (a.local.lost, b.local.lost) == ([], [])
        await stop(a, b)

    on_loop(test)


def test_what_is_said_in_the_turn_of_the_welcome_comes_after_it() -> None:
    class Greeter:
        """Speaks as soon as somebody has connected."""

        def __init__(self, cell: Cell) -> None:
            self.cell = cell
            self.heard: list[bytes] = []

        def linked(self, life: str, up: bool) -> None:
            if up:
                self.cell.links.control(life, b"hello")

        def control(self, life: str, body: bytes) -> None:
            self.heard.append(body)

    async def test() -> None:
        a, b = Cell("a.1"), Cell("b.1")
        greeters = [Greeter(cell) for cell in (a, b)]
        view = first_view([await a.start(), await b.start()], 8)
        for cell, greeter in zip((a, b), greeters, strict=True):
            cell.links.oversee(greeter)
            cell.links.adopt(view)
        await turn_until(lambda: all(len(greeter.heard) >= 2 for greeter in greeters))
        assert [dialing.attempts for cell in (a, b) for dialing in cell.dialer._dialings] == [1, 1]
        await stop(a, b)

    on_loop(test)
