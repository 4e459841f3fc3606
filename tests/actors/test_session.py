"""One connected device: budgets, verdicts, slow readers, pages."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from actors import commands as c
from actors import events as e
from actors import session as session_module
from actors.messages.delivery import HeadTold
from actors.ports import Refusal, Sender
from actors.room_pages import PAGE_BYTES
from actors.runtime.promise import Promise
from actors.session_asking import MAX_REQUESTS
from actors.session_ports import SessionLimits
from actors.session_pulls import MAX_PULLS
from tests.kit import scene
from tests.kit.gate import Gate
from tests.kit.scene import answered, make_room, post, pull, refused, say, seqs

BIG = "x" * 16_000


pair = partial(scene.pair, devices=("d1", "d2", "d3"))


# --- budgets ---------------------------------------------------------------------------------------------------------


def test_posts_beyond_the_budget_are_refused_with_the_time_to_wait() -> None:
    town, ann, _, room = pair(limits=SessionLimits(posts_per_s=2.0, posts_burst=3.0, requests_per_s=9.0, requests_burst=9.0))
    for n in range(1, 5):
        post(ann, room, n)
    town.settle(0.0)
    answer = refused(ann, room, 4)
    assert (answer.code, answer.retry, answer.retry_after) == ("rate_limited", True, 0.5)
    assert [answered(ann, room, n) for n in (1, 2, 3)] == [2, 3, 4]
    town.settle(0.5)
    ann.forget()
    assert say(town, ann, room, 4) == [5]


def test_a_repeat_of_what_waits_costs_no_budget() -> None:
    town, ann, _, room = pair(limits=SessionLimits(posts_per_s=1.0, posts_burst=1.0, requests_per_s=9.0, requests_burst=9.0))
    for _ in range(5):
        post(ann, room, 1)
    town.settle()
    assert ann.of(e.Refused) == []


def test_requests_beyond_the_budget_are_refused_with_the_time_to_wait() -> None:
    town, ann, _, _room = pair(limits=SessionLimits(9.0, 9.0, requests_per_s=1.0, requests_burst=2.0))
    town.settle(10.0)
    for q in (1, 2, 3):
        ann.say(c.Who(q, "bob"))
    town.settle()
    assert [x.q for x in ann.of(e.Done)] == [1, 2]
    assert (ann.last(e.Failed).q, ann.last(e.Failed).code, ann.last(e.Failed).retry_after) == (3, "rate_limited", 1.0)


def test_only_so_many_requests_are_under_way() -> None:
    town, ann, _, _room = pair()
    gate = Gate(town.hosts["a"].store, "user_rooms_page")
    for q in range(1, MAX_REQUESTS + 2):
        ann.say(c.Rooms(q))
    town.settle(1.0)
    assert [(x.q, x.code) for x in ann.of(e.Failed)] == [(MAX_REQUESTS + 1, "overloaded")]
    gate.open()
    town.settle()
    assert len(ann.of(e.Done)) == MAX_REQUESTS


def test_a_mistake_in_a_request_ends_the_session_and_is_reported() -> None:
    town, ann, _, _ = pair()

    async def broken(command: c.Command) -> dict[str, Any]:
        raise RuntimeError("a bug")

    ann.handle._session._asking._requests.carry_out = broken
    ann.say(c.Who(1, "bob"))
    town.settle()
    assert ann.last(e.Failed).code == "internal"
    assert ann.close_code == 4000
    assert [what[0] for what in town.hosts["a"].reports] == ["crashed"]


# --- verdicts --------------------------------------------------------------------------------------------------------


class Filter:
    """Judges by the text; what begins with ``wait`` is judged by the test."""

    def __init__(self) -> None:
        self.waiting: list[Promise[Refusal | None]] = []

    def judge(self, sender: Sender, room: str, body: str, now: float) -> Refusal | Promise[Refusal | None] | None:
        if body.startswith("wait"):
            self.waiting.append(Promise())
            return self.waiting[-1]
        return Refusal("spam", 60.0) if body.startswith("bad") else None


def test_a_post_that_the_filter_refuses_is_not_stored_and_its_number_is_free() -> None:
    town, ann, _, room = pair(verdicts=Filter())
    post(ann, room, 1, "bad words")
    town.settle()
    answer = refused(ann, room, 1)
    assert (answer.code, answer.fields["reason"], answer.retry, answer.retry_after) == ("refused", "spam", False, 60.0)
    ann.forget()
    post(ann, room, 1, "good words", ident="another-id")
    town.settle()
    assert answered(ann, room, 1) == 2


def test_a_post_that_waits_for_its_verdict_holds_back_those_behind_it() -> None:
    judge = Filter()
    town, ann, bob, room = pair(verdicts=judge)
    post(ann, room, 1, "wait for me")
    post(ann, room, 2, "me too")
    town.settle()
    assert ann.seen == []
    judge.waiting[0].resolve(None)
    town.settle()
    assert [answered(ann, room, n) for n in (1, 2)] == [2, 3]
    assert bob.bodies(room) == ["wait for me", "me too"]


def test_posts_that_wait_for_verdicts_count_among_the_unanswered_and_may_be_repeated() -> None:
    judge = Filter()
    town, ann, _, room = pair(verdicts=judge)
    for n in range(1, 66):
        post(ann, room, n, f"wait {n}")
    post(ann, room, 1, "wait 1")
    town.settle()
    assert [x.n for x in ann.of(e.Refused)] == [65]
    assert len(judge.waiting) == 64
    for verdict in judge.waiting:
        verdict.resolve(None)
    town.settle()
    assert len(ann.of(e.Sent, room)) == 64


def test_verdicts_that_come_in_another_order_change_no_order() -> None:
    judge = Filter()
    town, ann, bob, room = pair(verdicts=judge)
    for n in (1, 2, 3):
        post(ann, room, n, f"wait {n}")
    town.settle()
    judge.waiting[2].resolve(None)
    judge.waiting[1].resolve(None)
    town.settle()
    assert ann.seen == []
    judge.waiting[0].resolve(None)
    town.settle()
    assert bob.bodies(room) == ["wait 1", "wait 2", "wait 3"]


def test_a_filter_that_fails_lets_posts_pass() -> None:
    judge = Filter()
    town, ann, _, room = pair(verdicts=judge)
    post(ann, room, 1, "wait 1")
    town.settle()
    judge.waiting[0].reject(RuntimeError("no scorer"))
    town.settle()
    assert answered(ann, room, 1) == 2


# --- slow readers ----------------------------------------------------------------------------------------------------


def test_a_choked_reader_is_pushed_nothing_and_told_the_heads_when_it_reads_again() -> None:
    town, ann, bob, room = pair()
    bob.choked = True
    say(town, ann, room, 1, 2, 3)
    assert bob.pushed(room) == []
    bob.drain()
    assert bob.last(e.Lagging).heads == {room: 4}
    say(town, ann, room, 4)
    assert bob.pushed(room) == [5]


def test_an_older_head_that_comes_late_does_not_hide_the_newer_from_a_choked_reader() -> None:
    town, ann, bob, room = pair()
    bob.choked = True
    say(town, ann, room, 1, 2, 3)
    town.hosts["a"].cell.tell(bob.handle._activation.address, HeadTold(room, 2))
    town.settle()
    bob.drain()
    assert bob.last(e.Lagging).heads == {room: 4}


def test_a_choked_reader_is_nobody_elses_delay() -> None:
    town, ann, bob, room = pair()
    other = town.connect("bob", device="d2")
    bob.choked = True
    say(town, ann, room, 1)
    assert other.pushed(room) == [2]


def test_who_takes_nothing_for_a_minute_is_sent_away() -> None:
    town, ann, bob, room = pair()
    bob.choked = True
    say(town, ann, room, 1)
    town.settle(58.0)
    assert bob.close_code is None
    town.settle(5.0)
    assert bob.close_code == 4003


def test_who_falls_behind_in_too_many_rooms_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "MAX_BEHIND", 3)
    town, ann, bob, _ = pair()
    rooms = [make_room(town, ann, "bob", key=f"the-key-{i}") for i in range(4)]
    bob.choked = True
    for room in rooms[:3]:
        say(town, ann, room, 1)
    assert bob.close_code is None
    say(town, ann, rooms[3], 1)
    assert bob.close_code == 4003


def test_pages_are_few_at_a_time_and_stop_while_the_socket_is_choked() -> None:
    town, _ann, bob, room = pair()
    gate = Gate(town.hosts["a"].store, "entries_after")
    asked: list[int] = []
    real = town.hosts["a"].store.entries_after
    town.hosts["a"].store.entries_after = lambda *args: (asked.append(1), real(*args))[1]  # type: ignore[method-assign,func-returns-value]
    for q in range(1, 11):
        bob.say(c.Pull(q, room))
    town.settle()
    assert len(asked) == MAX_PULLS
    bob.choked = True
    gate.open()
    town.settle()
    assert [page.q for page in bob.of(e.Page)] == [1, 2, 3, 4]
    assert len(asked) == MAX_PULLS
    bob.drain()
    town.settle()
    assert sorted(page.q for page in bob.of(e.Page)) == list(range(1, 11))


def test_a_page_carries_a_bounded_number_of_bytes_and_says_that_there_is_more() -> None:
    town, ann, bob, room = pair()
    for n in range(1, 31):
        post(ann, room, n, BIG)
    town.settle()
    page = pull(town, bob, room, limit=200)
    assert isinstance(page, e.Page)
    size = sum(len(entry.body) for entry in page.entries)
    assert PAGE_BYTES - len(BIG) < size <= PAGE_BYTES
    assert (seqs(page), page.more, page.head) == (list(range(1, len(page.entries) + 1)), True, 31)
    back = pull(town, bob, room, before=32, limit=200)
    assert isinstance(back, e.Page)
    assert (seqs(back)[-1], back.more) == (31, True)
    assert sum(len(entry.body) for entry in back.entries) <= PAGE_BYTES


def test_bytes_are_counted_as_utf_8() -> None:
    town, ann, bob, room = pair()
    for n in range(1, 31):
        post(ann, room, n, "\N{GRINNING FACE}" * 4000)
    town.settle()
    page = pull(town, bob, room, limit=200)
    assert isinstance(page, e.Page)
    assert sum(len(entry.body.encode()) for entry in page.entries) <= PAGE_BYTES


def test_by_pages_everything_is_reached() -> None:
    town, ann, bob, room = pair()
    for n in range(1, 41):
        post(ann, room, n, BIG)
    town.settle()
    have, pages = 0, 0
    while True:
        page = pull(town, bob, room, after=have, limit=200)
        assert isinstance(page, e.Page)
        have, pages = page.entries[-1].seq, pages + 1
        if not page.more:
            break
    assert (have, pages) == (41, 5)


def test_the_first_page_of_a_welcome_is_bounded_too() -> None:
    town, ann, _, room = pair()
    for n in range(1, 31):
        post(ann, room, n, BIG)
    town.settle()
    (page,) = town.connect("bob", device="d2").last(e.Welcome).pages
    assert sum(len(entry.body) for entry in page.entries) <= PAGE_BYTES
    assert page.more


def test_history_goes_both_ways() -> None:
    town, ann, bob, room = pair()
    say(town, ann, room, *range(1, 11))
    assert seqs(pull(town, bob, room, after=3, limit=4)) == [4, 5, 6, 7]
    before = pull(town, bob, room, before=4, limit=2)
    assert isinstance(before, e.Page)
    assert (seqs(before), before.more) == ([2, 3], True)
    first = pull(town, bob, room, before=3, limit=5)
    assert isinstance(first, e.Page)
    assert (seqs(first), first.more) == ([1, 2], False)
    assert seqs(pull(town, bob, room, after=11)) == []
    assert seqs(pull(town, bob, room, before=1)) == []


# --- what is looked after each second --------------------------------------------------------------------------------


def test_sessions_without_anything_to_look_after_cost_nothing_by_the_second() -> None:
    town, ann, bob, room = pair()
    sessions = town.any_host().chat.tables.sessions
    town.settle(10.0)
    assert len(sessions) == 2
    assert not sessions.due
    post(ann, room, 1)
    town.settle(0.0)
    assert len(sessions.due) == 1
    town.settle(2.0)
    assert not sessions.due
    bob.say(c.Ack(room, 2))
    town.settle(0.0)
    assert len(sessions.due) == 1
    bob.hang_up()
    town.settle(0.0)
    assert not sessions.due


def test_a_session_that_fails_at_its_second_keeps_no_other_from_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    town, ann, bob, room = pair()
    tick, ticked = session_module.Session.tick, []

    def fail_for_ann(session: session_module.Session) -> None:
        ticked.append(session.user)
        if session.user == ann.user:
            raise ZeroDivisionError
        tick(session)

    monkeypatch.setattr(session_module.Session, "tick", fail_for_ann)
    ann.say(c.Ack(room, 1))
    bob.say(c.Ack(room, 1))
    town.settle(1.5)
    assert ticked == [ann.user, bob.user]
    assert ann.close_code is not None
    assert bob.close_code is None
