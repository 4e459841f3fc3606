"""An edge's own duty under a hand-moved clock: naming edges, balancing, emptying itself."""

from __future__ import annotations

import random
from typing import Any

from msgspec.structs import replace

from actors.closing import GOING_AWAY
from actors.messages.session import AskToMove, Dismiss
from actors.runtime.actor import ActorId
from cluster.edge_duty import GRACE_S, REST_S, WITHIN_S, EdgeDuty
from cluster.loads import Load
from tests.kit.clock import Clock


class Scene:
    """One edge with clients that do as they are told, or do not."""

    def __init__(
        self, clients: int, *others: Load, obedient: bool = True, own_url: str = "ws://me/ws", common: str = "ws://all/ws"
    ) -> None:
        self.clock = Clock()
        self.sessions = [ActorId(f"session:me~{number}") for number in range(clients)]
        self.others = list(others)
        self.own_url = own_url
        self.draining = False
        self.closed = 0
        self.listens = True
        self.told: list[tuple[ActorId, Any]] = []
        self.obedient = obedient
        self.duty = EdgeDuty(
            "me.1",
            self.clock,
            sessions=lambda: self.sessions,
            tell=self._tell,
            loads=lambda: [Load("me.1", "me", self.own_url, len(self.sessions), draining=self.draining), *self.others],
            default_urls=lambda: (common,) if common else (),
            is_draining=lambda: self.draining,
            stop_listening=self._close,
            listen_again=self._open,
            spread_s=10.0,
            chance=random.Random(3),
        )
        self.duty.start()

    def _tell(self, session: ActorId, message: Any) -> None:
        self.told.append((session, message))
        if self.obedient or isinstance(message, Dismiss):
            self.clock.later(WITHIN_S / 2, self._go, session)

    def _go(self, session: ActorId) -> None:
        if session in self.sessions:
            self.sessions.remove(session)
            self.others = [replace(load, connections=load.connections + 1) for load in self.others[:1]] + self.others[1:]

    def _close(self) -> None:
        self.closed += 1
        self.listens = False

    def _open(self) -> None:
        self.listens = True

    def asked(self) -> list[ActorId]:
        return [session for session, message in self.told if isinstance(message, AskToMove)]


def other(connections: int) -> Load:
    """Another edge."""
    return Load("b.1", "b", "ws://b/ws", connections)


def test_every_address_to_which_a_client_may_be_asked_to_go_is_known_also_of_an_edge_that_is_to_end() -> None:
    scene = Scene(10, other(10))
    scene.draining = True
    assert scene.duty.known() == ["ws://me/ws", "ws://b/ws", "ws://all/ws"]


def test_clients_are_named_the_edges_that_are_known_or_the_common_address() -> None:
    assert sorted(Scene(10, other(10)).duty.edges()) == ["ws://b/ws", "ws://me/ws"]
    assert Scene(10, own_url="").duty.edges() == ["ws://all/ws"]


def test_an_edge_with_too_many_asks_some_a_few_a_second_until_it_has_its_share() -> None:
    scene = Scene(100, other(20))
    scene.clock.advance(3.0)
    assert 3 <= len(scene.asked()) <= 15
    scene.clock.advance(60.0)
    assert 58 <= len(scene.sessions) <= 70
    assert len(set(scene.asked())) == len(scene.asked())
    assert {tuple(message.urls) for _, message in scene.told} == {("ws://b/ws",)}


def test_who_does_not_move_is_left_alone_for_a_while_and_never_closed() -> None:
    scene = Scene(100, other(0), obedient=False)
    scene.clock.advance(REST_S - 5)
    assert len(set(scene.asked())) == len(scene.asked())
    assert not any(isinstance(message, Dismiss) for _, message in scene.told)


def test_an_edge_that_is_to_end_takes_nobody_and_asks_everybody_once_spread_over_the_time() -> None:
    scene = Scene(200, other(500))
    scene.draining = True
    scene.clock.advance(1.0)
    assert scene.closed == 1
    assert not scene.duty.is_empty
    scene.clock.advance(4.0)
    assert 60 <= len(scene.asked()) <= 140
    scene.clock.advance(20.0)
    assert scene.duty.is_empty
    assert scene.closed == 1
    assert len(scene.asked()) == 200 == len(set(scene.asked()))
    assert {tuple(message.urls) for _, message in scene.told} == {("ws://b/ws",)}


def test_clients_that_do_not_move_are_sent_away_after_their_own_time() -> None:
    scene = Scene(50, other(0), obedient=False)
    scene.draining = True
    scene.clock.advance(1.0 + WITHIN_S + GRACE_S - 1.0)
    assert not any(isinstance(message, Dismiss) for _, message in scene.told)
    scene.clock.advance(12.0 + WITHIN_S + GRACE_S)
    assert scene.duty.is_empty
    assert {message.code for _, message in scene.told if isinstance(message, Dismiss)} == {GOING_AWAY}


def test_without_other_addresses_clients_are_led_to_the_common_one() -> None:
    scene = Scene(5)
    scene.draining = True
    scene.clock.advance(15.0)
    assert {tuple(message.urls) for _, message in scene.told if isinstance(message, AskToMove)} == {("ws://all/ws",)}


def test_without_any_address_clients_are_sent_away_over_the_time_and_come_back_where_others_listen() -> None:
    scene = Scene(50, Load("b.1", "b", "", 0), own_url="", common="")
    scene.draining = True
    scene.clock.advance(4.0)
    assert not scene.listens
    assert 5 < len(scene.told) < 25
    scene.clock.advance(10.0)
    assert scene.duty.is_empty
    assert {type(message) for _, message in scene.told} == {Dismiss}
    assert len({session for session, _ in scene.told}) == 50


def test_an_edge_that_is_kept_after_all_balances_as_before() -> None:
    scene = Scene(20, other(20))
    scene.draining = True
    scene.clock.advance(2.0)
    assert not scene.listens
    scene.draining = False
    before = len(scene.asked())
    scene.clock.advance(20.0)
    assert len(scene.asked()) == before
    assert scene.listens, "nobody can come to it though it is kept"
    assert not scene.duty.is_empty


def test_a_stopped_duty_does_nothing_more() -> None:
    scene = Scene(100, other(0))
    scene.duty.stop()
    scene.duty.stop()
    scene.clock.advance(10.0)
    assert scene.told == []


def test_a_cell_whose_doors_never_opened_is_empty_at_once() -> None:
    scene = Scene(0)
    assert not scene.duty.is_empty, "it takes clients in"
    scene.duty.stop()
    scene.draining = True
    assert scene.duty.is_empty
