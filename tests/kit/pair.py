"""Two cells with a link between them, for tests of links."""

from __future__ import annotations

from typing import Any, ClassVar

from actors.runtime.actor import ActorId, Request
from actors.runtime.codec import Codec
from actors.runtime.lane import Limits
from actors.runtime.link import Link
from actors.runtime.links import Links
from actors.runtime.plain import Message
from actors.runtime.promise import Promise
from actors.runtime.view import CellInfo, first_view
from tests.kit.clock import Clock
from tests.kit.local import RecordingLocal
from tests.kit.network import Network


class Note(Message, frozen=True, gc=False):
    number: int
    text: str = ""


class Double(Request[int], frozen=True, gc=False):
    number: int


class Page(Request[str], frozen=True, gc=False):
    bulk: ClassVar[bool] = True
    size: int


class Unsaid(Message, frozen=True, gc=False):
    number: int


CODEC = Codec([Note, Double, Page])
X, Y, Z = ActorId("room:x"), ActorId("room:y"), ActorId("room:z")
A, B = "a.1", "b.1"
VIEW = first_view([CellInfo(A, "a"), CellInfo(B, "b")], 8)


class Pair:
    """Two cells, connected unless the test says otherwise."""

    def __init__(self, limits: Limits | None = None, *, connect: bool = True) -> None:
        self.clock = Clock()
        self.network = Network(self.clock, CODEC, limits=limits)
        self.here, self.there = RecordingLocal(), RecordingLocal()
        self.newer: list[tuple[str, int]] = []
        self.links = self.network.join(A, self.here, lambda version: self.newer.append((A, version)))
        if connect:
            self.start_other()
        self.links.adopt(VIEW)
        if connect:
            self.clock.advance(0.1)

    def start_other(self) -> Links:
        """The second cell starts."""
        self.other = self.network.join(B, self.there, lambda version: self.newer.append((B, version)))
        self.other.adopt(VIEW)
        return self.other

    def tell(self, number: int, to: ActorId = X) -> None:
        """One note from the first cell to the second."""
        self.links.tell(B, (to,), Note(number))

    def ask(self, request: Request[Any], timeout: float = 5.0) -> Promise[Any]:
        """A request from the first cell to the second."""
        return self.links.ask(B, X, request, timeout)

    def numbers(self) -> list[int]:
        """The notes that arrived, in order."""
        return [message.number for _, message in self.there.taken if isinstance(message, Note)]

    def reasons(self) -> dict[int, str]:
        """The notes that were reported, by number."""
        return {message.number: reason for _, message, reason in self.here.undelivered_items if isinstance(message, Note)}

    def link(self) -> Link:
        """The sending end from the first cell to the second."""
        link = self.links.link(B)
        assert link is not None
        return link

    def frames(self) -> int:
        """Frames that the first cell has sent."""
        return self.link().counters["frames"]


def number_of(request: Message) -> int:
    """The number that a request of these tests carries."""
    assert isinstance(request, Double)
    return request.number


def error_of(promise: Promise[Any]) -> type[BaseException]:
    """The class of the exception that a promise was rejected with."""
    assert promise.error is not None
    return type(promise.error)
