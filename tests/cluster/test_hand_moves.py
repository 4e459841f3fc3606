"""Groups that people have given to a cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.runtime.actor import actor_id
from actors.runtime.ring import group_of, slot_of
from actors.runtime.view import CellInfo, set_override, wanted_moves
from actors.store.cluster_file import ClusterFile, create
from cluster.hand_moves import HandMoves
from cluster.membership import Membership
from cluster.plan_keeper import PlanKeeper
from cluster.problems import StartProblem

GROUPS = 8


class Scene:
    """Two cells and what is stored."""

    def __init__(self, folder: Path) -> None:
        create(folder, GROUPS, b"testtest", 0)
        self.cluster = ClusterFile(folder)
        self.membership = Membership(self.cluster)
        for name in ("a", "b"):
            self.membership.join(CellInfo(f"{name}.1", name))
        self.by_hand = HandMoves(self.membership, PlanKeeper(self.cluster))

    def wanted(self) -> dict[int, str]:
        view = self.membership.view()
        assert view is not None
        return {move.group: view.by_life[move.to].name for move in wanted_moves(view)}

    def at(self, name: str) -> int:
        return next(row.group for row in self.by_hand.rows() if row.cell == name)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_group_is_wanted_where_people_put_it_and_back_when_they_take_it_back(scene: Scene) -> None:
    before, group = scene.wanted(), scene.at("a")
    assert scene.by_hand.move(str(group), "b") == group
    assert scene.wanted()[group] == "b"
    assert scene.by_hand.rows()[group] == (group, "a", "by hand", "b")
    scene.by_hand.move(str(group), "")
    assert (scene.wanted(), scene.by_hand.rows()[group].why) == (before, "")


def test_a_room_stands_for_its_group(scene: Scene) -> None:
    expected = group_of(slot_of(actor_id("room", "9f2c")), GROUPS)
    assert {scene.by_hand.move(room, "b") for room in ("9f2c", "room:9f2c")} == {expected}


def test_what_a_view_has_lost_is_said_again_also_by_the_next_supervisor(scene: Scene) -> None:
    group = scene.at("a")
    scene.by_hand.move(str(group), "b")
    view = scene.membership.view()
    assert view is not None
    lost = set_override(view, group, None)
    assert scene.cluster.change_view(view.version, lost.encode())
    HandMoves(scene.membership, PlanKeeper(scene.cluster)).say()
    assert scene.wanted()[group] == "b"
    version = scene.cluster.view()[0]
    scene.by_hand.say()
    assert scene.cluster.view()[0] == version, "a view was stored though nothing had to change"


def test_the_same_request_again_is_no_other_one(scene: Scene) -> None:
    group = str(scene.at("a"))
    scene.by_hand.move(group, "b", "one")
    scene.by_hand.move(group, "", "two")
    scene.by_hand.move(group, "", "two")
    assert scene.by_hand.rows()[int(group)].why == ""


@pytest.mark.parametrize(
    ("what", "cell", "said"), [("8", "b", "from 0 to 7"), ("1", "c", "these are: a, b"), ("1", "", "was not moved by hand")]
)
def test_what_cannot_be_is_said(scene: Scene, what: str, cell: str, said: str) -> None:
    with pytest.raises(StartProblem, match=said):
        scene.by_hand.move(what, cell)


def test_a_room_with_a_process_of_its_own_is_in_no_group(scene: Scene) -> None:
    scene.membership.seat(actor_id("room", "9f2c"))
    with pytest.raises(StartProblem, match="a process of its own"):
        scene.by_hand.move("9f2c", "b")
