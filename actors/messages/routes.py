"""Where users are online: sessions announce themselves, rooms follow their members."""

from __future__ import annotations

from actors.runtime.actor import ActorId, Request
from actors.runtime.plain import Message


class Route(Message, frozen=True, gc=False):
    """One session of one user."""

    user: str
    session: ActorId
    device: str


class Announce(Request[None], frozen=True, gc=False):
    """To ``routes:LIFE~``: these sessions are live. Refused with `unavailable` if the users' slots are not here."""

    routes: list[Route]
    version: int = 0
    """The view by which the table was found; a table whose view is older refuses too."""


class Withdraw(Message, frozen=True, gc=False):
    """To ``routes:LIFE~``: this session is gone."""

    user: str
    session: ActorId


class Follow(Message, frozen=True, gc=False):
    """To ``routes:LIFE~``: tell the room `origin` where these users are, now (`Followed`) and on every change."""

    origin: ActorId
    users: list[str]
    life: str = ""
    """Where the room lives: what it left elsewhere before must not undo this."""


class Unfollow(Message, frozen=True, gc=False):
    """To ``routes:LIFE~``: the room no longer wants to know (of these users; of all where empty)."""

    origin: ActorId
    users: list[str] = []
    life: str = ""
    """Where the room lived; one that follows from another life goes on."""


class Followed(Message, frozen=True, gc=False):
    """To a room: the table follows these users for it, and they are online in these sessions."""

    life: str
    users: list[str]
    routes: list[Route]
    version: int = 0
    """The table's view at this moment: a later change of owner has forgotten this."""


class Routed(Message, frozen=True, gc=False):
    """To a room: a user it follows has a new session."""

    route: Route


class Unrouted(Message, frozen=True, gc=False):
    """To a room: a session of a user it follows is gone."""

    user: str
    session: ActorId


class ViewChanged(Message, frozen=True, gc=False):
    """To actors of the same cell that keep places: the view changed; `dead` lives are gone."""

    version: int
    dead: list[str]
