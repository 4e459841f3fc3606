"""`warbler drain`, `warbler roll`, `warbler resume`: cells are emptied, or replaced by new processes, without a client losing anything."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from cluster.commands.host import connected_host, new_request
from cluster.commands.options import setting_options, settings_of
from cluster.problems import StartProblem

if TYPE_CHECKING:
    from cluster.ray_host import RayHost

LOOK_S = 0.3
RETURN_LIMIT_S = 60.0
"""For a supervisor that is replaced: until it has found its cells again."""
LIMIT_S = 3600.0


@click.command("drain")
@click.argument("what")
@setting_options("data")
@click.option("--undo", is_flag=True, help="It is wanted again, at any moment: also while it is being emptied.")
@click.pass_context
def drain(ctx: click.Context, what: str, undo: bool) -> None:
    """Take a cell off (or all cells of the node with address WHAT): it gets no new client, its clients and its slots go to the
    others, then it ends. It stays off until `--undo`, whatever is killed or started meanwhile."""
    with connected_host(settings_of(ctx)) as host:
        if undo:
            host.call("restore", what, new_request())
            click.echo(f"{what}: wanted again")
            return
        _follow(host, int(host.call("begin", "drain", what, new_request())))


@click.command("roll")
@setting_options("data")
@click.pass_context
def roll(ctx: click.Context) -> None:
    """Replace the supervisor, the switch of programs, and every cell, one after the other, by processes of the code that is installed
    now. What has begun is finished also where this command, or the supervisor, is killed."""
    with connected_host(settings_of(ctx)) as host:
        before = host.call("status")
        host.renew_supervisor()
        _wait_for_return(host, before)
        click.echo("supervisor: replaced")
        _follow(host, int(host.call("begin", "roll", "", new_request())))


@click.command("resume")
@click.argument("what", default="")
@setting_options("data")
@click.pass_context
def resume(ctx: click.Context, what: str) -> None:
    """Try a cell (or a node) again now that is left alone because it ended too often; without WHAT: all of them."""
    with connected_host(settings_of(ctx)) as host:
        host.call("resume", what)
        click.echo(f"{what or 'all'}: tried again")


def _wait_for_return(host: RayHost, before: dict[str, Any]) -> None:
    wanted = {cell["name"] for cell in before["cells"] if cell["state"] == "serving"}
    end = time.monotonic() + RETURN_LIMIT_S
    while time.monotonic() < end:
        now = host.call("status")
        serving = {cell["name"] for cell in now["cells"] if cell["state"] == "serving"}
        if now["pid"] != before["pid"] and (now["fatal"] or wanted <= serving):
            break
        time.sleep(LOOK_S)
    else:
        raise StartProblem(f"The new supervisor has not found all cells within {RETURN_LIMIT_S:.0f} s; they serve all the same.")
    if now["fatal"]:
        raise StartProblem(now["fatal"])


def _follow(host: RayHost, number: int) -> None:
    """Say what is done, as it is done. Raises `StartProblem` where it stops before the end."""
    told, end = 0, time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        story = host.call("status")["upkeep"]
        if story["number"] != number:
            raise StartProblem("Something else was asked for meanwhile; look at `warbler status`.")
        for line in story["lines"][told:]:
            click.echo(line)
        told = len(story["lines"])
        if not story["busy"]:
            if story["problem"]:
                raise StartProblem(story["problem"])
            return
        time.sleep(LOOK_S)
