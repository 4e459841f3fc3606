"""What happened in one seed, in order: time, place, event. Cheap to keep, made readable only when somebody looks."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from tests.kit.clock import Clock


class Line(NamedTuple):
    """One event."""

    at: float
    where: str
    what: str
    args: tuple[object, ...]

    def __str__(self) -> str:
        return f"{self.at:9.4f} {self.where:<10} {self.what.format(*self.args)}"


class Trace:
    """Everything of one seed."""

    def __init__(self, clock: Clock) -> None:
        self.lines: list[Line] = []
        self._clock = clock
        self._started = clock.now()

    def note(self, where: str, what: str, *args: object) -> None:
        """Something happened; `args` fill the braces of `what`."""
        self.lines.append(Line(self._clock.now() - self._started, where, what, args))

    def hash(self) -> str:
        """The same for the same run, whatever process it was in."""
        digest = blake2b(digest_size=8)
        for line in self.lines:
            digest.update(f"{line}\n".encode())
        return digest.hexdigest()

    def text(self, last: int | None = None) -> str:
        """For people."""
        lines = self.lines if last is None else self.lines[-last:]
        left_out = len(self.lines) - len(lines)
        return "\n".join(([f"... {left_out} lines before"] if left_out else []) + [str(line) for line in lines])
