"""The core of every cell's part in the cluster: it beats, follows the stored view, and does the coordinator's duty while it
holds the lease. A state machine without input or output: inputs come with the time, what is to be done goes out as actions.

    dead (told, or its process is seen to be gone)    sealed at once, then a view without it
    silent (missed here and by most of the view)      the same; where its process can be reached it is killed before
    deaf (says that it hears a minority of the view)  the same
    parted (it and another miss each other)           the same, after a while: no session of the one reaches rooms of the other
    not sure                                          nothing: late beats alone stop nobody
    a move, let go by its owner                       ended: the next view names the target
    a move without an answer                          withdrawn; no healthy cell is sealed for it
    the store does not answer                         everybody keeps what they own

A life joins by itself, whoever has the duty.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from actors.runtime.view import CellInfo, View, ViewError, add_cells, first_view, replace_cell
from cluster.actions import Action, Adopt, ChangeView, Check, Fetch, Leave, Look, SendBeat, Spread, WriteLease
from cluster.beats import Beat
from cluster.duty import Duty
from cluster.hearing import Hearing
from cluster.lease import LeaseWatch
from cluster.registry import Lease, Stored

LABELS = frozenset({"edge", "chat"})
"""Cells with one of these may have the duty."""


class Times(NamedTuple):
    """All times of the core, in seconds."""

    tick_s: float = 0.25
    """How often the driver calls `tick`."""
    beat_s: float = 1.0
    silent_s: float = 4.0
    """A cell without a beat for so long is missed."""
    parted_s: float = 10.0
    """Two cells that do not hear each other for so long cannot both stay, whoever else hears them."""
    cut_s: float = 3.0
    """A cell that hears so few for so long answers no reads."""
    check_s: float = 1.5
    """A cell without a beat for so long, or that was never heard, has its process looked at, once a second."""
    look_s: float = 0.5
    """Between two looks at the store."""
    bump_s: float = 1.0
    """How often the holder shows that it has the lease."""
    run_out_s: float = 4.0
    """A lease that does not change for so long is free."""
    rank_s: float = 0.15
    """By how much each further cell lets those before it take the duty first."""
    move_s: float = 2.0
    """A move without an answer for so long is withdrawn."""
    rest_s: float = 10.0
    """After a withdrawn move its group is left alone for so long; longer each time in a row. Other groups move meanwhile."""
    retry_s: float = 0.5
    """Between two attempts to end a life."""


class Coordinator:
    """The part of one life."""

    def __init__(self, info: CellInfo, groups: int, *, drains: bool = False, replaces: str = "", times: Times | None = None) -> None:
        """`replaces`: a living life of the same cell that this one is the successor of."""
        self.info = info
        self.times = times or Times()
        self.view: View | None = None
        """The newest stored view that is known here."""
        self.dead: dict[str, str] = {}
        """Lives that are surely dead, and how that is known."""
        self.hearing = Hearing(info.life, self.times.silent_s, self.times.cut_s, self.dead)
        self.lease = LeaseWatch(info.life, self.times.run_out_s)
        self.duty = Duty(info.life, self.times, self.hearing, self.dead, drains=drains)
        self.has_left = False
        """Whether this life is out for good."""
        self._groups = groups
        self._replaces = replaces
        self._was_in = False
        self._ticked_at: float | None = None
        self._beat_at = self._look_at = self._bump_at = self._check_at = self._join_at = 0.0
        self._looking = self._leasing = self._changing = False
        self._heard: tuple[str, ...] = ()
        self._out: list[Action] = []

    # --- asking ------------------------------------------------------------------------------------------------------

    @property
    def life(self) -> str:
        """This life."""
        return self.info.life

    @property
    def version(self) -> int:
        """The version of the view that is known here."""
        return self.view.version if self.view is not None else 0

    def reads_until(self) -> float:
        """Until when this cell can be sure enough that its slots are still its own, if it hears nothing more."""
        return -inf if self.has_left else self.hearing.sure_until(self.lease.mine)

    # --- inputs: each returns what is to be done ---------------------------------------------------------------------

    def tick(self, now: float) -> list[Action]:
        """Time has passed."""
        if self._ticked_at is not None and now - self._ticked_at > 3 * self.times.tick_s:
            slept_s = now - self._ticked_at - self.times.tick_s
            self.hearing.slept(slept_s)
            self.lease.slept(slept_s)
            self.duty.parted.forget()
            self._look_at = now
        self._ticked_at = now
        self.duty.parted.look(now)
        return self._go_on(now)

    def heard(self, now: float, beat: Beat) -> list[Action]:
        """A beat of another cell."""
        if self.hearing.beat(beat, now):
            if beat.view > self.version:
                self._out.append(Fetch(beat.life))
            for life in beat.dead:
                self._note_dead(life, f"{beat.life} knows that it is dead")
            self.duty.released(beat.life, beat.released)
        return self._go_on(now)

    def met(self, now: float, lives: Iterable[str]) -> None:
        """Lives of an older version, which send no beats, are there."""
        self.hearing.met(lives, now)

    def told_dead(self, now: float, life: str, why: str) -> list[Action]:
        """A life is dead, for sure."""
        self._note_dead(life, why)
        return self._go_on(now)

    def released(self, now: float, groups: Iterable[tuple[int, int]]) -> list[Action]:
        """This cell has let go these groups, each by a version of the view: others must hear of it at once."""
        self.duty.released(self.life, groups)
        self._beat_at = now
        return self._go_on(now)

    def view_seen(self, now: float, view: View) -> list[Action]:
        """A stored view, from wherever."""
        self._take(now, view)
        return self._go_on(now)

    def looked(self, now: float, stored: Stored) -> list[Action]:
        """What a `Look` has found. Raises `ViewError` for a view that cannot be read."""
        self._looking = False
        self.lease.seen(stored.lease, now)
        if stored.data is not None and stored.version > self.version:
            self._take(now, View.decode(stored.data))
        return self._go_on(now)

    def store_failed(self, now: float) -> list[Action]:
        """A `Look` was in vain."""
        self._looking = False
        self.lease.not_seen()
        return self._go_on(now)

    def lease_written(self, now: float, after: Lease, ok: bool | None) -> list[Action]:
        """How a `WriteLease` ended; None: nobody knows."""
        self._leasing = False
        if ok:
            self.lease.seen(after, now)
            self._bump_at = now + self.times.bump_s
        else:
            self._look_at = now
            self._bump_at = now + self.times.tick_s
        return self._go_on(now)

    def view_written(self, now: float, view: View, ok: bool | None) -> list[Action]:
        """How a `ChangeView` ended; None: nobody knows."""
        self._changing = False
        if ok:
            self._take(now, view)
            self._out.append(Spread(view))
        else:
            self._look_at = now
            self._join_at = now + self.times.tick_s
            self.duty.wait_for(now + self.times.tick_s)
        return self._go_on(now)

    def life_ended(self, now: float, life: str, ok: bool) -> list[Action]:
        """How an `EndLife` ended."""
        self.duty.life_ended(now, life, ok)
        return self._go_on(now)

    def drained(self, now: float, life: str, ok: bool) -> list[Action]:
        """How a `Drain` ended."""
        self.duty.drained(now, life, ok)
        return self._go_on(now)

    def look_again(self, now: float) -> list[Action]:
        """There may be a newer view: a peer acts on one, or a commit was refused."""
        self._look_at = now
        return self._go_on(now)

    def was_sealed(self, now: float) -> list[Action]:
        """This life was sealed, whatever the view still says."""
        self._leave("its life was sealed")
        return self._go_on(now)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _note_dead(self, life: str, why: str) -> None:
        if life != self.life:
            self.dead.setdefault(life, why)

    def _leave(self, why: str) -> None:
        if not self.has_left:
            self.has_left = True
            self._out.append(Leave(why))

    def _take(self, now: float, view: View) -> None:
        if view.version <= self.version:
            return
        self.view = view
        self.hearing.follow(view, now)
        self.duty.follow(view, now)
        self._beat_at = now
        is_in = self.life in view.by_life
        self._out.append(Adopt(view))
        if self._was_in and not is_in:
            self._leave("the view is without it")
        self._was_in = self._was_in or is_in

    def _go_on(self, now: float) -> list[Action]:
        if not self.has_left:
            self._see_to_beats(now)
            self._see_to_looks(now)
            self._see_to_lease(now)
            if not self._changing:
                self._see_to_view(now)
        out, self._out = self._out, []
        return out

    def _see_to_beats(self, now: float) -> None:
        heard = self.hearing.heard(now)
        if now >= self._beat_at or heard != self._heard:
            self._heard = heard
            self._beat_at = now + self.times.beat_s
            self._out.append(SendBeat())
        if self.view is not None and now >= self._check_at:
            self._check_at = now + 1.0
            others = (life for life in self.view.by_life if life not in self.dead and life != self.life)
            self._out.extend(Check(life) for life in others if self._is_quiet(life, now))

    def _is_quiet(self, life: str, now: float) -> bool:
        return life not in self.hearing.beats or self.hearing.quiet_for(life, now) >= self.times.check_s

    def _see_to_looks(self, now: float) -> None:
        if not self._looking and now >= self._look_at:
            self._looking = True
            self._look_at = now + self.times.look_s
            self._out.append(Look(self.version))

    def _see_to_lease(self, now: float) -> None:
        if self._leasing or not LABELS & set(self.info.labels):
            return
        if self.hearing.is_cut_off(now, holds_duty=True) or self.hearing.is_mute(now) or self._has_to_go(now):
            # In a minority, or parted: it could seal nobody, and those who could must get the duty.
            if self.lease.mine:
                self._leasing = True
                self._out.append(WriteLease(*self.lease.resign()))
            return
        if self.lease.mine:
            if now < self._bump_at:
                return
        elif not self._may_have_duty() or not self.lease.may_take(now, self._holder_lives(), self._rank() * self.times.rank_s):
            return
        self._leasing = True
        self._out.append(WriteLease(*self.lease.claim()))

    def _has_to_go(self, now: float) -> bool:
        """Whether this life is the one that is parted from others, and somebody else could say so."""
        worst = self.duty.parted.worst(now)
        if worst is None or worst[0] != self.life or self.view is None:
            return False
        return any(LABELS & set(self.view.by_life[life].labels) for life in self.hearing.heard(now))

    def _may_have_duty(self) -> bool:
        """A life of the view; one that is still to join only where nobody else can let it in: a room's own cell never has the duty."""
        if self.view is None or self.life in self.view.by_life:
            return True
        return all(cell.life in self.dead for cell in self.view.cells if LABELS & set(cell.labels))

    def _holder_lives(self) -> bool:
        holder = self.lease.holder
        return self.view is not None and holder in self.view.by_life and holder not in self.dead

    def _rank(self) -> int:
        lives = self.view.cells if self.view is not None else ()
        before = (cell for cell in lives if cell.life < self.life and cell.life != self.lease.holder and LABELS & set(cell.labels))
        return sum(cell.life not in self.dead for cell in before)

    def _see_to_view(self, now: float) -> None:
        change = self._joining(now)
        if change is None and self.lease.mine and self.view is not None:
            actions = self.duty.next(self.view, now, self.lease.is_sure(now))
            change = next((action for action in actions if isinstance(action, ChangeView)), None)
            self._out.extend(action for action in actions if not isinstance(action, ChangeView))
        if change is not None:
            self._changing = True
            self._out.append(change)

    def _joining(self, now: float) -> ChangeView | None:
        """This life writes itself in."""
        if self._was_in or self.lease.stored is None or now < self._join_at:
            return None
        try:
            return ChangeView(self._with_me(), "joins")
        except ViewError:
            # The life before it is still in the view: it has to be seen to be dead, and to leave.
            self._join_at = now + self.times.tick_s
            assert self.view is not None
            same = (cell.life for cell in self.view.cells if cell.name == self.info.name and cell.life not in self.dead)
            self._out.extend(Check(life) for life in same)
            return None

    def _with_me(self) -> View:
        if self.view is None:
            return first_view([self.info], self._groups)
        if self._replaces in self.view.by_life:
            return replace_cell(self.view, self._replaces, self.info)
        return add_cells(self.view, [self.info])
