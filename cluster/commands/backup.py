"""`warbler backup` and `warbler restore`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from actors.store.backup import Manifest, back_up, read_manifest
from actors.store.backup import restore as restore_backup
from cluster.commands.options import PATH, setting_options, settings_of
from cluster.data_folder import open_folder
from cluster.problems import StartProblem
from cluster.ray_instance import running

PASSPHRASE = "WARBLER_PASSPHRASE"


@click.command("backup")
@click.argument("target", type=PATH)
@setting_options("data")
@click.option("--keys-apart", is_flag=True, help="Leave the master key out; its file is kept elsewhere.")
@click.pass_context
def backup(ctx: click.Context, target: Path, keys_apart: bool) -> None:
    """Copy the data into TARGET, a new or empty folder, while the server runs or not.

    The master key goes along under a passphrase (asked for, or WARBLER_PASSPHRASE), unless --keys-apart.
    """
    settings = settings_of(ctx)
    if settings.store:
        raise StartProblem(
            "A backup copies files, and the messages are in Cassandra: run `nodetool snapshot` on each of its nodes, and keep "
            f"{settings.master_key_file or settings.data / 'master.key'} apart. docs/cassandra.md says how."
        )
    opened = open_folder(settings)
    opened.cluster.close()
    passphrase = None if keys_apart else _passphrase(new=True)
    with Bars() as bars:
        manifest = back_up(
            opened.path, target, now_ms=int(time.time() * 1000), master=opened.master, passphrase=passphrase, progress=bars.told
        )
    _tell(f"The backup is in {target}", manifest)


@click.command("restore")
@click.argument("source", type=PATH)
@setting_options("data")
@click.pass_context
def restore(ctx: click.Context, source: Path) -> None:
    """Make the data folder (--data, new or empty) of the backup in SOURCE. Every byte is verified first."""
    settings = settings_of(ctx)
    if running(settings) is not None:
        raise StartProblem(f"A server is running on {settings.data}; stop it first (`warbler down`).")
    passphrase = _passphrase(new=False) if read_manifest(source).keys == "passphrase" else None
    with Bars() as bars:
        manifest = restore_backup(source, settings.data, passphrase=passphrase, key_file=settings.master_key_file, progress=bars.told)
    _tell(f"The data is in {settings.data}", manifest)


class Bars:
    """A progress bar a file."""

    def __init__(self) -> None:
        self._progress = Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def told(self, file: str, done: int, total: int) -> None:
        """So many bytes of a file are done."""
        if file not in self._tasks:
            self._tasks[file] = self._progress.add_task(file, total=total)
        self._progress.update(self._tasks[file], completed=done, total=total)


def _passphrase(*, new: bool) -> str:
    given = os.environ.get(PASSPHRASE)
    if given:
        return given
    answer: str = click.prompt("Passphrase of the backup's key", hide_input=True, confirmation_prompt=new)
    return answer


def _tell(where: str, manifest: Manifest) -> None:
    size = sum(note.size_bytes for note in manifest.files)
    key = "its key is in it, under the passphrase" if manifest.keys == "passphrase" else "its master key file is kept apart"
    click.echo(f"{where}: {len(manifest.files)} files, {size / 2**20:.1f} MiB; {key}.")
