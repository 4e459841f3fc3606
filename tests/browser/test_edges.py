"""The page goes where the server leads it: to a cell at an address of its own, which its policy and that cell allow."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Meet
from tests.browser.server import Server

pytestmark = pytest.mark.slow


def test_a_page_is_led_to_cells_at_their_own_addresses_and_chats_there(meet: Meet, server: Server) -> None:
    tess, uri = meet(), meet()
    urls: list[str] = []
    for person in (tess, uri):
        person.page.on("websocket", lambda socket: urls.append(socket.url))
    tess.sign_up("tess", "Tess")
    uri.sign_up("uri", "Uri")
    tess.start_chat("uri")
    tess.say("Where are you?")
    uri.open("Tess")
    uri.hears("Where are you?")
    named = tess.page.request.get("/connect").json()["edges"]
    own = server.url.replace("http", "ws") + "ws"
    assert named and own not in named
    assert len(urls) == 2 and set(urls) <= set(named)
