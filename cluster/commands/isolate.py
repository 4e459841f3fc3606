"""`warbler isolate`: a room gets a process of its own, or loses it, while people talk in it."""

from __future__ import annotations

import click

from cluster.commands.host import connected_host, new_request
from cluster.commands.options import setting_options, settings_of


@click.command("isolate")
@setting_options("data")
@click.argument("room")
@click.option("--back", is_flag=True, help="Let it live in a cell with others again.")
@click.pass_context
def command(ctx: click.Context, room: str, back: bool) -> None:
    """Give ROOM (its id) a process, a named Ray actor, and a database file of its own."""
    with connected_host(settings_of(ctx)) as host:
        host.call("isolate", room.removeprefix("room:"), not back, new_request())
    click.echo(f"room:{room.removeprefix('room:')} " + ("goes back to a cell with others." if back else "gets a process of its own."))
