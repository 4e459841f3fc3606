"""Which devices have a process: those that edges name, for a while those that have gone, and never more than allowed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from actors.runtime.view import CellInfo, first_view
from cluster.seat_names import actor_name, is_own, is_seat, is_session
from cluster.session_wishes import SessionWishes, wanted_by, wishes_of
from cluster.settings import Settings


def test_a_device_that_an_edge_names_has_a_process_and_keeps_it_for_a_while_after() -> None:
    wishes = SessionWishes(10, 60.0, (), 0.0)
    wishes.see(["session:anna.1", "session:bob.1"], 1.0)
    assert wishes.names() == ("session:anna.1", "session:bob.1")
    wishes.see(["session:bob.1"], 60.0)
    assert wishes.names() == ("session:anna.1", "session:bob.1")
    wishes.see(["session:bob.1"], 61.0)
    assert wishes.names() == ("session:bob.1",)


def test_who_comes_back_in_time_is_kept_as_if_it_had_stayed() -> None:
    wishes = SessionWishes(10, 60.0, (), 0.0)
    wishes.see(["session:anna.1"], 1.0)
    wishes.see([], 50.0)
    wishes.see(["session:anna.1"], 55.0)
    wishes.see([], 114.0)
    assert wishes.names() == ("session:anna.1",)


def test_beyond_the_limit_the_longest_gone_makes_room_and_nobody_who_is_here_does() -> None:
    wishes = SessionWishes(3, 60.0, (), 0.0)
    wishes.see(["session:a.1", "session:b.1", "session:c.1"], 1.0)
    wishes.see(["session:b.1", "session:c.1"], 2.0)
    wishes.see(["session:c.1"], 3.0)
    wishes.see(["session:c.1", "session:d.1"], 4.0)
    assert set(wishes.names()) == {"session:b.1", "session:c.1", "session:d.1"}
    wishes.see(["session:c.1", "session:d.1", "session:e.1", "session:f.1"], 5.0)
    assert set(wishes.names()) == {"session:c.1", "session:d.1", "session:e.1"}
    wishes.see(["session:d.1", "session:e.1", "session:f.1"], 6.0)
    assert set(wishes.names()) == {"session:d.1", "session:e.1", "session:f.1"}


def test_a_new_supervisor_keeps_what_runs_until_the_edges_have_spoken() -> None:
    wishes = SessionWishes(10, 60.0, ("session:anna.1",), 100.0)
    assert wishes.names() == ("session:anna.1",)
    wishes.see([], 101.0)
    assert wishes.names() == ("session:anna.1",)
    wishes.see([], 160.0)
    assert wishes.names() == ()


def test_a_devices_cell_goes_by_its_name_in_ray() -> None:
    name, life = "session:anna.k3", "session:anna.k3-5be0a3c2"
    assert (is_session(name), is_seat(name), is_own(name), is_own("cell-1")) == (True, False, True, False)
    assert actor_name(name, life) == name


class Edge:
    """Names what it is told, or fails."""

    def __init__(self, *names: str, fails: bool = False) -> None:
        self._names = list(names)
        self._fails = fails

    async def wanted(self) -> list[str]:
        if self._fails:
            raise OSError("gone")
        return self._names


def test_all_edges_are_asked_and_one_that_fails_hides_no_other() -> None:
    asked = wanted_by([Edge("session:anna.1"), Edge(fails=True), None, Edge("session:bob.1")])
    assert asyncio.run(asked) == ["session:anna.1", "session:bob.1"]


def test_sessions_have_processes_by_one_setting_and_those_of_the_view_are_known(tmp_path: Path) -> None:
    view = first_view([CellInfo("cell-1-a", "cell-1"), CellInfo("session:anna.1-b", "session:anna.1", ("session",))], 4)
    for isolation, names in (("cell", None), ("rooms", None), ("process", ("session:anna.1",))):
        wishes = wishes_of(Settings(data=tmp_path, isolation=isolation), view, 0.0)  # type: ignore[arg-type]
        assert (wishes.names() if wishes is not None else None) == names
