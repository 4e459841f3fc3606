"""An account on its way out: closed first, then out of its rooms, then forgotten but for its name. Handlers of `User`,
kept here so that its own page stays short; they use what it keeps to itself.

A room may have taken it in meanwhile, or not have heard: whichever tells a closed account that it is a member hears that it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.closing import DISABLED
from actors.messages.marks import Marked, MarkKept
from actors.messages.saga import AccountGone, CloseAccount, ForgetAccount, RoomNames, RoomsToLeave
from actors.runtime.actor import handles
from actors.store.rows import Gone
from actors.store.store import StoreError
from actors.unreadable import unreadable

if TYPE_CHECKING:
    from actors.user import User

_LEFT = ("user_rooms", "reads", "user_marks")


@handles(CloseAccount)
async def on_close_account(user: User, request: CloseAccount) -> None:
    """See `CloseAccount`. Safe to repeat."""
    account = user._account
    if not account.closed:
        user._must_exist()
        await user._commit(account.close(), account.forget_devices())
        user._cursors.forget_all()
    user._dismiss(None, DISABLED)
    user._let_go()


@handles(RoomsToLeave)
async def on_rooms_to_leave(user: User, request: RoomsToLeave) -> RoomNames:
    """See `RoomsToLeave`."""
    try:
        rows = await user._store.user_rooms_page(user._slot, user._name, request.after, request.limit)
    except StoreError as error:
        raise unreadable(error) from None
    return RoomNames([row.room for row in rows])


@handles(ForgetAccount)
async def on_forget_account(user: User, request: ForgetAccount) -> None:
    """See `ForgetAccount`. Safe to repeat."""
    if user._account.closed:
        await user._commit([], tuple(Gone(table, (user._name,)) for table in _LEFT))
        user._dismiss(None, DISABLED)  # the owner before may have died before all had heard
    user._let_go()


def answer_for_nobody(user: User, message: Marked) -> None:
    """A room tells of itself, and there is no account."""
    if user._account.closed and message.facts.role != "none":
        user._ctx.tell(message.origin, AccountGone(user._name))
    else:
        user._ctx.tell(message.origin, MarkKept(user._name, message.seq, message.seq))
    user._let_go()
