"""Whether and when a child is started again: what the tree says of it, with what the stored plan remembers of its ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from actors.runtime.plain import changed
from cluster import plan_steps as steps
from cluster.child import Child
from cluster.discipline import Known, Verdict, judge, longest_window
from cluster.hands import Hands
from cluster.plan import Hold
from cluster.plan_keeper import PlanKeeper
from cluster.seat_names import is_own
from cluster.tree import PARTS
from gateway.logs import event_log

LOOK_S = 0.2
"""Between two looks whether somebody has resumed what is paused."""
LONGEST_S = max(longest_window(part) for part in PARTS.values())

_log = event_log("cluster.supervisor")


class Restarting:
    """Of one supervisor. `now`: the people's clock."""

    def __init__(self, plan: PlanKeeper, now: Callable[[], float], children: Callable[[], Iterable[Child]], hands: Hands) -> None:
        self._plan = plan
        self._now = now
        self._children = children
        self._hands = hands

    async def again(self, child: Child, *, well: bool) -> bool:
        """This child ended just now: wait until it is to be started again. False where it is not."""
        if child.part.restart == "temporary":
            child.turns("ended")
            return False
        now = self._now()
        plan = self._plan.note(lambda plan: steps.note_end(steps.forget_ends(plan, now - LONGEST_S), child.name, now))
        child.restarts += 1
        verdict = judge(child.part, plan.ends[child.name], now, self._known(child, well))
        match verdict.what:
            case "let go":
                child.turns("ended")
                return False
            case "pause" | "elsewhere":
                self._leave_alone(child, verdict, now)
                await self.allowed(child)
            case _:
                await asyncio.sleep(verdict.after_s)
        return True

    async def allowed(self, child: Child) -> None:
        """Wait while it is left alone: until its time is over, or somebody resumes it."""
        while (hold := self._plan.plan.paused.get(child.name)) is not None:
            left_s = hold.until - self._now()
            if left_s <= 0:
                self._plan.note(partial(steps.resume, name=child.name))
                break
            child.problem = hold.why
            child.turns("paused")
            await asyncio.sleep(min(left_s, LOOK_S))

    def forget_all(self) -> None:
        """Nothing counts any more: the whole server ends in good order."""
        self._plan.note(steps.resume_all)

    def _leave_alone(self, child: Child, verdict: Verdict, now: float) -> None:
        why = f"{verdict.why}; the last time: {child.problem}"
        _log.error("child_beyond_its_limit", cell=child.name, step=verdict.what, why=why)
        hold = Hold(now + verdict.after_s, why)
        if verdict.what == "elsewhere":
            self._plan.note(partial(steps.avoid, node=self._hands.node_of(child.name), hold=hold))
        self._plan.note(partial(steps.pause, name=child.name, hold=hold))

    def _known(self, child: Child, well: bool) -> Known:
        node, here = self._hands.node_of(child.name), self._plan.plan
        group = [other for other in here.paused if other != child.name and self._hands.node_of(other) == node]
        serving = any(other.state == "serving" and not is_own(other.name) for other in self._children())
        return Known(
            well=well,
            elsewhere=self._hands.has_another_node(child.name),
            # A room's own cell is never alone: a cell that many rooms share answers for its room.
            alone=not serving and not is_own(child.name),
            group_paused=bool(group),
        )


def started(plan: PlanKeeper, now: float) -> Verdict:
    """The supervisor itself begins: whether it has to wait before. Every start is remembered, since Ray does not count them."""
    part = PARTS["supervisor"]
    starts = (*(at for at in plan.plan.starts if at > now - longest_window(part)), now)[-steps.KEPT_ENDS :]
    plan.note(partial(changed, starts=starts))
    return judge(part, starts, now)
