"""A log file that does not grow without end: at its bound it becomes ``NAME.1``, and older ones are dropped."""

from __future__ import annotations

import io
from pathlib import Path

MAX_BYTES = 32 * 1024 * 1024
KEPT = 3
"""Older files beside the current one."""


class LogFile(io.TextIOBase):
    """A text stream. One process writes to it."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._open()

    def write(self, text: str) -> int:
        """Append; a new file is begun before one that would grow beyond the bound."""
        if self._size and self._size + len(text) > self._max_bytes:
            self._rotate()
        self._size += len(text)
        return self._file.write(text)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._file.flush()

    def _open(self) -> None:
        self._file = self._path.open("a", encoding="utf-8")
        self._size = self._path.stat().st_size

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._kept, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
