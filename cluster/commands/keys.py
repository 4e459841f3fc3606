"""`warbler keys`: what data is sealed with."""

from __future__ import annotations

import click

from cluster.commands.options import setting_options, settings_of
from cluster.commands.store import Bar
from cluster.keys import rotate as rotate_keys


@click.group("keys")
def keys() -> None:
    """What stored messages are sealed with."""


@keys.command("rotate")
@setting_options("data", "store")
@click.pass_context
def rotate(ctx: click.Context) -> None:
    """Seal all messages anew under new data keys, while the server runs or not, and take the old keys away when no row needs them any
    more. Killed, it goes on when it is given again; cells that run go on by themselves meanwhile."""
    with Bar() as bar:
        done = rotate_keys(settings_of(ctx), bar.told)
    click.echo(f"{done.rows} rows are sealed anew; {len(done.old)} old keys are gone.")
