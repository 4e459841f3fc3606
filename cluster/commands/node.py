"""`warbler node`: Ray on this machine, as a node of a cluster. What `ray up` runs on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cluster.commands.options import setting_options, settings_of
from cluster.own_folder import make_own_folder
from cluster.problems import StartProblem
from cluster.ray_instance import joined
from cluster.ray_node import NodePlan, labels_of, listed, start_node

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("node")
@setting_options("secrets")
@click.option("--head", is_flag=True, help="The first one, with Ray's head.")
@click.option("--join", "join", default="", help="HOST:PORT of the head.")
@click.option("--port", "port", default=6379, show_default=True, help="The head's port.")
@click.option("--node-address", default="", help="Its private address, where Ray's own guess would be wrong.")
@click.option("--roles", help="What it is for: edge, chat, gpu, joined by -; none: no cells.")
@click.option("--zone", help="Its zone; cells and groups are spread over zones.")
@click.option("--cells", type=click.IntRange(0, 64), help="How many cells it has; else the setting `cells`.")
@click.option("--public-host", "host", help="By what name clients reach it.")
@click.option("--nodes-file", type=FILE, help="Address, roles, zone, cells and host of each node, instead of options.")
@click.option("--autoscaling-config", "autoscaling", type=FILE, help="What `ray up` gives its head.")
@click.option("--gpus", type=click.IntRange(0), help="How many GPUs it has; else Ray counts them.")
@click.option("--temp-dir", "temp", type=click.Path(path_type=Path), help="Ray's folder; else /tmp/ray.")
@click.pass_context
def command(ctx: click.Context, /, nodes_file: Path | None, node_address: str, **given: Any) -> None:
    """Start Ray on this machine, as a node of a cluster. It goes on in the background; `ray stop` ends it."""
    if given["head"] == bool(given["join"]):
        raise StartProblem("Say either --head or --join HOST:PORT.")
    said = {name: given.pop(name) for name in ("roles", "zone", "cells", "host")}
    labels = labels_of({name: value for name, value in said.items() if value is not None}, "this command")
    if nodes_file is not None:
        node_address, from_file = listed(nodes_file)
        labels = {**from_file, **labels}
    settings = settings_of(ctx)
    start_node(settings, NodePlan(address=node_address, labels=labels, **given))
    joining = settings.model_copy(update={"address": given["join"]})
    if joining.nodes_are_apart:
        # So that other commands can be given here, too.
        make_own_folder(joining)
        joined(joining)
    click.echo("This machine is a node of the cluster.")
