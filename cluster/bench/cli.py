"""The command `bench`: measures against a bare relay, compares, checks histories, makes a large store."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import click
import uvloop
from rich.console import Console

from cluster.bench import compare, on_database
from cluster.bench.checks import check_own, check_running
from cluster.bench.database import database
from cluster.bench.lean_client import LoadError
from cluster.bench.load import OpenSide, Result, Told, generator_settings, run_plan, steps
from cluster.bench.plans import PLANS, Plan, plan
from cluster.bench.progress import progress
from cluster.bench.report import table, write_json
from cluster.bench.seed import seed_store
from cluster.bench.seed_rows import Plot
from cluster.bench.servers import bare_relay, fresh_cell, running_server
from cluster.bench.several import CELLS, CELLS_BUSY, cells
from cluster.bench.side import Side
from cluster.bench.storm import storm, storm_steps
from cluster.bench.target import SERVER_CORE
from cluster.problems import StartProblem

_NAMES = list(dict.fromkeys(plan.name for plan in (*PLANS, *on_database.PLANS)))
_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)
_FILE = click.Path(dir_okay=False, exists=True, path_type=Path)

_WINDOWS = (
    click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 1000), help="Windows of each server."),
    click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.2, 3600), help="Length of a window."),
    click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Keep all figures here."),
    click.option("--folder", default=".", type=_FOLDER, help="Where data folders are made: on the disk that counts."),
    click.option("--pin/--no-pin", default=sys.platform.startswith("linux"), help="Server on core 0, load on core 1."),
)
_STORE = click.option(
    "--store", default="", help="Measure on a database: `cassandra` starts one on this machine, an address (cassandra://...) takes it."
)
_RUNNING = (
    click.option("--url", "urls", multiple=True, help="Load a server that runs already (with --pid and --tokens)."),
    click.option("--pid", "pids", multiple=True, type=int, help="Its processes, whose CPU counts."),
    click.option("--daemon-pid", "daemons", multiple=True, type=int, help="Processes beside it, shown apart."),
    click.option("--tokens", type=_FILE, help="Its accounts, as `warbler accounts --tokens` writes them."),
)


def _options(*options: Any) -> Callable[[Any], Any]:
    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.group()
def bench() -> None:
    """Measure this server against a bare relay, check histories, or make a large store."""


@bench.command("all")
@_options(*_WINDOWS, *_RUNNING, _STORE)
def measure_all(store: str, **options: Any) -> None:
    """Everything in the table of targets."""
    if store:
        _measure_on(store, on_database.PLANS, **options)
        return
    _measure(PLANS, () if options["urls"] else BESIDE, **options)


@bench.command("run")
@click.argument("names", nargs=-1, required=True, type=click.Choice(_NAMES))
@_options(*_WINDOWS, *_RUNNING, _STORE)
def measure_some(names: Sequence[str], store: str, **options: Any) -> None:
    """Only the loads that are named."""
    table = on_database.PLANS if store else PLANS
    if missing := set(names) - {plan.name for plan in table}:
        raise click.UsageError(f"{', '.join(sorted(missing))}: not measured {'on a database' if store else 'without --store'}")
    if store:
        _measure_on(store, [plan for plan in table if plan.name in names], **options)
        return
    _measure([plan(name) for name in names], (), **options)


@bench.command("cells")
@_options(*_WINDOWS)
def measure_cells(**options: Any) -> None:
    """What a message costs on four cells over what it costs on two, all on this machine."""
    _measure((), BESIDE[1:], urls=(), pids=(), daemons=(), tokens=None, **options)


@bench.command("storm")
@_options(*_WINDOWS)
def measure_storm(**options: Any) -> None:
    """2,000 clients come back at once: how much later the others' posts are answered meanwhile."""
    _measure((), BESIDE[:1], urls=(), pids=(), daemons=(), tokens=None, **options)


@bench.command("links")
@_options(*_WINDOWS)
def measure_links(rounds: int, seconds: float, json_file: Path | None, folder: Path, pin: bool) -> None:
    """What crossing from cell to cell adds: two cells on Ray, one cell on Ray, and the bare relay."""
    core = SERVER_CORE if pin else None
    with _measuring(steps(compare.LINKS, rounds, 3), pin) as (told, results):
        results.append(uvloop.run(compare.links(folder, core, rounds, seconds, told)))
    _show(results, json_file, rounds=rounds, seconds=seconds, pinned=pin)


@bench.command("flat")
@click.option("--data", type=_FOLDER, help="A large store (see `seed`), in which no server runs.")
@click.option("--connections/--no-connections", default=True, help="Also 10,000 connections beside 1,000.")
@_options(*_WINDOWS)
def measure_flat(
    data: Path | None, connections: bool, rounds: int, seconds: float, json_file: Path | None, folder: Path, pin: bool
) -> None:
    """That a message costs the same whatever is stored and however many are connected."""
    core = SERVER_CORE if pin else None
    count = (data is not None) + connections
    with _measuring(count * steps(compare.LINKS, rounds), pin) as (told, results):
        if data is not None:
            results.append(uvloop.run(compare.large_store(data, folder, core, rounds, seconds, told)))
        if connections:
            results.append(uvloop.run(compare.many_connections(folder, core, rounds, seconds, told)))
    _show(results, json_file, rounds=rounds, seconds=seconds, pinned=pin)
    for result in results:
        extra = result.ours[-1].extra
        if "start_s" in extra:
            click.echo(f"{result.plan.name}: ready in {extra['start_s']:.1f} s, {extra['pss_mib']:.0f} MiB under load")


