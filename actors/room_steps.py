"""What operations of several steps (`actors.saga`) ask of a room. Handlers of `Room`, kept here so that its own page stays
short; they use what it keeps to itself.

What is done under a key is remembered as a `KeyRow` beside it, in the same commit, as posts by HTTP are: a repeat finds it. One whose
number is 0 says that the key is void.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.errors import ChatError
from actors.messages.saga import AccountGone, AddOnce, Depart, MayAdd, TakeBack
from actors.room_opening import profiles
from actors.roster import MAX_MEMBERS
from actors.runtime.actor import handles, reads
from actors.store.rows import KeyRow
from actors.store.store import StoreError
from actors.unreadable import unreadable

if TYPE_CHECKING:
    from actors.room import Room


@reads(MayAdd)
def on_may_add(room: Room, request: MayAdd) -> None:
    """See `MayAdd`."""
    room.must_exist()
    roster = room.log.roster
    roster.check_add(request.by, request.user)
    if request.user not in roster.members and len(roster.members) >= MAX_MEMBERS:
        raise ChatError("room_full", limit=MAX_MEMBERS)


@handles(AddOnce)
async def on_add_once(room: Room, request: AddOnce) -> None:
    """See `AddOnce`."""
    room.must_exist()
    row = await _key(room, request)
    if row is not None:
        if not row.seq:
            raise ChatError("undone")
        return
    roster = room.log.roster
    roster.check_add(request.by, request.user)
    if request.user in roster.members:
        return
    room._hand_over()  # another cell may keep us waiting
    profile = (await profiles(room._ctx, [request.user]))[0]
    at = _now_ms(room)
    plan = roster.plan_add(request.by, request.user, profile.display, room.log.head, at)
    await room._carry_out(plan, at, [_key_row(room, request, room.log.head + 1, at)])


@handles(TakeBack)
async def on_take_back(room: Room, request: TakeBack) -> None:
    """See `TakeBack`."""
    room.must_exist()
    row = await _key(room, request)
    if row is not None and not row.seq:
        return
    at = _now_ms(room)
    void = _key_row(room, request, 0, at)
    plan = room.log.roster.plan_take_back(request.by, request.user, row.at) if row is not None else None
    if plan is None:
        await room._commit((), (), [void])
    else:
        await room._carry_out(plan, at, [void])


@handles(Depart, AccountGone)
async def on_depart(room: Room, request: Depart | AccountGone) -> None:
    """An account that is closed is a member of nothing."""
    if room.log.exists:
        await room._carry_out(room.log.roster.plan_depart(request.user))
    else:
        room._ctx.stop()


async def _key(room: Room, request: AddOnce | TakeBack) -> KeyRow | None:
    try:
        return await room.ports.store.post_key(room.log.slot, room.log.room, request.by, request.key)
    except StoreError as error:
        raise unreadable(error) from None


def _now_ms(room: Room) -> int:
    return int(room._ctx.wall() * 1000)


def _key_row(room: Room, request: AddOnce | TakeBack, seq: int, at: int) -> KeyRow:
    return KeyRow(room.log.room, request.by, request.key, seq, at, request.user.encode())
