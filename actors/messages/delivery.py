"""Posts and their way to the people: session -> room -> edges and relays -> sessions."""

from __future__ import annotations

from typing import ClassVar

from actors.errors import ErrorReport
from actors.events import Entry
from actors.runtime.actor import ActorId, Request
from actors.runtime.plain import Message


class Submit(Message, frozen=True, gc=False):
    """A post on its way to ``room:ID``. The answer is told to `origin`: `Accepted` or `Rejected`."""

    origin: ActorId
    user: str
    device: str
    n: int
    id: str
    body: str


class Accepted(Message, frozen=True, gc=False):
    """To a session: posts `numbers` of its device are stored as `seqs` (a repeat gets what it got before)."""

    room: str
    numbers: list[int]
    seqs: list[int]
    at: int


class Rejected(Message, frozen=True, gc=False):
    """To a session: the post `n` was not stored."""

    room: str
    n: int
    why: ErrorReport


class Fanout(Message, frozen=True, gc=False):
    """To ``edge:LIFE~``: encoded events for some of its sessions. `origin` hears `SessionsGone`.

    `senders[i]` is the session that wrote `texts[i]` ("" where none here did) and does not get it back. Instead it hears that its
    post `numbers[i]` is stored, where that is not 0. Empty `numbers`: senders hear it by `Accepted`.
    """

    origin: ActorId
    room: str
    head: int
    """The seq of the last text; 0 where the texts carry no seq."""
    texts: list[bytes]
    senders: list[str]
    sessions: list[ActorId]
    numbers: list[int] = []
    at: int = 0
    """When the posts `numbers` were stored."""


class SessionsGone(Message, frozen=True, gc=False):
    """To a room: these sessions are no longer at their edge."""

    sessions: list[ActorId]


class HeadTold(Message, frozen=True, gc=False):
    """To a session: the room has come to `head`."""

    room: str
    head: int
    origin: ActorId = ActorId("")
    """The room, where it says so itself: it says it again where this is lost."""


# --- large rooms -----------------------------------------------------------------------------------------------------


class Relayed(Message, frozen=True, gc=False):
    """To ``relay:LIFE~ROOM``: the texts of `first` ... `first + len(texts) - 1`, in order. `left`: no longer members."""

    first: int
    texts: list[bytes]
    senders: list[str]
    left: list[str] = []
    origin: ActorId = ActorId("")
    """The room: where a relay is too busy to take it, it is told the head later."""


class RelayHead(Message, frozen=True, gc=False):
    """To a relay: the room has come to `head`."""

    head: int
    origin: ActorId = ActorId("")


class Interest(Message, frozen=True, gc=False):
    """From a session to its relay: this user wants the room's entries here."""

    session: ActorId
    user: str


class NoInterest(Message, frozen=True, gc=False):
    """From a session to its relay: no longer."""

    session: ActorId


class AdoptSessions(Message, frozen=True, gc=False):
    """From a room that has just become large to a relay: serve these sessions from `head` on."""

    head: int
    sessions: list[ActorId]
    users: list[str]


class Subscribed(Message, frozen=True, gc=False):
    """The answer to `Subscribe`."""

    head: int
    first: int
    """The first seq that the member may read."""


class Subscribe(Request[Subscribed], frozen=True, gc=False):
    """To ``desk:LIFE~``: the relay wants a large room's payloads for `user`, who must be a member."""

    relay: ActorId
    room: str
    user: str
    version: int = 0
    """The view by which the desk was found; one whose view is older refuses."""


class Unsubscribe(Message, frozen=True, gc=False):
    """To a desk: the relay has nobody left."""

    relay: ActorId
    room: str


# --- reads that activate nothing -------------------------------------------------------------------------------------


class RoomHeads(Message, frozen=True, gc=False):
    """Heads of rooms, in the order asked; 0 where the room is not here or has no entry."""

    heads: list[int]
    ats: list[int]
    """When each head was stored, milliseconds since 1970."""


class ReadHeads(Request[RoomHeads], frozen=True, gc=False):
    """To ``desk:LIFE~``: where these rooms stand."""

    rooms: list[str]


class EntryPage(Message, frozen=True, gc=False):
    """A page read beside the room."""

    bulk: ClassVar[bool] = True
    entries: list[Entry]
    more: bool


class ReadPage(Request[EntryPage], frozen=True, gc=False):
    """To ``desk:LIFE~``: entries behind `after`, not before `first`; or the last ones where `after` is -1."""

    bulk: ClassVar[bool] = True
    room: str
    after: int
    first: int
    limit: int
    user: str = ""
    """For whom: `no_such_room` where that is no member (any more). Empty: for a relay, which checks its listeners itself."""
