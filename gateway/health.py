"""Health: does delivery work, not just: does a port answer.

The probe is handed in: it posts to a room of its own and waits until the post has gone through the commit and come
back. One probe runs at a time, whoever asks; its answer is good for `keep_s`; it is given `limit_s`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from actors.errors import ChatError
from gateway.logs import event_log


class ProbeFailed(Exception):
    """Delivery does not work: at which step of the probe, and why."""

    def __init__(self, step: str, code: str) -> None:
        super().__init__(f"{step}: {code}")
        self.step = step
        self.code = code


Probe = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns details for people where all is well; raises where it is not, `ProbeFailed` where it can say more."""

_log = event_log("gateway.health")


class Report(NamedTuple):
    """What a probe found."""

    ok: bool
    details: dict[str, Any]
    at: float
    """The monotonic time at which it was known."""


class Health:
    """Runs the probe and keeps its last answer. Belongs to one loop."""

    def __init__(
        self, probe: Probe, now: Callable[[], float], *, keep_s: float = 1.0, limit_s: float = 2.0, notes: Probe | None = None
    ) -> None:
        """`notes`: more for people, well or not; it raises nothing."""
        self._probe = probe
        self._notes = notes
        self._now = now
        self._keep_s = keep_s
        self._limit_s = limit_s
        self._last: Report | None = None
        self._running: asyncio.Task[Report] | None = None

    async def report(self) -> Report:
        """The newest answer, at most `keep_s` old."""
        if self._last is not None and self._now() - self._last.at < self._keep_s:
            return self._last
        if self._running is None:
            # A task of its own: an asker that goes away must not take the probe from the others.
            self._running = asyncio.create_task(self._run(), name="health probe")
            self._running.add_done_callback(self._ended)
        return await asyncio.shield(self._running)

    async def close(self) -> None:
        """End a running probe."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self) -> Report:
        report = await self._probed()
        notes = await self._notes() if self._notes is not None else {}
        return report._replace(details={**report.details, **notes})

    async def _probed(self) -> Report:
        started = self._now()
        try:
            async with asyncio.timeout(self._limit_s):
                found = dict(await self._probe())
        except TimeoutError:
            return self._failed("timeout", started)
        except ProbeFailed as error:
            return self._failed(error.code, started, error.step)
        except ChatError as error:
            return self._failed(error.code, started)
        except Exception as error:  # noqa: BLE001 - whatever a probe raises means that delivery does not work
            _log.error("health_probe_failed", error=error)
            return self._failed("internal", started)
        return Report(True, {"ok": True, "took_ms": self._took_ms(started), **found}, self._now())

    def _failed(self, code: str, started: float, step: str = "") -> Report:
        where = {"step": step} if step else {}
        _log.warning("unhealthy", code=code, **where)
        return Report(False, {"ok": False, "took_ms": self._took_ms(started), "code": code, **where}, self._now())

    def _took_ms(self, started: float) -> float:
        return round((self._now() - started) * 1000, 1)

    def _ended(self, task: asyncio.Task[Report]) -> None:
        self._running = None
        if not task.cancelled():
            self._last = task.result()
