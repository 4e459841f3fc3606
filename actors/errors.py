"""The errors that people and programs are told: one tree, one table of codes.

    ChatError                 expected, has a stable code, travels to the client
    ├── Overloaded            a bound was reached: surely not done; repeat after `retry_after`
    ├── Unavailable           nobody could take it: surely not done; repeat after `retry_after`
    └── Unknown               it was delivered, and may be done: repeat only with the same `n` or key

Code, text, retry flag and HTTP status of an error come from one row of `CODES`.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from actors.runtime.plain import Message


class Code(NamedTuple):
    """One row of the table."""

    text: str
    """English text; `{name}` is filled from the error's fields."""
    retry: bool
    """Whether the same request can succeed later."""
    status: int
    """The HTTP status that goes with it."""


CODES: dict[str, Code] = {
    "invalid": Code("The request is not valid: {reason}", False, 400),
    "too_large": Code("That is larger than the limit of {limit}", False, 413),
    "not_now": Code("That is not allowed in this state", False, 409),
    "unsupported_version": Code("This protocol version is not spoken here", False, 400),
    "bad_credentials": Code("Name or password is wrong", False, 401),
    "bad_token": Code("The token is not valid, or no longer", False, 401),
    "bad_ticket": Code("This login ran out of time or tries; start again", False, 401),
    "disabled": Code("This account is disabled", False, 403),
    "forbidden": Code("You may not do that", False, 403),
    "not_found": Code("There is nothing at that path", False, 404),
    "bad_method": Code("That method is not known at that path", False, 405),
    "no_such_user": Code("There is no such user", False, 404),
    "no_such_room": Code("There is no such room, or it is not open to you", False, 404),
    "no_such_device": Code("There is no such device", False, 404),
    "no_such_session": Code("There is no such session, or no longer", False, 404),
    "not_a_member": Code("That user is not in this room", False, 404),
    "already_a_member": Code("That user is already in this room", False, 409),
    "banned": Code("You were removed from this room; its owner or an admin can invite you again", False, 403),
    "name_taken": Code("That name is taken", False, 409),
    "name_reserved": Code("That name is kept for those who run this server", False, 409),
    "room_full": Code("The room has its {limit} members", False, 409),
    "number_used": Code("That number was used for another message", False, 409),
    "expected": Code("A number was left out; the next one is {n}", True, 409),
    "key_reused": Code("That Idempotency-Key was used for another message", False, 409),
    "beyond_head": Code("There is no message of that number yet", False, 409),
    "too_many_unanswered": Code("Wait for answers before you send more", True, 429),
    "rate_limited": Code("Too many requests", True, 429),
    "refused": Code("The message was not accepted: {reason}", False, 403),
    "undone": Code("It could not be done everywhere, and was undone; ask again with another key", False, 409),
    "too_many_operations": Code("Too many operations of several steps are under way", True, 503),
    "overloaded": Code("The server is busy", True, 503),
    "unavailable": Code("That part of the server cannot be reached now", True, 503),
    "store_unavailable": Code("Messages cannot be stored now", True, 503),
    "damaged": Code("What is stored there cannot be read any more", False, 500),
    "unknown_outcome": Code("It may be done or not", True, 504),
    "internal": Code("Something failed on the server", True, 500),
}


class ChatError(Exception):
    """An expected refusal with a stable code."""

    code_default: ClassVar[str] = "invalid"

    def __init__(self, code: str = "", *, retry_after: float | None = None, **fields: Any) -> None:
        self.code = code or self.code_default
        self.retry_after = retry_after
        """Seconds after which a repeat makes sense; None where the client's own backoff decides."""
        self.fields = fields
        """Plain values that belong to the code, such as `n`, `last`, `limit`."""
        super().__init__(self.code)

    @property
    def row(self) -> Code:
        """The row of `CODES`; an unknown code (of a newer cell) reads as `internal`."""
        return CODES.get(self.code, CODES["internal"])

    @property
    def retry(self) -> bool:
        """Whether the same request can succeed later."""
        return self.row.retry

    @property
    def text(self) -> str:
        """The English text, with the fields filled in."""
        return self.row.text.format_map(_Fields(self.fields))

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


class Overloaded(ChatError):
    """A bound was reached; surely not done."""

    code_default = "overloaded"


class Unavailable(ChatError):
    """Nobody could take it; surely not done."""

    code_default = "unavailable"


class Unknown(ChatError):
    """It was delivered, and may be done."""

    code_default = "unknown_outcome"


class ErrorReport(Message, frozen=True, gc=False):
    """A `ChatError` as plain data: how it travels between cells."""

    code: str
    fields: dict[str, Any] = {}
    retry_after: float | None = None

    @classmethod
    def of(cls, error: ChatError) -> ErrorReport:
        """The report of an error."""
        return cls(error.code, error.fields, error.retry_after)

    def error(self) -> ChatError:
        """The error that was reported, of the same class."""
        kind = _CLASSES.get(self.code, ChatError)
        return kind(self.code, retry_after=self.retry_after, **self.fields)


_CLASSES: dict[str, type[ChatError]] = {
    "overloaded": Overloaded,
    "too_many_operations": Overloaded,
    "unavailable": Unavailable,
    "store_unavailable": Unavailable,
    "unknown_outcome": Unknown,
}


class _Fields(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"
