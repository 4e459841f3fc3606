"""The supervision tree: complete, and the limits of actors as the runtime has them."""

from __future__ import annotations

from actors.runtime.restarts import Restarts
from cluster.tree import ACTOR, DEVICE_CELL, OWN_CELL, PARTS, actor_limits, part_of, walk
from tests.kit.chat import Town


def test_every_kind_of_actor_that_a_cell_hosts_stands_in_it_once() -> None:
    names = [part.name for _, part in walk()]
    assert len(names) == len(set(names))
    kinds = set(Town().any_host().cell._kinds)
    assert {part.name for part in PARTS["cell"].parts} == kinds


def test_a_connection_is_never_restarted_nor_is_what_has_somebody_else_to_go_on() -> None:
    assert [name for name, part in PARTS.items() if part.restart == "temporary"] == ["ray", "session", "successor", "leaving cell"]


def test_an_actor_is_left_alone_just_when_its_limit_says_so() -> None:
    restarts = Restarts(by_kind=actor_limits())
    assert [restarts.crashed("room:x", 0.0) for _ in range(ACTOR.ends)] == [False] * ACTOR.ends
    assert restarts.crashed("room:x", ACTOR.window_s - 1.0)
    assert restarts.quarantined_s("room:x", ACTOR.window_s - 1.0) == ACTOR.hold_s


def test_a_cell_is_found_by_its_name() -> None:
    assert part_of("cell-1") is PARTS["cell"]
    assert part_of("room:9f2c") is PARTS[OWN_CELL]
    assert part_of("session:anna.1") is PARTS[DEVICE_CELL]
