"""Overrides by measured load: when a group is given to an idler cell, and when that is taken back."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from actors.runtime.view import CellInfo, View, drain_cell, first_view, set_override
from cluster.heat import CALM_LOOKS, HOT_LOOKS, LOOK_S, REST_S, SHARE, Heat, pressure
from cluster.loads import Load

GROUPS = 64


@dataclass
class Scene:
    """A view and what the cells say, looked at again and again."""

    view: View = field(default_factory=lambda: first_view([CellInfo("a.1", "a"), CellInfo("b.1", "b")], GROUPS))
    heat: Heat = field(default_factory=Heat)
    now: float = 100.0
    loads: dict[str, Load] = field(default_factory=dict)

    def says(self, life: str, cpu: float, *rates: float, lag_s: float = 0.0, queued: int = 0) -> None:
        """The load of a life; `rates` are of its groups, in their order."""
        mine = [group for group, owner in enumerate(self.view.owner_lives) if owner == life]
        hot = tuple(sorted(zip(mine, rates, strict=False), key=lambda pair: -pair[1]))
        self.loads[life] = Load(life, life[0], cpu=cpu, loop_lag_s=lag_s, queued=queued, hot=hot)

    def look(self, times: int = 1) -> list[dict[int, str]]:
        """Look so often; what was overridden after each change."""
        changes = []
        for _ in range(times):
            change = self.heat.next(self.view, self.loads, self.now)
            self.now += LOOK_S
            if change is not None:
                self.view = change[0]
                changes.append(dict(self.view.overrides))
        return changes


def test_a_hot_cell_gives_one_busy_group_to_the_idlest_after_several_looks() -> None:
    scene = Scene()
    scene.says("a.1", 0.9, *[10.0] * 16)
    scene.says("b.1", 0.1, 1.0)
    assert scene.look(HOT_LOOKS - 1) == []
    (overrides,) = scene.look()
    assert list(overrides.values()) == ["b"]
    assert scene.view.owner_lives[next(iter(overrides))] == "a.1"


def test_a_moment_of_heat_moves_nothing() -> None:
    scene = Scene()
    for cpu in (0.9, 0.9, 0.2) * 5:
        scene.says("a.1", cpu, *[10.0] * 16)
        scene.says("b.1", 0.1, 1.0)
        assert scene.look() == []


def test_after_a_change_it_rests() -> None:
    scene = Scene()
    scene.says("a.1", 0.9, *[10.0] * 16)
    scene.says("b.1", 0.1, 1.0)
    assert len(scene.look(HOT_LOOKS)) == 1
    assert scene.look(int(REST_S / LOOK_S) + HOT_LOOKS - 2) == []


def test_a_group_that_would_just_make_the_other_cell_hot_stays() -> None:
    scene = Scene()
    scene.says("a.1", 1.0, 1000.0)
    scene.says("b.1", 0.1, 1.0)
    assert scene.look(20) == []
    scene.says("a.1", 1.0, 1000.0, 100.0)
    (overrides,) = scene.look(HOT_LOOKS)
    assert overrides != {}
    assert scene.view.owner_lives[next(iter(overrides))] == "a.1"


def test_where_all_are_hot_nothing_moves() -> None:
    scene = Scene()
    scene.says("a.1", 1.0, *[10.0] * 16)
    scene.says("b.1", 0.8, *[10.0] * 16)
    assert scene.look(20) == []


def test_nothing_is_given_to_a_cell_that_is_to_be_emptied() -> None:
    scene = Scene()
    scene.view = drain_cell(scene.view, "b.1")
    scene.says("a.1", 0.9, *[10.0] * 16)
    scene.says("b.1", 0.1, 1.0)
    assert scene.look(20) == []


@pytest.mark.parametrize("load", [Load("a.1", "a", cpu=0.8), Load("a.1", "a", loop_lag_s=0.2), Load("a.1", "a", queued=1600)])
def test_processor_loop_and_queue_all_count(load: Load) -> None:
    assert pressure(load) == pytest.approx(0.8)


def test_a_cell_that_bears_more_is_hot_later() -> None:
    assert pressure(Load("a.1", "a", cpu=0.8, weight=2.0)) == pytest.approx(0.4)


def test_overrides_are_few() -> None:
    scene = Scene()
    scene.says("a.1", 0.9, *[10.0] * 40)
    scene.says("b.1", 0.1, 1.0)
    scene.look(200)
    assert len(scene.view.overrides) == GROUPS // SHARE


def test_when_all_are_calm_for_long_overrides_are_taken_back_one_by_one() -> None:
    scene = Scene()
    for group in (3, 4):
        scene.view = set_override(scene.view, group, "b")
    scene.says("a.1", 0.2)
    scene.says("b.1", 0.2)
    assert scene.look(CALM_LOOKS - 1) == []
    assert scene.look() == [{4: "b"}]
    assert scene.look(CALM_LOOKS) == []
    assert scene.look(CALM_LOOKS) == [{}]


def test_an_override_for_a_cell_that_is_gone_is_taken_back() -> None:
    scene = Scene()
    scene.view = set_override(scene.view, 3, "gone")
    assert scene.look() == [{}]


def test_what_was_given_by_hand_is_not_taken_back_when_all_are_calm_or_its_cell_is_gone() -> None:
    scene = Scene()
    scene.view = set_override(set_override(scene.view, 3, "b", by_hand=True), 5, "gone", by_hand=True)
    for life in ("a.1", "b.1"):
        scene.says(life, 0.1, 1.0)
    assert scene.look(CALM_LOOKS + 2) == []
    assert scene.view.overrides == {3: "b", 5: "gone"}


def test_a_hot_cell_does_not_give_away_what_was_given_to_it_by_hand_and_others_go_all_the_same() -> None:
    scene = Scene()
    scene.says("a.1", 0.9, *[10.0] * 16)
    scene.says("b.1", 0.1, 1.0)
    *kept, free = [group for group, _ in scene.loads["a.1"].hot]
    for group in kept:
        scene.view = set_override(scene.view, group, "a", by_hand=True)
    (overrides,) = scene.look(HOT_LOOKS)
    assert overrides == {**dict.fromkeys(kept, "a"), free: "b"}
