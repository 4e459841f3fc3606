"""`warbler dev`: what developers need beside the server."""

from __future__ import annotations

from pathlib import Path

import click

from cluster.dev import cassandra
from cluster.dev.software import cache_folder


@click.group("dev")
def dev() -> None:
    """What developers need beside the server."""


@dev.command("cassandra")
@click.option("--nodes", type=click.Choice(["1", "3"]), default="1", show_default=True, help="How many, on 127.0.0.1 and so on.")
@click.option("--port", type=click.IntRange(0, 65535), default=cassandra.NATIVE_PORT, show_default=True, help="For clients; 0: a free one.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Folder of its data; else one in the user's cache.")
@click.option("--stop", is_flag=True, help="End it; its data stays.")
def cassandra_command(nodes: str, port: int, folder: Path | None, stop: bool) -> None:
    """Start a real Cassandra on this machine, for development; it goes on in the background. Brought by Maven at the first start."""
    place = (folder or cache_folder() / f"nodes-{nodes}").absolute()
    if stop:
        cassandra.stop(place)
        click.echo("Cassandra has ended.")
        return
    place.mkdir(parents=True, exist_ok=True)
    click.echo(f"Cassandra is ready: {cassandra.start(place, int(nodes), port).url}")
