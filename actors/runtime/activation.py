"""One living actor in its cell: mailbox, turns, and the driver of its coroutines.

A handler that is a plain function costs a call. A handler that is a coroutine is driven from here, without a task of
the event loop: each promise it awaits resumes it inside the promise's own settling. While it waits, the mailbox waits
with it; requests to `reads` handlers run beside it.

When a handler raises something unexpected, the instance is discarded and its mailbox kept. Told messages of the
crashed batch are run again, one by one, by the next instance; one that crashes it alone as well is set aside. Askers
get `Unknown`: their request was delivered and may be done. A handler awaits the commits it makes, so a discarded
instance has none under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.errors import ChatError, Overloaded, Unavailable
from actors.runtime.actor import Actor, ActorId, Handler, StopReason
from actors.runtime.changing import end, start
from actors.runtime.context import CellContext
from actors.runtime.failing import failed
from actors.runtime.outcomes import Again, Call, LostOwnership, Reload, Then
from actors.runtime.plain import Plain
from actors.runtime.promise import Promise
from actors.runtime.reading import Reading

if TYPE_CHECKING:
    from actors.runtime.cell import Cell
    from actors.runtime.kinds import Kind


class Activation:
    """The state of one address in a cell."""

    __slots__ = (
        "_actor", "_busy", "_mailbox", "_reading", "_redo", "_running", "_stop",
        "address", "cell", "context", "is_changing", "is_proved", "is_ready", "kind", "slot", "used",
    )  # fmt: skip

    def __init__(self, cell: Cell, address: ActorId, kind: Kind, slot: int) -> None:
        self.cell = cell
        self.address = address
        self.kind = kind
        self.slot = slot
        """-1 for a pinned address."""
        self.used = 0
        """The cell's idle tick at the last message."""
        self.is_ready = False
        """Whether it waits in the cell's list for its turn."""
        self.is_changing = False
        """Whether `on_start` or `on_stop` is under way: nothing else runs."""
        self.is_proved = False
        """Whether the request that is handled has led to a commit, which proves that this cell has the slot."""
        self.context: CellContext | None = None
        """That of the living instance: timers and stops of an instance before it do not count."""
        self._actor: Actor | None = None
        self._mailbox: list[Any] = []
        self._reading: Reading | None = None
        """Made when the first read comes."""
        self._redo: list[Any] | None = None
        """Messages of a crashed batch, to go back to the front of the mailbox."""
        self._running: Any = None
        """(coroutine or `Then`, handler, items) of the handler that waits."""
        self._busy = False
        self._stop: StopReason | None = None

    # --- intake ------------------------------------------------------------------------------------------------------

    def put(self, item: Any) -> bool:
        """Queue a message or a `Call`; False where the mailbox is full."""
        mailbox = self._mailbox
        if len(mailbox) >= self.kind.mailbox or self._stop is StopReason.MOVED:
            self.cell.counters[f"refused_{self.why_refused}_{self.kind.name}"] += 1
            return False
        mailbox.append(item)
        if not self.is_ready:
            self.cell.make_ready(self)
        return True

    def offer(self, item: Any) -> bool:
        """`put` for callers outside of any turn: where nothing waits, a plain handler runs at once."""
        actor = self._actor
        if actor is None or self._mailbox or self._busy or self.is_changing or self._stop is not None:
            return self.put(item)
        handler = actor.handlers.get(item.__class__)
        if handler is None or not handler.is_plain:
            return self.put(item)
        self.used = self.cell.idle_tick
        try:
            result = handler.function(actor, item)
        except BaseException as error:
            failed(self, error, (item,))
            self._after_wait()
        else:
            if result is not None and result.__class__ is Then:
                self._wait_for(result, handler, (item,))
        return True

    def fail(self, error: Exception) -> None:
        """The actor failed in a call that did not come by its mailbox."""
        if self._actor is not None:
            failed(self, error, ())
            self._after_wait()

    @property
    def why_refused(self) -> str:
        """The reason to tell when `put` has refused."""
        return "not_owner" if self._stop is StopReason.MOVED else "overloaded"

    def put_call(self, call: Call) -> None:
        """Queue a request; a full queue rejects it with `Overloaded`."""
        actor = self._actor
        if actor is not None:
            handler = actor.handlers.get(call.request.__class__)
            if handler is not None and handler.is_read:
                self._put_read(call)
                return
        if not self.put(call):
            call.promise.reject(Unavailable(retry_after=0.2) if self._stop is StopReason.MOVED else Overloaded(retry_after=0.5))

    def _put_read(self, call: Call) -> None:
        if not self.cell.answers_reads:
            call.promise.reject(Unavailable(retry_after=1.0))
            return
        reading = self._reading
        if reading is None:
            reading = self._reading = Reading(self, self.kind.reads)
        if reading.put(call) and not self.is_ready:
            self.cell.make_ready(self)

    @property
    def quiet(self) -> bool:
        """Nothing waits and nothing runs."""
        reading = self._reading
        return not (self._busy or self.is_changing or self._mailbox or (reading is not None and (reading.waiting or reading.under_way)))

    @property
    def _has_work(self) -> bool:
        return bool(self._mailbox) or (self._reading is not None and bool(self._reading.waiting))

    @property
    def actor(self) -> Actor | None:
        """The instance, where there is one."""
        return self._actor

    def waiting(self) -> int:
        """Messages in the mailbox."""
        return len(self._mailbox)

    # --- turns -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Take what waits, until a handler has to wait or nothing is left."""
        self.used = self.cell.idle_tick
        if self._reading is not None and self._actor is not None:
            self._reading.run(self._actor)
        if self._busy or self.is_changing:
            return
        if self._actor is None and not self._revive():
            return
        items, self._mailbox = self._mailbox, []
        done = self._run_items(items)
        if done < len(items) or self._redo is not None:
            self._requeue(items[done:])
        if self._actor is not None and self._stop is not None and not self._busy:
            self._end(self._stop)

    def _revive(self) -> bool:
        """Get an instance; False where it is not there yet, or will not be."""
        if not self.cell.is_current(self):
            self.refuse_all(Unavailable())
        elif not self._has_work:
            self.cell.retire(self)
        elif self._stop is not None and not self.cell.may_activate(self):
            self.refuse_all(Unavailable(retry_after=0.2))  # its instance is gone, and nobody takes its place here
            self.cell.retire(self)
        else:
            start(self)
        return self._actor is not None

    def _requeue(self, rest: list[Any]) -> None:
        redo, self._redo = self._redo or [], None
        self._mailbox[:0] = [*redo, *rest]
        if self._actor is None and not self.cell.is_current(self):
            self.refuse_all(Unavailable(retry_after=self.cell.quarantined_s(self.address) or 0.2))

    def _run_items(self, items: list[Any]) -> int:
        """Handle items from the front; returns how many were taken."""
        at, count = 0, len(items)
        table = self._actor.handlers  # type: ignore[union-attr]
        while at < count and self._actor is not None and not self._busy:
            item = items[at]
            handler = table.get(item.__class__)
            if handler is None:
                at += 1
                self._run_special(item, table)
            elif handler.is_batch:
                end = at + 1
                kind = item.__class__
                while end < count and items[end].__class__ is kind and end - at < handler.limit:
                    end += 1
                batch = items if end - at == count else items[at:end]
                at = end
                self._invoke(handler, batch, batch)
            else:
                at += 1
                self._invoke(handler, item, (item,))
        return at

    def _run_special(self, item: Any, table: dict[type[Plain], Handler]) -> None:
        if item.__class__ is Call:
            handler = table.get(item.request.__class__)
            if handler is None:
                item.promise.reject(ChatError("invalid", reason=f"{self.kind.name} does not answer {type(item.request).__name__}"))
            elif handler.is_read:
                self._put_read(item)  # it came before the instance was there: it has its turn of its own
            else:
                self.is_proved = False
                argument = [item.request] if handler.is_batch else item.request
                self._invoke(handler, argument, (item,))
            return
        if item.__class__ is Again:
            handler = table[item.message.__class__]
            self._invoke(handler, [item.message] if handler.is_batch else item.message, (item,))
            return
        self.cell.report("unhandled", self.address, item)

    def _invoke(self, handler: Handler, argument: Any, items: Any) -> None:
        try:
            result = handler.function(self._actor, argument)
        except BaseException as error:
            failed(self, error, items)
            return
        if result.__class__ is Then:
            self._wait_for(result, handler, items)
        elif handler.is_async:
            self._running = (result, handler, items)
            self._advance()
        elif items[0].__class__ is Call:
            self._answer(handler, items, result)

    def _advance(self, _: Promise[Any] | None = None) -> None:
        """Run the handler's coroutine until it waits or ends."""
        coroutine, handler, items = self._running
        was_busy, self._busy = self._busy, False
        try:
            waits_for = coroutine.send(None)
        except StopIteration as end:
            if items[0].__class__ is Call:
                self._answer(handler, items, end.value)
        except BaseException as error:
            failed(self, error, items)
        else:
            self._busy = True
            waits_for.when_settled(self._advance)
            return
        self._running = None
        if was_busy:
            self._after_wait()

    def _wait_for(self, then: Then, handler: Handler, items: Any) -> None:
        if then.promise.settled:
            self._finish(then, handler, items)
            return
        self._running = (then, handler, items)
        self._busy = True
        then.promise.when_settled(self._then)

    def _then(self, _: Promise[Any]) -> None:
        """What a plain handler waited for is settled."""
        then, handler, items = self._running
        self._running = None
        self._busy = False
        self._finish(then, handler, items)
        if self._mailbox or self._stop is not None or self._redo is not None:
            self._after_wait()

    def _finish(self, then: Then, handler: Handler, items: Any) -> None:
        try:
            result = then.function(then.promise, *then.args)
        except BaseException as error:
            failed(self, error, items)
        else:
            if items[0].__class__ is Call:
                self._answer(handler, items, result)

    def _after_wait(self) -> None:
        if self._redo is not None:
            self._requeue([])
        if self._stop is not None and self._actor is not None and not self._mailbox:
            self._end(self._stop)
        elif (self._mailbox or self._stop is not None) and not self.is_ready:
            self.cell.make_ready(self)

    def _answer(self, handler: Handler, items: Any, result: Any) -> None:
        if handler.is_batch:
            result = result[0] if result else None
        promise = items[0].promise
        if not self.may_say:
            promise.reject(Unavailable(retry_after=1.0))
        elif isinstance(result, ChatError):
            promise.reject(result)
        else:
            promise.resolve(result)

    @property
    def may_say(self) -> bool:
        """Whether a request may be answered now: else somebody else may have the slot, and know better."""
        return self.is_proved or not self.kind.speaks_for_slots or self.cell.answers_reads

    # --- life --------------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Start the instance before anything waits for it."""
        if self._actor is None and not self.is_changing:
            start(self)

    def adopt(self, actor: Actor, context: CellContext) -> None:
        """Use an instance that was made by hand (sessions). Its `on_start` has nothing to wait for."""
        self._actor = actor
        self.context = context

    def let_go(self) -> Actor | None:
        """No instance from here on; its timers and stops no longer count."""
        actor, self._actor = self._actor, None
        self.context = None
        return actor

    def stop(self, reason: StopReason = StopReason.ASKED) -> None:
        """Let the instance go when the current message is done."""
        if self._stop is None:
            self._stop = reason
        if not self.is_ready:
            self.cell.make_ready(self)

    def discard(self) -> None:
        """Forget the instance without its stop hook; whoever waits is told that it is not here."""
        self.let_go()
        self.refuse_all(Unavailable(retry_after=0.2))

    def started(self, actor: Actor) -> None:
        """The instance has loaded; where the slot was lost meanwhile, it never begins."""
        self.is_changing = False
        if self.cell.is_current(self):
            self._actor = actor
            if self._has_work or self._stop is not None:
                self.cell.make_ready(self)

    def _end(self, reason: StopReason) -> None:
        actor, self._stop = self.let_go(), None
        if actor is None:
            self.cell.retire(self)
        else:
            end(self, actor, reason)

    def stopped(self) -> None:
        """The stop hook is done: a new instance for what came meanwhile, where that may be."""
        self.is_changing = False
        if self._has_work and self.kind.factory is not None and self.cell.may_activate(self):
            self.cell.make_ready(self)
        else:
            self.refuse_all(Unavailable(retry_after=0.2))
            self.cell.retire(self)

    def put_back(self, items: list[Any]) -> None:
        """Messages of a crashed batch: they come before what waits, when the handler that had them has ended."""
        self._redo = items

    def put_wake(self) -> None:
        """The next instance starts even if nothing waits for it, where its kind may owe something."""
        if self.kind.wake is not None and self.kind.wake not in self._mailbox:
            self._mailbox.append(self.kind.wake)

    def refuse_all(self, error: ChatError) -> None:
        """Answer everybody who waits; told messages go back to their origin."""
        items, self._mailbox = self._mailbox, []
        reads = self._reading.take() if self._reading is not None else ()
        for item in (*items, *reads):
            if item.__class__ is Call:
                item.promise.reject(error)
            elif item is self.kind.wake:
                self.cell.wake_later(self.address, error.retry_after)
            else:
                self.cell.undelivered(self.address, item.message if item.__class__ is Again else item, error.code)


__all__ = ["Activation", "Call", "LostOwnership", "Reload", "Then"]
