"""The command `bench`: measures against a bare relay, checks histories, makes a large store."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cluster.bench.load import OpenSide, Result, Told, generator_settings, run_plan, steps
from cluster.bench.plans import PLANS, Plan, plan
from cluster.bench.report import table, write_json
from cluster.bench.servers import bare_relay, fresh_cell, running_server
from cluster.bench.side import Side
from cluster.bench.target import SERVER_CORE

_NAMES = [plan.name for plan in PLANS]


@click.group()
def bench() -> None:
    """Measure this server against a bare relay, check histories, or make a large store."""


def _measuring(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 1000), help="Windows of each server."),
            click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.2, 3600), help="Length of a window."),
            click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Keep all figures here."),
            click.option("--folder", default=".", type=click.Path(file_okay=False, exists=True, path_type=Path), help="Disk for the data."),
            click.option("--pin/--no-pin", default=sys.platform.startswith("linux"), help="Server on core 0, load on core 1."),
            click.option("--url", "urls", multiple=True, help="Load a server that runs already (with --pid, --tokens)."),
            click.option("--pid", "pids", multiple=True, type=int, help="Its processes, whose CPU counts."),
            click.option("--daemon-pid", "daemons", multiple=True, type=int, help="Processes beside it, shown apart."),
            click.option("--tokens", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="Its accounts: user, tab, token."),
        )
    ):
        command = option(command)
    return command


@bench.command("all")
@_measuring
def measure_all(**options: Any) -> None:
    """Everything in the table of targets."""
    _measure(PLANS, **options)


@bench.command("run")
@click.argument("names", nargs=-1, required=True, type=click.Choice(_NAMES))
@_measuring
def measure_some(names: Sequence[str], **options: Any) -> None:
    """Only the loads that are named."""
    _measure([plan(name) for name in names], **options)


def _measure(
    plans: Sequence[Plan], *, rounds: int, seconds: float, json_file: Path | None, pin: bool, folder: Path, **running: Any
) -> None:
    core = SERVER_CORE if pin else None
    ours = _ours(folder, core, **running)
    console = Console() if sys.stdout.isatty() else Console(width=170)
    with _progress(console, sum(steps(plan, rounds) for plan in plans)) as told, generator_settings(pin):
        results = [_one(plan, ours, core, rounds=rounds, seconds=seconds, told=told) for plan in plans]
    console.print(table(results, console.width))
    if json_file is not None:
        write_json(json_file, results, rounds=rounds, seconds=seconds, pinned=pin)


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
def _progress(console: Console, total: int) -> Iterator[Any]:
    columns = (TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Drawn when something is told and at no other time: a thread that draws would take time from the load.
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("starting", total=total)

        def told(what: str) -> None:
            progress.update(task, description=what, advance=1, refresh=True)

        yield told
