"""`warbler cert`: a self-signed certificate, for trying TLS out."""

from __future__ import annotations

from pathlib import Path

import click

from cluster.commands.options import PATH, setting_options, settings_of
from cluster.problems import StartProblem
from gateway.certificate import make_self_signed


@click.command("cert")
@click.argument("hosts", nargs=-1, metavar="[NAME|ADDRESS]...")
@setting_options("data")
@click.option("--folder", type=PATH, help="Where to put it; `tls` in the data folder where it is not given.")
@click.option("--replace", is_flag=True, help="Replace a pair that is there; a running server takes it up.")
@click.pass_context
def command(ctx: click.Context, hosts: tuple[str, ...], folder: Path | None, replace: bool) -> None:
    """Make a certificate for these names and addresses (localhost and 127.0.0.1 where none are given)."""
    target = folder or settings_of(ctx).data / "tls"
    try:
        certificate, key = make_self_signed(hosts or ("localhost", "127.0.0.1", "::1"), target, replace=replace)
    except FileExistsError as error:
        raise StartProblem(f"{error}; --replace makes a new pair.") from error
    except ValueError as error:
        raise StartProblem(f"No certificate can be made: {error}.") from error
    except OSError as error:
        raise StartProblem(f"{target} cannot be written: {error.strerror}.") from error
    click.echo(f"warbler up --cert {certificate} --key {key}")
