"""`warbler move`: which cell has which group of slots, and giving one to a cell by hand."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from cluster.commands.host import connected_host, new_request
from cluster.commands.options import setting_options, settings_of


@click.command("move")
@click.argument("what", default="")
@click.argument("cell", default="")
@setting_options("data")
@click.option("--undo", is_flag=True, help="Placement decides about it again.")
@click.pass_context
def command(ctx: click.Context, what: str, cell: str, undo: bool) -> None:
    """Give WHAT (the number of a group of slots, or the id of a room in it) to CELL. It stays there, whatever the load, until `--undo`;
    while that cell is away others have it. Without arguments: which cell has which group."""
    if what and bool(cell) == undo:
        raise click.UsageError("Name a cell, or --undo.")
    with connected_host(settings_of(ctx)) as host:
        if not what:
            Console().print(_picture(host.call("groups")))
            return
        group = host.call("move", what, cell, new_request())
    click.echo(f"group {group}: " + (f"goes to {cell}, and stays there" if cell else "placement decides again"))


def _picture(rows: list[list[str]]) -> Table:
    table = Table("group", "cell", "moved", header_style="bold", box=None, padding=(0, 2, 0, 0))
    for group, cell, why, wanted in rows:
        table.add_row(str(group), cell or "nobody", f"{why}, to {wanted}" if why else "")
    return table
