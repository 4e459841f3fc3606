"""Several cells on one data folder, each in a process of its own, without Ray and without a supervisor."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import httpx

from actors.runtime.view import CellInfo, View
from actors.store.cluster_file import ClusterFile
from cluster.data_folder import prepare
from cluster.membership import Membership
from cluster.settings import Settings

LIMIT_S = 40.0


class Listener(threading.Thread):
    """Reads what a cell says until it ends."""

    def __init__(self, stderr: IO[str], news: threading.Event) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._stderr = stderr
        self._news = news

    def run(self) -> None:
        """Line by line."""
        with self._stderr:
            for line in self._stderr:
                self.lines.append(line.rstrip())
                self._news.set()
        self._news.set()

    def events(self, event: str) -> list[dict[str, Any]]:
        """What was logged under that name."""
        return [row for line in list(self.lines) if line.startswith("{") and (row := json.loads(line)).get("event") == event]


class Many:
    """The processes by name, what they say, and what is stored. Every wait is for something that one of them says."""

    def __init__(self, folder: Path, shards: int = 4) -> None:
        self.data = folder / "data"
        prepare(Settings(data=self.data, cells=1, shards=shards))
        self.cluster = ClusterFile(self.data)
        self.membership = Membership(self.cluster)
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.urls: dict[str, str] = {}
        # of the present process of each name
        self._listeners: dict[str, Listener] = {}
        self._news = threading.Event()

    def __enter__(self) -> Many:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        for listener in self._listeners.values():
            listener.join()
        self.cluster.close()

    # --- processes ---------------------------------------------------------------------------------------------------

    def start(self, *names: str, options: tuple[str, ...] = ()) -> None:
        """Start cells of these names; returns when they listen."""
        for name in names:
            command = [sys.executable, "-m", "cluster.cell_process", "--data", str(self.data), "--join", name, *options]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            assert process.stderr is not None
            self.processes[name] = process
            self._listeners[name] = Listener(process.stderr, self._news)
            self._listeners[name].start()
        for name in names:
            stdout = self.processes[name].stdout
            assert stdout is not None
            found = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", stdout.readline())
            assert found is not None, self.story()
            self.urls[name] = found[1]

    def signal(self, name: str, number: int) -> None:
        """A signal to a cell."""
        os.kill(self.processes[name].pid, number)

    def kill(self, *names: str) -> None:
        """SIGKILL to all of these at once."""
        for name in names:
            self.signal(name, signal.SIGKILL)
        for name in names:
            self.processes[name].wait()

    # --- what is stored ----------------------------------------------------------------------------------------------

    def view(self) -> View:
        """The stored view."""
        view = self.membership.view()
        assert view is not None
        return view

    def cell(self, name: str) -> CellInfo:
        """The living cell of that name."""
        return next(cell for cell in self.view().cells if cell.name == name)

    @property
    def coordinator(self) -> str:
        """The name of the cell that has the duty."""
        return next((cell.name for cell in self.view().cells if cell.life == self.cluster.lease()[0]), "")

    def until(self, what: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
        """Look after everything that any cell says, until it is true."""
        end = time.monotonic() + limit_s
        while not what():
            assert self._news.wait(end - time.monotonic()), self.story()
            self._news.clear()

    def names(self) -> set[str]:
        """Names of the cells in the view."""
        return {cell.name for cell in self.view().cells}

    def is_shared(self, *names: str) -> bool:
        """Whether these, and nobody else, own equal parts, and nothing moves."""
        view = self.view()
        by_life = {life: cell.name for life, cell in view.by_life.items()}
        owners = [by_life.get(life or "") for life in view.owner_lives]
        return not view.moves and {owners.count(name) for name in names} == {view.groups // len(names)}

    def serves(self, *names: str) -> bool:
        """Whether these have opened every group that they own by the stored view."""
        return all(self._has_opened(name) for name in names)

    def _has_opened(self, name: str) -> bool:
        view, life = self.view(), self.cell(name).life
        mine = {group for group, owner in enumerate(view.owner_lives) if owner == life}
        return mine <= {row["group"] for row in self.events(name, "group_open") if row["version"] >= view.epochs[row["group"]]}

    def is_healthy(self, name: str) -> bool:
        """Whether a post goes the whole way of this cell."""
        return httpx.get(f"{self.urls[name]}/healthz", timeout=5.0).status_code == 200

    def events(self, name: str, event: str) -> list[dict[str, Any]]:
        """What the present process of a cell has logged under that name."""
        return self._listeners[name].events(event)

    def story(self) -> str:
        """The ends of all logs, for a failure."""
        return "\n".join(f"--- {name}\n" + "\n".join(listener.lines[-25:]) for name, listener in self._listeners.items())
