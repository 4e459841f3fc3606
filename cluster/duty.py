"""What the coordinator does about the view: one step at a time, each a compare-and-set. No clock of its own, no input or output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from actors.runtime.view import View, begin_moves, end_drain, end_moves, remove_cells, wanted_moves, withdraw_moves
from cluster.actions import Action, ChangeView, Drain, EndLife
from cluster.hearing import Hearing
from cluster.heat import Heat
from cluster.loads import Load
from cluster.parted import Parted

if TYPE_CHECKING:
    from cluster.coordinator import Times

MOVES_AT_ONCE = 4
"""Groups that move at a time; more only where groups are so many that this would take for ever."""
MOVES_SHARE = 64
"""Of so many groups one at a time."""


class Duty:
    """What one life knows that the coordinator needs, whether it has the duty now or gets it later."""

    def __init__(self, me: str, times: Times, hearing: Hearing, dead: Mapping[str, str], *, drains: bool) -> None:
        self._me = me
        self._times = times
        self._hearing = hearing
        self.parted = Parted(me, hearing, times.parted_s)
        self._dead = dead
        self._drains = drains
        self._sealed: set[str] = set()
        self._ending: set[str] = set()
        self._draining: set[str] = set()
        self._drained: set[str] = set()
        # When each move of the view was seen first; what has no answer for long is withdrawn.
        self._seen_at: dict[tuple[int, int], float] = {}
        # life -> group -> version by which it was let go
        self._released: dict[str, dict[int, int]] = {}
        self._wait_until = 0.0
        # group -> how often in a row its move was withdrawn, and until when it is left alone: it holds up no other group
        self._late: dict[int, tuple[int, float]] = {}
        self._retry_at: dict[str, float] = {}
        self._wanted_for = 0
        self._heat = Heat()
        self.own_load: Load | None = None
        """What this cell says of itself; the others' is in their beats."""
        self.ended: dict[str, str] = {}
        """Lives that were ended here, and why."""

    # --- what is known -----------------------------------------------------------------------------------------------

    def follow(self, view: View, now: float) -> None:
        """This view is stored."""
        moves = [(move.group, move.since) for move in view.moves]
        self._seen_at = {move: self._seen_at.get(move, now) for move in moves}
        self._released = {life: groups for life, groups in self._released.items() if life in view.by_life}

    def released(self, life: str, groups: Iterable[tuple[int, int]]) -> None:
        """A life has let these groups go: all that it holds so."""
        self._released[life] = dict(groups)

    def life_ended(self, now: float, life: str, ok: bool) -> None:
        """How an `EndLife` ended."""
        self._ending.discard(life)
        if ok:
            self._sealed.add(life)
        else:
            self._retry_at[life] = now + self._times.retry_s

    def drained(self, now: float, life: str, ok: bool) -> None:
        """How a `Drain` ended."""
        self._draining.discard(life)
        if ok:
            self._drained.add(life)
        else:
            self._retry_at[life] = now + self._times.retry_s

    def wait_for(self, at: float) -> None:
        """A change was in vain: nothing before this time."""
        self._wait_until = at

    # --- what is to be done ------------------------------------------------------------------------------------------

    def next(self, view: View, now: float, sure: bool) -> list[Action]:
        """The next steps; at most one of them changes the view. `sure`: nobody else has the duty; else only the dead are sealed."""
        if now < self._wait_until:
            return []
        actions: list[Action] = []
        gone = self._gone(view, now)
        actions.extend(self._ends({life: why for life, why in gone.items() if sure or life in self._dead}, now))
        actions.extend(self._drains_of(view, now))
        change = self._change(view, now, bool(gone))
        if change is not None:
            actions.append(change)
        return actions

    def _gone(self, view: View, now: float) -> dict[str, str]:
        """Lives that have to go, and why: the dead, also those that are in no view, and the silent of this one."""
        gone = {life: why for life, why in self._dead.items() if life not in self._sealed or life in view.by_life}
        if self._me in view.by_life:
            for life in self._hearing.missed_by_most(now):
                gone.setdefault(life, f"no beat for {self._hearing.quiet_for(life, now):.1f} s, and most cells miss it")
            for life in self._hearing.deaf(now):
                gone.setdefault(life, "it hears so few others that nothing reaches it")
            worst = self.parted.worst(now)
            if worst is not None and worst[0] != self._me:
                gone.setdefault(*worst)
        return gone

    def _ends(self, gone: Mapping[str, str], now: float) -> list[Action]:
        due = [life for life in gone if life not in self._sealed and life not in self._ending and now >= self._retry_at.get(life, 0.0)]
        self._ending.update(due)
        self.ended.update((life, gone[life]) for life in due)
        return [EndLife(life, gone[life]) for life in due]

    def _drains_of(self, view: View, now: float) -> list[Action]:
        waiting = set(view.undrained) - self._drained - self._draining
        due = sorted(life for life in waiting if now >= self._retry_at.get(life, 0.0))
        self._draining.update(due)
        return [Drain(life) for life in due]

    def _change(self, view: View, now: float, troubled: bool) -> ChangeView | None:
        if lives := [life for life in view.by_life if life in self._sealed]:
            return ChangeView(remove_cells(view, lives, drained=not self._drains), f"without {', '.join(lives)}")
        if done := next((life for life in view.undrained if life in self._drained), None):
            return ChangeView(end_drain(view, done), f"{done} is drained")
        if view.moves:
            return self._moves(view, now)
        return None if troubled else self._balance(view, now)

    def _moves(self, view: View, now: float) -> ChangeView | None:
        over = {move.group for move in view.moves if self._is_released(view, move.group, move.since)}
        if over:
            self._late = {group: late for group, late in self._late.items() if group not in over}
            return ChangeView(end_moves(view, over), f"{len(over)} moves ended")
        late = {move.group for move in view.moves if now - self._seen_at.get((move.group, move.since), now) >= self._times.move_s}
        if late:
            for group in late:
                times = self._late.get(group, (0, 0.0))[0] + 1
                self._late[group] = (times, now + times * self._times.rest_s)
            return ChangeView(withdraw_moves(view, late), f"{len(late)} moves withdrawn")
        return None

    def _is_released(self, view: View, group: int, since: int) -> bool:
        by = self._released.get(view.owner_lives[group] or "", {}).get(group)
        return by is not None and by >= since

    def _balance(self, view: View, now: float) -> ChangeView | None:
        if self.parted.pairs or not self._all_follow(view, now):
            return None  # also: who is parted from others gets nothing
        if view.version == self._wanted_for:
            return self._relieve(view, now)
        wanted = wanted_moves(view)
        if not wanted:
            self._wanted_for = view.version
            return None
        free = [move for move in wanted if now >= self._late.get(move.group, (0, 0.0))[1]]
        moves = free[: max(MOVES_AT_ONCE, view.groups // MOVES_SHARE)]
        return ChangeView(begin_moves(view, moves), f"{len(moves)} moves begun") if moves else None

    def _relieve(self, view: View, now: float) -> ChangeView | None:
        """By measured load, where placement has nothing to move."""
        loads = {life: beat.load for life, beat in self._hearing.beats.items()}
        if self.own_load is not None:
            loads[self._me] = self.own_load
        change = self._heat.next(view, loads, now)
        return None if change is None else ChangeView(*change)

    def _all_follow(self, view: View, now: float) -> bool:
        """Whether every cell is there and acts on this view; one of an older version, without beats, is taken to."""
        here = set(self._hearing.heard(now)) | {self._me}
        beats = self._hearing.beats
        return all(life in here and (life not in beats or beats[life].view >= view.version) for life in view.by_life)
