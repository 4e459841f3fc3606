"""What follows the end of a child: read off the tree. Plain rules; the time and all that is known come with the question."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from cluster.tree import Part, Step


class Verdict(NamedTuple):
    """What is to be done now."""

    what: Literal["start", "let go"] | Step
    after_s: float = 0.0
    """``start``, ``wait``: not before; ``pause``, ``elsewhere``: for so long."""
    why: str = ""


class Known(NamedTuple):
    """What counts beside the ends themselves."""

    well: bool = False
    """It ended in good order, by itself."""
    elsewhere: bool = False
    """There is another node on which its like can be placed."""
    alone: bool = False
    """Nobody else does its work: leaving it alone would be worse than trying."""
    group_paused: bool = False
    """Another one of its group is left alone."""


_NOTHING = Known()


def judge(part: Part, ends: Iterable[float], now: float, known: Known = _NOTHING) -> Verdict:
    """A child of this part ended just now, and before at `ends` (this end included)."""
    if part.restart == "temporary" or (part.restart == "transient" and known.well):
        return Verdict("let go")
    ends = list(ends)
    pause_s = back_off(part, ends, now, slow=known.group_paused)
    if part.limit is None or within(ends, now, part.limit.window_s) <= part.limit.ends:
        return Verdict("start", pause_s)
    why = f"ended {within(ends, now, part.limit.window_s)} times in {part.limit.window_s:g} s"
    for step in part.beyond:
        if step == "elsewhere" and known.elsewhere:
            return Verdict(step, part.limit.hold_s, why)
        if step == "pause" and not known.alone:
            return Verdict(step, part.limit.hold_s, why)
        if step in ("end supervisor", "wait"):
            return Verdict(step, back_off(part, ends, now, slow=True), why)
    return Verdict("wait", back_off(part, ends, now, slow=True), f"{why}, and nobody else serves")


def back_off(part: Part, ends: Iterable[float], now: float, *, slow: bool = False) -> float:
    """Seconds to wait before the next start; `slow`: the longest."""
    rule = part.back_off
    if rule is None:
        return 0.0
    beyond = within(ends, now, rule.window_s) - rule.free
    return rule.longest_s if slow else 0.0 if beyond <= 0 else min(rule.first_s * 2.0 ** (beyond - 1), rule.longest_s)


def within(ends: Iterable[float], now: float, window_s: float) -> int:
    """How many of these ends count. Those of a time to come were noted by a clock that was set back since: they do not."""
    return sum(now - window_s < at <= now for at in ends)


def longest_window(part: Part) -> float:
    """So far back an end may count."""
    windows = [rule.window_s for rule in (part.back_off, part.limit) if rule is not None]
    return max(windows, default=0.0)
