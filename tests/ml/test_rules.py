"""Rules: spreading is slowed down, talking is not."""

from __future__ import annotations

from actors.ports import Sender
from ml.rules import RuleLimits, Rules

NEW = Sender("new", "d", 0)
LONG_AGO_S = 10 * 86_400.0
LIMITS = RuleLimits(newcomer_rooms=3, newcomer_link_rooms=1, same_text_rooms=2, window_s=100.0, accounts=2)


def rules(age_s: float = 60.0) -> Rules:
    """Rules at whose monotonic second 0 the account is so old."""
    return Rules(LIMITS, wall_offset_s=age_s)


def test_a_newcomer_may_talk_without_end_where_it_has_talked_before() -> None:
    judge = rules().judge
    assert all(judge(NEW, f"room{i % 3}", f"hello {i}", 1.0) is None for i in range(300))


def test_a_newcomer_that_reaches_one_room_too_many_is_told_when_to_come_back() -> None:
    filter_ = rules()
    for room in "abc":
        assert filter_.judge(NEW, room, "hello", 10.0) is None
    refusal = filter_.judge(NEW, "d", "hello", 30.0)
    assert refusal is not None
    assert refusal.retry_after == 80.0
    assert filter_.judge(NEW, "a", "hello", 31.0) is None
    assert filter_.judge(NEW, "d", "hello", 111.0) is None


def test_links_of_a_newcomer_go_to_fewer_rooms() -> None:
    filter_ = rules()
    assert filter_.judge(NEW, "a", "see https://example.org", 1.0) is None
    assert filter_.judge(NEW, "a", "and www.example.org", 1.0) is None
    assert filter_.judge(NEW, "b", "see https://example.org", 1.0) is not None
    assert filter_.judge(NEW, "b", "no link", 1.0) is None


def test_an_old_account_may_reach_many_rooms_with_different_words() -> None:
    judge = rules(LONG_AGO_S).judge
    assert all(judge(NEW, f"room{i}", f"see https://example.org/{i}", 1.0) is None for i in range(50))


def test_the_same_words_to_many_rooms_are_stopped_for_anybody() -> None:
    judge = rules(LONG_AGO_S).judge
    answers = [judge(NEW, f"room{i}", "buy this wonderful thing", 1.0) for i in range(6)]
    assert answers[0] is None
    assert answers[-1] is not None
    assert judge(NEW, "room9", "ok", 1.0) is None


def test_the_memory_for_accounts_is_bounded() -> None:
    filter_ = rules()
    for i in range(10):
        filter_.judge(Sender(f"user{i}", "d", 0), "a", "hello", 1.0)
    assert len(filter_._spreads) == 2
