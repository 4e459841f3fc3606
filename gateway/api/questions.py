"""What clients send to the API. Unknown fields are refused; texts are checked for what they are for."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from actors.commands import MAX_BODY_BYTES, MAX_NUMBER, MAX_PAGE, MAX_ROOMS_AT_ONCE, USER_PATTERN, Role
from gateway.auth.passwords import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS

ROOM_PATTERN = r"^[a-z0-9]{4,40}$"
DEVICE_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
KEY_PATTERN = r"^[A-Za-z0-9_-]{8,40}$"

_UNSEEN = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that no name needs: controls, halves of pairs, private and unassigned characters, line ends."""
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows: with them a name can look like another text."""


def _line(text: str) -> str:
    if any(unicodedata.category(letter) in _UNSEEN or letter in _TURNS for letter in text):
        raise ValueError("control characters are not allowed")
    if text != "" and text.strip() == "":
        raise ValueError("must not be blank")
    return text


BODY_TOO_LONG = "body_too_long"
"""Kind of problem of a message's text with too many bytes."""


def _body(text: str) -> str:
    if "\0" in text:
        raise ValueError("U+0000 is not allowed")
    if len(text.encode()) > MAX_BODY_BYTES:
        raise PydanticCustomError(BODY_TOO_LONG, "at most {limit} bytes of UTF-8", {"limit": MAX_BODY_BYTES})
    return text


UserText = Annotated[str, StringConstraints(pattern=USER_PATTERN)]
RoomText = Annotated[str, StringConstraints(pattern=ROOM_PATTERN)]
DeviceText = Annotated[str, StringConstraints(pattern=DEVICE_PATTERN)]
PasswordText = Annotated[str, StringConstraints(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]
GivenPassword = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PASSWORD_CHARS)]
DisplayText = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_line)]
OptionalLine = Annotated[str, StringConstraints(max_length=100), AfterValidator(_line)]
TopicText = Annotated[str, StringConstraints(max_length=500), AfterValidator(_line)]
BodyText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_BODY_BYTES), AfterValidator(_body)]
SecretText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
PageLimit = Annotated[int, Field(ge=1, le=MAX_PAGE)]


class Asked(BaseModel):
    """Base of what clients send."""

    # Strict: "1" is no number and 1 no flag.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NewAccount(Asked):
    """An account and its first device."""

    name: UserText
    password: PasswordText
    display: DisplayText | None = None
    device_name: OptionalLine = ""


class Credentials(Asked):
    """A login."""

    name: UserText
    password: GivenPassword
    device_name: OptionalLine = ""


class FactorValue(Asked):
    """The next step of a login."""

    factor: Annotated[str, StringConstraints(max_length=40)]
    value: SecretText


class OldPair(Asked):
    """A refresh token to be replaced."""

    refresh: SecretText


class MyChanges(Asked):
    """What to change about oneself. A new password needs the old one and ends all other logins."""

    display: DisplayText | None = None
    password: PasswordText | None = None
    old_password: GivenPassword | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.password is None) != (self.old_password is None):
            raise ValueError("password and old_password go together")
        if self.display is None and self.password is None:
            raise ValueError("nothing to change")
        return self


class MyEnd(Asked):
    """The password once more, to end one's account."""

    password: GivenPassword


class AdminAccount(Asked):
    """An account made by an administrator: for a person, with a password; or for a program, which gets a token."""

    name: UserText
    display: DisplayText | None = None
    password: PasswordText | None = None
    service: bool = False
    admin: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.service == (self.password is not None):
            raise ValueError("a person needs a password, a service account must have none")
        return self


class AdminChanges(Asked):
    """What an administrator may change about an account."""

    disabled: bool | None = None
    password: PasswordText | None = None
    admin: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.disabled is None and self.password is None and self.admin is None:
            raise ValueError("nothing to change")
        return self


class NewRoom(Asked):
    """A room; its maker is the owner, and `members` join at once."""

    name: DisplayText
    topic: TopicText = ""
    public: bool = False
    members: Annotated[list[UserText], Field(max_length=200)] = []


class RoomChanges(Asked):
    """What to change about a room."""

    name: DisplayText | None = None
    topic: TopicText | None = None
    public: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.name is None and self.topic is None and self.public is None:
            raise ValueError("nothing to change")
        return self


class DirectWith(Asked):
    """Whom to talk to."""

    user: UserText


class RoomsWanted(Asked):
    """Which page of my rooms. Comes as a query, so numbers arrive as text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    after: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{0,40}$")] = ""
    limit: PageLimit = 100


class MembersWanted(Asked):
    """Which page of a room's members."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    after: Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{0,32}$")] = ""
    limit: PageLimit = 100


class HistoryWanted(Asked):
    """Which page of a room's history: after a number, ascending, or the last ones before a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    after: Annotated[int, Field(ge=0, le=MAX_NUMBER)] | None = None
    before: Annotated[int, Field(ge=0, le=MAX_NUMBER)] | None = None
    limit: PageLimit = 50

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.after is not None and self.before is not None:
            raise ValueError("either after or before")
        return self


class NewMessage(Asked):
    """A text."""

    body: BodyText


class NewMember(Asked):
    """Whom to invite; oneself, to join a public room."""

    user: UserText


class SeveralRooms(Asked):
    """Where to add somebody."""

    rooms: Annotated[list[RoomText], Field(min_length=1, max_length=MAX_ROOMS_AT_ONCE)]


class RoleGiven(Asked):
    """A member's new role; `owner` hands the room over."""

    role: Role
