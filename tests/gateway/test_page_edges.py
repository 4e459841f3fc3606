"""Where the page may connect, and which pages an edge lets in."""

from __future__ import annotations

import pytest

from gateway.page_edges import MAX_SOURCES, PageOrigins, connect_sources


def test_a_page_may_connect_to_every_port_of_hosts_at_which_edges_are() -> None:
    urls = ["ws://10.0.0.1:40001/ws", "ws://10.0.0.1:40002/ws", "wss://cell-1.chat.example/ws"]
    assert connect_sources(urls) == ("ws://10.0.0.1:*", "wss://cell-1.chat.example:*")


def test_what_cannot_stand_in_a_policy_is_left_out_and_a_policy_stays_short() -> None:
    assert connect_sources(["ws://[::1]:40001/ws", "http://chat.example/", "", "ws:///ws"]) == ()
    assert len(connect_sources(f"ws://host-{number}/ws" for number in range(500))) == MAX_SOURCES


@pytest.mark.parametrize(
    ("origin", "is_in"),
    [
        ("http://10.0.0.1:8440", True),
        ("http://10.0.0.2:8440", True),
        ("https://app.example", True),
        ("http://10.0.0.2:8441", False),
        ("https://10.0.0.1:8440", False),
        ("http://10.0.0.3:8440", False),
        ("http://localhost:8440", False),
        ("http://10.0.0.1:8440/path", False),
        ("http://10.0.0.1:port", False),
        ("null", False),
        ("", False),
    ],
)
def test_pages_of_the_shared_port_of_any_host_with_an_edge_may_connect_and_listed_ones(origin: str, is_in: bool) -> None:
    edges = ["ws://10.0.0.1:40001/ws", "ws://10.0.0.2:40001/ws"]
    origins = PageOrigins(["https://App.example"], lambda: ["ws://10.0.0.1:8440/ws"], lambda: edges)
    assert (origin in origins) is is_in


def test_on_this_machine_alone_its_names_are_the_same() -> None:
    origins = PageOrigins([], lambda: ["ws://127.0.0.1:8440/ws"], lambda: ["ws://127.0.0.1:40001/ws"])
    assert "http://localhost:8440" in origins
    assert "http://localhost:9000" not in origins


def test_ports_that_go_without_saying_are_known() -> None:
    origins = PageOrigins([], lambda: ["wss://chat.example/ws"], lambda: ["wss://cell-1.chat.example/ws"])
    assert "https://chat.example" in origins
    assert "https://cell-1.chat.example:443" in origins
    assert "http://chat.example" not in origins


def test_where_nothing_is_known_only_listed_origins_are_let_in() -> None:
    origins = PageOrigins(["https://app.example"], list, lambda: ["wss://cell-1.chat.example/ws"])
    assert "https://app.example" in origins
    assert "https://cell-1.chat.example" not in origins
