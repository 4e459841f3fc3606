"""What a client remembers between runs of its program: numbers of its posts, and how far it has come in each room."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import msgspec


class Saved(msgspec.Struct):
    """What is kept. `seqs` belong to `user`, `numbers` to `device`."""

    user: str = ""
    device: str = ""
    since: int = 0
    """The `since` of the last welcome."""
    numbers: dict[str, int] = {}
    """Room -> the last `n` that the server has."""
    seqs: dict[str, int] = {}
    """Room -> the last seq that the program has taken."""


class State(Protocol):
    """Where a client keeps it. Both calls may block; they are made in a thread."""

    def load(self) -> Saved:
        """What was saved last; empty where nothing was."""

    def save(self, saved: Saved) -> None:
        """Keep it, all or nothing. Called every few seconds at most, and at the end."""


class MemoryState:
    """Keeps it as long as the program runs."""

    def __init__(self) -> None:
        self._saved = Saved()

    def load(self) -> Saved:
        """A copy of what was saved."""
        return msgspec.convert(msgspec.to_builtins(self._saved), Saved)

    def save(self, saved: Saved) -> None:
        """Keep a copy."""
        self._saved = msgspec.convert(msgspec.to_builtins(saved), Saved)


class FileState:
    """Keeps it in a JSON file that is replaced as a whole: a crash leaves the old one or the new one."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def load(self) -> Saved:
        """Raises `ValueError` where the file is not one of ours, `OSError` where it cannot be read."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return Saved()
        return msgspec.json.decode(text, type=Saved)

    def save(self, saved: Saved) -> None:
        """Write beside, make durable, rename."""
        beside = self._path.with_name(self._path.name + ".new")
        with open(beside, "wb") as file:
            file.write(msgspec.json.encode(saved))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self._path)
