"""Pairs of cells that do not hear each other: how long, and who has to go."""

from __future__ import annotations

from actors.runtime.view import CellInfo, first_view
from cluster.beats import Beat
from cluster.hearing import Hearing
from cluster.loads import Load
from cluster.parted import Parted

LIMIT_S = 10.0
ALL = ("a", "b", "c", "d")


class Watcher:
    """What one cell sees of four."""

    def __init__(self, me: str = "a") -> None:
        self.me = me
        self.hearing = Hearing(me, silent_s=4.0, cut_s=3.0)
        self.hearing.follow(first_view([CellInfo(life, life) for life in ALL], 8), 0.0)
        self.parted = Parted(me, self.hearing, LIMIT_S)
        self._number = 0

    def goes(self, begin_s: int, end_s: int, *missing: tuple[str, str]) -> None:
        """From then to then each second all beat, and these miss each other."""
        for now in range(begin_s, end_s):
            self._number += 1
            for life in set(ALL) - {self.me}:
                heard = tuple(one for one in ALL if one != life and (life, one) not in missing and (one, life) not in missing)
                self.hearing.beat(Beat(life, self._number, 1, Load(life, life), heard), float(now))
            self.parted.look(float(now))


def test_nobody_has_to_go_before_the_time_is_over() -> None:
    watcher = Watcher()
    watcher.goes(0, 10, ("b", "c"))
    assert watcher.parted.pairs == [("b", "c")]
    assert watcher.parted.worst(9.0) is None
    watcher.goes(10, 11, ("b", "c"))
    life, why = watcher.parted.worst(10.0) or ("", "")
    assert life == "c"
    assert "b have not heard each other" in why


def test_a_moment_in_which_they_hear_each_other_begins_the_time_anew() -> None:
    watcher = Watcher()
    watcher.goes(0, 9, ("b", "c"))
    watcher.goes(9, 10)
    watcher.goes(10, 19, ("b", "c"))
    assert watcher.parted.worst(18.0) is None


def test_the_one_with_more_such_pairs_goes_and_in_a_tie_not_this_one() -> None:
    watcher = Watcher()
    watcher.goes(0, 12, ("b", "c"), ("b", "d"))
    assert (watcher.parted.worst(11.0) or ("",))[0] == "b"
    last = Watcher(me="d")
    last.goes(0, 12, ("d", "b"))
    assert (last.parted.worst(11.0) or ("",))[0] == "b"


def test_what_was_known_before_this_process_slept_counts_no_more() -> None:
    watcher = Watcher()
    watcher.goes(0, 9, ("b", "c"))
    watcher.parted.forget()
    watcher.goes(19, 20, ("b", "c"))
    assert watcher.parted.worst(19.0) is None
