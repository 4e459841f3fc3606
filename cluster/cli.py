"""The command line: `warbler COMMAND`. Each command is a file in `cluster.commands` and is imported when it is called."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from actors.store.store import StoreError
from cluster import __version__
from cluster.problems import StartProblem

COMMANDS = {
    "up": ("cluster.commands.up", "command", "Start the server on this machine."),
    "down": ("cluster.commands.down", "command", "Stop it."),
    "status": ("cluster.commands.status", "command", "Show what runs, live."),
    "drain": ("cluster.commands.upkeep", "drain", "Take a cell or a node off, without a client losing anything."),
    "roll": ("cluster.commands.upkeep", "roll", "Replace every cell, one after the other: how a new version is taken up."),
    "resume": ("cluster.commands.upkeep", "resume", "Try again what ended too often and is left alone."),
    "move": ("cluster.commands.move", "command", "Give a group of slots to a cell by hand, or show which cell has which."),
    "doctor": ("cluster.commands.doctor", "command", "Look for what is wrong with this machine, and say how to mend it."),
    "isolate": ("cluster.commands.isolate", "command", "Give one room a process of its own, or take it back."),
    "accounts": ("cluster.commands.accounts", "command", "Make, change, disable accounts."),
    "cert": ("cluster.commands.cert", "command", "Make a self-signed TLS certificate."),
    "secrets": ("cluster.commands.secrets", "command", "Make the keys that all nodes of a cluster share."),
    "node": ("cluster.commands.node", "command", "Start Ray on this machine, as a node of a cluster."),
    "backup": ("cluster.commands.backup", "backup", "Copy the data into a folder, while the server runs or not."),
    "restore": ("cluster.commands.backup", "restore", "Make a data folder of a backup."),
    "store": ("cluster.commands.store", "store", "Bring stored data up to date, look through it, copy it to another store."),
    "keys": ("cluster.commands.keys", "keys", "Seal everything anew under new keys, while the server runs."),
    "dev": ("cluster.commands.dev", "dev", "What developers need beside the server: a Cassandra."),
    "bench": ("cluster.bench.cli", "bench", "Measure against a bare relay."),
}
"""Name -> (module, attribute, what `warbler --help` says)."""


class Lazy(click.Group):
    """Imports a command when it is needed: `--help` and `down` need no database and no Ray."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import it."""
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Settings file (TOML); see docs/settings.md.")
@click.version_option(__version__, message="%(version)s")
@click.pass_context
def warbler(ctx: click.Context, config: Path | None) -> None:
    """Warbler, a distributed chat server. `warbler up` starts it."""
    ctx.obj = {"config": config}


def main(arguments: list[str] | None = None) -> Any:
    """Run a command; what goes wrong is a sentence and status 1."""
    try:
        return warbler.main(arguments, prog_name="warbler", standalone_mode=True)
    except (StartProblem, StoreError) as problem:
        print(f"warbler: {problem}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
