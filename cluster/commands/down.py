"""`warbler down`: cells end in good order, then this data folder's Ray and nothing else."""

from __future__ import annotations

import click
from rich.console import Console

from cluster import ray_instance
from cluster.commands.host import load_host
from cluster.commands.options import setting_options, settings_of
from cluster.problems import StartProblem


@click.command("down")
@setting_options("data")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Stop the server of a data folder."""
    settings = settings_of(ctx)
    console = Console(highlight=False)
    if ray_instance.running(settings) is None:
        console.print(f"No server is running on {settings.data}.")
        return
    host = load_host(settings)
    try:
        host.connect()
        host.call("stop", limit_s=settings.stop_seconds + 15.0)
    except StartProblem as problem:
        console.print(f"[yellow]It cannot be asked to end, so it is killed: {problem}[/]")
    host.disconnect()
    ray_instance.end(settings)
    console.print("Warbler was stopped.")
