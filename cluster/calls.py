"""The calls that rooms and sessions answer to Ray programs: their names, and how each may be repeated.

Light on purpose: programs outside of the server import it. `cluster.handle_calls` carries the calls out.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from actors.errors import ChatError, ErrorReport

LIMIT_S = 30.0
"""How long one call goes on trying while its room is without an owner, busy, or on its way to another cell."""
ADDRESS = re.compile(r"room:[a-z0-9]{4,40}|session:(?:session:)?[A-Za-z0-9._-]{1,80}~[a-z0-9]{1,20}").fullmatch


class Repeat(NamedTuple):
    """Whether a call may be made again where nobody knows if it was done."""

    safe: bool
    done: str = ""
    """A refusal which then says that it was done the first time."""


CALLS: dict[str, dict[str, Repeat]] = {
    "room": {
        "post": Repeat(True),  # its key makes the same post of it
        "history": Repeat(True),
        "members": Repeat(True),
        "kick": Repeat(True, "not_a_member"),
        "stats": Repeat(True),
    },
    "session": {
        "tell": Repeat(False),
        "close": Repeat(True, "no_such_session"),
        "stats": Repeat(True),
    },
}
"""Kind of actor -> its calls."""


def check_address(address: str) -> str:
    """The address. Raises `ValueError` for one that can be no room's and no session's."""
    if ADDRESS(address) is None:
        raise ValueError(f"{address!r} is no address; write it like room:9f2c or session:cell-1-5be0a3c2~1f")
    return address


def repeat_of(address: str, call: str) -> Repeat:
    """How a call may be repeated. Raises `ChatError` `invalid` where there is no such call."""
    found = CALLS.get(address.partition(":")[0], {}).get(call)
    if found is None:
        raise ChatError("invalid", reason=f"there is no call {call} of {address}")
    return found


def refusal(error: ChatError) -> dict[str, Any]:
    """An error as plain values: how it crosses from a cell to the switch."""
    report = ErrorReport.of(error)
    return {"code": report.code, "fields": dict(report.fields), "retry_after": report.retry_after}


def refused(values: dict[str, Any]) -> ChatError:
    """The error that was carried as plain values, of its own class."""
    return ErrorReport(values["code"], values["fields"], values["retry_after"]).error()
