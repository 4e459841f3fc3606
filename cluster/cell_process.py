"""One cell in one plain process, without Ray: for the bench, for tests, and for profiling.

    python -m cluster.cell_process --data DIR --port N [--host H]

Prints ``ready http://HOST:PORT`` once it listens. SIGTERM and SIGINT end it in good order. Takes the whole data folder
over: lives that were not sealed are sealed first, and their processes killed.

With ``--join NAME`` it is one of several: it writes itself into the view beside those that run, and leaves with status 3
where the others have taken it out. Nobody starts it again.
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
from cluster.one_of_many import Seat, one_of_many
from cluster.problems import StartProblem
from cluster.settings import Settings
from cluster.settings_reading import read_settings
from gateway.logs import configure

OUT_STATUS = 3


async def serve(settings: Settings, seat: Seat | None) -> int:
    """Serve until a signal comes, or the life is out; returns the exit status. Raises `StartProblem`."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with only_cell(settings) if seat is None else one_of_many(settings, seat) as app:
        assert app.out is not None
        app.out.add_done_callback(lambda _: ended.set())
        port = await app.open_doors(settings.port)
        print(f"ready {settings.url(port).rstrip('/')}", flush=True)
        await ended.wait()
        return OUT_STATUS if app.out.done() else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status; prints one sentence where it cannot start."""
    parser = argparse.ArgumentParser(prog="cluster.cell_process", description="One cell in one process, without Ray.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default=None)
    parser.add_argument("--log", type=Path, default=None, help="JSON log file; standard error where it is not given")
    parser.add_argument("--join", default="", metavar="NAME", help="be the cell of that name beside others")
    parser.add_argument("--link-port", type=int, default=0, help="where its links listen")
    parser.add_argument("--link-url", default="", help="where others dial its links, when there is a proxy between")
    given = vars(parser.parse_args(arguments))
    log = given.pop("log")
    seat = Seat(given.pop("join"), given.pop("link_port"), given.pop("link_url"))
    with contextlib.ExitStack() as files:
        stream = files.enter_context(log.open("a")) if log is not None else sys.stderr
        try:
            settings = read_settings(None, os.environ, {**given, "cells": 1})
            configure(stream, level=settings.log_level.upper())
            return uvloop.run(serve(settings, seat if seat.name else None))
        except StartProblem as problem:
            print(problem, file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
