"""Tokens are opaque, bounded, and only their digests leave the gateway."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.commands import MAX_NUMBER
from actors.errors import ChatError
from gateway.auth.tokens import (
    NO_END_MS,
    TOKEN_LIKE,
    Lifetimes,
    issue,
    issue_for_service,
    new_device,
    parse_refresh,
    parse_token,
)

WALL = 1_700_000_000.0


def test_a_pair_says_whose_it_is_and_is_granted_by_digest() -> None:
    issued = issue("ann", "device01", "Phone", WALL, Lifetimes(60.0, 120.0))
    claim, old = parse_token(issued.token), parse_refresh(issued.refresh)
    assert (claim.user, old.user, old.device) == ("ann", "ann", "device01")
    assert claim.digest == issued.grant.token == sha256(issued.token.encode()).digest()
    assert old.digest == issued.grant.refresh == sha256(issued.refresh.encode()).digest()
    assert issued.grant.token_ends_at == int((WALL + 60) * 1000)
    assert issued.grant.refresh_ends_at == int((WALL + 120) * 1000)
    assert issued.expires_in == 60


def test_a_token_has_the_written_form() -> None:
    issued = issue("a.b-c_d", new_device(), "", WALL, Lifetimes())
    head, user, secret = issued.token.split(":")
    assert (head, user, len(secret)) == ("wbl", "a.b-c_d", 43)
    assert issued.refresh.startswith("wbr:a.b-c_d:")


def test_no_two_tokens_are_alike() -> None:
    tokens = {issue("ann", "device01", "", WALL, Lifetimes()).token for _ in range(100)}
    assert len(tokens) == 100


def test_a_service_token_has_no_end_and_nothing_to_refresh() -> None:
    issued = issue_for_service("bot", "device01", "Bot")
    assert issued.grant.token_ends_at == NO_END_MS == MAX_NUMBER
    assert (issued.grant.refresh_ends_at, issued.refresh, issued.expires_in) == (0, "", None)
    assert parse_token(issued.token).user == "bot"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wbl:ann:" + "a" * 42,
        "wbl:ann:" + "a" * 44,
        "wbl:Ann:" + "a" * 43,
        "wbl:ann:" + "a" * 42 + "\n",
        "wbl:ann:" + "a" * 43 + "\n",
        "wbl:../x:" + "a" * 43,
        "wbl:" + "a" * 33 + ":" + "a" * 43,
        "wbr:ann:device01:" + "a" * 43,
        "wbl:ann:" + "\u00e4" * 43,
        "wbl:" * 100_000,
    ],
)
def test_other_texts_are_no_tokens(text: str) -> None:
    with pytest.raises(ChatError, match="bad_token"):
        parse_token(text)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    for parse in (parse_token, parse_refresh):
        with pytest.raises(ChatError, match="bad_token"):
            parse(text)


def test_tokens_are_recognised_inside_other_text_also_when_encoded_for_a_url() -> None:
    issued = issue("ann", "device01", "", WALL, Lifetimes())
    for text in (issued.token, issued.refresh, issued.token.replace(":", "%3A")):
        found = TOKEN_LIKE.search(f'see "{text}" here')
        assert found is not None and found[0] == text


def test_device_ids_are_short_and_random() -> None:
    ids = {new_device() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(device) == 16 and device.isalnum() and device == device.lower() for device in ids)
