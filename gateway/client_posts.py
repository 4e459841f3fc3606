"""A client's posts on their way, without input or output: numbers, repeats, refusals.

A room takes a device's posts in the order of their numbers and refuses a hole. So a refusal of one post is followed by
`expected` for those behind it. Then nothing more is sent to that room until all that is under way has been answered;
after that the rest goes out again, in order. An answer is definite about one (n, id): a post is given another
number only after the server has said that it is not stored under the one it had.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from actors.commands import MAX_UNANSWERED, Post
from actors.errors import ChatError

BACKOFF_S = 0.25
"""First wait after a retryable refusal that names no time; doubles, with full jitter."""
MAX_BACKOFF_S = 10.0


class Draft:
    """A post without an answer."""

    __slots__ = ("body", "done", "id", "is_under_way", "n")

    def __init__(self, post_id: str, body: str, done: Callable[[int, ChatError | None], None]) -> None:
        self.id = post_id
        self.body = body
        # called once, with (seq, None) or (0, error)
        self.done = done
        # 0: has none, or may get another
        self.n = 0
        self.is_under_way = False


class _RoomPosts:
    """The drafts of one room, in the order in which they were given."""

    __slots__ = ("attempts", "drafts", "is_broken", "is_confirmed", "next_n", "ready_at", "under_way")

    def __init__(self, last_n: int) -> None:
        self.drafts: list[Draft] = []
        # the number for the first draft that has none
        self.next_n = last_n + 1
        # whether the server has taken a number from us in this run: until then one post goes out at a time, so that
        # what is remembered wrongly is put right before others follow
        self.is_confirmed = False
        # whether something was refused: no more goes out until all is answered
        self.is_broken = False
        self.under_way = 0
        self.ready_at = 0.0
        self.attempts = 0


class Posts:
    """The posts of one device to all rooms. `now` is in seconds of a monotonic clock."""

    def __init__(self, numbers: dict[str, int], chance: random.Random) -> None:
        self.numbers = numbers
        """Room -> the last `n` that the server has; kept up to date here."""
        self._chance = chance
        self._rooms: dict[str, _RoomPosts] = {}

    def add(self, room: str, draft: Draft) -> None:
        """One more post to a room."""
        posts = self._rooms.get(room)
        if posts is None:
            posts = self._rooms[room] = _RoomPosts(self.numbers.get(room, 0))
        posts.drafts.append(draft)

    def renumber(self) -> None:
        """The numbers were those of another device: count from 1."""
        self.numbers.clear()
        for posts in self._rooms.values():
            posts.next_n, posts.is_confirmed = 1, False
            for draft in posts.drafts:
                draft.n = 0

    def disconnected(self) -> None:
        """What was under way is not any more, and goes out again with the same n and id."""
        for posts in self._rooms.values():
            posts.under_way, posts.is_broken, posts.ready_at = 0, False, 0.0
            for draft in posts.drafts:
                draft.is_under_way = False

    def due(self, now: float) -> list[Post]:
        """What is to be sent now, in order; counted as under way from here on."""
        out: list[Post] = []
        for room, posts in self._rooms.items():
            if posts.is_broken and (posts.under_way or now < posts.ready_at):
                continue
            posts.is_broken = False
            self._take_due(room, posts, out)
        return out

    def _take_due(self, room: str, posts: _RoomPosts, out: list[Post]) -> None:
        window = MAX_UNANSWERED if posts.is_confirmed else 1
        n = posts.next_n
        for draft in posts.drafts:
            if posts.under_way >= window:
                return
            draft.n = draft.n or n
            # a kept number may lie below those that the server has taken meanwhile
            n = max(draft.n + 1, posts.next_n)
            if not draft.is_under_way:
                draft.is_under_way = True
                posts.under_way += 1
                out.append(Post(room, draft.n, draft.id, draft.body))

    def next_due_at(self) -> float | None:
        """When something that waits may go out again; None where only answers are awaited."""
        times = [posts.ready_at for posts in self._rooms.values() if posts.is_broken and not posts.under_way and posts.drafts]
        return min(times, default=None)

    def sent(self, room: str, n: int, seq: int) -> Draft | None:
        """The answer `sent`. The post that it is about; None where it is about none of ours."""
        found = self._answered(room, n)
        if found is None:
            return None
        posts, draft = found
        posts.drafts.remove(draft)
        posts.is_confirmed, posts.attempts = True, 0
        posts.next_n = max(posts.next_n, n + 1)
        self.numbers[room] = max(self.numbers.get(room, 0), n)
        draft.done(seq, None)
        return draft

    def refused(self, room: str, n: int, error: ChatError, retry: bool, now: float) -> None:
        """The answer `refused`: put the number right, wait and repeat (where `retry`), or tell the caller."""
        found = self._answered(room, n)
        if found is None:
            return
        posts, draft = found
        posts.is_broken = True
        if error.code == "number_used":
            draft.n = 0
            posts.next_n = _whole(error.fields.get("last"), n) + 1
        elif error.code == "expected":
            draft.n = 0
            posts.next_n = _whole(error.fields.get("n"), posts.next_n)
        elif retry:
            posts.attempts += 1
            posts.ready_at = max(posts.ready_at, now + self._wait_s(posts.attempts, error.retry_after))
        else:
            posts.drafts.remove(draft)
            posts.next_n = n
            draft.done(0, error)

    def fail_all(self, error: ChatError) -> None:
        """Nothing will be answered any more."""
        rooms, self._rooms = self._rooms, {}
        for posts in rooms.values():
            for draft in posts.drafts:
                draft.done(0, error)

    def _answered(self, room: str, n: int) -> tuple[_RoomPosts, Draft] | None:
        posts = self._rooms.get(room)
        if posts is None:
            return None
        for draft in posts.drafts:
            if draft.n == n and draft.is_under_way:
                draft.is_under_way = False
                posts.under_way -= 1
                return posts, draft
        return None

    def _wait_s(self, attempts: int, retry_after: float | None) -> float:
        if retry_after is not None:
            return retry_after * (1.0 + 0.2 * self._chance.random())
        return self._chance.random() * min(MAX_BACKOFF_S, BACKOFF_S * 2.0**attempts)


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
