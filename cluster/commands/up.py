"""`warbler up`: start, say where to go, and in the foreground stay until told to end."""

from __future__ import annotations

import shlex
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from cluster import ray_instance
from cluster.checks import check_start
from cluster.commands.host import load_host
from cluster.commands.options import setting_options, settings_of
from cluster.data_folder import prepare, remember_cells, remembered_port
from cluster.living import check_nobody_lives_here
from cluster.problems import StartProblem
from cluster.ray_environment import Instance, write_url
from cluster.settings import Settings
from cluster.tree_rows import notes

if TYPE_CHECKING:
    from cluster.ray_host import RayHost

READY_LIMIT_S = 90.0
LOOK_S = 0.1
FOLLOW_S = 1.0
SILENCE_LIMIT_S = 60.0
"""A supervisor that does not answer for so long is not coming back."""


@click.command("up")
@setting_options("data", "store", "port", "host", "cells", "shards", "cert", "key", "address", "secrets", "nodes_share_this_machine")
@click.option("--foreground/--detach", default=True, show_default=True, help="Stay and follow; or start and return.")
@click.pass_context
def command(ctx: click.Context, foreground: bool) -> None:
    """Start the server on this machine, or on the nodes of a Ray cluster. Ends with Ctrl-C, or (detached) by `warbler down`."""
    settings = remembered_port(settings_of(ctx))
    console = Console(highlight=False)
    started = time.monotonic()
    prepare(settings)
    remember_cells(settings)
    found = _found(settings)
    host = found or (_joined(settings) if settings.address else _started(settings))
    try:
        status = wait_ready(host, is_new=found is None)
        write_url(settings, status["url"])
        ended = _when_signalled() if foreground else None
    except BaseException:
        if found is None:
            end(host, settings)
        raise
    _welcome(console, settings, status, None if found else time.monotonic() - started, foreground)
    if ended is not None:
        _follow(console, host, settings, ended, status)
    else:
        host.disconnect()


def _found(settings: Settings) -> RayHost | None:
    """A server that runs already and answers; it is taken over. What is left of one that was killed is not; but
    where others started Ray, its cells go on without its head, and it has to be back. Raises `StartProblem` then."""
    instance = ray_instance.running(settings)
    if instance is None:
        return None
    if not instance.session:
        ray_instance.check_head(instance)
    host = load_host(settings)
    try:
        host.connect()
        if not settings.address:
            host.create_supervisor()
        host.call("status")
    except StartProblem:
        # Its token, its head or its supervisor is gone.
        host.disconnect()
        return None
    return host


def _started(settings: Settings) -> RayHost:
    """A new Ray with a supervisor."""
    ray_instance.end(settings)
    check_nobody_lives_here(settings)
    check_start(settings)
    with ray_instance.started(settings) as starting:
        # Ray's own import takes as long as its start: both at once.
        host = load_host(settings)
        starting.wait()
    try:
        host.connect()
        host.create_supervisor()
    except BaseException:
        end(host, settings)
        raise
    return host


def _joined(settings: Settings) -> RayHost:
    """A Ray that runs, with a supervisor of ours."""
    ray_instance.check_head(Instance(settings.address, 0, ""))
    check_start(settings)
    ray_instance.joined(settings)
    host = load_host(settings)
    try:
        host.connect()
        host.check_nodes()
        host.check_free()
        host.create_supervisor()
    except BaseException:
        host.disconnect()
        ray_instance.end(settings)
        raise
    return host


def end(host: RayHost, settings: Settings) -> None:
    """End everything that is ours, at once."""
    if settings.address:
        host.remove_supervisor()
    host.disconnect()
    ray_instance.end(settings)


def wait_ready(host: RayHost, *, is_new: bool) -> dict[str, Any]:
    """Until every cell serves that is not left alone. A new server that has one that fails is given up at once; one that was running
    already may just be starting it again."""
    end = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < end:
        status: dict[str, Any] = host.call("status", limit_s=READY_LIMIT_S)
        if status["fatal"]:
            raise StartProblem(status["fatal"])
        states = {cell["state"] for cell in status["cells"]}
        failed = [cell["problem"] for cell in status["cells"] if cell["restarts"] and cell["state"] not in ("serving", "paused")]
        if (is_new and failed) or (states and states == {"paused"}):
            raise StartProblem((failed or status["troubles"] or [cell["problem"] for cell in status["cells"]])[0])
        if "serving" in states and states <= {"serving", "paused"}:
            return status
        time.sleep(LOOK_S)
    raise StartProblem(f"The cells were not ready within {READY_LIMIT_S:.0f} s; look into the logs in the data folder.")


def _welcome(console: Console, settings: Settings, status: dict[str, Any], took_s: float | None, foreground: bool) -> None:
    console.print(
        f"[bold green]Warbler is ready[/]: [bold]{status['url']}[/]"
        + (" (it was running already)" if took_s is None else f"  ({took_s:.1f} s)")
    )
    console.print(f"  data   {settings.data.resolve()}", soft_wrap=True)
    console.print(f"  cells  {', '.join(cell['name'] for cell in status['cells'])}")
    for note in notes(status):
        console.print(f"  [yellow]{note}[/]", soft_wrap=True)
    console.print("  stop   Ctrl-C" if foreground else f"  stop   {_down(settings)}", soft_wrap=True)


def _down(settings: Settings) -> str:
    """The command that ends this server, as it would be typed in this folder."""
    return shlex.join(["warbler", "down", *(["--data", str(settings.data)] if "data" in settings.model_fields_set else [])])


def _when_signalled() -> threading.Event:
    """Set when this process is asked to end."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _follow(console: Console, host: RayHost, settings: Settings, ended: threading.Event, status: dict[str, Any]) -> None:
    """Tell what changes, until a signal ends the server."""
    states = {cell["name"]: (cell["state"], cell["restarts"]) for cell in status["cells"]}
    heard_at = time.monotonic()
    while not ended.wait(FOLLOW_S):
        try:
            status = host.call("status", return_s=0.0)
            heard_at = time.monotonic()
        except StartProblem:
            if ray_instance.running(settings) is None:
                host.disconnect()
                console.print("Warbler was stopped.")
                return
            if time.monotonic() - heard_at > SILENCE_LIMIT_S:
                raise
            continue
        _tell_changes(console, states, status)
    console.print("Stopping ...")
    stop(host, settings)
    console.print("Warbler was stopped.")


def _tell_changes(console: Console, states: dict[str, tuple[str, int]], status: dict[str, Any]) -> None:
    for cell in status["cells"]:
        name, now = cell["name"], (cell["state"], cell["restarts"])
        if states.get(name, now) != now:
            why = cell["problem"] or (f"after: {cell['last_end']}" if cell["last_end"] else "")
            console.print(f"{time.strftime('%H:%M:%S')}  {name}: {cell['state']}  {why}".rstrip(), soft_wrap=True)
        states[name] = now


def stop(host: RayHost, settings: Settings) -> None:
    """End a server whose host is connected: cells in good order, then its Ray."""
    try:
        host.call("stop", limit_s=settings.stop_seconds + 15.0)
    finally:
        end(host, settings)
