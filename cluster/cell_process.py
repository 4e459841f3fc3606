"""One cell in one plain process, without Ray: for the bench, for tests, and for profiling.

    python -m cluster.cell_process --data DIR --port N [--host H]

Prints ``ready http://HOST:PORT`` once it listens. SIGTERM and SIGINT end it in good order. Takes the whole data folder
over: lives that were not sealed are sealed first, and their processes killed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from cluster.lonely import only_cell
from cluster.problems import StartProblem
from cluster.settings import Settings
from cluster.settings_reading import read_settings
from gateway.logs import configure


async def serve(settings: Settings) -> None:
    """Serve until a signal comes. Raises `StartProblem`."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with only_cell(settings) as app:
        port = await app.open_doors(settings.port)
        print(f"ready {settings.url(port).rstrip('/')}", flush=True)
        await ended.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status; prints one sentence where it cannot start."""
    parser = argparse.ArgumentParser(prog="cluster.cell_process", description="One cell in one process, without Ray.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default=None)
    parser.add_argument("--log", type=Path, default=None, help="JSON log file; standard error where it is not given")
    given = vars(parser.parse_args(arguments))
    log = given.pop("log")
    with contextlib.ExitStack() as files:
        stream = files.enter_context(log.open("a")) if log is not None else sys.stderr
        try:
            settings = read_settings(None, os.environ, {**given, "cells": 1})
            configure(stream, level=settings.log_level.upper())
            uvloop.run(serve(settings))
        except StartProblem as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
