"""The next plan: each function makes it of the one before, as one step that is stored whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors.runtime.plain import changed
from cluster.plan import Hold, Plan, Task, What
from cluster.problems import StartProblem

KEPT_ENDS = 32
"""Of each child; more than any limit counts."""


def take_off(plan: Plan, name: str) -> Plan:
    """A cell is to be emptied and to stay off."""
    return plan if name in plan.off else changed(plan, off=(*plan.off, name))


def want_back(plan: Plan, names: Sequence[str]) -> Plan:
    """These cells are wanted again; a drain that has not come to them leaves them out. Raises `StartProblem` where none was off."""
    task = plan.task
    waiting = [part for part in task.parts if part in names and part not in task.done] if task and _drains(task) else []
    if not set(names) & {*plan.off, *waiting}:
        raise StartProblem(f"{' '.join(names)} was not taken off.")
    if task is not None and waiting:
        lines = (*task.lines, *(f"{name}: wanted again" for name in waiting))
        task = changed(task, done=(*task.done, *waiting), lines=lines)
    return changed(plan, off=tuple(name for name in plan.off if name not in names), task=task)


def _drains(task: Task) -> bool:
    return task.what == "drain" and not task.is_over


def isolate(plan: Plan, room: str, *, on: bool) -> Plan:
    """A room is to have a process of its own, or not because people say so."""
    others = tuple(other for other in plan.isolated if other != room)
    return changed(plan, isolated=(*others, room) if on else others)


def pin(plan: Plan, group: int, cell: str) -> Plan:
    """A group is to be with that cell, whatever its load; an empty name: where placement puts it."""
    others = {other: name for other, name in plan.pins.items() if other != group}
    return changed(plan, pins={**others, group: cell} if cell else others)


def begin_task(plan: Plan, what: What, parts: Sequence[str], lives: Mapping[str, str]) -> Plan:
    """Longer work begins. Raises `StartProblem` where other work is under way."""
    if plan.task is not None and not plan.task.is_over:
        raise StartProblem("Cells are being emptied or replaced already; wait for that.")
    number = plan.task.number + 1 if plan.task is not None else 1
    return changed(plan, task=Task(number, what, tuple(parts), dict(lives)))


def end_part(plan: Plan, number: int, part: str, line: str) -> Plan:
    """A part of it is done; `line` says so to people, empty: nothing is to be said."""
    task = plan.task
    if task is None or task.number != number or part in task.done:
        return plan
    return changed(plan, task=changed(task, done=(*task.done, part), lines=(*task.lines, line) if line else task.lines))


def end_task(plan: Plan, number: int, problem: str = "") -> Plan:
    """It is over, to its end or not."""
    task = plan.task
    return plan if task is None or task.number != number else changed(plan, task=changed(task, is_over=True, problem=problem))


def note_end(plan: Plan, name: str, at: float) -> Plan:
    """A child ended."""
    return changed(plan, ends={**plan.ends, name: (*plan.ends.get(name, ()), at)[-KEPT_ENDS:]})


def forget_ends(plan: Plan, before: float) -> Plan:
    """What nothing counts any more goes, so that the row stays small."""
    kept = {name: ends for name, ends in plan.ends.items() if ends[-1] > before}
    return plan if kept == plan.ends else changed(plan, ends=kept)


def pause(plan: Plan, name: str, hold: Hold) -> Plan:
    """A child is left alone for a while."""
    return changed(plan, paused={**plan.paused, name: hold})


def avoid(plan: Plan, node: str, hold: Hold) -> Plan:
    """Nothing new is placed on a node for a while."""
    return changed(plan, avoided={**plan.avoided, node: hold})


def resume(plan: Plan, name: str) -> Plan:
    """A child (or a node) is tried again, as if it had never ended."""
    return changed(
        plan,
        paused=_without(plan.paused, name),
        avoided=_without(plan.avoided, name),
        ends={other: ends for other, ends in plan.ends.items() if other != name},
    )


def resume_all(plan: Plan) -> Plan:
    """Nothing counts against anybody any more."""
    return changed(plan, paused={}, avoided={}, ends={}, starts=(), broken="")


def _without(holds: Mapping[str, Hold], name: str) -> dict[str, Hold]:
    return {other: hold for other, hold in holds.items() if other != name}
