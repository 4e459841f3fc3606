"""Our connection and a plain `ServerProtocol` get the same bytes: the same messages, answers and close codes come out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from actors.closing import CLOSES, TOO_MANY_ERRORS
from actors.commands import Command
from actors.errors import ChatError
from gateway.protocol import Dialogue
from gateway.wire import MAX_FRAME_BYTES, NotUtf8, encode
from tests.kit.wire_ends import HELLO, WELCOME, Line, RecordedSessions, echo_pings, frame

TEXT, BINARY, CONT, CLOSE, PING, PONG = 0x81, 0x82, 0x80, 0x88, 0x89, 0x8A
BEGIN, MIDDLE = 0x01, 0x00


class Reference:
    """The plainest rim around a whole-life `ServerProtocol`: what RFC 6455 says, by the library that knows it."""

    def __init__(self) -> None:
        self.ws = ServerProtocol(state=State.OPEN, max_size=MAX_FRAME_BYTES)
        self.dialogue = Dialogue()
        self.commands: list[Command] = []
        self.out = b""
        self.ended = False
        self._parts: list[bytes] = []
        self.receive(frame(HELLO))
        self.dialogue.opened()
        self.out = b""
        self.commands.clear()

    def receive(self, data: bytes) -> None:
        if self.ended:
            return
        self.ws.receive_data(data)
        for event in self.ws.events_received():
            assert isinstance(event, Frame)
            if self.ws.state is State.OPEN:
                self._take(event)
        for written in self.ws.data_to_send():
            self.out += written
            self.ended |= written == b""

    def _take(self, event: Frame) -> None:
        if event.opcode is Opcode.BINARY:
            self.ws.fail(1003, "text frames only")
        elif event.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(event.data))
            if event.fin:
                text, self._parts = b"".join(self._parts), []
                self._answer(text)

    def _answer(self, text: bytes) -> None:
        try:
            command = self.dialogue.receive(text)
        except NotUtf8 as error:
            self.ws.fail(1007, str(error))
        except ChatError as error:
            refusal = self.dialogue.refuse(error, 0.0)
            self.ws.send_text(encode(refusal.answer))
            if refusal.close:
                self.dialogue.close()
                self.ws.send_close(refusal.close, CLOSES[refusal.close])
        else:
            self.commands.append(command)
            echo_pings(self, command)

    def emit(self, event) -> None:  # type: ignore[no-untyped-def]
        self.ws.send_text(encode(event))


def parsed(data: bytes) -> tuple[list[bytes], list[tuple[int, bytes]]]:
    """The server's texts and its control frames, each in order."""
    texts, controls, at = [], [], 0
    while at < len(data):
        size, start = data[at + 1], at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(data[start : start + width], "big"), start + width
        payload = data[start : start + size]
        if data[at] == TEXT:
            assert CLOSE not in [code for code, _ in controls]
            texts.append(payload)
        else:
            assert data[at] in (CLOSE, PING, PONG)
            controls.append((data[at], payload))
        at = start + size
    assert [code for code, _ in controls if code == CLOSE] in ([], [CLOSE])
    return texts, controls


ABOUT_MESSAGES = (1003, 1007, TOO_MANY_ERRORS)
"""Close codes for what is inside of a message; frames that a `ServerProtocol` took before are looked at before."""


def close_of(controls: Sequence[tuple[int, bytes]]) -> int | None:
    """The close code among control frames."""
    return next((int.from_bytes(payload[:2], "big") for code, payload in controls if code == CLOSE), None)


def assert_same(chunks: Iterable[bytes], frames: Iterable[bytes]) -> Line:
    """Ours gets `chunks`, the reference the same bytes frame by frame."""
    line = Line.welcomed(RecordedSessions(echo_pings))
    for chunk in chunks:
        if not line.transport.closed:
            line.receive(chunk)
    reference = Reference()
    for one in frames:
        reference.receive(one)
    assert line.session.commands == reference.commands
    (texts, controls), (wanted_texts, wanted_controls) = parsed(line.output()), parsed(reference.out)
    assert texts == wanted_texts
    if close_of(controls) in ABOUT_MESSAGES or close_of(wanted_controls) not in ABOUT_MESSAGES:
        # a pong may go out before or after our close frame
        assert sorted(controls) == sorted(wanted_controls)
    else:
        # a broken message and a broken frame behind it came in one chunk: the frame was found first
        assert close_of(controls) in (1002, 1009)
    assert (line.transport.closed == "close") == reference.ended
    return line


