"""Drives the core of `cluster.coordinator`: calls it with the time and with what it asked for, and does what it wants done.

Runs on a `Scheduler` and on promises, so that a cell and a simulation drive the same core by the same driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from actors.runtime.driving import drive
from actors.runtime.links import Links
from actors.runtime.promise import Promise
from actors.runtime.scheduler import Scheduler, Timer
from actors.runtime.view import View, ViewError
from actors.store.store import StoreError
from cluster import actions as do
from cluster.beats import Beat, ViewFrame, ViewWanted, hear, say
from cluster.coordinator import Coordinator
from cluster.loads import Load, LoadBoard
from cluster.registry import Registry, Stored
from gateway.logs import event_log

LOOKS_S = (0.0, 0.03, 0.1, 0.25, 0.5)
"""When the process of a life whose link broke is looked at: its sockets end a moment before it does."""
ATTEMPTS = 20
"""A change that others keep overtaking is given up after so many."""

_log = event_log("cluster.member")


class Body(Protocol):
    """The cell, as its member steers it."""

    def load(self) -> Load:
        """How busy it is."""

    def released(self) -> tuple[tuple[int, int], ...]:
        """Groups that it has let go for moves, each with the version of the view by which."""

    def adopt(self, view: View) -> None:
        """Act on a stored view."""

    def answer_reads(self, until: float) -> None:
        """Until when (on its own clock) it may answer reads, unless it hears more; also where it does not run meanwhile."""

    def leave(self, why: str) -> None:
        """It is out: its slots are others', its commits will all be refused. Its process is to end."""


