"""Numbers and repeats of a client's posts, against a room that keeps the rule of `n`."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.commands import MAX_UNANSWERED, Post
from actors.errors import ChatError
from gateway.client_posts import Draft, Posts


class StrictRoom:
    """What the server promises of one device: no holes, repeats get their seq, another id is refused."""

    def __init__(self, last: int = 0) -> None:
        self.log: list[str] = [f"old{n}" for n in range(1, last + 1)]
        self.bodies: list[str] = []

    def take(self, post: Post) -> int | ChatError:
        last = len(self.log)
        if post.n <= last:
            return post.n if self.log[post.n - 1] == post.id else ChatError("number_used", last=last)
        if post.n > last + 1:
            return ChatError("expected", n=last + 1)
        self.log.append(post.id)
        self.bodies.append(post.body)
        return post.n


class Caller:
    """Keeps what the callers of `send` are told."""

    def __init__(self, posts: Posts) -> None:
        self.posts = posts
        self.told: dict[str, int | str] = {}
        self.count = 0

    def send(self, body: str = "") -> None:
        self.count += 1
        body = body or f"m{self.count}"

        def done(seq: int, error: ChatError | None) -> None:
            assert body not in self.told
            self.told[body] = error.code if error is not None else seq

        self.posts.add("room", Draft(f"id-{body}", body, done))


def fresh(numbers: dict[str, int] | None = None) -> tuple[Posts, Caller]:
    posts = Posts(dict(numbers or {}), random.Random(1))
    return posts, Caller(posts)


def answer(posts: Posts, post: Post, outcome: int | ChatError, now: float = 0.0) -> None:
    if isinstance(outcome, int):
        posts.sent("room", post.n, outcome)
    else:
        posts.refused("room", post.n, outcome, outcome.retry, now)


def exchange(posts: Posts, room: StrictRoom, now: float = 0.0) -> None:
    while due := posts.due(now):
        for post in due:
            answer(posts, post, room.take(post), now)


def test_the_first_post_goes_alone_and_the_others_follow_in_order() -> None:
    posts, caller = fresh()
    for _ in range(3):
        caller.send()
    (first,) = posts.due(0.0)
    assert (first.n, first.body) == (1, "m1")
    assert posts.due(0.0) == []
    posts.sent("room", 1, 10)
    assert [(post.n, post.body) for post in posts.due(0.0)] == [(2, "m2"), (3, "m3")]
    assert caller.told == {"m1": 10}
    assert posts.numbers == {"room": 1}


def test_at_most_so_many_are_under_way_as_the_server_allows() -> None:
    posts, caller = fresh()
    caller.send()
    exchange(posts, StrictRoom())
    for _ in range(MAX_UNANSWERED + 5):
        caller.send()
    assert len(posts.due(0.0)) == MAX_UNANSWERED


def test_after_a_disconnect_the_same_numbers_and_ids_go_out_in_order() -> None:
    posts, caller = fresh()
    caller.send()
    exchange(posts, StrictRoom())
    for _ in range(3):
        caller.send()
    before = posts.due(0.0)
    posts.disconnected()
    assert posts.due(0.0) == before


def test_numbers_go_on_where_the_last_run_stopped() -> None:
    posts, caller = fresh({"room": 7})
    caller.send()
    assert posts.due(0.0)[0].n == 8


def test_a_forgotten_number_is_put_right_and_nothing_is_lost_or_reordered() -> None:
    room = StrictRoom(last=9)
    posts, caller = fresh()
    for _ in range(4):
        caller.send()
    exchange(posts, room)
    assert room.bodies == ["m1", "m2", "m3", "m4"]
    assert caller.told == {"m1": 10, "m2": 11, "m3": 12, "m4": 13}
    assert posts.numbers == {"room": 13}


def test_a_number_ahead_of_the_server_is_put_right() -> None:
    room = StrictRoom(last=2)
    posts, caller = fresh({"room": 50})
    caller.send()
    caller.send()
    exchange(posts, room)
    assert caller.told == {"m1": 3, "m2": 4}


def test_behind_a_refusal_nothing_goes_out_until_all_is_answered() -> None:
    posts, caller = fresh()
    caller.send()
    exchange(posts, StrictRoom())
    for _ in range(3):
        caller.send()
    two, three, four = posts.due(0.0)
    answer(posts, two, ChatError("refused", reason="spam"))
    caller.send()
    assert caller.told["m2"] == "refused"
    answer(posts, three, ChatError("expected", n=2))
    assert posts.due(0.0) == []
    answer(posts, four, ChatError("expected", n=2))
    assert [(post.n, post.id) for post in posts.due(0.0)] == [(2, "id-m3"), (3, "id-m4"), (4, "id-m5")]


def test_a_retryable_refusal_waits_as_long_as_it_says_and_keeps_number_and_id() -> None:
    posts, caller = fresh()
    caller.send()
    exchange(posts, StrictRoom())
    caller.send()
    caller.send()
    two, three = posts.due(10.0)
    answer(posts, two, ChatError("rate_limited", retry_after=5.0), 10.0)
    answer(posts, three, ChatError("expected", n=2), 10.0)
    assert posts.due(14.9) == []
    due_at = posts.next_due_at()
    assert due_at is not None
    assert 15.0 <= due_at <= 16.0
    assert posts.due(due_at) == [two, three]


def test_without_a_time_the_wait_grows_and_is_bounded() -> None:
    posts, caller = fresh()
    caller.send()
    now, waits = 0.0, []
    for _ in range(30):
        (post,) = posts.due(now)
        answer(posts, post, ChatError("store_unavailable"), now)
        due_at = posts.next_due_at()
        assert due_at is not None
        waits.append(due_at - now)
        now = due_at
    assert max(waits) <= 10.0
    assert max(waits[10:]) > max(waits[:2])


def test_a_post_that_was_stored_although_it_was_refused_keeps_its_number() -> None:
    room = StrictRoom()
    posts, caller = fresh()
    caller.send()
    exchange(posts, room)
    caller.send()
    caller.send()
    two, three = posts.due(0.0)
    room.take(two)
    room.take(three)
    answer(posts, two, ChatError("unknown_outcome", retry_after=1.0))
    answer(posts, three, ChatError("unknown_outcome", retry_after=1.0))
    exchange(posts, room, now=2.0)
    assert caller.told == {"m1": 1, "m2": 2, "m3": 3}
    assert room.bodies == ["m1", "m2", "m3"]


def test_another_device_counts_from_one() -> None:
    posts, caller = fresh({"room": 9})
    caller.send()
    posts.renumber()
    assert posts.due(0.0)[0].n == 1


def test_at_the_end_all_who_wait_are_told() -> None:
    posts, caller = fresh()
    caller.send()
    caller.send()
    posts.due(0.0)
    posts.fail_all(ChatError("unknown_outcome"))
    assert caller.told == {"m1": "unknown_outcome", "m2": "unknown_outcome"}
    assert posts.due(0.0) == []


def test_answers_to_nothing_are_passed_over() -> None:
    posts, _ = fresh()
    assert posts.sent("room", 1, 1) is None
    posts.refused("room", 1, ChatError("expected", n=1), True, 0.0)


@settings(max_examples=300, deadline=None)
@given(
    last=st.integers(0, 5),
    remembered=st.integers(0, 8),
    steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["ok", "ok", "busy", "lost", "cut", "spam"])), min_size=1, max_size=30),
)
def test_whatever_happens_every_post_is_stored_once_in_order_or_refused(last: int, remembered: int, steps: list[tuple[int, str]]) -> None:
    room = StrictRoom(last)
    posts, caller = fresh({"room": remembered} if remembered else None)
    now, spam = 0.0, set()
    for new, fate in steps:
        for _ in range(new):
            caller.send()
        now += 20.0
        for place, post in enumerate(posts.due(now)):
            if fate == "cut" and place % 2:
                continue
            if fate == "busy" and place % 3 == 0:
                outcome: int | ChatError = ChatError("overloaded", retry_after=1.0)
            elif fate == "spam" and place == 0 and post.n > len(room.log):
                outcome = ChatError("refused", reason="x")
                spam.add(post.body)
            else:
                outcome = room.take(post)
            if fate == "lost":
                outcome = ChatError("unknown_outcome", retry_after=1.0)
            if fate != "cut":
                answer(posts, post, outcome, now)
        if fate == "cut":
            posts.disconnected()
    exchange(posts, room, now + 100.0)
    assert set(caller.told) == {f"m{number + 1}" for number in range(caller.count)}
    assert room.bodies == [f"m{number + 1}" for number in range(caller.count) if f"m{number + 1}" not in spam]
    assert {body for body, told in caller.told.items() if told == "refused"} == spam
    for place, body in enumerate(room.bodies):
        assert caller.told[body] == last + place + 1


def test_the_room_of_these_tests_refuses_holes() -> None:
    room = StrictRoom()
    outcome = room.take(Post("room", 2, "id-000000", "x"))
    assert isinstance(outcome, ChatError)
    assert outcome.code == "expected"