def ping(q: int, pad: int = 0) -> bytes:
    return json.dumps({"t": "ping", "q": q}).encode() + b" " * pad


def fragments(payload: bytes, *cuts: int) -> list[bytes]:
    """A text message as fragments, cut at these places."""
    ends = [*cuts, len(payload)]
    pieces = [payload[begin:end] for begin, end in zip([0, *cuts], ends, strict=True)]
    heads = [BEGIN, *[MIDDLE] * (len(pieces) - 2), CONT]
    return [frame(piece, head) for piece, head in zip(pieces, heads, strict=True)]


CASES: dict[str, list[bytes]] = {
    "one message": [frame(ping(1))],
    "several messages": [frame(ping(1)), frame(ping(2)), frame(ping(3))],
    "an empty message": [frame(b""), frame(ping(1))],
    "a message with a 16-bit length": [frame(ping(1, pad=200)), frame(ping(2))],
    "a length written longer than needed": [frame(ping(1), length_bytes=2), frame(ping(2), length_bytes=8), frame(ping(3))],
    "the largest message": [frame(ping(1, pad=MAX_FRAME_BYTES - len(ping(1)))), frame(ping(2))],
    "a message one byte too large": [frame(ping(1, pad=MAX_FRAME_BYTES - len(ping(1)) + 1)), frame(ping(2))],
    "a mask of zeros": [frame(ping(1), mask=b"\0\0\0\0")],
    "fragments": [*fragments(ping(1), 3, 7), frame(ping(2))],
    "empty fragments": [*fragments(ping(1), 0, 0, 5, 5), frame(ping(2))],
    "control frames between fragments": [
        fragments(ping(1), 4)[0], frame(b"abc", PING), frame(b"", PONG), frame(b"", PING), fragments(ping(1), 4)[1], frame(ping(2)),
    ],
    "fragments too large together": [frame(b"x" * 40_000, BEGIN), frame(b"x" * 40_000, CONT), frame(ping(1))],
    "ping and pong": [frame(b"", PING), frame(b"hello", PING), frame(b"x" * 125, PING), frame(b"", PONG), frame(b"late", PONG), frame(ping(1))],
    "a control frame too long": [frame(ping(1)), frame(b"x" * 126, PING), frame(ping(2))],
    "a pong too long": [frame(b"x" * 126, PONG), frame(ping(2))],
    "a ping with a longer length field": [frame(b"abc", PING, length_bytes=2), frame(ping(2))],
    "a fragmented control frame": [frame(b"", 0x09), frame(ping(2))],
    "a message inside a fragmented one": [fragments(ping(1), 4)[0], frame(ping(2)), frame(ping(3))],
    "a continuation of nothing": [frame(ping(1)), frame(ping(2), CONT), frame(ping(3))],
    "binary": [frame(ping(1)), frame(b"\1\2\3", BINARY), frame(ping(2))],
    "binary in fragments": [frame(b"\1", 0x02), frame(b"\2", CONT), frame(ping(2))],
    "not masked": [frame(ping(1)), frame(ping(2), mask=None), frame(ping(3))],
    "reserved bit 1": [frame(ping(1)), frame(ping(2), TEXT | 0x40), frame(ping(3))],
    "reserved bit 2": [frame(ping(2), TEXT | 0x20), frame(ping(3))],
    "reserved bit 3": [frame(b"", PING | 0x10), frame(ping(3))],
    "an unknown data opcode": [frame(ping(1), 0x83), frame(ping(3))],
    "an unknown control opcode": [frame(b"", 0x8B), frame(ping(3))],
    "bad UTF-8": [frame(ping(1)), frame(b'{"t":"ping\xff"}'), frame(ping(2))],
    "bad UTF-8 in a long message": [frame(b'"' + b"x" * 300 + b'\xe2\x82"'), frame(ping(2))],
    "a surrogate in UTF-8": [frame(b'"\xed\xa0\x80"'), frame(ping(2))],
    "UTF-8 cut by fragments": [*fragments('{"t":"who","q":1,"user":"é"}'.encode(), 25), frame(ping(2))],
    "bad UTF-8 across fragments": [*fragments(b'{"t":"who","user":"\xc3\x28"}', 20), frame(ping(2))],
    "UTF-8 that ends early": [*fragments(b'{"t":"ping"}\xe2\x82', 5), frame(ping(2))],
    "close": [frame(ping(1)), frame(b"\x03\xe8bye", CLOSE), frame(ping(2))],
    "close without a code": [frame(b"", CLOSE), frame(ping(2))],
    "close with a code of ours": [frame(b"\x0f\xa0", CLOSE)],
    "close with half a code": [frame(b"\x03", CLOSE), frame(ping(2))],
    "close with a code that may not be sent": [frame(b"\x03\xed", CLOSE)],
    "close with a bad reason": [frame(b"\x03\xe8\xff", CLOSE), frame(ping(1))],
    "close in a fragmented message": [fragments(ping(1), 4)[0], frame(b"\x03\xe8", CLOSE), frame(ping(1))],
    "two closes": [frame(b"\x03\xe8", CLOSE), frame(b"\x03\xe9", CLOSE)],
    "wrong texts": [frame(b"nonsense"), frame(b"{}"), frame(ping(1)), frame(HELLO)],
    "errors beyond the budget": [*[frame(b"x")] * 22, frame(ping(1)), frame(b"", PING)],
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_frame_by_frame_both_do_the_same(name: str) -> None:
    assert_same(CASES[name], CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_one_chunk_holds_all_frames(name: str) -> None:
    assert_same([b"".join(CASES[name])], CASES[name])


@pytest.mark.parametrize("name", [name for name, frames in CASES.items() if len(b"".join(frames)) < 1500])
def test_every_split_in_two_gives_the_same(name: str) -> None:
    data = b"".join(CASES[name])
    for cut in range(len(data) + 1):
        assert_same([part for part in (data[:cut], data[cut:]) if part], CASES[name])


@pytest.mark.parametrize("name", [name for name, frames in CASES.items() if len(b"".join(frames)) < 1500])
def test_byte_by_byte_gives_the_same(name: str) -> None:
    data = b"".join(CASES[name])
    assert_same([bytes((byte,)) for byte in data], CASES[name])


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 8, 100, 1460, 65_535])
@pytest.mark.parametrize("name", ["the largest message", "a message one byte too large", "fragments too large together"])
def test_large_frames_in_pieces_give_the_same(name: str, cut: int) -> None:
    data = b"".join(CASES[name])
    rest = [data[at : at + 1460] for at in range(cut, len(data), 1460)]
    assert_same([data[:cut], *rest], CASES[name])