class Member:
    """One life in the cluster. Implements `Overseer` of its links. Belongs to one loop."""

    def __init__(self, core: Coordinator, registry: Registry, links: Links, scheduler: Scheduler, body: Body) -> None:
        self.core = core
        self.board = LoadBoard()
        """What the cells of the cluster say of themselves."""
        self._registry = registry
        self._links = links
        self._scheduler = scheduler
        self._body = body
        self._beats = 0
        self._timer: Timer | None = None
        self._reads = True
        self._joined: list[Promise[None]] = []
        self._stopped = False
        # Actions of an input that came while another input was being worked off.
        self._queue: list[do.Action] = []
        self._is_working = False

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self) -> Promise[None]:
        """Take part from now on; settled when the stored view names this life."""
        joined: Promise[None] = Promise()
        self._joined.append(joined)
        self._registry.enter(self.core.life).when_settled(self._entered)
        return joined

    def stop(self) -> None:
        """Take no part any more; gives the duty back (safe to repeat)."""
        if self._stopped:
            return
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        lease = self.core.lease
        if lease.mine:
            self._registry.change_lease(*lease.resign())

    # --- asked by the cell, its supervisor and its people ------------------------------------------------------------

    def report_death(self, life: str, why: str) -> str:
        """A life is dead, for sure. Returns why it was ended here, where it was; empty else."""
        self._do(self.core.told_dead(self._now(), life, why))
        return self.core.duty.ended.get(life, "")

    def look_again(self) -> None:
        """There may be a newer view."""
        self._do(self.core.look_again(self._now()))

    def commit_refused(self) -> None:
        """A commit of this life was refused: either a newer view has the reason, or this life was sealed."""
        self.look_again()
        self._registry.is_sealed(self.core.life).when_settled(self._asked_for_seal)

    def life_sealed(self) -> None:
        """The store says that this life is sealed."""
        self._do(self.core.was_sealed(self._now()))

    def progress(self) -> None:
        """The cell has let groups go."""
        self._do(self.core.released(self._now(), self._body.released()))

    def change(self, step: Callable[[View], View]) -> Promise[View]:
        """Change the view from any cell, by compare and set: a drain, an override. `step` returns the next view, or the same where
        nothing is to change. Rejects with what it raises, or a `StoreError`."""
        return drive(self._change(step))

    @property
    def has_duty(self) -> bool:
        """Whether this cell is the coordinator, as far as it knows."""
        return self.core.lease.mine

    # --- Overseer ----------------------------------------------------------------------------------------------------

    def control(self, life: str, body: bytes) -> None:
        """See `Overseer`."""
        said = hear(body)
        if self._stopped:
            return
        if isinstance(said, Beat):
            if said.life == life:
                self.board.note(said.load, self._now())
                self._do(self.core.heard(self._now(), said))
        elif isinstance(said, ViewFrame):
            if said.version > self.core.version:
                self._view_told(said.data)
        elif self.core.view is not None and self.core.version > said.known:
            self._links.control(life, say(ViewFrame(self.core.version, self.core.view.encode())))

    def _view_told(self, data: bytes) -> None:
        try:
            view = View.decode(data)
        except ViewError as error:
            _log.error("view_not_read", reason=str(error))  # see `_looked`
            return
        self._do(self.core.view_seen(self._now(), view))

    def linked(self, life: str, up: bool) -> None:
        """See `Overseer`."""
        if self._stopped:
            return
        if up:
            self._links.control(life, self._beat())
        elif self.core.view is not None and life in self.core.view.by_life:
            for after_s in LOOKS_S:
                self._scheduler.later(after_s, self._check, life)

    # --- time --------------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._scheduler.now()

    def _entered(self, done: Promise[None]) -> None:
        if done.error is not None:
            _log.warning("process_not_noted", reason=repr(done.error))
        self._tick()

    def _tick(self) -> None:
        if self._stopped:
            return
        self._timer = self._scheduler.later(self.core.times.tick_s, self._tick)
        self.core.met(self._now(), self._links.old_peers())
        self._do(self.core.tick(self._now()))
        self._set_reads()

    def _set_reads(self) -> None:
        until = self.core.reads_until()
        self._body.answer_reads(until)
        reads = self._now() <= until
        if reads != self._reads:
            self._reads = reads
            (_log.info if reads else _log.warning)("reads_answered" if reads else "reads_refused", life=self.core.life)

    # --- actions -----------------------------------------------------------------------------------------------------

    def _do(self, actions: Iterable[do.Action]) -> None:
        """Do these, and those that they cause, in order."""
        self._queue.extend(actions)
        if self._is_working:
            return
        self._is_working = True
        try:
            while self._queue:
                self._do_one(self._queue.pop(0))
        finally:
            self._is_working = False

    def _do_one(self, action: do.Action) -> None:
        if self._stopped:
            return
        match action:
            case do.SendBeat():
                self._tell_all(self.core.view, self._beat())
            case do.Adopt():
                self._adopt(action.view)
            case do.Spread():
                self._tell_all(action.view, say(ViewFrame(action.view.version, action.view.encode())))
            case do.Fetch():
                self._links.control(action.life, say(ViewWanted(self.core.version)))
            case do.Check():
                self._check(action.life)
            case do.Leave():
                _log.error("life_is_out", life=self.core.life, why=action.why)
                self.stop()
                self._body.leave(action.why)
            case _:
                self._ask_store(action)

    def _ask_store(self, action: do.Action) -> None:
        """What ends later, and is told to the core then."""
        registry = self._registry
        match action:
            case do.Look():
                registry.read(action.known).when_settled(self._looked)
            case do.WriteLease():
                registry.change_lease(action.before, action.after).when_settled(partial(self._lease_written, action))
            case do.ChangeView():
                promise = registry.change_view(action.view.version - 1, action.view.encode())
                promise.when_settled(partial(self._view_written, action))
            case do.EndLife():
                _log.warning("life_ends", life=action.life, why=action.why)
                registry.end_life(action.life).when_settled(partial(self._life_ended, action.life))
            case do.Drain():
                registry.drain(action.life).when_settled(partial(self._drained, action.life))

    def _beat(self) -> bytes:
        self._beats += 1
        core, load, now = self.core, self._body.load(), self._now()
        self.board.note(load, now)
        core.duty.own_load = load
        view = core.view
        dead = tuple(life for life in core.dead if view is not None and life in view.by_life)
        return say(Beat(core.life, self._beats, core.version, load, core.hearing.heard(now), self._body.released(), dead))

    def _tell_all(self, view: View | None, body: bytes) -> None:
        for life in view.by_life if view is not None else ():
            if life != self.core.life:
                self._links.control(life, body)

    def _adopt(self, view: View) -> None:
        self._links.adopt(view)
        self._body.adopt(view)
        if self.core.life in view.by_life:
            joined, self._joined = self._joined, []
            for promise in joined:
                promise.resolve(None)

    def _check(self, life: str) -> None:
        if not self._stopped and life not in self.core.dead:
            self._registry.is_dead(life).when_settled(partial(self._checked, life))

    # --- how they ended ----------------------------------------------------------------------------------------------

    def _checked(self, life: str, found: Promise[bool]) -> None:
        if found.error is None and found.result():
            self.board.forget(life)
            self._do(self.core.told_dead(self._now(), life, "its process is gone"))

    def _looked(self, found: Promise[Stored]) -> None:
        if found.error is not None:
            self._do(self.core.store_failed(self._now()))
            return
        try:
            self._do(self.core.looked(self._now(), found.result()))
        except ViewError as error:
            # Written by a version that is too far away. It may be replaced; until then this cell keeps the view that it has.
            _log.error("view_not_read", reason=str(error))

    def _lease_written(self, action: do.WriteLease, done: Promise[bool]) -> None:
        had = self.has_duty
        ok = done.result() if done.error is None else None
        self._do(self.core.lease_written(self._now(), action.after, ok))
        if ok and not had:
            _log.info("duty_taken", life=self.core.life, before=action.before.holder)

    def _view_written(self, action: do.ChangeView, done: Promise[bool]) -> None:
        ok = done.result() if done.error is None else None
        _log.info("view_changed" if ok else "view_not_changed", version=action.view.version, why=action.why)
        self._do(self.core.view_written(self._now(), action.view, ok))

    def _life_ended(self, life: str, done: Promise[None]) -> None:
        if done.error is not None:
            _log.warning("life_not_ended", life=life, reason=repr(done.error))
        self.board.forget(life)
        self._do(self.core.life_ended(self._now(), life, done.error is None))

    def _drained(self, life: str, done: Promise[None]) -> None:
        self._do(self.core.drained(self._now(), life, done.error is None))

    def _asked_for_seal(self, found: Promise[bool]) -> None:
        if found.error is None and found.result():
            self.life_sealed()

    async def _change(self, step: Callable[[View], View]) -> View:
        for _ in range(ATTEMPTS):
            stored = await self._registry.read(0)
            if stored.data is None:
                raise StoreError("there is no view yet")
            view = View.decode(stored.data)
            wanted = step(view)
            if wanted is view:
                return view
            if await self._registry.change_view(view.version, wanted.encode()):
                self._do(self.core.view_seen(self._now(), wanted))
                self._do([do.Spread(wanted)])
                return wanted
        raise StoreError(f"the view was changed by others {ATTEMPTS} times in a row")
