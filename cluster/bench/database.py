"""The database of a server under load: a Cassandra that is started for the run, or one that runs already; a keyspace for each server."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from cluster.dev import cassandra
from cluster.processes import session_members
from cluster.settings import Settings
from cluster.stores import drop_cassandra

STORE = "cassandra"
"""What `--store` says to have one started."""
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """A Cassandra that takes connections."""

    url: str
    """As the setting `store` has it, without a keyspace."""
    pids: tuple[int, ...]
    """Its processes on this machine, whose CPU is shown apart; empty where they cannot be seen."""

    @contextlib.contextmanager
    def keyspace(self) -> Iterator[str]:
        """The setting `store` of one server: a keyspace that nobody else has, dropped at the end."""
        parts = urlsplit(self.url)
        url = parts._replace(path=f"/bench_{os.getpid()}_{next(_NUMBERS)}").geturl()
        try:
            yield url
        finally:
            drop_cassandra(Settings(store=url))


@contextlib.contextmanager
def database(store: str, folder: Path) -> Iterator[Database]:
    """`cassandra`: start one node below `folder`, and end it; else the address of one. It has all the cores that the caller has: call it
    before this process pins itself."""
    if store != STORE:
        yield Database(store, _listeners(urlsplit(store).port))
        return
    with tempfile.TemporaryDirectory(prefix="warbler-cassandra-", dir=folder) as name:
        place = Path(name).absolute()
        try:
            running = cassandra.start(place, 1)
            yield Database(running.url, tuple(pid for session in running.sessions for pid in session_members(session)))
        finally:
            cassandra.stop(place)


def _listeners(port: int | None) -> tuple[int, ...]:
    """The processes on this machine that listen on a port."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in process.net_connections("tcp")):
                found.add(process.pid)
    return tuple(sorted(found))