payloads = st.one_of(
    st.integers(0, 2**60).map(lambda q: ping(q)),
    st.binary(max_size=200),
    st.text(max_size=60).map(lambda text: json.dumps({"t": "who", "q": 1, "user": text}, ensure_ascii=False).encode()),
)
any_frame = st.builds(
    frame,
    payloads,
    st.one_of(st.sampled_from([TEXT, TEXT, TEXT, BEGIN, MIDDLE, CONT, PING, PONG, CLOSE]), st.integers(0, 255)),
    st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4), st.none()),
    st.sampled_from([None, None, None, 2, 8]),
)


@settings(max_examples=150, deadline=None)
@given(frames=st.lists(any_frame, max_size=8), cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_any_frames_in_any_chunks_give_the_same(frames: Sequence[bytes], cuts: Sequence[int]) -> None:
    data = b"".join(frames)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[begin:end] for begin, end in pairwise(places)]
    assert_same(chunks, frames)


def test_between_messages_nothing_is_remembered() -> None:
    line = Line.welcomed()
    assert line.connection._ws is None
    line.receive(frame(ping(1))[:5])
    assert line.connection._ws is not None
    line.receive(frame(ping(1))[5:])
    assert line.connection._ws is None
    for piece in fragments(ping(2), 4)[:1]:
        line.receive(piece)
    assert line.connection._ws is not None
    line.receive(fragments(ping(2), 4)[1])
    assert line.connection._ws is None


def test_endless_empty_fragments_cost_nothing() -> None:
    line = Line.welcomed()
    line.receive(frame(b"{", BEGIN))
    for _ in range(500):
        line.receive(frame(b"", MIDDLE))
    assert line.connection._parts == bytearray(b"{")


def test_the_welcome_is_what_the_session_says() -> None:
    line = Line()
    line.transport.written.clear()
    line.receive(frame(HELLO))
    assert parsed(line.output()) == ([encode(WELCOME)], [])
