"""The client protocol without I/O: what is legal when, what is answered, what ends the connection."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.closing import CLOSES, MALFORMED, NOT_NOW, TOO_MANY_ERRORS, UNSUPPORTED_VERSION
from actors.commands import AnyCommand, Command
from actors.errors import CODES, ChatError
from gateway.protocol import ERROR_BUDGET, ERROR_WINDOW_S, LEGAL, Dialogue, Refusal, State
from gateway.wire import NotUtf8, encode
from tests.kit.wire_ends import HELLO

TEXTS: dict[str, bytes] = {
    "hello": HELLO,
    "post": b'{"t":"post","room":"abcd","n":1,"id":"abcdefgh","body":"x"}',
    "ack": b'{"t":"ack","room":"abcd","seq":1}',
    "read": b'{"t":"read","room":"abcd","seq":1}',
    "pull": b'{"t":"pull","q":1,"room":"abcd"}',
    "create": b'{"t":"create","q":1,"key":"abcdefgh","name":"n"}',
    "direct": b'{"t":"direct","q":1,"user":"bob"}',
    "add": b'{"t":"add","q":1,"key":"key-00001","user":"bob","rooms":["abcd"]}',
    "invite": b'{"t":"invite","q":1,"room":"abcd","user":"bob"}',
    "join": b'{"t":"join","q":1,"room":"abcd"}',
    "leave": b'{"t":"leave","q":1,"room":"abcd"}',
    "kick": b'{"t":"kick","q":1,"room":"abcd","user":"bob"}',
    "role": b'{"t":"role","q":1,"room":"abcd","user":"bob","role":"admin"}',
    "edit": b'{"t":"edit","q":1,"room":"abcd"}',
    "members": b'{"t":"members","q":1,"room":"abcd"}',
    "rooms": b'{"t":"rooms","q":1}',
    "who": b'{"t":"who","q":1,"user":"bob"}',
    "ping": b'{"t":"ping"}',
}
"""One right frame of every kind."""
ALLOWED = {State.NEW: {"hello"}, State.OPENING: {"ping"}, State.OPEN: set(TEXTS) - {"hello"}, State.CLOSING: set()}


def dialogue(state: State) -> Dialogue:
    new = Dialogue()
    if state >= State.OPENING:
        new.receive(HELLO)
    if state >= State.OPEN:
        new.opened()
    if state >= State.CLOSING:
        new.close()
    assert new.state is state
    return new


def refusal(talk: Dialogue, text: bytes, now: float = 0.0) -> Refusal:
    with pytest.raises(ChatError) as caught:
        talk.receive(text)
    return talk.refuse(caught.value, now)


def test_the_table_here_names_every_command() -> None:
    assert set(TEXTS) == {str(kind.__struct_config__.tag) for kind in get_args(AnyCommand)}
    assert len(LEGAL) == len(State)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("tag", TEXTS)
def test_a_right_frame_is_taken_in_its_states_and_refused_in_all_others(state: State, tag: str) -> None:
    talk = dialogue(state)
    if tag in ALLOWED[state]:
        assert isinstance(talk.receive(TEXTS[tag]), Command)
    else:
        answer, close = refusal(talk, TEXTS[tag])
        assert (answer.q, answer.code, answer.fields["t"], answer.fields["state"]) == (0, "not_now", tag, state.name.lower())
        assert close == (0 if state is State.OPEN else NOT_NOW)


@pytest.mark.parametrize("state", [State.NEW, State.OPENING])
def test_before_welcome_a_malformed_frame_ends_the_connection(state: State) -> None:
    answer, close = refusal(dialogue(state), b"{")
    assert (answer.code, close) == ("invalid", MALFORMED)


def test_a_version_that_is_not_spoken_ends_the_connection_and_names_those_that_are() -> None:
    talk = Dialogue()
    answer, close = refusal(talk, HELLO.replace(b'"v":1', b'"v":9'))
    assert (answer.code, answer.fields, close) == ("unsupported_version", {"versions": [1, 2]}, UNSUPPORTED_VERSION)
    assert talk.state is State.NEW


def test_in_open_malformed_frames_are_answered_until_the_budget_is_used_up() -> None:
    talk = dialogue(State.OPEN)
    for _ in range(ERROR_BUDGET):
        assert refusal(talk, b"{", now=100.0).close == 0
    assert refusal(talk, b"{", now=100.0 + ERROR_WINDOW_S - 0.1).close == TOO_MANY_ERRORS


def test_the_budget_is_whole_again_after_its_window() -> None:
    talk = dialogue(State.OPEN)
    for _ in range(ERROR_BUDGET):
        refusal(talk, b"{", now=100.0)
    for _ in range(ERROR_BUDGET):
        assert refusal(talk, b"{", now=100.0 + ERROR_WINDOW_S).close == 0
    assert refusal(talk, b"{", now=100.0 + ERROR_WINDOW_S).close == TOO_MANY_ERRORS


def test_a_right_frame_costs_nothing_of_the_budget() -> None:
    talk = dialogue(State.OPEN)
    for _ in range(ERROR_BUDGET):
        refusal(talk, b"{", now=1.0)
        talk.receive(TEXTS["ping"])
    assert refusal(talk, b"{", now=1.0).close == TOO_MANY_ERRORS


def test_a_welcome_opens_only_what_is_opening() -> None:
    talk = Dialogue()
    talk.opened()
    assert talk.state is State.NEW
    closing = dialogue(State.CLOSING)
    closing.opened()
    assert closing.state is State.CLOSING


def test_every_close_code_lies_in_the_range_that_says_what_to_do() -> None:
    assert all(4000 <= code < 4300 and text and len(text.encode()) <= 123 for code, text in CLOSES.items())


mutated = st.sampled_from(sorted(TEXTS.values())).flatmap(
    lambda text: st.tuples(st.integers(0, len(text)), st.integers(0, 6), st.binary(max_size=6)).map(
        lambda cut: text[: cut[0]] + cut[2] + text[cut[0] + cut[1] :]
    )
)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(st.one_of(mutated, st.sampled_from(sorted(TEXTS.values())), st.binary(max_size=60)), max_size=40))
def test_whatever_comes_in_whatever_order_ends_in_commands_and_documented_errors(texts: list[bytes]) -> None:
    talk, now = Dialogue(), 0.0
    for text in texts:
        now += 0.5
        before = talk.state
        try:
            command = talk.receive(text)
        except NotUtf8:
            return
        except ChatError as error:
            answer, close = talk.refuse(error, now)
            assert answer.code in CODES
            assert encode(answer)
            assert (close == 0) == (before is State.OPEN) or close == TOO_MANY_ERRORS
            if close:
                assert close in CLOSES
                return
        else:
            assert str(type(command).__struct_config__.tag) in ALLOWED[before]
            if talk.state is State.OPENING and len(text) % 2:
                talk.opened()
