"""`warbler down`: cells end in good order, then this data folder's Ray and nothing else."""

from __future__ import annotations

import click
from rich.console import Console

from cluster import ray_instance
from cluster.commands.host import as_joined, load_host
from cluster.commands.options import setting_options, settings_of
from cluster.life_lock import held
from cluster.living import end_lives
from cluster.problems import StartProblem
from cluster.ray_environment import Instance
from cluster.settings import Settings


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
    if is_joined:
        _check_joined(instance, as_joined(settings))
    host = load_host(settings)
    try:
        host.connect()
        try:
            host.call("stop", limit_s=settings.stop_seconds + 15.0)
        finally:
            if is_joined:
                host.remove_supervisor()
        left = host.end_other_nodes() if nodes else []
        if left:
            console.print(f"[yellow]These nodes still run Ray: {', '.join(left)}[/]")
    except StartProblem as problem:
        console.print(f"[yellow]It cannot be asked to end, so it is killed: {problem}[/]")
    finally:
        host.disconnect()
    if is_joined and held(settings.data) and (left := end_lives(as_joined(settings)).left):
        raise StartProblem(f"These cells still run: {', '.join(left)}. `ray stop` on their machines ends them.")
    ray_instance.end(settings)
    console.print("Warbler was stopped.")


def _check_joined(instance: Instance, settings: Settings) -> None:
    """Where the head of a Ray that was joined is dead, end what can be ended without it. Raises `StartProblem` then: the head knows of
    a supervisor, and starts it again as soon as it is back."""
    try:
        ray_instance.check_head(instance)
    except StartProblem as problem:
        gone, left = end_lives(settings)
        told = [f"These cells still run: {', '.join(left)}."] * bool(left)
        raise StartProblem(
            f"Ray's head at {instance.address} does not answer. Ended were: {', '.join(gone) or 'no cells'}. {' '.join(told)} "
            "The others of that Ray are ended by `ray stop` on each machine. A head that is started again starts the cells again: give "
            "`warbler down` once more then."
        ) from problem
