"""Requests and messages to ``room:ID``. `by` is the user who acts; the room checks what they may do."""

from __future__ import annotations

from typing import ClassVar

from actors.events import Entry, RoomInfo
from actors.runtime.actor import Request
from actors.runtime.plain import Message


class OpenRoom(Request[RoomInfo], frozen=True, gc=False):
    """Make the room; a repeat by the same user answers with the room as it is. Unknown members are refused."""

    by: str
    name: str
    topic: str
    public: bool
    members: list[str]


class OpenDirect(Request[RoomInfo], frozen=True, gc=False):
    """Make the direct chat of two users where it is new."""

    by: str
    other: str


class Describe(Request[RoomInfo], frozen=True, gc=False):
    """The room as `by` sees it, head included. `no_such_room` for others, unless it is public."""

    by: str


class AddMember(Request[RoomInfo], frozen=True, gc=False):
    """An invitation (`user` differs from `by`) or joining a public room (`user` is `by`)."""

    by: str
    user: str


class RemoveMember(Request[None], frozen=True, gc=False):
    """A kick, or leaving (`user` is `by`)."""

    by: str
    user: str


class ChangeRole(Request[None], frozen=True, gc=False):
    """Give a member a role."""

    by: str
    user: str
    role: str


class EditRoom(Request[RoomInfo], frozen=True, gc=False):
    """Change what is not None."""

    by: str
    name: str | None = None
    topic: str | None = None
    public: bool | None = None


class MemberInfo(Message, frozen=True, gc=False):
    """One member."""

    user: str
    display: str
    role: str
    read: int = 0


class MemberPage(Message, frozen=True, gc=False):
    """A page of members, by name."""

    members: list[MemberInfo]
    count: int
    more: bool


class ListMembers(Request[MemberPage], frozen=True, gc=False):
    """A page of the members, by name, after `after`; `by` must be a member."""

    bulk: ClassVar[bool] = True
    by: str
    after: str
    limit: int


class HistoryPage(Message, frozen=True, gc=False):
    """Entries in ascending order."""

    entries: list[Entry]
    head: int
    more: bool


class History(Request[HistoryPage], frozen=True, gc=False):
    """Entries after `after`, or the last ones before `before` where it is not None. `by` must be a member."""

    bulk: ClassVar[bool] = True
    by: str
    after: int
    before: int | None
    limit: int


class Stored(Message, frozen=True, gc=False):
    """Where a post went."""

    seq: int
    at: int


class KeyedPost(Request[Stored], frozen=True, gc=False):
    """A post by HTTP. The same key and body within 24 hours get the same answer; `key_reused` for another body."""

    by: str
    key: str
    body: str
