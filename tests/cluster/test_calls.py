"""The table of calls, and how refusals cross processes."""

from __future__ import annotations

import pickle

import pytest

from actors.errors import ChatError, Overloaded, Unavailable, Unknown
from cluster.calls import check_address, refusal, refused, repeat_of


@pytest.mark.parametrize("address", ["room:9f2c", "session:cell-1-5be0a3c2~1f", "session:session:anna.k3jd-5be0a3c2~1"])
def test_rooms_and_sessions_have_addresses(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize("address", ["9f2c", "room:", "room:AB", "room:9f2c ", "user:anna", "session:cell-1", "edge:cell-1~", "room:a~b"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        check_address(address)


def test_a_call_that_there_is_not_is_refused_with_a_code() -> None:
    assert repeat_of("room:9f2c", "kick").done == "not_a_member"
    with pytest.raises(ChatError, match="invalid"):
        repeat_of("room:9f2c", "close")


@pytest.mark.parametrize(
    "error", [ChatError("forbidden"), Overloaded(retry_after=1.5), Unavailable(), Unknown(), ChatError("expected", n=3)]
)
def test_a_refusal_keeps_its_class_code_and_fields(error: ChatError) -> None:
    for copy in (refused(refusal(error)), pickle.loads(pickle.dumps(error))):
        assert (type(copy), copy.code, copy.retry_after, copy.fields) == (type(error), error.code, error.retry_after, error.fields)
        assert copy.text == error.text
