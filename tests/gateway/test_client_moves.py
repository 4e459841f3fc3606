"""A client that is asked to move: welcomed at the new connection before it leaves the old one, and nobody notices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from actors.messages.session import AskToMove
from actors.runtime.actor import ActorId
from gateway.arrivals import Arrivals
from gateway.client import Client
from tests.gateway.test_client import texts
from tests.kit.live import Live, token, with_live


def session_of(live: Live, user: str) -> ActorId:
    """The session that this user's only device has now."""
    (found,) = live.chat.tables.routes.sessions(user)
    return found


def ask(live: Live, user: str, *urls: str, within: float = 0.0) -> ActorId:
    """Ask a device to move; the session that it has before."""
    session = session_of(live, user)
    live.chat.cell.tell(session, AskToMove(list(urls), within))
    return session


async def moved(live: Live, client: Client, before: ActorId) -> None:
    """Ask and be answered until the device has another session and the one before is known nowhere."""
    routes = live.chat.tables.routes
    while True:
        await client.who(client.user)
        sessions = routes.sessions(client.user)
        if sessions and before not in sessions and before not in live.chat.tables.sessions:
            return


def two(story: Callable[[Live, Client, Client, str], Awaitable[None]]) -> None:
    """Alice and Bob, who chat."""

    async def main(live: Live) -> None:
        await live.register("alice", "bob", "carol")
        async with Client(live.url, token("alice")) as alice, Client(live.url, token("bob")) as bob:
            room = (await alice.direct("bob")).room
            await story(live, alice, bob, room)

    with_live(main)


def test_a_client_moves_and_its_posts_and_entries_go_on_without_a_hole() -> None:
    async def story(live: Live, alice: Client, bob: Client, room: str) -> None:
        posts = asyncio.gather(*(alice.send(room, f"m{number}") for number in range(300)))
        for _ in range(3):
            old = [(client, ask(live, client.user, live.other_url)) for client in (alice, bob)]
            for client, session in old:
                await moved(live, client, session)
        assert await posts == list(range(2, 302))
        assert await texts(bob, 300) == [(number + 2, f"m{number}") for number in range(300)]
        assert await bob.send(room, "all here") == 302

    two(story)


def test_requests_that_cannot_be_repeated_are_not_lost_by_a_move() -> None:
    async def story(live: Live, alice: Client, bob: Client, room: str) -> None:
        garden = (await alice.create("Garden", ["bob"])).room
        for _ in range(5):
            old = ask(live, "alice", live.other_url)
            for _ in range(10):
                await alice.invite(garden, "carol")
                await alice.kick(garden, "carol")
            await moved(live, alice, old)

    two(story)


def test_a_client_that_cannot_reach_the_new_edge_stays_where_it_is() -> None:
    async def story(live: Live, alice: Client, bob: Client, room: str) -> None:
        old = ask(live, "alice", "ws://127.0.0.1:1/ws", "nonsense")
        assert await alice.send(room, "still here") == 2
        assert session_of(live, "alice") == old

    two(story)


def test_the_first_edge_that_answers_is_taken() -> None:
    async def story(live: Live, alice: Client, bob: Client, room: str) -> None:
        old = ask(live, "alice", "ws://127.0.0.1:1/ws", live.other_url)
        await moved(live, alice, old)
        assert await alice.send(room, "moved") == 2

    two(story)


def test_a_ticket_lets_a_device_in_where_strangers_have_to_wait() -> None:
    arrivals = Arrivals(0.001, 4.0)

    async def main(live: Live) -> None:
        await live.register("alice", "bob")
        async with Client(live.url, token("alice")) as alice:
            room = (await alice.direct("bob")).room
            async with Client(live.url, token("alice", "d2")):
                assert arrivals.wait_s(0.0, known=False) > 0
            (old,) = (session for session, device in live.chat.tables.routes.sessions("alice").items() if device == "aliced1")
            live.chat.cell.tell(old, AskToMove([live.other_url], 0.0))
            await moved(live, alice, old)
            assert await alice.send(room, "moved") == 2

    with_live(main, arrivals=arrivals)
