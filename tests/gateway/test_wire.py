"""Bytes <-> commands and events: what is taken, what is refused and how, and that both halves of the definition agree."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.commands import MAX_BODY_BYTES, MAX_NUMBER, AnyCommand, Post, Pull
from actors.errors import ChatError
from actors.events import Entry, Head, Page, Pong
from gateway.wire import MAX_FRAME_BYTES, NotUtf8, decode, encode, frame_text
from gateway.wire_schema import MODELS, explain, json_schema

POST: dict[str, Any] = {"t": "post", "room": "abcd", "n": 1, "id": "abcdefgh", "body": "hi"}


def post(**changes: Any) -> bytes:
    return json.dumps({**POST, **changes}).encode()


def refusal(text: bytes) -> ChatError:
    with pytest.raises(ChatError) as caught:
        decode(text)
    return caught.value


def test_a_frame_becomes_the_command_that_its_tag_names() -> None:
    assert decode(post()) == Post("abcd", 1, "abcdefgh", "hi")
    assert decode(b' {"before": null, "t": "pull", "q": 7, "room": "abcd"}\n') == Pull(7, "abcd")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "JSON"),
        (b"not json", "JSON"),
        (b"[1]", "object"),
        (b"null", "object"),
        (b"{}", "tag"),
        (b'{"t":"fly"}', "tag"),
        (b'{"t":5}', "tag"),
        (b'{"t":"post","room":"abcd","n":NaN,"id":"abcdefgh","body":"x"}', "n:"),
        (b'{"t":"post","room":"abcd","n":Infinity,"id":"abcdefgh","body":"x"}', "n:"),
        (post(n=0), "n:"),
        (post(n=-1), "n:"),
        (post(n=1.0), "n:"),
        (post(n="1"), "n:"),
        (post(n=True), "n:"),
        (post(n=None), "n:"),
        (post(n=MAX_NUMBER + 1), "n:"),
        (post(n=10**400), "n:"),
        (post(room="ab"), "room:"),
        (post(room="abc"), "room:"),
        (post(room="abcd\n"), "room:"),
        (post(id="short"), "id:"),
        (post(id="abcdefgh\n"), "id:"),
        (post(body=""), "body:"),
        (post(body=["x"]), "body:"),
        (post(body="a\0b"), "body:"),
        (post(user="mallory"), "user:"),
        (b'{"t":"post","room":"abcd","n":1,"id":"abcdefgh"}', "body:"),
        (b'{"t":"post","room":"abcd","n":1,"id":"abcdefgh","body":"\\ud800"}', "JSON"),
        (b'{"t":"post","room":"abcd","n":1,"id":"abcdefgh","body":"\\ud800\\u0041"}', "JSON"),
        (b'{"t":"post","room":"abcd","n":1,"id":"abcdefgh","body":"\\udc00"}', "JSON"),
        (b'{"t":"ping"} {"t":"ping"}', "JSON"),
        (b'{"t":"create","q":1,"key":"abcdefgh","name":"a\\nb"}', "name:"),
        (b'{"t":"create","q":1,"key":"abcdefgh","name":"a","members":["bob\\n"]}', "members.0:"),
        (b'{"t":"members","q":1,"room":"abcd","after":"a\\u0000"}', "after:"),
    ],
)
def test_a_wrong_frame_is_refused_with_the_place_of_the_mistake(text: bytes, place: str) -> None:
    error = refusal(text)
    assert error.code == "invalid"
    assert place in error.fields["reason"]
    assert error.text.startswith("The request is not valid: ")


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b',"t":"ping"}',
        b'{"t":"ping","q":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"t":"create","q":1,"key":"abcdefgh","name":"a","members":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
)
def test_nesting_without_end_is_refused_like_any_wrong_frame(text: bytes) -> None:
    assert refusal(text).code == "invalid"


def test_a_body_is_counted_in_utf8_bytes() -> None:
    for body in ("x" * MAX_BODY_BYTES, "é" * (MAX_BODY_BYTES // 2), "\n" * MAX_BODY_BYTES):
        assert isinstance(decode(post(body=body)), Post)
        error = refusal(json.dumps({**POST, "body": body + "x"}).encode())
        assert (error.code, error.fields["room"], error.fields["n"]) == ("too_large", "abcd", 1)
    assert refusal(json.dumps({**POST, "body": "é" * (MAX_BODY_BYTES // 2) + "x"}, ensure_ascii=False).encode()).code == "too_large"


def test_the_largest_body_fits_into_a_frame_in_every_usual_escape() -> None:
    for body in ('"' * MAX_BODY_BYTES, "é" * (MAX_BODY_BYTES // 2), "中" * (MAX_BODY_BYTES // 3), "😀" * (MAX_BODY_BYTES // 4)):
        assert len(post(body=body)) <= MAX_FRAME_BYTES


@pytest.mark.parametrize("text", [b"\xff", post()[:-3] + b'\xff"}', b'{"t":"ping","\xc3\x28":1}', b'"\xed\xa0\x80"', b'{"t":"pin\xc3"}'])
def test_what_is_not_utf8_is_a_fault_of_the_transport(text: bytes) -> None:
    with pytest.raises(NotUtf8):
        decode(text)


def test_a_refusal_names_the_frame_that_it_is_about() -> None:
    error = refusal(b'{"t":"pull","q":12,"room":"abcd","limit":0}')
    assert {name: error.fields[name] for name in ("t", "q", "room")} == {"t": "pull", "q": 12, "room": "abcd"}
    assert "room" not in refusal(post(room="x" * 5000)).fields


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["abcd", "alice", "abcdefgh", "owner"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _value_of(name: str) -> st.SearchStrategy[Any]:
    """Mostly right values for a field of this name, and wrong ones."""
    right: dict[str, st.SearchStrategy[Any]] = {
        "room": st.sampled_from(["abcd", "room1234", "abc", "x" * 41, "abcd\n"]),
        "user": st.sampled_from(["alice", "b.ob", "A", "-x", "alice\n"]),
        "id": st.sampled_from(["abcdefgh", "A-_" * 5, "short"]),
        "key": st.sampled_from(["abcdefgh", "A-_" * 5, "short"]),
        "body": st.text(max_size=30) | st.sampled_from(["x" * MAX_BODY_BYTES, "é" * 9000, "x" * 16385]),
        "name": st.text(max_size=101),
        "topic": st.text(max_size=30) | st.just("x" * 501),
        "public": st.booleans(),
        "members": st.lists(st.sampled_from(["alice", "bob", "X"]), max_size=3) | st.just(["alice"] * 201),
        "role": st.sampled_from(["owner", "admin", "member", "none"]),
        "token": st.text(max_size=20) | st.just("x" * 201),
        "agent": st.text(max_size=20),
        "after": st.integers(-1, 5) | st.text(max_size=5),
    }
    numbers = st.integers(-1, 300) | st.sampled_from([MAX_NUMBER, MAX_NUMBER + 1, 2**63, 2**64, 0.5, 1.0, -0.0])
    return right.get(name, numbers)


@st.composite
def almost_commands(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(get_args(AnyCommand)))
    frame: dict[str, Any] = {"t": kind.__struct_config__.tag}
    for name in kind.__struct_fields__:
        if draw(st.integers(0, 9)):
            frame[name] = draw(_value_of(name) if draw(st.integers(0, 9)) else json_values)
    if not draw(st.integers(0, 15)):
        frame[draw(st.text(max_size=5) | st.sampled_from(["from", "seq", "T"]))] = draw(json_values)
    return frame


@settings(max_examples=400, deadline=None)
@given(frame=almost_commands(), ascii_only=st.booleans())
@example(frame={**POST, "body": 'a\n\t"b'}, ascii_only=True)
def test_decoder_and_schema_take_and_refuse_the_same(frame: dict[str, Any], ascii_only: bool) -> None:
    text = json.dumps(frame, ensure_ascii=ascii_only).encode()
    reason = explain(text)
    try:
        command = decode(text)
    except ChatError as error:
        assert reason is not None, f"only the decoder refuses: {error.fields}"
        assert (error.code == "too_large") == reason.too_large
    else:
        assert reason is None
        model = MODELS[frame["t"]].model_validate_json(text)
        assert model.model_dump() == {"t": frame["t"], **msgspec.structs.asdict(command)}


@settings(max_examples=300, deadline=None)
@given(text=st.binary(max_size=80) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_command_or_a_documented_error(text: bytes) -> None:
    try:
        decode(text)
    except ChatError as error:
        assert error.code in ("invalid", "too_large")
        json.loads(encode(Pong(0)))
        msgspec.json.encode(error.fields)
    except NotUtf8:
        with pytest.raises(UnicodeDecodeError):
            text.decode()


@settings(max_examples=200, deadline=None)
@given(frame=almost_commands(), place=st.integers(0, 400), change=st.binary(max_size=4))
def test_a_frame_with_changed_bytes_is_a_command_or_a_documented_error(frame: dict[str, Any], place: int, change: bytes) -> None:
    text = bytearray(json.dumps(frame).encode())
    text[place : place + len(change)] = change
    test_any_bytes_are_a_command_or_a_documented_error.hypothesis.inner_test(bytes(text))  # type: ignore[attr-defined]


def test_the_schema_names_every_frame_and_every_limit() -> None:
    schema = json_schema()["$defs"]
    assert {kind.__name__ for kind in get_args(AnyCommand)} <= set(schema)
    assert schema["Post"]["additionalProperties"] is False
    assert schema["Ack"]["properties"]["room"]["pattern"] == "^[a-z0-9]{4,40}$"
    assert schema["Pull"]["properties"]["limit"] == {"default": 50, "maximum": 200, "minimum": 1, "title": "Limit", "type": "integer"}


def test_an_event_leaves_out_what_holds_its_default() -> None:
    entry = Entry("abcd", 3, 1700, "alice", body="hé")
    assert encode(entry) == '{"t":"msg","room":"abcd","seq":3,"at":1700,"user":"alice","body":"hé"}'.encode()
    assert encode(Page(4, "abcd", [entry], 3)) == b'{"t":"page","q":4,"room":"abcd","entries":[' + encode(entry) + b'],"head":3}'
    assert encode(Head("abcd", 9)) == b'{"t":"head","room":"abcd","head":9}'


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"), (125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"), (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)  # fmt: skip
def test_a_text_is_framed_once_without_a_mask(size: int, head: bytes) -> None:
    assert frame_text(b"x" * size) == head + b"x" * size
