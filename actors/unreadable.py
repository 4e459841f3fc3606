"""What a failed read of the store leads to, for whoever asked: one place, so that everybody is told the same."""

from __future__ import annotations

from actors.errors import ChatError, Unavailable
from actors.runtime.outcomes import LostOwnership
from actors.store.store import Sealed, Unreadable


def unreadable(error: BaseException) -> Exception:
    """Nothing was done, and the instance is as good as before. What is damaged stays so: nobody is told to try again."""
    if isinstance(error, Sealed):
        return LostOwnership()
    return unread(error)


def unread(error: BaseException) -> ChatError:
    """The same for who owns nothing."""
    return ChatError("damaged") if isinstance(error, Unreadable) else Unavailable("store_unavailable", retry_after=1.0)