@bench.command("check")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 10_000), help="Rounds of load and faults.")
@click.option("--seed", default=1, show_default=True, help="What happens by chance follows from this.")
@click.option("--cells", default=0, type=click.IntRange(0, 64), help="Cells on Ray; 0: one process without Ray.")
@click.option("--folder", default=".", type=_FOLDER, help="Where the data folder is made.")
@click.option("--url", "urls", multiple=True, help="A server that runs already; connections are cut, it is not killed.")
@click.option("--tokens", type=_FILE, help="Its accounts: three lines (devices) a user, none used before.")
def check(rounds: int, seed: int, cells: int, folder: Path, urls: Sequence[str], tokens: Path | None) -> None:
    """Chat, kill everything, start again: and prove from what the clients saw that every promise held."""
    if urls and tokens is None:
        raise click.UsageError("--url needs --tokens as well")
    with _problems():
        if urls and tokens is not None:
            verdict = uvloop.run(check_running(urls, tokens, rounds, seed, click.echo))
        else:
            verdict = uvloop.run(check_own(folder, cells, rounds, seed, click.echo))
    click.echo(verdict.text)
    if not verdict.held:
        sys.exit(1)


@bench.command("seed")
@click.option("--data", required=True, type=click.Path(file_okay=False, path_type=Path), help="Data folder, new or without a server.")
@click.option("--messages", default=10_000_000, show_default=True, type=click.IntRange(1))
@click.option("--rooms", default=100_000, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same store.")
@click.option("--shards", default=0, help="Database files of a new folder; 0: as the server makes it.")
@click.option("--workers", default=0, help="Processes; 0: one a core.")
def seed(data: Path, messages: int, rooms: int, seed: int, shards: int, workers: int) -> None:
    """Fill a data folder with many messages in many rooms."""
    with _problems(), progress(Console(), messages) as bar:
        rows = seed_store(data, Plot(messages, rooms, seed), bar.at, shards=shards, workers=workers)
    click.echo(f"{rows:,} rows in {data}")


Beside = tuple[Callable[[Path, int | None, int, float, Told], Coroutine[Any, Any, Result]], Callable[[int], int]]
"""A measurement of Warbler against itself, and how many steps it has."""
BESIDE: tuple[Beside, ...] = (
    (storm, storm_steps),
    (partial(cells, CELLS), partial(steps, CELLS)),
    (partial(cells, CELLS_BUSY), partial(steps, CELLS_BUSY)),
)


def _measure(
    plans: Sequence[Plan],
    beside: Sequence[Beside],
    *,
    rounds: int,
    seconds: float,
    json_file: Path | None,
    pin: bool,
    folder: Path,
    **running: Any,
) -> None:
    core = SERVER_CORE if pin else None
    ours = _ours(folder, core, **running)
    total = sum(steps(plan, rounds) for plan in plans) + sum(count(rounds) for _, count in beside)
    with _measuring(total, pin) as (told, results):
        for chosen in plans:
            results.append(_one(chosen, ours, core, rounds=rounds, seconds=seconds, told=told))
        for run, _ in beside:
            results.append(uvloop.run(run(folder, core, rounds, seconds, told)))
    _show(results, json_file, rounds=rounds, seconds=seconds, pinned=pin)


def _measure_on(
    store: str, plans: Sequence[Plan], *, rounds: int, seconds: float, json_file: Path | None, pin: bool, folder: Path, **running: Any
) -> None:
    if running["urls"]:
        raise click.UsageError("--store starts servers of its own: it does not go with --url")
    core = SERVER_CORE if pin else None
    total = sum(steps(plan, rounds, on_database.servers(plan)) for plan in plans)
    with _problems(), database(store, folder) as base, _measuring(total, pin) as (told, results):
        for plan in plans:
            results.append(uvloop.run(on_database.on_database(plan, base, folder, core, rounds, seconds, told)))
    _show(results, json_file, rounds=rounds, seconds=seconds, pinned=pin, store="cassandra")


def _one(plan: Plan, ours: OpenSide, core: int | None, *, rounds: int, seconds: float, told: Told) -> Result:
    def bare(plan: Plan) -> AbstractContextManager[Side]:
        return bare_relay(plan, core=core)

    return uvloop.run(run_plan(plan, ours, bare, rounds=rounds, seconds=seconds, told=told))


def _ours(
    folder: Path, core: int | None, urls: Sequence[str], pids: Sequence[int], daemons: Sequence[int], tokens: Path | None
) -> OpenSide:
    if not urls:
        return lambda plan: fresh_cell(plan, folder, core=core)
    if tokens is None or not pids:
        raise click.UsageError("--url needs --tokens and --pid as well")
    return lambda plan: running_server(urls, pids, daemons, tokens, folder)


@contextlib.contextmanager
def _measuring(total: int, pinned: bool) -> Iterator[tuple[Told, list[Result]]]:
    """The progress bar, this process as a generator, and a list for results; what went wrong becomes a sentence."""
    results: list[Result] = []
    with _problems(), progress(Console(), total) as bar, generator_settings(pinned):
        yield bar.step, results


@contextlib.contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except (LoadError, StartProblem) as problem:
        raise click.ClickException(str(problem)) from problem


def _show(results: Sequence[Result], json_file: Path | None, **settings: Any) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=170)
    console.print(table(results, console.width))
    if json_file is not None:
        write_json(json_file, results, **settings)
