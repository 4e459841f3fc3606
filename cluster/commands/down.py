"""`warbler down`: cells end in good order, then this data folder's Ray and nothing else."""

from __future__ import annotations

import click
from rich.console import Console

from cluster import ray_instance
from cluster.commands.host import load_host
from cluster.commands.options import setting_options, settings_of
from cluster.problems import StartProblem


@click.command("down")
@setting_options("data", "secrets")
@click.option("--nodes", is_flag=True, help="End Ray on all nodes but its head, too.")
@click.pass_context
def command(ctx: click.Context, nodes: bool) -> None:
    """Stop the server of a data folder."""
    settings = settings_of(ctx)
    console = Console(highlight=False)
    instance = ray_instance.running(settings)
    if instance is None:
        console.print(f"No server is running on {settings.data}.")
        return
    is_joined = not instance.session
    host = load_host(settings)
    try:
        host.connect()
        host.call("stop", limit_s=settings.stop_seconds + 15.0)
        if is_joined:
            host.remove_supervisor()
        left = host.end_other_nodes() if nodes else []
        if left:
            console.print(f"[yellow]These nodes still run Ray: {', '.join(left)}[/]")
    except StartProblem as problem:
        console.print(f"[yellow]It cannot be asked to end, so it is killed: {problem}[/]")
    host.disconnect()
    ray_instance.end(settings)
    console.print("Warbler was stopped.")
