"""`warbler store`: the stored data as a whole."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cluster.commands.options import setting_options, settings_of
from cluster.store_copy import copy_store
from cluster.store_upkeep import check as check_store
from cluster.store_upkeep import migrate as migrate_store
from cluster.store_url import settings_at, shown

if TYPE_CHECKING:
    from actors.store.findings import Findings


@click.group("store")
def store() -> None:
    """The stored data as a whole. STORE is sqlite://FOLDER or cassandra://...; without it, that of the settings."""


@store.command("migrate")
@click.argument("store_url", metavar="[STORE]", default="")
@setting_options("data", "store")
@click.pass_context
def migrate(ctx: click.Context, store_url: str) -> None:
    """Bring the stored data to the format of this version. Safe to repeat, for several at once, and while cells serve."""
    done = migrate_store(settings_at(settings_of(ctx), store_url))
    for one in done:
        if one.after > one.before:
            click.echo(f"{one.file}: format {one.before} -> {one.after}")
    if all(one.after == one.before for one in done):
        click.echo(f"All is of this version's format already ({', '.join(sorted({str(one.after) for one in done}))}).")


@store.command("check")
@click.argument("store_url", metavar="[STORE]", default="")
@setting_options("data", "store")
@click.pass_context
def check(ctx: click.Context, store_url: str) -> None:
    """Read everything that is stored and say what is wrong with it, in sentences. Status 1 where anything is. Changes nothing."""
    settings = settings_at(settings_of(ctx), store_url)
    with Bar() as bar:
        found = check_store(settings, bar.told)
    for sentence in found.sentences:
        click.echo(sentence)
    if found.count > len(found.sentences):
        click.echo(f"... and {found.count - len(found.sentences)} more.")
    click.echo(summary(shown(settings), found))
    if found.count:
        ctx.exit(1)


@store.command("copy")
@click.argument("source")
@click.argument("target")
@setting_options("data", "shards")
@click.pass_context
def copy(ctx: click.Context, source: str, target: str) -> None:
    """Copy all of SOURCE into TARGET, an empty store, and compare them; no server may run on either. Killed, it goes on when it is given
    again. From files to files it shares the rows out anew (--shards). A keyspace has its master key in --data."""
    settings = settings_of(ctx)
    found, goal = settings_at(settings, source), settings_at(settings, target)
    with Bar() as bar:
        compared = copy_store(found, goal, bar.told)
    for table, digest in compared.tables.items():
        click.echo(f"{table:12} {digest.rows:>12} rows  sha256 {digest.sha256[:16]}")
    click.echo(f"All of {shown(found)} is in {shown(goal)}, compared row by row: {compared.owners} rooms, accounts and operations.")
    click.echo(f"To serve it: warbler up {f'--store {target} --data {goal.data}' if goal.store else f'--data {goal.data}'}")


def summary(where: str, found: Findings) -> str:
    """All of it in one line."""
    seen = ", ".join(f"{count} {what}" for what, count in found.seen.items())
    return f"{where}: {'all is well' if not found.count else f'{found.count} things are wrong'} ({seen or 'nothing is stored'})."


class Bar:
    """One bar, which says what is under way; on standard error, and only where somebody looks on."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: TaskID | None = None
        self._what = ""

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def told(self, what: str, done: int, total: int) -> None:
        """So much of it is done."""
        if self._task is None or self._what != what:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._what = what
            self._task = self._progress.add_task(what, total=total or None)
        self._progress.update(self._task, description=what, completed=done, total=total or None)
