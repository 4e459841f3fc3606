"""Messages as bytes, for links between cells. msgpack by msgspec, built once from the list of all message classes.

A message is ``[class name, field, ...]`` and is encoded when it is told, once, however many lives get it; a frame then
joins encoded messages. Decoding a frame is one call that checks every type. A frame with a message that this version
does not know is decoded again item by item, so that only the unknown ones are refused.

Measured on batches of 256 chat messages of 200 bytes (`cluster/bench/codec.py`; microseconds of CPU for one message):

    this, types checked                         encode 0.29   decode 0.27
    orjson and a table of constructors          encode 0.12   decode 0.46   (a batch at once; types not checked)
    pickle                                      encode 0.55   decode 0.28   (runs what it is told)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from actors.errors import ErrorReport
from actors.runtime.actor import ActorId, Request
from actors.runtime.plain import Message, Plain

T = TypeVar("T")

Encoded = msgspec.Raw
"""An encoded message, which a frame takes in as it is."""
Targets = str | list[str]
"""One address, or several that get the same message."""
OutItem = tuple[Targets, int, Encoded]
"""Targets, number of the ask (0: a tell), message."""
InItem = tuple[Targets, int, Message | None]
"""The same on the other side; None for a message that is not understood here."""
Refusal = tuple[int, int, str]
"""Index of the item in its batch, index of the target in the item, reason."""

pack = msgspec.msgpack.Encoder().encode
"""Any plain value as bytes."""


class CodecError(Exception):
    """Bytes that are no frame, a value that is not plain, or classes that cannot be told apart."""


class Batch(Plain, frozen=True, gc=False, array_like=True, tag="b"):
    """Items for the actors of the receiver."""

    lane: int
    seq: int
    """Counts the frames of this lane on this connection, from 1."""
    view: int
    """The version of the view by which the sender routed."""
    life: str
    """The sender."""
    items: msgspec.Raw


class Answer(Plain, frozen=True, gc=False, array_like=True):
    """How one ask ended. `error` where it was refused; `value` else."""

    ask: int
    value: msgspec.Raw = msgspec.Raw(b"\xc0")
    error: ErrorReport | None = None


class Answers(Plain, frozen=True, gc=False, array_like=True, tag="a"):
    """Answers to asks of the receiver, on the lane of their requests."""

    lane: int
    seq: int
    view: int
    items: list[Answer]


class Receipt(Plain, frozen=True, gc=False, array_like=True, tag="r"):
    """The frame `seq` was taken: everything is in the mailboxes except what was refused."""

    lane: int
    seq: int
    view: int
    """The receiver's version of the view."""
    refused: list[Refusal] = []


class Control(Plain, frozen=True, gc=False, array_like=True, tag="c"):
    """From cell to cell, no actor's business: beats and views. Goes past the lanes; spoken from link version 2 on."""

    body: bytes


Frame = Batch | Answers | Receipt | Control


def all_messages(package: str = "actors.") -> list[type[Message]]:
    """Every message class of the package's modules that are imported by now, by name."""
    found: dict[int, type[Message]] = {}
    waiting: list[type[Message]] = [Message]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if id(kind) not in found:
                found[id(kind)] = kind
                waiting.append(kind)
    ours = (kind for kind in found.values() if kind is not Request and kind.__module__.startswith(package))
    return sorted(ours, key=lambda kind: kind.__name__)


def unpack(kind: type[T], data: bytes) -> T:
    """A value of this type; raises `CodecError` where the bytes are none."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CodecError(str(error)) from error


class Codec:
    """Encodes and decodes the frames of links. Stateless after construction; one serves all links of a cell."""

    def __init__(self, classes: Iterable[type[Message]]) -> None:
        kinds = tuple(dict.fromkeys(classes))
        _check_names(kinds)
        union: Any = Union[kinds]  # noqa: UP007  (made at run time)
        self._encoder = msgspec.msgpack.Encoder()
        self._frames: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Batch | Answers | Receipt | Control)
        self._raw_items = msgspec.msgpack.Decoder(list[tuple[Targets, int, msgspec.Raw]])
        try:
            self._items: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(list[tuple[Targets, int, union]])
            self._message: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(union)
            self._answers = {kind: msgspec.msgpack.Decoder(_answer_type(kind)) for kind in kinds if issubclass(kind, Request)}
        except (TypeError, NameError) as error:
            raise CodecError(f"a message class has fields that are not plain data: {error}") from error
        self.bulk = frozenset(kind for kind in kinds if getattr(kind, "bulk", False))
        """Classes that travel on the bulk lane, with their answers."""

    def encode(self, message: Any) -> tuple[Encoded, int]:
        """A message or answer as bytes, and how many. Raises `CodecError` where it holds something that is not plain."""
        try:
            data = self._encoder.encode(message)
        except (TypeError, ValueError, OverflowError) as error:
            raise CodecError(f"{type(message).__name__} is not plain data: {error}") from error
        return msgspec.Raw(data), len(data)

    # --- frames ---

    def batch(self, lane: int, seq: int, view: int, life: str, items: Sequence[OutItem]) -> bytes:
        """The bytes of a `Batch`."""
        return self._encoder.encode(("b", lane, seq, view, life, items))

    def frame(self, data: bytes | bytearray | memoryview) -> Frame:
        """The frame in these bytes; `CodecError` where there is none."""
        try:
            return self._frames.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CodecError(str(error)) from error

    def encode_frame(self, frame: Answers | Receipt | Control) -> bytes:
        """The bytes of a frame."""
        return self._encoder.encode(frame)

    def items(self, batch: Batch) -> list[InItem]:
        """What is in a batch; a message that is not understood is None. `CodecError` where it is no list of items."""
        try:
            return self._items.decode(batch.items)  # type: ignore[no-any-return]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._one_by_one(batch)

    def _one_by_one(self, batch: Batch) -> list[InItem]:
        try:
            items = self._raw_items.decode(batch.items)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CodecError(str(error)) from error
        return [(to, ask, self._understood(raw)) for to, ask, raw in items]

    def _understood(self, raw: msgspec.Raw) -> Message | None:
        try:
            return self._message.decode(raw)  # type: ignore[no-any-return]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def answer(self, request: type[Request[Any]], value: msgspec.Raw) -> Any:
        """The answer to a request of this class; `CodecError` where it is none."""
        decoder = self._answers.get(request)
        if decoder is None:
            raise CodecError(f"{request.__name__} is not a request of this codec")
        try:
            return decoder.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CodecError(f"no answer to {request.__name__}: {error}") from error


def targets(to: Sequence[ActorId]) -> Targets:
    """One address as itself, several as a list."""
    return to[0] if len(to) == 1 else list(to)


def _check_names(kinds: tuple[type[Message], ...]) -> None:
    by_name: dict[str, type[Message]] = {}
    for kind in kinds:
        other = by_name.setdefault(kind.__name__, kind)
        if other is not kind:
            raise CodecError(f"two message classes are called {kind.__name__}: in {other.__module__} and in {kind.__module__}")
    if not kinds:
        raise CodecError("no message classes")


def _answer_type(kind: type[Message]) -> Any:
    for base in getattr(kind, "__orig_bases__", ()):
        if get_origin(base) is Request:
            (answer,) = get_args(base)
            if isinstance(answer, TypeVar):
                break
            return answer
    raise CodecError(f"{kind.__name__} does not say what it is answered with: derive it from Request[...]")
