"""Three real nodes of Cassandra that are broken one way and another while cells use them."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from contextlib import suppress
from pathlib import Path

import psutil
from cassandra import DriverException
from cassandra.cluster import NoHostAvailable

from actors.store.cassandra.driver import Driver
from cluster.dev import cassandra
from cluster.processes import session_members
from cluster.store_place import parse_place

KEYSPACE = "faults"
COUNT = 3
FULL_BYTES = 16 * 1024 * 1024
"""A node whose disk is full can make no file that is larger: no commit log, whose parts have 32 MiB."""
NOISE_BYTES, NOISE_TRIES = 4 << 20, 80
"""What else is written into the database, so that it needs another part of its commit log; and how often at most."""


class Nodes:
    """The nodes in one folder, by their numbers from 1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paused: set[int] = set()
        self._killed: set[int] = set()
        self._spoiled: set[int] = set()
        self.url = ""
        """As the setting `store` takes it."""

    def start(self) -> None:
        """All of them; returns when clients may come."""
        self.url = f"{cassandra.start(self._folder, COUNT).url}/{KEYSPACE}?replication={COUNT}"

    def stop(self) -> None:
        """End them all, also where they are paused."""
        for number in range(1, COUNT + 1):
            self._signal(number, signal.SIGKILL)
        cassandra.stop(self._folder)

    # --- faults ---

    def kill(self, number: int) -> None:
        """SIGKILL."""
        self._paused.discard(number)
        self._killed.add(number)
        self._signal(number, signal.SIGKILL)

    def pause(self, number: int) -> None:
        """SIGSTOP."""
        self._paused.add(number)
        self._signal(number, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """SIGCONT."""
        self._paused.discard(number)
        self._signal(number, signal.SIGCONT)

    def fill_disk(self, number: int) -> None:
        """From now on there is no room for another file of this node: a limit of its process, which needs no rights."""
        self._spoiled.add(number)
        for pid in self._pids(number):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL_BYTES, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]))

    async def fail_to_write(self, number: int) -> None:
        """Somebody writes much beside the cells, until the node whose disk is full serves nobody any more."""
        await asyncio.to_thread(self._write_until_refused, number)

    def _write_until_refused(self, number: int) -> None:
        noise = Driver(parse_place(self.url))
        try:
            noise.execute(f"CREATE TABLE IF NOT EXISTS {KEYSPACE}.noise (number int PRIMARY KEY, data blob)")
            for turn in range(NOISE_TRIES):
                if self._refuses(number):
                    return
                with suppress(DriverException, NoHostAvailable):  # it was under way at the node that has just failed
                    noise.execute(f"INSERT INTO {KEYSPACE}.noise (number, data) VALUES (%s, %s)", (turn, os.urandom(NOISE_BYTES)))
        finally:
            noise.close()
        raise AssertionError(f"node {number} still serves, without room on its disk")

    def _refuses(self, number: int) -> bool:
        try:
            socket.create_connection((f"127.0.0.{number}", self._running().ports.native), timeout=5.0).close()
        except ConnectionRefusedError:
            return True
        return False

    def unread_bytes(self, number: int) -> int:
        """What clients have sent to a node and it has not read: requests that are under way there."""
        running = self._running()
        mine = f"{number:02X}00007F:{running.ports.native:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(int(row[4].partition(":")[2], 16) for row in rows if row[1] == mine)

    # --- mending ---

    async def heal(self) -> None:
        """All run again, and see each other."""
        for number in list(self._paused):
            self.resume(number)
        for number in list(self._spoiled):
            self.kill(number)  # as an operator would, once there is room: it does not come back by itself
        self._spoiled.clear()
        for number in range(1, COUNT + 1):
            await self.start_again(number)

    async def start_again(self, number: int) -> None:
        """One that has ended, or was killed and ends just now; returns when clients may come."""
        await asyncio.to_thread(self._start_again, number)

    def _start_again(self, number: int) -> None:
        if number in self._killed:
            psutil.wait_procs([psutil.Process(pid) for pid in self._pids(number)])
            self._killed.discard(number)
        cassandra.start_node(self._folder, number)

    def _signal(self, number: int, what: int) -> None:
        for pid in self._pids(number):
            os.kill(pid, what)

    def _pids(self, number: int) -> list[int]:
        return session_members(self._running().sessions[number - 1])

    def _running(self) -> cassandra.Running:
        running = cassandra.running(self._folder)
        assert running is not None
        return running
