"""Waits for what programs say: their output is read as it comes, no clock is asked again and again."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable

from cluster.problems import StartProblem, last_words

KEPT_CHARS = 100_000
"""Of what one program said."""


class Output:
    """The output of programs that are coming up. Close it when they are: what they say then is lost to nobody, they have logs."""

    def __init__(self, limit_s: float) -> None:
        """`limit_s`: for all that is waited for together."""
        self._ends_at = time.monotonic() + limit_s
        self._limit_s = limit_s
        self._said: dict[str, str] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._selector = selectors.DefaultSelector()

    def listen(self, name: str, process: subprocess.Popen[str]) -> None:
        """Read what a program says from now on."""
        assert process.stdout is not None
        self._said[name] = ""
        self._processes[name] = process
        self._selector.register(process.stdout, selectors.EVENT_READ, name)

    def wait(self, is_there: Callable[[dict[str, str]], bool], what: str) -> None:
        """Until the texts said so far, by name, are as wanted. Raises `StartProblem` where a program ends or time runs out."""
        while not is_there(self._said):
            left = self._ends_at - time.monotonic()
            ready = self._selector.select(left) if left > 0 else []
            if not ready:
                raise StartProblem(f"Cassandra did not {what} within {self._limit_s:.0f} s on this machine.")
            for key, _ in ready:
                self._read(key.data, key.fd)

    def close(self) -> None:
        """Listen no longer."""
        self._selector.close()
        for process in self._processes.values():
            if process.stdout is not None:
                process.stdout.close()

    def _read(self, name: str, pipe: int) -> None:
        data = os.read(pipe, 65536)
        if not data:
            raise StartProblem(f"Cassandra's {name} ended while it started: {_reason(self._said[name])}")
        self._said[name] = (self._said[name] + data.decode(errors="replace"))[-KEPT_CHARS:]


def _reason(said: str) -> str:
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    return errors[0].removeprefix("ERROR ").strip()[:300] if errors else last_words(said)
