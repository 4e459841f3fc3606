"""Bytes <-> commands and events: the one place where JSON is read and written.

`decode` takes the UTF-8 text of one frame and gives a command, or refuses it with a typed error. It is generated from
the definitions in `actors.commands` and runs for every frame; texts for people come from `gateway.wire_schema`, which
is generated from the same definitions and runs for refused frames only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from actors.commands import MAX_BODY_BYTES, AnyCommand, Command, Create, Edit, Post
from actors.errors import ChatError
from actors.events import Event
from gateway.wire_schema import explain

MAX_FRAME_BYTES = 64 * 1024 - 1
"""The longest text frame or fragmented message; four times the body limit leaves room for escapes."""

_decode_json = msgspec.json.Decoder(AnyCommand).decode
encode: Callable[[Event], bytes] = msgspec.json.Encoder().encode
"""The UTF-8 JSON of an event; fields that hold their default are left out. The encoder's own method: it runs for every frame."""

_SHORT_HEADS = [bytes((0x81, size)) for size in range(126)]
_SHORT = 126
_MEDIUM = 1 << 16


class NotUtf8(Exception):
    """A text that is not UTF-8: a fault of the transport's peer (close code 1007), not of a frame."""


class Peek(msgspec.Struct):
    """What can be told of a refused frame, so that a client can tell which of its frames it was."""

    t: str | msgspec.UnsetType = msgspec.UNSET
    q: int | msgspec.UnsetType = msgspec.UNSET
    room: str | msgspec.UnsetType = msgspec.UNSET
    n: int | msgspec.UnsetType = msgspec.UNSET


_peek_json = msgspec.json.Decoder(Peek).decode
_MAX_PEEKED = 40


def decode(text: bytes) -> Command:
    """The command in one frame. Raises `ChatError` (`invalid`, `too_large`) and `NotUtf8`, nothing else."""
    try:
        command = _decode_json(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _refusal(text, error) from None
    # U+0000 and line ends can only come as an escape, and a body above the limit only in a text above it: the frames
    # that need a second look are few.
    if b"\\" in text or len(text) > MAX_BODY_BYTES:
        _check(command, text)
    return command  # type: ignore[no-any-return]


def _check(command: Command, text: bytes) -> None:
    """What the definitions cannot say: bodies are counted in UTF-8 bytes, no U+0000, no line end in a name."""
    if type(command) is Post and len(command.body.encode()) > MAX_BODY_BYTES:
        raise _refusal(text, ValueError("body"))
    free = _FREE_FIELDS.get(type(command), ())
    for name in command.__struct_fields__:
        value = getattr(command, name)
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, str) and ("\0" in part or ("\n" in part and name not in free)):
                raise _refusal(text, ValueError(f"{name}: U+0000 or a line end"))


_FREE_FIELDS: dict[type[Command], tuple[str, ...]] = {Post: ("body",), Create: ("topic",), Edit: ("topic",)}
"""Fields in which a line end is text."""


def frame_text(payload: bytes) -> bytes:
    """The server's WebSocket frame around a text: final, not masked, the same bytes for every connection."""
    size = len(payload)
    if size < _SHORT:
        return _SHORT_HEADS[size] + payload
    if size < _MEDIUM:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def _refusal(text: bytes, error: Exception) -> ChatError | NotUtf8:
    try:
        text.decode()
    except UnicodeDecodeError as bad:
        return NotUtf8(f"{bad.reason} at position {bad.start}")
    if isinstance(error, RecursionError):
        return ChatError("invalid", reason="nested too deep")
    reason = explain(text)
    if reason is not None and reason.too_large:
        return ChatError("too_large", limit=f"{MAX_BODY_BYTES} bytes", **_peeked(text))
    return ChatError("invalid", reason=reason.text if reason is not None else str(error), **_peeked(text))


def _peeked(text: bytes) -> dict[str, Any]:
    """`t`, `q`, `room` and `n` of a refused frame, where they can be read and are short."""
    try:
        peek = msgspec.to_builtins(_peek_json(text))
    except (msgspec.DecodeError, RecursionError):
        return {}
    return {name: value for name, value in peek.items() if len(str(value)) <= _MAX_PEEKED}
