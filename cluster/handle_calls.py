"""Carries out the calls of Ray programs in a cell: checks them, asks the actor wherever it lives, answers plain values.

A room that moves, whose cell has just died or that is busy is asked again until the call's time is up. A call of unknown
outcome is repeated only as `cluster.calls` allows: a post by its key, a kick where the second answer tells what the first did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

from actors.chat_cell import ChatCell
from actors.closing import GOING_AWAY
from actors.commands import MAX_BODY_BYTES, MAX_PAGE, Body, Position, PostId, UserName
from actors.errors import ChatError, Overloaded, Unavailable, Unknown
from actors.messages import control
from actors.messages.room import KeyedPost
from actors.runtime.actor import ActorId, Request, kind_of, life_of, name_of
from actors.runtime.codec import CodecError, pack, unpack
from actors.runtime.plain import Constraint, Plain
from cluster.calls import ADDRESS, repeat_of
from gateway.api.bridge import ask

AT_ONCE = 256
"""Calls under way in one cell; beyond it: `overloaded`, and whoever asked tries again. Chat comes first."""
ATTEMPT_S = 5.0
"""How long one attempt waits for its answer."""
PAUSES_S = (0.02, 1.0)
"""First and longest pause between two attempts; doubled each time."""
MAX_SESSIONS = 10_000
"""Addresses in one answer to `sessions`."""
Limit = Annotated[int, Constraint(ge=1, le=MAX_PAGE)]


class _Post(Plain, frozen=True, forbid_unknown_fields=True):
    by: UserName
    body: Body
    key: PostId


class _History(Plain, frozen=True, forbid_unknown_fields=True):
    after: Position = 0
    before: Position | None = None
    limit: Limit = 100


class _Members(Plain, frozen=True, forbid_unknown_fields=True):
    after: Annotated[str, Constraint(max_length=32)] = ""
    limit: Limit = MAX_PAGE


class _Kick(Plain, frozen=True, forbid_unknown_fields=True):
    user: UserName


class _Tell(Plain, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Constraint(min_length=1, max_length=2000)]


class _Close(Plain, frozen=True, forbid_unknown_fields=True):
    code: int = GOING_AWAY


class _Nothing(Plain, frozen=True, forbid_unknown_fields=True):
    pass


class _Form(NamedTuple):
    """What a call is given, and the request that it makes of it."""

    given: type[Plain]
    request: Callable[[Any], Request[Any]]


def _keyed_post(given: _Post) -> KeyedPost:
    if "\0" in given.body:
        raise ChatError("invalid", reason="body: U+0000 is not allowed")
    if len(given.body.encode()) > MAX_BODY_BYTES:
        raise ChatError("too_large", limit=f"{MAX_BODY_BYTES} bytes")
    return KeyedPost(given.by, given.key, given.body)


_FORMS: dict[tuple[str, str], _Form] = {
    ("room", "post"): _Form(_Post, _keyed_post),
    ("room", "history"): _Form(_History, lambda given: control.ReadLog(given.after, given.before, given.limit)),
    ("room", "members"): _Form(_Members, lambda given: control.ListAll(given.after, given.limit)),
    ("room", "kick"): _Form(_Kick, lambda given: control.Expel(given.user)),
    ("room", "stats"): _Form(_Nothing, lambda given: control.InspectRoom()),
    ("session", "tell"): _Form(_Tell, lambda given: control.Notify(given.text)),
    ("session", "close"): _Form(_Close, lambda given: control.EndSession(given.code)),
    ("session", "stats"): _Form(_Nothing, lambda given: control.InspectSession()),
}


class HandleCalls:
    """The calls under way in one cell. Belongs to its loop."""

    def __init__(
        self,
        chat: ChatCell,
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._chat = chat
        self._now = now or chat.cell.scheduler.now
        self._sleep = sleep
        self.under_way = 0

    async def carry_out(self, address: str, call: str, arguments: Mapping[str, Any], limit_s: float) -> Any:
        """The answer as plain values. Raises `ChatError`."""
        if ADDRESS(address) is None:
            raise ChatError("invalid", reason="that is no address")
        repeat = repeat_of(address, call)
        request = _request(address, call, arguments)
        if self.under_way >= AT_ONCE:
            raise Overloaded(retry_after=0.1)
        self.under_way += 1
        try:
            return plain(await self._patiently(ActorId(address), request, repeat.safe, repeat.done, self._now() + limit_s))
        finally:
            self.under_way -= 1

    def rooms(self) -> list[str]:
        """Rooms that are active here and share this cell with others. (Those of the health probe are nobody's.)"""
        cell, view = self._chat.cell, self._chat.view
        seated = view.seated if view is not None else {}
        found = (address for address in cell.addresses() if kind_of(address) == "room" and address not in seated)
        return [name_of(address) for address in found if not name_of(address).startswith("canary")]

    def sessions(self, user: str = "") -> list[str]:
        """The sessions here that belong to a user, or to anybody where none is named."""
        sessions = self._chat.tables.sessions
        found = (str(address) for address, session in list(sessions.items()) if session.user and user in ("", session.user))
        return sorted(found)[:MAX_SESSIONS]

    async def _patiently(self, to: ActorId, request: Request[Any], safe: bool, done: str, end: float) -> Any:
        pause, in_doubt = PAUSES_S[0], False
        while True:
            error: ChatError
            try:
                self._check_session(to)
                return await ask(self._chat.cell, to, request, timeout=max(0.05, min(ATTEMPT_S, end - self._now())))
            except (Unavailable, Overloaded) as refused:
                error = refused
            except Unknown as unknown:
                if not safe:
                    raise
                error, in_doubt = unknown, True
            except ChatError as refused:
                if in_doubt and refused.code == done:
                    return None
                raise
            wait = max(pause, min(error.retry_after or 0.0, PAUSES_S[1]))
            if self._now() + wait >= end:
                raise Unknown if in_doubt else error
            await self._sleep(wait)
            pause = min(2 * pause, PAUSES_S[1])

    def _check_session(self, to: ActorId) -> None:
        """A session lives and dies with its connection: one that is not there will not come."""
        life, chat = life_of(to), self._chat
        if life is None:
            return
        gone = chat.cell.activation(to) is None if life == chat.life else chat.view is not None and chat.view.cell(life) is None
        if gone:
            raise ChatError("no_such_session")


def _request(address: str, call: str, arguments: Mapping[str, Any]) -> Request[Any]:
    form = _FORMS[address.partition(":")[0], call]
    try:
        return form.request(unpack(form.given, pack(dict(arguments))))
    except CodecError as error:
        raise ChatError("invalid", reason=f"{call}: {error}") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise ChatError("invalid", reason=f"{call} takes plain values: {type(error).__name__}") from None


def plain(value: Any) -> Any:
    """An answer as dicts, lists, numbers and texts: nothing of ours has to be imported to read it."""
    if isinstance(value, Plain):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return [plain(item) for item in value] if isinstance(value, list) else value
