"""Which rooms get a process of their own: the named, every active one where all are to, and never more than allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.plain import changed
from actors.runtime.view import CellInfo, View
from actors.store.cluster_file import ClusterFile
from cluster.data_folder import prepare
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.seat_names import actor_name, is_seat
from cluster.seat_wishes import SeatWishes
from cluster.settings import Settings

Make = Callable[..., SeatWishes]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def wishes(*, joined: bool = True, **settings: Any) -> SeatWishes:
        found = Settings(data=tmp_path, **settings)
        prepare(found)
        membership = Membership(ClusterFile(tmp_path))
        if joined and membership.view() is None:
            membership.join(CellInfo("cell-1-a", "cell-1"))
        return SeatWishes(membership, found)

    return wishes


def test_named_rooms_get_seats_once_there_is_a_view_and_keep_them(make: Make) -> None:
    early = make(joined=False, isolated_rooms=("room1", "room2"))
    early.see_to([])
    assert early.names() == ()
    for _ in range(2):
        wishes = make(isolated_rooms=("room1", "room2"))
        wishes.see_to(["busy"])
        assert wishes.names() == ("room:room1", "room:room2")


def test_every_active_room_gets_a_seat_where_all_are_to_and_no_more_than_allowed(make: Make) -> None:
    wishes = make(isolation="rooms", most_isolated=3)
    wishes.see_to(["room1"])
    wishes.see_to(["room1", "room2", "room3", "room4"])
    assert wishes.names() == ("room:room1", "room:room2", "room:room3")


def test_a_wish_is_remembered_and_taken_back(make: Make) -> None:
    make().wish("room1", on=True)
    wishes = make()
    assert wishes.names() == ("room:room1",)
    wishes.wish("room1", on=False)
    wishes.see_to([])
    assert wishes.names() == ()


def test_a_wish_that_a_view_has_lost_is_said_again_and_one_that_was_taken_back_is_not(make: Make, tmp_path: Path) -> None:
    make().wish("room1", on=True)
    cluster = ClusterFile(tmp_path)
    view = View.decode(cluster.view()[1])
    kept = {"owners": view.owners[: view.groups], "epochs": view.epochs[: view.groups], "seats": ()}
    lost = changed(view, version=view.version + 1, **kept)
    assert cluster.change_view(view.version, lost.encode())
    wishes = make()
    wishes.see_to([])
    assert wishes.names() == ("room:room1",)
    wishes.wish("room1", on=False)
    for _ in range(2):
        wishes.see_to([])
    assert make().names() == ()


def test_the_same_request_again_changes_nothing_more(make: Make) -> None:
    wishes = make()
    wishes.wish("room1", on=True, request="one")
    wishes.wish("room1", on=False, request="two")
    wishes.wish("room1", on=True, request="one")
    wishes.see_to([])
    assert wishes.names() == ()


@pytest.mark.parametrize(
    ("room", "on", "settings", "says"),
    [
        ("Room!", True, {}, "cannot be a room"),
        ("room1", False, {}, "has no seat"),
        ("room1", False, {"isolated_rooms": ("room1",)}, "The settings give"),
        ("room1", False, {"isolation": "process"}, "The settings give"),
        ("room1", True, {"most_isolated": 0}, "allows no more"),
    ],
)
def test_what_cannot_be_wished_is_told(make: Make, room: str, on: bool, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(StartProblem, match=says):
        make(**settings).wish(room, on=on)


def test_a_rooms_own_cell_goes_by_the_rooms_address_and_others_by_their_life() -> None:
    assert (is_seat("room:9f2c"), is_seat("cell-1")) == (True, False)
    assert actor_name("room:9f2c", "room:9f2c-ab") == "room:9f2c"
    assert actor_name("cell-1", "cell-1-ab") == "cell-1-ab"
