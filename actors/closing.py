"""Why the server ends a connection: codes whose range alone tells the client what to do.

4000-4099  connect again, after a jittered backoff
4100-4199  log in again: this token is of no use any more
4200-4299  the client did something wrong: the same again would fail again
"""

from __future__ import annotations

GOING_AWAY = 4000
"""This server stops or asks clients to move."""
IDLE = 4001
"""Nothing was heard in time: no `hello`, or two pings without an answer."""
OVERLOADED = 4002
"""No room for this connection now."""
TOO_SLOW = 4003
"""The client does not read what it is sent."""
REPLACED = 4004
"""A newer connection of the same device has taken over; it alone goes on."""

BAD_TOKEN = 4100
"""The token is not valid, or no longer."""
DISABLED = 4101
"""The account is disabled."""
LOGGED_OUT = 4102
"""The device was logged out."""

MALFORMED = 4200
"""A frame before `welcome` that is no valid frame."""
TOO_LARGE = 4201
"""A frame above the limit (over transports whose own code for it is not 1009)."""
NOT_NOW = 4202
"""A frame that this state does not allow."""
UNSUPPORTED_VERSION = 4203
"""`hello` named a protocol version that is not spoken here."""
TOO_MANY_ERRORS = 4204
"""The budget of refused frames is used up."""

CLOSES: dict[int, str] = {
    GOING_AWAY: "going away",
    IDLE: "nothing was heard in time",
    OVERLOADED: "the server is busy",
    TOO_SLOW: "reading too slowly",
    REPLACED: "a newer connection of this device took over",
    BAD_TOKEN: "the token is not valid",
    DISABLED: "the account is disabled",
    LOGGED_OUT: "the device was logged out",
    MALFORMED: "malformed frame",
    TOO_LARGE: "frame too large",
    NOT_NOW: "not allowed in this state",
    UNSUPPORTED_VERSION: "protocol version not spoken here",
    TOO_MANY_ERRORS: "too many refused frames",
}
"""Every code of ours and the reason sent with it."""

CODE_OF_ERROR: dict[str, int] = {
    "bad_token": BAD_TOKEN,
    "disabled": DISABLED,
    "overloaded": OVERLOADED,
    "unavailable": OVERLOADED,
    "store_unavailable": OVERLOADED,
    "unknown_outcome": OVERLOADED,
    "internal": OVERLOADED,
    "unsupported_version": UNSUPPORTED_VERSION,
}
"""How a refused `hello` is closed, by the code of its error."""
