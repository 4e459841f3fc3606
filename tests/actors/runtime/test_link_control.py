"""Control frames: what cells say to each other past all lanes, and what their overseer hears of links."""

from __future__ import annotations

import pytest

from actors.runtime.codec import CodecError
from actors.runtime.link import CONTROL_VERSION, LINK_VERSION
from tests.kit.clock import Clock
from tests.kit.local import RecordingLocal
from tests.kit.network import Network
from tests.kit.pair import CODEC, VIEW, A, B, Note, X


class Ear:
    """An overseer that remembers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.links: list[tuple[str, bool]] = []
        self.refuses = False

    def control(self, life: str, body: bytes) -> None:
        if self.refuses:
            raise CodecError("that is no beat")
        self.heard.append((life, body))

    def linked(self, life: str, up: bool) -> None:
        self.links.append((life, up))


class Two:
    """Two cells whose overseers remember."""

    def __init__(self, link_version: int = LINK_VERSION) -> None:
        self.clock = Clock()
        self.network = Network(self.clock, CODEC)
        self.local = RecordingLocal()
        self.here, self.there = Ear(), Ear()
        self.links = self.network.join(A, RecordingLocal(), link_version=min(LINK_VERSION, link_version + 1))
        self.other = self.network.join(B, self.local, link_version=link_version)
        for links, ear in ((self.links, self.here), (self.other, self.there)):
            links.oversee(ear)
            links.adopt(VIEW)
        self.clock.advance(0.1)

    def tell(self, number: int) -> None:
        self.links.tell(B, (X,), Note(number))

    def numbers(self) -> list[int]:
        return [message.number for _, message in self.local.taken if isinstance(message, Note)]


def test_a_control_frame_is_not_held_up_by_a_batch_in_flight() -> None:
    two = Two()
    two.network.delay(B, A, 5.0)  # so that no receipt comes back
    two.tell(1)
    two.clock.advance(0.1)
    two.tell(2)
    assert two.links.control(B, b"beat")
    two.clock.advance(0.1)
    assert two.there.heard == [(A, b"beat")]
    assert two.numbers() == [1]


def test_it_goes_by_the_connection_that_the_other_made_where_there_is_no_own_one() -> None:
    two = Two()
    link = two.links.link(B)
    assert link is not None
    link.close()
    assert two.links.control(B, b"beat")
    assert two.other.control(A, b"answer")
    two.clock.advance(0.1)
    assert (two.there.heard, two.here.heard) == ([(A, b"beat")], [(B, b"answer")])


def test_nothing_is_said_to_a_life_without_a_connection_or_of_an_older_version() -> None:
    two = Two(link_version=CONTROL_VERSION - 1)
    assert not two.links.control(B, b"beat")
    assert not two.links.control("c.1", b"beat")
    assert two.links.old_peers() == [B]
    assert two.there.heard == []
    two.tell(1)
    two.clock.advance(0.1)
    assert two.numbers() == [1]


def test_a_peer_of_the_present_version_is_not_old() -> None:
    two = Two()
    assert two.links.old_peers() == []


def test_the_overseer_hears_of_links_that_come_and_go() -> None:
    two = Two()
    assert two.here.links == [(B, True), (B, True)]
    assert two.there.links == [(A, True), (A, True)]
    two.here.links.clear()
    two.network.kill(B)
    assert two.here.links == [(B, False), (B, False)]


def test_a_control_frame_that_makes_no_sense_ends_the_connection() -> None:
    two = Two()
    two.there.refuses = True
    assert two.links.control(B, b"?")
    with pytest.raises(CodecError):
        two.clock.advance(0.1)
