"""Several cells in processes of their own, without Ray, whose log is read as they write it: every wait is for something they say."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.runtime.view import View, wanted_moves
from actors.store.cluster_record import ClusterRecord
from cluster.bench.killable import free_port
from cluster.bench.lean_client import LoadError
from cluster.membership import Membership
from cluster.processes import ProcessId
from cluster.settings import Settings
from cluster.stores import open_record
from tests.faults.network import Network
from tests.faults.nodes import Nodes

LIMIT_S = 60.0
KEPT_LINES = 400


class Cell:
    """One process, and what it said."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: asyncio.subprocess.Process | None = None
        self.url = ""
        self.events: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.readers: list[asyncio.Task[None]] = []

    @property
    def lives(self) -> bool:
        """Whether its process has not ended."""
        return self.process is not None and self.process.returncode is None

    @property
    def running(self) -> asyncio.subprocess.Process:
        """Its process."""
        assert self.process is not None
        return self.process


class Cells:
    """The cells by name. `network`: where their links go through proxies."""

    def __init__(
        self, data: Path, names: tuple[str, ...], environment: Mapping[str, str], *, apart: bool = False, nodes: Nodes | None = None
    ) -> None:
        """`apart`: links go through a network that can be cut. `nodes`: of the database, where that is Cassandra."""
        self.data = data
        self.cells = {name: Cell(name) for name in names}
        self.network = Network(names) if apart else None
        self.nodes = nodes
        self._environment = {**os.environ, **environment, **({"WARBLER_STORE": nodes.url} if nodes is not None else {})}
        self._cluster: ClusterRecord | None = None
        # those that were taken off, too
        self._all: list[Cell] = list(self.cells.values())
        self._news = asyncio.Event()
        self._turns: dict[int, int] = {}

    # --- for the crowd ---

    def url(self, index: int) -> str:
        """The edge that a client tries next: its own first, then one after the other."""
        turn = self._turns[index] = self._turns.get(index, -1) + 1
        names = list(self.cells)
        return self.cells[names[(index + turn) % len(names)]].url

    # --- processes ---

    async def start(self) -> None:
        """All of them; returns when they share the slots."""
        if self.network is not None:
            await self.network.start()
        await asyncio.gather(*(self.start_one(name) for name in self.cells))
        self._cluster = open_record(Settings(data=self.data, store=self.nodes.url if self.nodes is not None else ""))
        await self.settled()

    async def start_one(self, name: str) -> None:
        """A new life of a cell; returns when it listens."""
        cell = self.cells.get(name) or self._new(name)
        port = cell.url.rpartition(":")[2] if cell.url else str(free_port())
        command = [sys.executable, "-m", "cluster.cell_process", "--data", str(self.data), "--join", name, "--port", port]
        if self.network is not None:
            command += ["--link-port", str(self.network.link_port(name)), "--link-url", self.network.url(name)]
        pipe = asyncio.subprocess.PIPE
        environment = {**self._environment, "FAULT_CELL": name}
        cell.process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=environment, limit=1 << 20)
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        cell.readers = [asyncio.ensure_future(self._read_log(cell)), asyncio.ensure_future(self._read_out(cell, ready))]
        async with asyncio.timeout(LIMIT_S):
            cell.url = await ready
        self.cells[name] = cell

    def _new(self, name: str) -> Cell:
        """One that nobody is led to before it listens."""
        cell = Cell(name)
        self._all.append(cell)
        return cell

    async def take_off(self, name: str) -> None:
        """Its slots go to the others one by one, then it ends in good order and is no more one of these."""
        life = self.life(name)
        self._membership.drain(life)
        await self.until(lambda: life not in self.view().owner_lives and not self.view().moves)
        self.signal(name, signal.SIGTERM)
        assert await self.died(name) == 0
        del self.cells[name]
        await self.settled()

    async def _read_out(self, cell: Cell, ready: asyncio.Future[str]) -> None:
        stdout = cell.running.stdout
        assert stdout is not None
        async for line in stdout:
            if line.startswith(b"ready ") and not ready.done():
                ready.set_result(line.split()[1].decode())
        if not ready.done():
            ready.set_exception(LoadError(f"{cell.name} ended before it was ready: {self.story()}"))

    async def _read_log(self, cell: Cell) -> None:
        stderr = cell.running.stderr
        assert stderr is not None
        async for line in stderr:
            text = line.decode(errors="replace").rstrip()
            cell.lines = [*cell.lines[-KEPT_LINES:], text]
            if text.startswith("{"):
                cell.events.append(json.loads(text))
            self._news.set()
        await cell.running.wait()
        self._news.set()

    def signal(self, name: str, number: int) -> None:
        """A signal to a cell."""
        self.cells[name].running.send_signal(number)

    async def died(self, name: str) -> int:
        """Wait for the end of a cell; its status."""
        async with asyncio.timeout(LIMIT_S):
            return await self.cells[name].running.wait()

    async def heal(self) -> None:
        """Start again what has ended, the database first; returns when all share the slots."""
        if self.nodes is not None:
            await self.nodes.heal()
        dead = [cell.name for cell in self.cells.values() if not cell.lives]
        await asyncio.gather(*(self.start_one(name) for name in dead))
        await self.settled()

    async def end(self) -> None:
        """SIGKILL to all."""
        for cell in self._all:
            if cell.lives:
                cell.running.send_signal(signal.SIGKILL)
            if cell.process is not None:
                await cell.process.wait()
                await asyncio.wait(cell.readers)
        if self._cluster is not None:
            self._cluster.close()
        if self.network is not None:
            await self.network.close()

    # --- what is stored ---

    @property
    def _membership(self) -> Membership:
        assert self._cluster is not None
        return Membership(self._cluster)

    def view(self) -> View:
        """The stored view."""
        view = self._membership.view()
        assert view is not None
        return view

    def life(self, name: str) -> str:
        """The life of a cell in the view; empty where it has none."""
        return next((cell.life for cell in self.view().cells if cell.name == name), "")

    @property
    def coordinator(self) -> str:
        """The name of the cell that has the duty; empty where nobody has."""
        assert self._cluster is not None
        holder = self._cluster.look(0)[2]
        return next((cell.name for cell in self.view().cells if cell.life == holder), "")

    def owned_by(self, names: tuple[str, ...], rooms: list[str]) -> list[str]:
        """Rooms whose slots these cells own."""
        view = self.view()
        lives = {cell.life for cell in view.cells if cell.name in names}
        return [room for room in rooms if view.owner(slot_of(actor_id("room", room))) in lives]

    def is_sealed(self, life: str) -> bool:
        """Whether a life was sealed."""
        assert self._cluster is not None
        return bool(self._cluster.is_sealed(life))

    def move_far_away(self, name: str) -> None:
        """From now on the others take the cell for one of another machine: its process cannot be reached, only its life sealed."""
        life = self.life(name)
        pid = self.cells[name].running.pid
        self._membership.note_process(life, ProcessId(pid, "0", "another machine"))

    # --- waiting ---

    async def until(self, what: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
        """Look after everything that any cell says, until it is true."""
        try:
            async with asyncio.timeout(limit_s):
                while not what():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            raise LoadError(f"not within {limit_s:.0f} s:\n{self.story()}") from error

    async def settled(self) -> None:
        """Wait until all that live share the slots, all act on the stored view, have opened what is theirs, and nothing moves."""
        await self.until(self._is_settled)

    def _is_settled(self) -> bool:
        view = self.view()
        living = {cell.name for cell in self.cells.values() if cell.lives}
        names = {cell.name for cell in view.cells}
        by_life = {life: cell.name for life, cell in view.by_life.items()}
        owners = [by_life.get(life or "", "") for life in view.owner_lives]
        return names == living == set(owners) and not view.moves and not wanted_moves(view) and self._follow(view) and self._serve(view)

    def _follow(self, view: View) -> bool:
        adopted = (self.events(cell.name, "view_adopted") for cell in self.cells.values() if cell.lives)
        return all(events and events[-1]["version"] == view.version for events in adopted)

    def _serve(self, view: View) -> bool:
        names = {life: cell.name for life, cell in view.by_life.items()}
        opened = {(cell.name, row["group"], row["version"]) for cell in self.cells.values() for row in self.events(cell.name, "group_open")}
        latest: dict[tuple[str, int], int] = {}
        for name, group, version in opened:
            latest[name, group] = max(version, latest.get((name, group), 0))
        return all(
            latest.get((names[life or ""], group), 0) >= epoch
            for group, (life, epoch) in enumerate(zip(view.owner_lives, view.epochs, strict=True))
        )

    def events(self, name: str, event: str) -> list[dict[str, Any]]:
        """What a cell has logged under that name."""
        return [row for row in self.cells[name].events if row.get("event") == event]

    def pauses(self, since: int = 0) -> list[float]:
        """How long the slots of each group that was handed over were closed, in seconds, by the clock of the logs."""
        told = sorted(
            (datetime.fromisoformat(row["time"]), row["event"] == "group_open", row["group"])
            for cell in self._all
            for row in cell.events
            if row.get("event") in ("group_closing", "group_open") and row["version"] > since
        )
        closed: dict[int, datetime] = {}
        found = []
        for at, is_open, group in told:
            if not is_open:
                closed[group] = at
            elif group in closed:
                found.append((at - closed.pop(group)).total_seconds())
        return found

    def story(self) -> str:
        """The ends of all logs, for a failure."""
        return "\n".join(f"--- {cell.name}\n" + "\n".join(cell.lines[-25:]) for cell in self.cells.values())
