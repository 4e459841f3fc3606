"""Where each metric of a cell is read: the one list that knows all parts."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from actors.chat_cell import ChatCell
from actors.ports import Verdicts
from actors.runtime.links import Links
from cluster.loop_lag import LoopLag
from ml.rules import Rules

if TYPE_CHECKING:  # a cell without doors has none of these
    from cluster.stores import LifeStore
    from gateway.auth.passwords import Passwords
    from gateway.counters import Counters
    from gateway.metrics import HttpCounters, Source


class Parts(NamedTuple):
    """The parts of a cell that count."""

    chat: ChatCell
    store: LifeStore
    links: Links
    verdicts: Verdicts
    lag: LoopLag


class Listener(Protocol):
    """A listener, or what stands in its place."""

    @property
    def counters(self) -> Counters:
        """What it counts."""

    @property
    def sockets(self) -> int:
        """Sockets now."""


def cell_sources(parts: Parts, front: Callable[[], Listener], http: HttpCounters, passwords: Passwords) -> dict[str, Source]:
    """All rows of `gateway.metrics.TABLE`."""
    return {**_door_sources(front, http, passwords), **_core_sources(parts), **_store_sources(parts.store), **_process_sources(parts.lag)}


def _door_sources(front: Callable[[], Listener], http: HttpCounters, passwords: Passwords) -> dict[str, Source]:
    def counters() -> Counters:
        return front().counters

    return {
        "connections": lambda: {"websocket": float(counters().websockets), "all": float(front().sockets)},
        "connections_refused": lambda: counters().refused,
        "closes": lambda: {str(code): float(count) for code, count in counters().closes.items()},
        "frames": lambda: {"in": float(counters().frames_in), "out": float(counters().frames_out)},
        "bytes": lambda: {"in": float(counters().bytes_in), "out": float(counters().bytes_out)},
        "refusals": lambda: _summed(http.refusals, counters().errors),
        "http_requests": lambda: http.by_status,
        "http_seconds": lambda: http.seconds,
        "password_queue": lambda: passwords.waiting,
    }


def _core_sources(parts: Parts) -> dict[str, Source]:
    chat, links, verdicts = parts.chat, parts.links, parts.verdicts
    tally, counters = chat.tables.sessions.tally, chat.cell.counters
    return {
        "sessions": lambda: len(chat.tables.sessions),
        "slow_readers": lambda: len(tally.behind),
        "posts_stored": lambda: tally.posts_stored,
        "posts_refused": lambda: {code: float(count) for code, count in tally.posts_refused.items()},
        "spam_refusals": lambda: verdicts.refused if isinstance(verdicts, Rules) else 0,
        "actors": lambda: live_actors(chat),
        "crashes": lambda: named(counters, "crashed_"),
        "set_aside": lambda: named(counters, "set_aside_"),
        "mailbox_overflows": lambda: named(counters, "refused_overloaded_"),
        "undelivered": lambda: named(counters, "undelivered_"),
        "slots": lambda: owned_slots(chat),
        "view_version": lambda: chat.view.version if chat.view is not None else 0,
        "link_items": lambda: _both_ways(links, "items"),
        "link_batches": lambda: _both_ways(links, "frames"),
        "link_losses": lambda: counters["lost_links"],
    }


def _store_sources(store: LifeStore) -> dict[str, Source]:
    return {
        "commits": lambda: store.info()["commits"],
        "commit_seconds": lambda: store.info()["commit_seconds"],
        "commit_group_size": lambda: store.info()["group_sizes"],
        "commits_waiting": lambda: store.info()["queued"],
        "commits_refused": lambda: store.info()["refused"],
        "store_queries": lambda: store.info().get("queries", {}),
    }


def _process_sources(lag: LoopLag) -> dict[str, Source]:
    return {
        "loop_lag_seconds": lambda: lag.last_s,
        "loop_lag_max_seconds": lag.take_worst_s,
        "resident_bytes": resident_bytes,
        "cpu_seconds": time.process_time,
    }


def live_actors(chat: ChatCell) -> dict[str, float]:
    """Active actors by kind."""
    return named(chat.cell.counters, "live_")


def owned_slots(chat: ChatCell) -> int:
    """Slots that the cell owns by its view."""
    return len(chat.view.slots(chat.life)) if chat.view is not None else 0


def resident_bytes() -> float:
    """Memory of this process: what it is now where the system tells (Linux), else its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024.0
    return float(pages * resource.getpagesize())


def named(counters: Mapping[str, int], prefix: str) -> dict[str, float]:
    """The counters of one family, by what follows its prefix."""
    return {name.removeprefix(prefix): float(count) for name, count in counters.items() if name.startswith(prefix)}


def _both_ways(links: Links, name: str) -> dict[str, float]:
    total = links.totals()
    return {"out": float(total[name]), "in": float(total[f"in_{name}"])}


def _summed(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for part in (one, other):
        for code, count in part.items():
            total[code] += int(count)
    return dict(total)
