"""The steps of operations: for each state, what is done at rooms and users, and which state comes of it.

Steps are repeated after a crash, and an owner that was taken for dead may still send its last one: rooms and users do what they are asked
once. A step raises the errors that are worth another try, and ends or turns the operation round for all others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from actors.errors import ChatError
from actors.messages.room import OpenRoom
from actors.messages.saga import AddOnce, CloseAccount, Depart, ForgetAccount, MayAdd, RoomsToLeave, TakeBack
from actors.messages.user import GetProfile
from actors.runtime.actor import ActorId, Context, Request, actor_id
from actors.saga_states import Adding, Checking, Closing, Forgetting, Leaving, Making, State, Undoing

LEAVE_AT_ONCE = 64
"""Rooms that are left in one step."""


class Ended(NamedTuple):
    """The operation is over."""

    answer: Any = None
    error: ChatError | None = None
    """Why nothing was done, or all was undone."""


Step = Callable[[Context, str, Any], Awaitable[State | Ended]]
"""(context, key of the operation, state) -> what comes of it."""


async def _make(ctx: Context, key: str, state: Making) -> State | Ended:
    request = OpenRoom(state.user, state.name, state.topic, state.public, state.members)
    answer, error = await _tried(ctx, actor_id("room", state.room), request)
    return Ended(answer, error)


async def _check(ctx: Context, key: str, state: Checking) -> State | Ended:
    asked = [ctx.ask(actor_id("room", room), MayAdd(state.by, state.user)) for room in state.rooms]
    _, refused = await _tried(ctx, actor_id("user", state.user), GetProfile())
    for room, answer in zip(state.rooms, asked, strict=True):
        _, error = await _settled(answer)
        refused = refused or (_named(error, room) if error is not None else None)
    return Ended(error=refused) if refused is not None else Adding(state.by, state.user, state.rooms)


async def _add(ctx: Context, key: str, state: Adding) -> State | Ended:
    if state.done == len(state.rooms):
        return Ended()
    room = state.rooms[state.done]
    _, error = await _tried(ctx, actor_id("room", room), AddOnce(state.by, state.user, key))
    if error is None:
        return Adding(state.by, state.user, state.rooms, state.done + 1)
    told = _named(error, room)
    # The room that refused too: a copy of the step that is still on its way must find that it comes too late.
    return Undoing(state.by, state.user, state.rooms, state.done + 1, told.code, told.fields)


async def _undo(ctx: Context, key: str, state: Undoing) -> State | Ended:
    if state.left == 0:
        return Ended(error=ChatError(state.code, **state.fields))
    room = state.rooms[state.left - 1]
    # Whatever it says for good: there is nothing more to be undone there.
    await _tried(ctx, actor_id("room", room), TakeBack(state.by, state.user, key))
    return Undoing(state.by, state.user, state.rooms, state.left - 1, state.code, state.fields)


async def _close(ctx: Context, key: str, state: Closing) -> State | Ended:
    _, error = await _tried(ctx, actor_id("user", state.user), CloseAccount())
    return Ended(error=error) if error is not None else Leaving(state.user)


async def _leave(ctx: Context, key: str, state: Leaving) -> State | Ended:
    page = await ctx.ask(actor_id("user", state.user), RoomsToLeave(state.after, LEAVE_AT_ONCE))
    if not page.rooms:
        return Forgetting(state.user)
    asked = [ctx.ask(actor_id("room", room), Depart(state.user)) for room in page.rooms]
    for answer in asked:
        await _settled(answer)  # a room that cannot be read any more keeps nobody
    return Leaving(state.user, page.rooms[-1])


async def _forget(ctx: Context, key: str, state: Forgetting) -> State | Ended:
    await ctx.ask(actor_id("user", state.user), ForgetAccount())
    return Ended()


STEPS: dict[type[State], Step] = {
    Making: _make,
    Checking: _check,
    Adding: _add,
    Undoing: _undo,
    Closing: _close,
    Leaving: _leave,
    Forgetting: _forget,
}
"""What is done in each state."""


async def _tried(ctx: Context, to: ActorId, request: Request[Any]) -> tuple[Any, ChatError | None]:
    return await _settled(ctx.ask(to, request))


async def _settled(answer: Awaitable[Any]) -> tuple[Any, ChatError | None]:
    """The answer, or the refusal that will not change; raises the others."""
    try:
        return await answer, None
    except ChatError as error:
        if error.retry:
            raise
        return None, error


def _named(error: ChatError, room: str) -> ChatError:
    return ChatError(error.code, **{**error.fields, "room": room})
