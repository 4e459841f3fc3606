"""The short way of frames agrees with websockets' own, however the bytes are cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from cluster.peer_frames import FramePacker, FrameSplitter

LIMIT = 1 << 20
SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 300_000)


def protocol(*, client: bool) -> ClientProtocol | ServerProtocol:
    """websockets' own protocol, open."""
    return ClientProtocol(parse_uri("ws://x"), state=State.OPEN) if client else ServerProtocol(state=State.OPEN)


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_packed_here_is_read_by_websockets(client: bool, size: int) -> None:
    message = bytes(number % 251 for number in range(size))
    reader = protocol(client=not client)
    reader.receive_data(b"".join(FramePacker(masked=client).pack(message)))
    (frame,) = reader.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, bytes(frame.data), frame.fin) == (Opcode.BINARY, message, True)


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_what_websockets_sends_is_split_here(client: bool, size: int) -> None:
    message = bytes(number % 251 for number in range(size))
    writer = protocol(client=client)
    writer.send_binary(message)
    splitter = FrameSplitter(masked=client, max_bytes=LIMIT)
    assert splitter.feed(b"".join(writer.data_to_send())) == [(True, message)]


def test_masks_are_drawn_anew_for_every_frame() -> None:
    packer = FramePacker(masked=True)
    masks = {packer.pack(b"x")[0][2:6] for _ in range(3000)}
    assert len(masks) > 2990


@given(
    parts=st.lists(st.one_of(st.binary(max_size=300), st.sampled_from([Opcode.PING, Opcode.PONG])), max_size=12),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=40),
    masked=st.booleans(),
)
def test_frames_come_out_whole_and_in_order_however_the_bytes_are_cut(parts: list[Any], cuts: list[int], masked: bool) -> None:
    packer = FramePacker(masked=masked)
    sent = [(True, part) if isinstance(part, bytes) else (False, Frame(part, b"hi").serialize(mask=masked)) for part in parts]
    data = b"".join(b"".join(packer.pack(part)) if is_message else part for is_message, part in sent)
    splitter = FrameSplitter(masked=masked, max_bytes=LIMIT)
    found = []
    turn = 0
    while data:
        cut = cuts[turn % len(cuts)]
        found += splitter.feed(data[:cut])
        data = data[cut:]
        turn += 1
    assert found == sent


def test_a_large_message_in_many_pieces_is_looked_at_only_when_it_is_there() -> None:
    message = b"x" * 500_000
    data = b"".join(FramePacker(masked=True).pack(message))
    splitter = FrameSplitter(masked=True, max_bytes=LIMIT)
    assert [part for start in range(0, len(data), 1000) for part in splitter.feed(data[start : start + 1000])] == [(True, message)]


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (b"\x82\x01x", "incorrect masking"),
        (b"\x82\xff" + (LIMIT + 1).to_bytes(8, "big") + b"mask", "exceeds limit"),
        (b"\x82\xff" + b"\xff" * 8 + b"mask", "exceeds limit"),
        (b"\xc2\x80mask", "reserved bits"),
        (b"\x83\x80mask", "invalid opcode"),
        (b"\x89\xfe\x00\x7e" + b"mask" + b"x" * 126, "control frame"),
        (b"\x09\x80mask", "control frame"),
    ],
)
def test_what_is_wrong_goes_to_websockets_which_says_so(frame: bytes, error: str) -> None:
    splitter = FrameSplitter(masked=True, max_bytes=LIMIT)
    good = b"".join(FramePacker(masked=True).pack(b"good"))
    message, *wrong = splitter.feed(good + frame)
    assert message == (True, b"good")
    server = ServerProtocol(state=State.OPEN, max_size=LIMIT)
    for is_message, part in wrong:
        assert not is_message
        server.receive_data(part)
    assert error in str(server.parser_exc)
