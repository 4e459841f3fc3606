"""What follows a refresh token is the same for a short while, and cannot be told without the secret."""

from __future__ import annotations

from gateway.auth.successors import STRETCH_S, Successors
from gateway.auth.tokens import Lifetimes, issue, parse_refresh, parse_token

WALL = 1_700_000_000.0 // STRETCH_S * STRETCH_S
LIVES = Lifetimes(token_s=60, refresh_s=3_600)
OLD = issue("ann", "device01", "Phone", WALL, LIVES).refresh
ONE = Successors(b"what all edges share")


def test_the_same_token_is_followed_by_the_same_pair_at_every_edge_within_a_stretch_of_time() -> None:
    first, _ = ONE.after(OLD, "ann", "device01", WALL, LIVES)
    again, _ = Successors(b"what all edges share").after(OLD, "ann", "device01", WALL + STRETCH_S - 1, LIVES)
    assert (first.token, first.refresh, first.grant) == (again.token, again.refresh, again.grant)
    assert first.expires_in == (again.expires_in or 0) + STRETCH_S - 1


def test_in_the_next_stretch_it_is_the_earlier_one_and_then_no_more() -> None:
    first, _ = ONE.after(OLD, "ann", "device01", WALL, LIVES)
    now, before = ONE.after(OLD, "ann", "device01", WALL + 2 * STRETCH_S - 1, LIVES)
    assert before.grant == first.grant != now.grant
    later = ONE.after(OLD, "ann", "device01", WALL + 2 * STRETCH_S, LIVES)
    assert first.grant not in (pair.grant for pair in later)


def test_they_are_tokens_of_that_device_and_live_as_long_as_was_set() -> None:
    pair, _ = ONE.after(OLD, "ann", "device01", WALL + 1, LIVES)
    claim = parse_refresh(pair.refresh)
    assert (parse_token(pair.token).user, claim.user, claim.device) == ("ann", "ann", "device01")
    assert (pair.grant.token, pair.grant.refresh) == (parse_token(pair.token).digest, claim.digest)
    lives_s = pair.grant.token_ends_at / 1000 - (WALL + 1)
    assert LIVES.token_s <= lives_s <= LIVES.token_s + STRETCH_S
    assert pair.expires_in == lives_s


def test_another_secret_another_token_or_another_kind_gives_something_else() -> None:
    pair, _ = ONE.after(OLD, "ann", "device01", WALL, LIVES)
    other, _ = Successors(b"another secret of a cluster").after(OLD, "ann", "device01", WALL, LIVES)
    next_one, _ = ONE.after(pair.refresh, "ann", "device01", WALL, LIVES)
    secrets = {text.rpartition(":")[2] for each in (pair, other, next_one) for text in (each.token, each.refresh)}
    assert len(secrets) == 6
