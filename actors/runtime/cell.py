"""A cell: thousands of actors in one process, found by address, one message at a time each.

    tell/ask ──> here? ── yes ──> mailbox ──> ready list ──> one turn per loop turn
                  │no
                  ├─ pinned to another life, or slot of another life ──> Remote (links)
                  └─ ours, not active ──> activate by the kind's factory

The cell owns the slots that it was told to open (`open_slots`); it never decides ownership itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from math import inf
from typing import Any

from actors.errors import Overloaded, Unavailable, Unknown
from actors.runtime.activation import Activation, Call
from actors.runtime.actor import Actor, ActorId, Context, R, Request, StopReason, kind_of, life_of
from actors.runtime.context import CellContext
from actors.runtime.idle import IdleSweep
from actors.runtime.kinds import Kind
from actors.runtime.owners import Owners
from actors.runtime.plain import Message
from actors.runtime.promise import Promise, rejected
from actors.runtime.remote import Remote
from actors.runtime.restarts import RestartPolicy, Restarts
from actors.runtime.scheduler import Scheduler
from actors.runtime.slots import Slots
from actors.runtime.turns import Turns
from actors.runtime.waking import Departures, Waker


class Returned(Message, frozen=True, gc=False):
    """A told message that surely did not arrive (or, `lost`, perhaps not), back at the actor it names as `origin`."""

    to: ActorId
    message: Any
    reason: str


Report = Callable[[str, ActorId, Any, BaseException | None], None]
"""Called with (what, address, message, error) for what people should see: `crashed`, `set_aside`, `unhandled`, ..."""


class Cell:
    """Hosts actors. Not thread safe; belongs to one loop."""

    def __init__(self, life: str, scheduler: Scheduler, kinds: Iterable[Kind], *, report: Report | None = None) -> None:
        self.life = life
        self.scheduler = scheduler
        self.idle_tick = 0
        self.closed = False
        self.reads_until = inf  # others may have this cell's slots from then on, and it cannot know
        self.counters: Counter[str] = Counter()
        """Events since the start, by name; for metrics."""
        self.tell_bound = self.tell
        """`tell` as one object that all contexts share."""
        self.make_ready = Turns(scheduler).add
        """Gives an activation a turn."""
        self._kinds = {kind.name: kind for kind in kinds}
        self._report = report
        self._here: dict[ActorId, Activation] = {}
        self.slots = Slots()
        self._remote: Remote | None = None
        self._restarts = Restarts()
        self._waker = Waker(scheduler, self._wake)
        self._departures = Departures()
        self._lost_ownership: Callable[[ActorId], None] | None = None
        self._lost_link: Callable[[str], None] | None = None
        self._on_undelivered: Callable[[ActorId, ActorId, str], None] | None = None
        IdleSweep(self).start()

    # --- wiring ------------------------------------------------------------------------------------------------------

    def add_kinds(self, kinds: Iterable[Kind]) -> None:
        """Kinds whose factories need the cell itself."""
        self._kinds.update((kind.name, kind) for kind in kinds)

    def connect(
        self,
        remote: Remote,
        *,
        on_lost_link: Callable[[str], None] | None = None,
        on_undelivered: Callable[[ActorId, ActorId, str], None] | None = None,
    ) -> None:
        """Use these links for what lives elsewhere. `on_undelivered` hears (address, origin, reason) of tells with an origin."""
        self._remote = remote
        self._lost_link = on_lost_link
        self._on_undelivered = on_undelivered

    def limit_restarts(self, by_kind: Mapping[str, RestartPolicy]) -> None:
        """How often actors of these kinds may crash; before the first one does."""
        self._restarts = Restarts(by_kind=by_kind)

    def on_lost_ownership(self, callback: Callable[[ActorId], None]) -> None:
        """Called when a commit of an actor was refused by the fence: time to ask for the view."""
        self._lost_ownership = callback

    def adopt(self, owners: Owners) -> None:
        """Route by this view from now on."""
        self.slots.owners = owners

    # --- slots -------------------------------------------------------------------------------------------------------

    def open_slots(self, slots: Iterable[int]) -> None:
        """These slots are this life's own, and their last owner is sealed and drained: activate on demand."""
        self.slots.open(slots)

    @property
    def answers_reads(self) -> bool:
        """Whether it may say how things stand: that what its actors know is still true, which no commit proves."""
        return self.scheduler.now() <= self.reads_until

    def owns(self, address: ActorId) -> bool:
        """Whether the slot of an address is open here."""
        return self.slots.may_live(address)

    def slot_of(self, address: ActorId) -> int:
        """The slot of an address, by the view."""
        return self.slots.of(address)

    def hold_back(self, address: ActorId) -> Promise[None]:
        """Its rows are about to change files: settled when its actor is gone; none begins before `slots.let_go`."""
        self.slots.hold_back(address)
        return self._departures.begin([self._here[address]] if address in self._here else [], StopReason.MOVED)

    def close_slots(self, slots: Iterable[int]) -> Promise[None]:
        """Stop intake of the slots and let their actors end; settled when all are gone (a hand-over)."""
        closing = set(slots)
        self.slots.close(closing)
        return self._departures.begin([a for a in self._here.values() if a.slot in closing], StopReason.MOVED)

    def drop_slots(self, slots: Iterable[int]) -> None:
        """The slots are lost: forget their actors at once, whatever they were doing."""
        dropped = set(slots)
        self.slots.close(dropped)
        for activation in [a for a in self._here.values() if a.slot in dropped]:
            activation.discard()
            self.retire(activation)

    # --- sending -----------------------------------------------------------------------------------------------------

    def tell(self, to: ActorId, message: Message) -> None:
        """Deliver at most once; never blocks."""
        activation = self._here.get(to)
        if activation is None:
            self._tell_elsewhere(to, message)
        elif not activation.put(message):
            self.undelivered(to, message, activation.why_refused)

    def tell_many(self, to: Collection[ActorId], message: Message) -> None:
        """Tell several actors the same: one envelope for each other cell."""
        far: dict[str, list[ActorId]] = {}
        for address in to:
            if address in self._here:
                self.tell(address, message)
                continue
            life = self.life_for(address)
            if life is None or life == self.life:
                self.tell(address, message)
            else:
                far.setdefault(life, []).append(address)
        for life, targets in far.items():
            self._tell_remote(life, targets, message)

    def ask(self, to: ActorId, request: Request[R], *, timeout: float = 5.0, rank: int = -1) -> Promise[R]:
        """The answer. `rank`: that of the asking actor; -1 for callers outside of the actor system."""
        kind = self._kinds.get(kind_of(to))
        if kind is not None and kind.rank <= rank:
            raise RuntimeError(f"{to} has rank {kind.rank}: an actor of rank {rank} may not ask it")
        life = self.life if to in self._here else self.life_for(to)
        if life is None:
            return rejected(Unavailable(retry_after=0.5))
        if life != self.life:
            return self._remote.ask(life, to, request, timeout) if self._remote else rejected(Unavailable(retry_after=0.5))
        promise = self.take_ask(to, request)
        if not promise.settled:
            timer = self.scheduler.later(timeout, promise.reject, Unknown())
            promise.when_settled(lambda _: timer.cancel())
        return promise

    def life_for(self, address: ActorId) -> str | None:
        """The life where an address lives now; None where the view names none."""
        return life_of(address) or self.slots.owner_of(address)

    @property
    def version(self) -> int:
        """The version of the view that this cell acts on; 0 before the first."""
        return self.slots.owners.version if self.slots.owners is not None else 0

    def epoch_of(self, address: ActorId) -> int:
        """The version in which the owner of an address last changed."""
        return self.slots.owners.epoch(self.slots.of(address)) if self.slots.owners is not None else 0

    # --- Local: what arrives -----------------------------------------------------------------------------------------

    def take(self, to: ActorId, message: Message) -> str | None:
        """Put into a mailbox here; None, or why not."""
        activation = self._here.get(to) or self._activate(to)
        if activation is None:
            return "gone" if life_of(to) == self.life or self.quarantined_s(to) else "not_owner"
        return None if activation.put(message) else activation.why_refused

    def take_ask(self, to: ActorId, request: Request[R]) -> Promise[R]:
        """Deliver a request here."""
        promise: Promise[R] = Promise()
        activation = self._here.get(to) or self._activate(to)
        if activation is None:
            promise.reject(Unavailable(retry_after=self.quarantined_s(to) or 0.2))
        else:
            activation.put_call(Call(request, promise))
        return promise

    def undelivered(self, to: ActorId, message: Any, reason: str) -> None:
        """A tell did not arrive: back to its origin where it names one, else counted."""
        self.counters[f"undelivered_{reason}"] += 1
        origin = getattr(message, "origin", None)
        if origin:
            activation = self._here.get(origin)
            if activation is not None:
                activation.put(Returned(to, message, reason))
            if self._on_undelivered is not None:
                self._on_undelivered(to, origin, reason)

    def lost_link(self, life: str) -> None:
        """The link to a life broke or shed items."""
        self.counters["lost_links"] += 1
        if self._lost_link is not None:
            self._lost_link(life)

    # --- activations -------------------------------------------------------------------------------------------------

    def start_actor(self, address: ActorId, make: Callable[[Context], Actor], *, limit: int | None = None) -> ActorId:
        """Start a pinned actor by hand. `Overloaded` where `limit` of its kind are here already."""
        kind = self._kinds[kind_of(address)]
        if self.closed:
            raise Overloaded(retry_after=2.0)
        if limit is not None and self.counters[f"live_{kind.name}"] >= limit:
            raise Overloaded(retry_after=2.0)
        activation = Activation(self, address, kind, -1)
        activation.used = self.idle_tick
        context = CellContext(self, address, kind.rank, activation)
        activation.adopt(make(context), context)
        self._here[address] = activation
        self.counters[f"live_{kind.name}"] += 1
        return address

    def activate(self, address: ActorId) -> None:
        """Start an actor that nobody has told anything yet."""
        activation = self._here.get(address) or self._activate(address)
        if activation is not None and activation.actor is None:
            activation.warm_up()

    def activation(self, address: ActorId) -> Activation | None:
        """The living activation of an address."""
        return self._here.get(address)

    def actor(self, address: ActorId) -> Actor | None:
        """The living instance of an address, for system actors of the same cell that share memory."""
        activation = self._here.get(address)
        return activation.actor if activation is not None else None

    def addresses(self) -> list[ActorId]:
        """All living addresses."""
        return list(self._here)

    def count(self) -> int:
        """How many actors live here."""
        return len(self._here)

    def kind(self, address: ActorId) -> Kind:
        """The kind of an address."""
        return self._kinds[kind_of(address)]

    def is_current(self, activation: Activation) -> bool:
        """Whether this activation still stands for its address."""
        return self._here.get(activation.address) is activation

    def may_activate(self, activation: Activation) -> bool:
        """Whether an address may get a new instance here."""
        if self.closed or not self.is_current(activation):
            return False
        return activation.slot < 0 or self.slots.may_stay(activation.address, activation.slot)

    def retire(self, activation: Activation) -> None:
        """Forget an activation."""
        if self.is_current(activation):
            del self._here[activation.address]
            activation.context = None
            self.counters[f"live_{kind_of(activation.address)}"] -= 1
            if self._departures:
                self._departures.gone(activation)

    def count_crash(self, activation: Activation) -> bool:
        """Note a crash; True where the address is now in quarantine."""
        return self._restarts.crashed(activation.address, self.scheduler.now())

    def quarantined_s(self, address: ActorId) -> float:
        """Seconds for which an address will not be activated."""
        return self._restarts.quarantined_s(address, self.scheduler.now())

    def wake_later(self, address: ActorId, after_s: float | None) -> None:
        """An address that owes something could not start: try again, for as long as it is this cell's."""
        self._waker.later(address, after_s)

    def _wake(self, address: ActorId) -> None:
        wake = self.kind(address).wake
        if wake is None or self.closed or (life_of(address) is None and not self.slots.is_open(self.slots.of(address))):
            return
        quarantined_s = self.quarantined_s(address)
        if quarantined_s:
            self.wake_later(address, quarantined_s)
        else:
            self.tell(address, wake)

    def forget_old_crashes(self) -> None:
        """Crashes that no longer count need no memory."""
        self._restarts.forget_old(self.scheduler.now())

    def lost_ownership(self, address: ActorId) -> None:
        """An actor's commit was refused by the fence."""
        self.counters["lost_ownership"] += 1
        if self._lost_ownership is not None:
            self._lost_ownership(address)

    def report(self, what: str, address: ActorId, message: Any, error: BaseException | None = None) -> None:
        """Something that people should see."""
        self.counters.update((what, f"{what}_{kind_of(address)}"))
        if self._report is not None:
            self._report(what, address, message, error)

    def shutdown(self) -> Promise[None]:
        """Let every actor end; settled when all are gone."""
        self.closed = True
        self.slots.close_all()
        return self._departures.begin(self._here.values(), StopReason.SHUTDOWN)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _tell_elsewhere(self, to: ActorId, message: Message) -> None:
        life = self.life_for(to)
        if life == self.life:
            reason = self.take(to, message)
            if reason is not None:
                self.undelivered(to, message, reason)
        elif life is None:
            self.undelivered(to, message, "no_owner")
        else:
            self._tell_remote(life, [to], message)

    def _tell_remote(self, life: str, to: list[ActorId], message: Message) -> None:
        if self._remote is not None:
            self._remote.tell(life, to, message)
            return
        for address in to:
            self.undelivered(address, message, "no_link")

    def _activate(self, address: ActorId) -> Activation | None:
        kind = self._kinds.get(kind_of(address))
        if kind is None or kind.factory is None or self.closed:
            return None
        if kind.pinned:
            if life_of(address) != self.life:
                return None
            slot = -1
        else:
            slot = self.slots.of(address)
            if not self.slots.may_live(address):
                return None
        if self.quarantined_s(address) > 0.0:
            return None
        activation = Activation(self, address, kind, slot)
        activation.used = self.idle_tick
        self._here[address] = activation
        self.counters[f"live_{kind.name}"] += 1
        return activation


__all__ = ["Cell", "Owners", "Report", "Returned"]
