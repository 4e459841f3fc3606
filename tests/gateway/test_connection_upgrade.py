"""The opening handshake: who may connect, and how others are refused."""

from __future__ import annotations

import random

import pytest

from gateway.hub import Hub
from tests.kit.clock import Clock
from tests.kit.wire_ends import (
    HEAD,
    Line,
    RecordedSessions,
)


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        (b"", True),
        (b"https://chat.example", True),
        (b"http://chat.example:80", True),
        (b"https://CHAT.example", True),
        (b"https://chat.example:8443", False),
        (b"https://evil.example", False),
        (b"https://chat.example.evil.example", False),
        (b"null", False),
        (b"https://app.example", True),
        (b"http://app.example", False),
        (b"chat.example", False),
        (b"https://[bad", False),
    ],
)
def test_pages_connect_from_the_own_origin_or_a_listed_one(origin: bytes, accepted: bool) -> None:
    hub = Hub(RecordedSessions(), Clock(), origins=["https://app.example"], chance=random.Random(1))
    line = Line(hub=hub, head=HEAD[:-2] + (b"Origin: " + origin + b"\r\n" if origin else b"") + b"\r\n")
    assert line.output().startswith(b"HTTP/1.1 101" if accepted else b"HTTP/1.1 403")
    assert line.transport.closed == ("" if accepted else "close")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (HEAD.replace(b"/ws", b"/ws?token=secret"), b"400"),
        (HEAD.replace(b"/ws", b"/other"), b"404"),
        (HEAD.replace(b"Host: chat.example\r\n", b""), b"400"),
        (HEAD.replace(b"Host: chat.example\r\n", b"Host: a\r\nHost: b\r\n"), b"400"),
        (HEAD[:-2] + b"Origin: https://chat.example\r\nOrigin: https://chat.example\r\n\r\n", b"400"),
        (HEAD.replace(b"Version: 13", b"Version: 8"), b"400"),
        (HEAD.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), b"400"),
        (HEAD.replace(b"GET", b"POST"), b"405"),
        (HEAD.replace(b"Upgrade: websocket", b"Upgrade: other"), b"426"),
    ],
)
def test_a_wrong_request_is_refused_by_status(head: bytes, status: bytes) -> None:
    line = Line(head=head)
    assert line.output().split(b" ")[1] == status
    assert line.transport.closed == "close"
    line.lose()
    assert line.hub.counters.websockets == 0


def test_a_request_that_is_no_http_is_ended() -> None:
    line = Line(head=b"hello\r\n\r\n")
    assert (line.output(), line.transport.closed) == (b"", "close")


@pytest.mark.parametrize(("offered", "chosen"), [(b"warbler.v1", b"warbler.v1"), (b"chat, warbler.v1", b"warbler.v1"), (b"chat", None)])
def test_a_subprotocol_is_optional(offered: bytes, chosen: bytes | None) -> None:
    response = Line(head=HEAD[:-2] + b"Sec-WebSocket-Protocol: " + offered + b"\r\n\r\n").output()
    assert response.startswith(b"HTTP/1.1 101")
    assert (b"Sec-WebSocket-Protocol: warbler.v1" in response) == (chosen is not None)


def test_compression_is_not_agreed_to() -> None:
    response = Line(head=HEAD[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n").output()
    assert response.startswith(b"HTTP/1.1 101")
    assert b"Extensions" not in response
