"""Rooms and sessions as Ray actors: for notebooks, driver scripts and training jobs.

    room = get_actor("room:9f2c")
    ray.get(room.post.remote("anna", "good morning"))        # {"seq": 17, "at": 1767225600000}
    page = ray.get(room.history.remote(after=0, limit=200))  # {"entries": [...], "head": 17, "more": False}

Every method has `.remote(...)` and returns an `ObjectRef`, which Ray waits for, passes on and joins as any other. A room
answers wherever it lives, also right after a move or its cell's death: a switch (`cluster.ray_switch`) finds the owner and
asks again. `direct=True` leaves the switch out: half the price, and a call that was under way in a cell that dies raises
`ray.exceptions.ActorDiedError`.

What is refused is raised by `ray.get` as a `ChatError` with a stable `code` (`actors.errors`). Whoever has the Ray cluster's
token may call: this is for operators' programs, and `by` names the account in whose name a post is made.
"""

from __future__ import annotations

import secrets
from typing import Any, Protocol

from ray import ObjectRef

from actors.runtime.actor import kind_of
from cluster.calls import LIMIT_S, check_address
from cluster.direct_calls import DirectCalls
from cluster.ray_switch import switch


class Caller(Protocol):
    """Makes the calls of one handle."""

    def call(self, address: str, name: str, arguments: dict[str, Any], limit_s: float) -> ObjectRef:
        """Begin one call."""


class _Method:
    """One method of a handle."""

    def __init__(self, caller: Caller, address: str, limit_s: float = LIMIT_S) -> None:
        self._caller = caller
        self._address = address
        self._limit_s = limit_s

    def _call(self, name: str, **arguments: Any) -> ObjectRef:
        return self._caller.call(self._address, name, arguments, self._limit_s)


class RoomPost(_Method):
    """`room.post`."""

    def remote(self, by: str, body: str, *, key: str | None = None) -> ObjectRef:
        """Post in the name of a member: ``{"seq", "at"}``. Exactly once, however often it is asked again on the way; with a `key`
        of your own also when you ask again yourself within 24 hours."""
        return self._call("post", by=by, body=body, key=key or secrets.token_urlsafe(16))


class RoomHistory(_Method):
    """`room.history`."""

    def remote(self, *, after: int = 0, before: int | None = None, limit: int = 100) -> ObjectRef:
        """A page of the log, ascending: entries behind `after`, or the last ones before `before`."""
        return self._call("history", after=after, before=before, limit=limit)


class RoomMembers(_Method):
    """`room.members`."""

    def remote(self, *, after: str = "", limit: int = 200) -> ObjectRef:
        """A page of members, by name: ``{"members": [...], "count", "more"}``."""
        return self._call("members", after=after, limit=limit)


class RoomKick(_Method):
    """`room.kick`."""

    def remote(self, user: str) -> ObjectRef:
        """Remove a member, in the owner's name. `forbidden` for the owner and in direct chats."""
        return self._call("kick", user=user)


class Stats(_Method):
    """`room.stats`, `session.stats`."""

    def remote(self) -> ObjectRef:
        """Its figures, among them the `life` of the cell that it lives in."""
        return self._call("stats")


class SessionTell(_Method):
    """`session.tell`."""

    def remote(self, text: str) -> ObjectRef:
        """Show a word of the operators to this client (`notice`). Never repeated: `unknown_outcome` where nobody knows."""
        return self._call("tell", text=text)


class SessionClose(_Method):
    """`session.close`."""

    def remote(self, code: int = 4000) -> ObjectRef:
        """Close the connection with a code of `actors.closing`; with 4000 the client connects again."""
        return self._call("close", code=code)


class RoomHandle:
    """A room. Can be passed to tasks and other actors."""

    def __init__(self, address: str, caller: Caller, limit_s: float = LIMIT_S) -> None:
        self.address = address
        self.post = RoomPost(caller, address, limit_s)
        self.history = RoomHistory(caller, address, limit_s)
        self.members = RoomMembers(caller, address, limit_s)
        self.kick = RoomKick(caller, address, limit_s)
        self.stats = Stats(caller, address, limit_s)


class SessionHandle:
    """A session. Can be passed to tasks and other actors."""

    def __init__(self, address: str, caller: Caller, limit_s: float = LIMIT_S) -> None:
        self.address = address
        self.tell = SessionTell(caller, address, limit_s)
        self.close = SessionClose(caller, address, limit_s)
        self.stats = Stats(caller, address, limit_s)


class SwitchedCalls:
    """Calls by way of the switch. Implements `Caller`."""

    def __init__(self) -> None:
        self._switch = switch()

    def call(self, address: str, name: str, arguments: dict[str, Any], limit_s: float) -> ObjectRef:
        """See `Caller`."""
        reference: ObjectRef = self._switch.act.remote(address, name, arguments, limit_s)
        return reference


def get_actor(address: str, *, direct: bool = False, limit_s: float = LIMIT_S) -> Any:
    """The `RoomHandle` of ``room:ID`` or the `SessionHandle` of ``session:LIFE~N``. Whether it is there, its first call tells
    (`no_such_room`, `no_such_session`). Raises `ValueError` for what is no address.

    `limit_s`: how long a call goes on trying.
    """
    check_address(address)
    caller: Caller = DirectCalls() if direct else SwitchedCalls()
    kind = RoomHandle if kind_of(address) == "room" else SessionHandle  # type: ignore[arg-type]
    return kind(address, caller, limit_s)


def list_sessions(user: str = "") -> ObjectRef:
    """The addresses of a user's sessions, of everybody's where none is named."""
    reference: ObjectRef = switch().sessions.remote(user)
    return reference
