"""`warbler secrets DIR`: what all nodes of a cluster share, made once."""

from __future__ import annotations

from pathlib import Path

import click

from cluster.secrets_folder import make_secrets


@click.command("secrets")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Make a folder with the master key, the cluster's secret and Ray's token. Bring it to every node, and keep a copy."""
    make_secrets(folder)
    click.echo(f"{folder}: made. Bring it to every node under one path (mode 0700), and keep a copy apart: without master.key")
    click.echo("nobody can read what is stored.")
