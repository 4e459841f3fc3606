"""`warbler status`: a live table of cells, or the same as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster.commands.host import connected_host
from cluster.commands.options import setting_options, settings_of
from cluster.ray_environment import SWITCH
from cluster.seat_names import is_session
from cluster.tree_rows import Row, notes, rows

if TYPE_CHECKING:
    from cluster.ray_host import RayHost

EVERY_S = 1.0
PIPE_COLUMNS = 240
SAMPLE_S = 0.5
"""Between the two looks from which a single answer's rates come."""


@click.command("status")
@setting_options("data")
@click.option("--once", is_flag=True, help="Show it once and return.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, once.")
@click.option("--tree", "as_tree", is_flag=True, help="The supervision tree: who restarts what, with its limits. Once.")
@click.pass_context
def command(ctx: click.Context, once: bool, as_json: bool, as_tree: bool) -> None:
    """Show cells, slots, sessions, rooms, messages a second and loop lag. Live until Ctrl-C."""
    settings = settings_of(ctx)
    with connected_host(settings) as host:
        before = host.call("status")
        if as_tree:
            found = rows({**before, "switch": host.has_actor(SWITCH)})
            told = json.dumps([row._asdict() for row in found], indent=2)
            click.echo(told) if as_json else console().print(tree_picture(found, notes(before)))
            return
        time.sleep(SAMPLE_S)
        now = with_rates(before, host.call("status"))
        if as_json:
            click.echo(json.dumps(now, indent=2))
        elif once:
            console().print(picture(now))
        else:
            _live(host, now)


def console() -> Console:
    """Where nobody's window is, nothing is cut to its width."""
    return Console() if sys.stdout.isatty() else Console(width=PIPE_COLUMNS)


def _live(host: RayHost, now: dict[str, Any]) -> None:
    with Live(picture(now), auto_refresh=False) as live:
        try:
            while True:
                time.sleep(EVERY_S)
                before, now = now, host.call("status")
                live.update(picture(with_rates(before, now)), refresh=True)
        except KeyboardInterrupt:
            pass  # how a person leaves the table


def with_rates(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """`now`, each cell with ``messages_per_s`` (posts and other frames from clients) and ``cpu_percent``."""
    earlier = {cell.get("life"): cell for cell in before["cells"] if "at" in cell}
    return {**now, "cells": [{**cell, **_rates(earlier.get(cell.get("life")), cell)} for cell in now["cells"]]}


def _rates(before: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, float]:
    if before is None or "at" not in now or now["at"] <= before["at"]:
        return {}
    seconds = now["at"] - before["at"]
    return {
        "messages_per_s": round((now["messages_in"] - before["messages_in"]) / seconds, 1),
        "deliveries_per_s": round((now["messages_out"] - before["messages_out"]) / seconds, 1),
        "cpu_percent": round(100 * (now["cpu_s"] - before["cpu_s"]) / seconds, 1),
    }


def tree_picture(found: list[Row], told: Sequence[str] = ()) -> Group:
    """The supervision tree, and in words what of it is left alone. Fits one screen."""
    table = Table("part", "now", "class", "back-off", "limit", "beyond it", header_style="bold", box=None, padding=(0, 1, 0, 0))
    for row in found:
        table.add_row("  " * row.depth + row.name, row.now, row.restart, row.back_off, row.limit, row.beyond)
    return Group(table, *(Text(note, style="yellow") for note in told))


COLUMNS = ("cell", "state", "pid", "slots", "sessions", "rooms", "in/s", "out/s", "lag ms", "CPU %", "MiB")
SUMMED = ("slots", "sessions", "rooms", "messages_per_s", "deliveries_per_s")
"""Figures that say something as a sum over cells."""


def picture(status: dict[str, Any]) -> Group:
    """The table, and in words what is or was wrong. Fits 80 columns."""
    cells = status["cells"]
    table = Table(*COLUMNS, header_style="bold", box=None, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[2:]:
        column.justify = "right"
    for cell in cells:
        table.add_row(*_row(cell))
    if len(cells) > 1:
        table.add_row(*_row({"name": "all", "state": "", **_sums(cells)}), style="bold")
    found = [Text(note) for note in (*_nodes(cells), *_by_hand(status), *_without_rooms(cells))]
    found += [Text(note, style="yellow") for note in (*notes(status), *(note for cell in cells for note in _notes(cell)))]
    return Group(_head(status), table, *found)


def _head(status: dict[str, Any]) -> Text:
    state = status.get("state", "well")
    style = {"well": "green", "degraded": "yellow"}.get(state, "red")
    return Text.assemble((f"{status['url']}   supervisor: pid {status['pid']}   ", "bold"), (state, style))


def _by_hand(status: dict[str, Any]) -> list[str]:
    """What people have decided, and nothing takes back."""
    off = [f"off: {', '.join(status['off'])} (`warbler drain NAME --undo`)"] if status.get("off") else []
    moved = ", ".join(f"{group} at {cell}" for group, cell in status.get("by_hand", {}).items())
    return off + ([f"groups by hand: {moved} (`warbler move GROUP --undo`)"] if moved else [])


def _without_rooms(cells: list[dict[str, Any]]) -> list[str]:
    """Cells beside which others have all slots."""
    none = [cell["name"] for cell in cells if cell["state"] == "serving" and cell.get("slots") == 0 and not is_session(cell["name"])]
    if not none:
        return []
    return [f"{', '.join(none)}: no rooms; if that stays so, there are fewer shards than cells (`shards` in the settings)"]


def _sums(cells: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: round(sum(cell.get(name, 0) for cell in cells), 1) for name in SUMMED}


def _nodes(cells: list[dict[str, Any]]) -> list[str]:
    """Which cells are on which machine, where there are several."""
    nodes: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        nodes.setdefault((cell.get("node", ""), cell.get("zone", "")), []).append(cell["name"])
    if len(nodes) < 2:
        return []
    return [f"{node}{f' (zone {zone})' if zone else ''}: {', '.join(names)}" for (node, zone), names in sorted(nodes.items())]


def _notes(cell: dict[str, Any]) -> list[str]:
    if cell["problem"]:
        return [f"{cell['name']}: {cell['problem']}"]
    if cell["restarts"]:
        times = "once" if cell["restarts"] == 1 else f"{cell['restarts']} times"
        return [f"{cell['name']}: was restarted {times}; the last time because {cell.get('last_end') or 'it ended'}"]
    return []


def _row(cell: dict[str, Any]) -> list[str]:
    style = {"serving": "green", "starting": "yellow", "waiting": "yellow"}.get(cell["state"], "red")
    memory = f"{cell['memory_bytes'] / 2**20:.0f}" if "memory_bytes" in cell else ""
    names = ("pid", "slots", "sessions", "rooms", "messages_per_s", "deliveries_per_s", "loop_lag_ms", "cpu_percent")
    return [cell["name"], f"[{style}]{cell['state']}[/]", *(str(cell.get(name, "")) for name in names), memory]
