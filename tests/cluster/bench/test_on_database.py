"""Measurements on a database: what a figure is against, what is counted, and that it all runs on a real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from actors.store.rows import EntryRow, UserMarkRow, UserRoomRow
from cluster.bench import on_database
from cluster.bench.cli import bench
from cluster.bench.comeback import Absence, Comeback, parse_queries
from cluster.bench.load import Result, unit_text
from cluster.bench.pairs import Pairs
from cluster.bench.plans import BESIDE_READS, NO_LIMIT, POSTS, Plan
from cluster.bench.report import table
from cluster.bench.sample import Sample

LOADS = on_database.PLANS


def samples(*cpu_s: float, **extra: float) -> list[Sample]:
    return [Sample(seconds=1.0, units=100, cpu_s=cpu, extra=extra) for cpu in cpu_s]


def test_a_load_on_a_database_may_cost_so_many_bare_relays_more_than_on_files() -> None:
    result = Result(Plan("p", "p", lambda side: Pairs(side), 2, 1.0, against="base"))
    result.ours, result.base, result.bare = samples(0.5, 0.5), samples(0.3, 0.3), samples(0.2, 0.2)
    assert result.figure == pytest.approx(1.0) and result.held
    assert table([result]).row_count == 1


def test_a_rate_is_held_from_its_limit_on() -> None:
    result = Result(Plan("p", "p", lambda side: Pairs(side), 2, 5000.0, figure=POSTS, against="nothing"))
    result.ours = samples(0.1, posts_per_s=6000.0)
    assert result.figure == 6000.0 and result.held
    result.ours = samples(0.1, posts_per_s=4000.0)
    assert not result.held


def test_reads_and_rates_are_shown_as_what_they_are() -> None:
    assert unit_text(Plan("p", "p", lambda side: Pairs(side), 2, 2.0, figure=BESIDE_READS), 1.5) == "1.50 reads"
    assert unit_text(Plan("p", "p", lambda side: Pairs(side), 2, 2.0, figure=POSTS), 5123.4) == "5,123 / s"


def test_queries_are_counted_by_kind() -> None:
    text = '# TYPE x\nwarbler_store_queries_total{cell="c1",kind="read"} 12.0\nwarbler_store_queries_total{cell="c1",kind="joined"} 3.0\n'
    assert parse_queries(f'{text}warbler_commits_total{{cell="c1"}} 9.0\n') == {"read": 12.0, "joined": 3.0}


def test_those_who_were_away_miss_posts_in_the_rooms_that_changed_and_in_no_other() -> None:
    absence = Absence(at_once=2, changed=2, unchanged=3, missed=4, had=6, windows=1)
    rows = [row for _, row in absence.rows()]
    heads = {row.room: row.seq for row in rows if isinstance(row, EntryRow)}
    people = absence.users - 1
    assert sorted(heads.values()) == [6] * 3 * people + [10] * 2 * people
    assert {row.room for row in rows if isinstance(row, UserMarkRow)} == {room for room, head in heads.items() if head == 10}
    assert len([row for row in rows if isinstance(row, UserRoomRow)]) == 5 * people


def test_every_load_on_a_database_has_a_name_of_its_own() -> None:
    assert len({plan.name for plan in LOADS}) == len(LOADS)


def test_loads_are_refused_where_they_are_not_measured() -> None:
    done = CliRunner().invoke(bench, ["run", "many-rooms"])
    assert done.exit_code == 2 and "without --store" in done.output
    done = CliRunner().invoke(bench, ["run", "catch-up", "--store", "cassandra"])
    assert done.exit_code == 2 and "on a database" in done.output
    done = CliRunner().invoke(bench, ["run", "one-to-one", "--store", "cassandra", "--url", "http://127.0.0.1:1"])
    assert done.exit_code == 2 and "--url" in done.output


@pytest.mark.slow
def test_people_come_back_on_a_database_that_is_started_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = Absence(at_once=3, changed=8, unchanged=2, windows=1)
    plan = Plan("many-rooms", "few", lambda side: Comeback(side, few), few.users, NO_LIMIT, BESIDE_READS, against="nothing", rows=few.rows)
    monkeypatch.setattr(on_database, "PLANS", (plan,))
    kept = tmp_path / "figures.json"
    arguments = ["run", "many-rooms", "--rounds", "1", "--seconds", "0.2", "--no-pin", "--folder", str(tmp_path), "--json", str(kept)]
    done = CliRunner().invoke(bench, [*arguments, "--store", "cassandra"])
    assert done.exit_code == 0, done.output
    (result,) = json.loads(kept.read_text())["results"]
    (window,) = result["ours"]
    assert window["units"] == 3 and window["reads_per_unit"] > few.changed
    assert list(tmp_path.iterdir()) == [kept]  # nothing is left behind, and nothing runs
