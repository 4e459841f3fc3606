"""Frames of links: what goes in comes out, what is not understood is refused alone, garbage is an error."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import ErrorReport, Overloaded
from actors.messages import room, user
from actors.runtime.actor import ActorId, Request
from actors.runtime.codec import Answer, Answers, Batch, Codec, CodecError, Receipt, all_messages, pack, targets, unpack
from actors.runtime.plain import Message, Plain


class Said(Message, frozen=True, gc=False):
    text: str
    tags: tuple[str, ...] = ()


class Count(Request[int], frozen=True, gc=False):
    start: int


class Total(Plain, frozen=True, gc=False):
    value: int


class Sum(Request[Total], frozen=True, gc=False):
    bulk: ClassVar[bool] = True
    numbers: list[int]


class Forget(Request[None], frozen=True, gc=False):
    pass


class Newer(Message, frozen=True, gc=False):
    text: str


CODEC = Codec([Said, Count, Sum, Forget])


def batch(codec: Codec, *items: tuple[Any, int, Message]) -> Batch:
    """These items, encoded by one codec, as a decoded frame."""
    data = codec.batch(0, 7, 3, "a.1", [(to, ask, codec.encode(message)[0]) for to, ask, message in items])
    frame = CODEC.frame(data)
    assert isinstance(frame, Batch)
    return frame


def test_a_batch_comes_out_as_it_went_in() -> None:
    frame = batch(CODEC, ("room:1", 0, Said("hé", ("x",))), (["s:1", "s:2"], 0, Said("both")), ("room:1", 9, Count(4)))
    assert (frame.lane, frame.seq, frame.view, frame.life) == (0, 7, 3, "a.1")
    assert CODEC.items(frame) == [("room:1", 0, Said("hé", ("x",))), (["s:1", "s:2"], 0, Said("both")), ("room:1", 9, Count(4))]


def test_only_the_message_that_is_not_understood_is_missing() -> None:
    newer = Codec([Said, Count, Newer])
    frame = batch(newer, ("a", 0, Said("1")), ("b", 0, Newer("2")), ("c", 5, Count(3)))
    assert CODEC.items(frame) == [("a", 0, Said("1")), ("b", 0, None), ("c", 5, Count(3))]


def test_a_message_with_a_field_of_the_next_version_is_understood() -> None:
    class Said(Message, frozen=True, gc=False):
        text: str
        tags: tuple[str, ...] = ()
        colour: str = "red"

    frame = batch(Codec([Said]), ("a", 0, Said("x", ("y",))))
    assert [item[2] for item in CODEC.items(frame)] == [globals()["Said"]("x", ("y",))]


def test_answers_are_read_by_the_type_that_the_request_names() -> None:
    total, size = CODEC.encode(Total(12))
    assert size == len(msgspec.msgpack.encode(Total(12)))
    data = CODEC.encode_frame(Answers(1, 1, 3, [Answer(1, total), Answer(2), Answer(3, error=ErrorReport.of(Overloaded(retry_after=1.0)))]))
    frame = CODEC.frame(data)
    assert isinstance(frame, Answers)
    first, second, third = frame.items
    assert CODEC.answer(Sum, first.value) == Total(12)
    assert CODEC.answer(Forget, second.value) is None
    assert third.error is not None
    error = third.error.error()
    assert (type(error), error.retry_after) == (Overloaded, 1.0)
    with pytest.raises(CodecError, match="no answer to Count"):
        CODEC.answer(Count, first.value)
    with pytest.raises(CodecError, match="not a request of this codec"):
        CODEC.answer(user.GetProfile, first.value)


def test_a_receipt_names_what_was_refused() -> None:
    receipt = Receipt(0, 4, 9, [(1, 0, "not_owner"), (2, 1, "overloaded")])
    assert CODEC.frame(CODEC.encode_frame(receipt)) == receipt


def test_bulk_classes_are_those_that_say_so() -> None:
    assert CODEC.bulk == {Sum}


def test_one_target_is_itself_and_several_are_a_list() -> None:
    assert targets((ActorId("a"),)) == "a"
    assert targets((ActorId("a"), ActorId("b"))) == ["a", "b"]


def test_two_classes_of_one_name_are_refused_with_both_modules() -> None:
    class Said(Message, frozen=True, gc=False):
        other: int

    with pytest.raises(CodecError, match=r"two message classes are called Said: in .*test_codec and in .*test_codec"):
        Codec([globals()["Said"], Said])


def test_the_same_class_twice_is_one() -> None:
    assert Codec([Said, Said]).bulk == frozenset()


def test_classes_that_cannot_be_sent_are_refused_with_a_reason() -> None:
    class Other(Plain, frozen=True, gc=False):
        value: str

    class Holds(Message, frozen=True, gc=False):
        either: Total | Other

    class Bare(Request, frozen=True, gc=False):  # type: ignore[type-arg]
        pass

    V = TypeVar("V")

    class Loose(Request[V], frozen=True, gc=False):
        pass

    with pytest.raises(CodecError, match="not plain data"):
        Codec([Holds])
    for kind in (Bare, Loose):
        with pytest.raises(CodecError, match=r"derive it from Request\[\.\.\.\]"):
            Codec([kind])
    with pytest.raises(CodecError, match="no message classes"):
        Codec([])


def test_a_message_that_holds_something_else_is_refused_when_it_is_encoded() -> None:
    with pytest.raises(CodecError, match="Said is not plain data"):
        CODEC.encode(Said(object()))  # type: ignore[arg-type]
    with pytest.raises(CodecError, match="Said is not plain data"):
        CODEC.encode(Said("lone \ud800 surrogate"))
    with pytest.raises(CodecError, match="Count is not plain data"):
        CODEC.encode(Count(1 << 70))


@given(st.binary(max_size=60))
def test_garbage_is_an_error_of_the_codec_and_nothing_else(data: bytes) -> None:
    for prefix in (b"", b"\x96\xa1b\x00\x01\x01\xa1x", b"\x96\xa1b\x00\x01\x01\xa1x\x91\x93\xa1a\x00\x92\xa4Said"):
        try:
            frame = CODEC.frame(prefix + data)
            if isinstance(frame, Batch):
                CODEC.items(frame)
        except CodecError:
            continue


def test_garbage_is_not_taken_for_a_frame() -> None:
    for data in (b"", b"\xc0", b"\x93\xa1q\x00\x00", b"\xff" * 20, pack(["b", 0, 1, 1]), pack({"t": "b"})):
        with pytest.raises(CodecError):
            CODEC.frame(data)


def test_values_of_a_type_are_packed_and_unpacked() -> None:
    assert unpack(Total, pack(Total(3))) == Total(3)
    with pytest.raises(CodecError):
        unpack(Total, pack({"value": "three"}))
    with pytest.raises(CodecError):
        unpack(Total, b"\xa1\xff")


def test_all_messages_of_the_core_go_into_one_codec() -> None:
    kinds = all_messages()
    assert {room.History, room.MemberPage, user.Register, ErrorReport} <= set(kinds)
    assert Request not in kinds
    assert Said not in kinds
    codec = Codec(kinds)
    page = room.MemberPage([room.MemberInfo("ada", "Ada", "owner")], 1, False)
    assert codec.answer(room.ListMembers, codec.encode(page)[0]) == page
