"""Options that are settings, the same in every command that has them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cluster.settings import Settings
from cluster.settings_reading import read_settings

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
OPTIONS: dict[str, tuple[Any, str]] = {
    "data": (PATH, "Folder of the data."),
    "store": (str, "Where messages are stored: cassandra://...; else in the data folder."),
    "port": (int, "Public port; 0: a free one."),
    "host": (str, "Address to listen on."),
    "cells": (int, "Processes that serve."),
    "shards": (int, "Database files, for a new data folder."),
    "cert": (PATH, "TLS certificate (PEM)."),
    "key": (PATH, "TLS private key (PEM)."),
    "address": (str, "HOST:PORT of a Ray cluster to join."),
    "secrets": (PATH, "Folder of the keys that all nodes share (`warbler secrets`)."),
    "nodes_share_this_machine": (bool, "All nodes are on this machine and see its data folder."),
}


def setting_options(*names: str) -> Callable[[F], F]:
    """Add these options; their values are found by `settings_of`. Types and bounds are checked with all other settings."""

    def add(command: F) -> F:
        for name in reversed(names):
            kind, text = OPTIONS[name]
            given: dict[str, Any] = {"is_flag": True, "default": None} if kind is bool else {"type": kind}
            option = click.option(f"--{name.replace('_', '-')}", help=text, expose_value=False, callback=_remember, **given)
            command = option(command)
        return command

    return add


def settings_of(ctx: click.Context) -> Settings:
    """The settings, with this command line over them. Raises `StartProblem`."""
    found = ctx.find_root().obj
    return read_settings(found.get("config"), os.environ, found.get("given", {}))


def _remember(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    if value is not None and option.name is not None:
        ctx.find_root().obj.setdefault("given", {})[option.name] = value
