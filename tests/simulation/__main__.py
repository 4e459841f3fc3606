"""Replays a seed with its trace, or runs seeds for as long as wanted.

python -m tests.simulation 4711              one seed: its trace and its verdict
python -m tests.simulation 4711 --follow     the same with every step of every message
python -m tests.simulation 4711 --bug NAME   the same with a planted bug
python -m tests.simulation 4711 --cassandra  cells on the store of a cluster
python -m tests.simulation --minutes 30      seeds that nobody has run, until one fails or time is up
"""

from __future__ import annotations

import logging
import sys
import time
from argparse import ArgumentParser, Namespace

from tests.simulation.follow import follow_messages
from tests.simulation.planted import PLANTED
from tests.simulation.planted_cassandra import PLANTED_ON_CASSANDRA
from tests.simulation.seed import Outcome, run_seed

BUGS = PLANTED | PLANTED_ON_CASSANDRA
QUIET_S = 60.0
"""Between two lines that say how far it is."""


def main(arguments: list[str]) -> int:
    """0 where nothing is broken."""
    parser = ArgumentParser(prog="python -m tests.simulation", description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else "")
    parser.add_argument("seed", type=int, nargs="?")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant this bug first")
    parser.add_argument("--find", choices=sorted(BUGS), help="the first seed that finds this bug")
    parser.add_argument("--cassandra", action="store_true", help="cells on the store of a cluster")
    parser.add_argument("--follow", action="store_true", help="show every step of every message")
    parser.add_argument("--hash", action="store_true", help="print the hash of the trace alone")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--start", type=int, default=None, help="the first seed, without one: drawn from the time")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    if options.find is not None:
        options.bug, options.start = options.find, 0
    return _many(options) if options.seed is None else _one(options)


def _one(options: Namespace) -> int:
    outcome = _run(options.seed, options)
    if options.hash:
        print(outcome.world.trace.hash())
    else:
        print(outcome.world.trace.text())
        print(outcome.explain())
    return bool(outcome.violations)


def _many(options: Namespace) -> int:
    seed = first = options.start if options.start is not None else int(time.time()) * 1000
    end, told = time.monotonic() + 60 * options.minutes, time.monotonic()
    while time.monotonic() < end:
        outcome = _run(seed, options)
        if outcome.violations:
            print(outcome.explain())
            return 1
        seed += 1
        if time.monotonic() - told > QUIET_S:
            told = time.monotonic()
            print(f"{seed - first} seeds from {first}: nothing is broken", flush=True)
    print(f"{seed - first} seeds from {first}: nothing is broken")
    return 0


def _run(seed: int, options: Namespace) -> Outcome:
    prepare = follow_messages if options.follow else None
    if options.bug is None:
        return run_seed(seed, prepare, on_cassandra=options.cassandra)
    with BUGS[options.bug]():
        return run_seed(seed, prepare, on_cassandra=options.cassandra or options.bug in PLANTED_ON_CASSANDRA)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
