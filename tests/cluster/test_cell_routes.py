"""Where a program's call goes: the owner where it is known, any other cell else, never a cell that is dead."""

from __future__ import annotations

from actors.runtime.actor import ActorId
from actors.runtime.view import CellInfo, first_view, remove_cell
from cluster.cell_routes import FRESH_S, CellRoutes

VIEW = first_view([CellInfo("a-1", "a"), CellInfo("b-1", "b")], 8)
ROOMS = [ActorId(f"room:r{number:04d}") for number in range(50)]


def routes() -> CellRoutes:
    found = CellRoutes()
    found.adopt(VIEW, {"a-1": "handle a", "b-1": "handle b"}, 100.0)
    return found


def test_a_room_is_found_at_its_owner_and_a_session_at_its_life() -> None:
    found = routes()
    assert {found.find(room) for room in ROOMS} == {("a-1", "handle a"), ("b-1", "handle b")}
    assert all(found.find(room)[0] == VIEW.owner_of(room) for room in ROOMS)  # type: ignore[index]
    assert found.find(ActorId("session:b-1~7")) == ("b-1", "handle b")


def test_a_view_is_read_again_after_a_while_and_when_a_cell_is_dead() -> None:
    found = routes()
    assert CellRoutes().stale(0.0)
    assert not found.stale(100.0 + FRESH_S)
    assert found.stale(100.1 + FRESH_S)
    found.forget("a-1")
    assert found.stale(100.0)
    assert found.find(ROOMS[0]) is None


def test_without_the_owners_handle_another_cell_is_asked() -> None:
    found = CellRoutes()
    found.adopt(VIEW, {"b-1": "handle b"}, 0.0)
    assert {found.find(room) for room in ROOMS} == {("b-1", "handle b")}


def test_handles_of_lives_that_left_are_forgotten() -> None:
    found = routes()
    found.adopt(remove_cell(VIEW, "a-1"), {}, 101.0)
    assert found.handles == {"b-1": "handle b"}
    assert {found.find(room) for room in ROOMS} == {("b-1", "handle b")}
