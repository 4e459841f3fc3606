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

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from actors.errors import ChatError, Overloaded, Unavailable, Unknown
from actors.runtime.actor import Actor, ActorId, Handler, StopReason
from actors.runtime.context import CellContext
from actors.runtime.plain import Message, Plain
from actors.runtime.promise import Promise

if TYPE_CHECKING:
    from actors.runtime.cell import Cell
    from actors.runtime.kinds import Kind


class Call:
    """A request in a mailbox, with the promise of its answer."""

    __slots__ = ("promise", "request")

    def __init__(self, request: Message, promise: Promise[Any]) -> None:
        self.request = request
        self.promise = promise


class Again:
    """A told message that was in a crashed batch: run alone, and set aside if it crashes alone."""

    __slots__ = ("message",)

    def __init__(self, message: Message) -> None:
        self.message = message


class LostOwnership(Exception):
    """Raised by a handler whose commit was refused: this life is sealed, or the slot is not its own any more."""


class Reload(Exception):
    """Raised by a handler whose picture of the store is old: discard the instance, it is not a crash.

    Askers get `answer`: `Unavailable` where nothing was done, `Unknown` where it may be done.
    """

    def __init__(self, answer: ChatError) -> None:
        self.answer = answer
        super().__init__(answer.code)


class Then:
    """Returned by a plain handler that has to wait once: the cheap form of a coroutine.

    The mailbox waits until `promise` is settled; then `function(promise, *args)` runs as part of the same handler.
    """

    __slots__ = ("args", "function", "promise")

    def __init__(self, promise: Promise[Any], function: Callable[..., None], *args: Any) -> None:
        self.promise = promise
        self.function = function
        self.args = args


class Activation:
    """The state of one address in a cell."""

    __slots__ = ("_actor", "_busy", "_kind", "_mailbox", "_reading", "_reads", "_redo", "_running", "_starting", "_stop", "address", "cell", "is_ready", "slot", "used")

    def __init__(self, cell: Cell, address: ActorId, kind: Kind, slot: int) -> None:
        self.cell = cell
        self.address = address
        self.slot = slot
        """-1 for a pinned address."""
        self.used = 0
        """The cell's idle tick at the last message."""
        self.is_ready = False
        """Whether it waits in the cell's list for its turn."""
        self._kind = kind
        self._actor: Actor | None = None
        self._mailbox: list[Any] = []
        self._reads: list[Call] | None = None
        self._reading = 0
        self._redo: list[Any] | None = None
        """Messages of a crashed batch, to go back to the front of the mailbox."""
        self._running: Any = None
        """(coroutine or `Then`, handler, items) of the handler that waits."""
        self._busy = False
        self._starting = False
        self._stop: StopReason | None = None

    # --- intake ------------------------------------------------------------------------------------------------------

    def put(self, item: Any) -> bool:
        """Queue a message or a `Call`; False where the mailbox is full."""
        mailbox = self._mailbox
        if len(mailbox) >= self._kind.mailbox or self._stop is StopReason.MOVED:
            return False
        mailbox.append(item)
        if not self.is_ready:
            self.cell.make_ready(self)
        return True

    def offer(self, item: Any) -> bool:
        """`put` for callers outside of any turn: where nothing waits, a plain handler runs at once."""
        actor = self._actor
        if actor is None or self._mailbox or self._busy or self._starting or self._stop is not None:
            return self.put(item)
        handler = actor.handlers.get(item.__class__)
        if handler is None or not handler.is_plain:
            return self.put(item)
        self.used = self.cell.idle_tick
        try:
            handler.function(actor, item)
        except BaseException as error:
            self._failed(error, (item,))
            self._after_wait()
        return True

    def fail(self, error: Exception) -> None:
        """The actor failed in a call that did not come by its mailbox."""
        if self._actor is not None:
            self._failed(error, ())
            self._after_wait()

    def put_call(self, call: Call) -> None:
        """Queue a request; a full queue rejects it with `Overloaded`."""
        actor = self._actor
        if actor is not None:
            handler = actor.handlers.get(call.request.__class__)
            if handler is not None and handler.is_read:
                self._put_read(call)
                return
        if not self.put(call):
            call.promise.reject(Overloaded(retry_after=0.5))

    def _put_read(self, call: Call) -> None:
        waiting = self._reads
        if waiting is None:
            waiting = self._reads = []
        if len(waiting) + self._reading >= self._kind.reads:
            call.promise.reject(Overloaded(retry_after=0.5))
            return
        waiting.append(call)
        if not self.is_ready:
            self.cell.make_ready(self)

    @property
    def quiet(self) -> bool:
        """Nothing waits and nothing runs."""
        return not (self._busy or self._starting or self._mailbox or self._reads or self._reading)

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
        if self._reads and self._actor is not None:
            self._run_reads()
        if self._busy or self._starting:
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
            self._refuse_all(Unavailable())
        elif not self._mailbox and not self._reads:
            self.cell.retire(self)
        else:
            self._start()
        return self._actor is not None

    def _requeue(self, rest: list[Any]) -> None:
        redo, self._redo = self._redo or [], None
        self._mailbox[:0] = [*redo, *rest]
        if self._actor is None and not self.cell.is_current(self):
            self._refuse_all(Unavailable())

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
            elif handler.is_plain:
                at += 1
                try:
                    handler.function(self._actor, item)
                except BaseException as error:
                    self._failed(error, (item,))
            elif handler.is_batch:
                end = at + 1
                last = min(count, at + handler.limit)
                kind = item.__class__
                while end < last and items[end].__class__ is kind:
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
                item.promise.reject(ChatError("invalid", reason=f"{self._kind.name} does not answer {type(item.request).__name__}"))
            elif handler.is_read:
                self._put_read(item)
                self._run_reads()
            else:
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
            self._failed(error, items)
            return
        if handler.is_async:
            self._running = (result, handler, items)
            self._advance()
        elif result.__class__ is Then:
            self._running = (result, handler, items)
            self._busy = True
            result.promise.when_settled(self._then)
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
            self._failed(error, items)
        else:
            self._busy = True
            waits_for.when_settled(self._advance)
            return
        self._running = None
        if was_busy:
            self._after_wait()

    def _then(self, promise: Promise[Any]) -> None:
        """What a plain handler waited for is settled."""
        then, _, items = self._running
        self._running = None
        self._busy = False
        try:
            then.function(promise, *then.args)
        except BaseException as error:
            self._failed(error, items)
        self._after_wait()

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
        if isinstance(result, ChatError):
            promise.reject(result)
        else:
            promise.resolve(result)

    # --- reads -------------------------------------------------------------------------------------------------------

    def _run_reads(self) -> None:
        calls, self._reads = self._reads, None
        for call in calls or ():
            handler = self._actor.handlers[call.request.__class__]  # type: ignore[union-attr]
            self._reading += 1
            try:
                result = handler.function(self._actor, call.request)
            except BaseException as error:
                self._read_failed(call, error)
                continue
            if handler.is_async:
                self._advance_read(result, call)
            else:
                self._reading -= 1
                call.promise.resolve(result)

    def _advance_read(self, coroutine: Coroutine[Any, Any, Any], call: Call) -> None:
        try:
            waits_for = coroutine.send(None)
        except StopIteration as end:
            self._reading -= 1
            call.promise.resolve(end.value)
        except BaseException as error:
            self._read_failed(call, error)
        else:
            waits_for.when_settled(lambda _: self._advance_read(coroutine, call))

    def _read_failed(self, call: Call, error: BaseException) -> None:
        """A read changes nothing, so its crash costs only its own answer."""
        self._reading -= 1
        if isinstance(error, ChatError):
            call.promise.reject(error)
            return
        _raise_if_fatal(error)
        self.cell.report("crashed", self.address, call.request, error)
        call.promise.reject(ChatError("internal"))

    # --- life --------------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Start the instance before anything waits for it."""
        if self._actor is None and not self._starting:
            self._start()

    def adopt(self, actor: Actor) -> None:
        """Use an instance that was made by hand (sessions). Its `on_start` has nothing to wait for."""
        self._actor = actor

    def stop(self, reason: StopReason = StopReason.ASKED) -> None:
        """Let the instance go when the current message is done."""
        if self._stop is None:
            self._stop = reason
        if not self.is_ready:
            self.cell.make_ready(self)

    def discard(self) -> None:
        """Forget the instance without its stop hook; whoever waits is told that it is not here."""
        self._actor = None
        self._refuse_all(Unavailable(retry_after=0.2))

    def _start(self) -> None:
        if self._kind.factory is None:
            self._refuse_all(Unavailable())
            self.cell.retire(self)
            return
        self._starting = True
        try:
            actor = self._kind.factory(CellContext(self.cell, self.address, self._kind.rank, self))
            coroutine = actor.on_start()
        except BaseException as error:
            self._start_failed(error)
            return
        self._advance_start(actor, coroutine)

    def _advance_start(self, actor: Actor, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            self._starting = False
            self._actor = actor
            if (self._mailbox or self._reads) and not self.is_ready:
                self.cell.make_ready(self)
        except BaseException as error:
            self._start_failed(error)
        else:
            waits_for.when_settled(lambda _: self._advance_start(actor, coroutine))

    def _start_failed(self, error: BaseException) -> None:
        self._starting = False
        if isinstance(error, LostOwnership):
            self._refuse_all(Unavailable())
            self.cell.retire(self)
            self.cell.lost_ownership(self.address)
        elif isinstance(error, ChatError):
            self._refuse_all(error)
            self.cell.retire(self)
        else:
            _raise_if_fatal(error)
            self.cell.report("crashed", self.address, None, error)
            self.cell.count_crash(self)
            self._refuse_all(Unavailable(retry_after=1.0))
            self.cell.retire(self)

    def _end(self, reason: StopReason) -> None:
        actor, self._actor, self._stop = self._actor, None, None
        if actor is None:
            self.cell.retire(self)
            return
        self._starting = True  # nothing runs until the stop hook is done
        self._advance_stop(actor.on_stop(reason))

    def _advance_stop(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            self._stopped()
        except BaseException as error:
            _raise_if_fatal(error)
            if not isinstance(error, (ChatError, LostOwnership, Reload)):
                self.cell.report("stop_failed", self.address, None, error)
            self._stopped()
        else:
            waits_for.when_settled(lambda _: self._advance_stop(coroutine))

    def _stopped(self) -> None:
        self._starting = False
        if (self._mailbox or self._reads) and self._kind.factory is not None and self.cell.may_activate(self):
            self.cell.make_ready(self)
        else:
            self._refuse_all(Unavailable())
            self.cell.retire(self)

    def _failed(self, error: BaseException, items: Any) -> None:
        """A handler raised: answer, or discard the instance."""
        if isinstance(error, ChatError):
            for item in items:
                if item.__class__ is Call:
                    item.promise.reject(error)
                else:
                    self.cell.report("refused", self.address, item, error)
            return
        if isinstance(error, LostOwnership):
            self._actor = None
            self._reject_calls(items, Unavailable())
            self._refuse_all(Unavailable())
            self.cell.retire(self)
            self.cell.lost_ownership(self.address)
            return
        if isinstance(error, Reload):
            self._actor = None
            self._reject_calls(items, error.answer)
            self.cell.make_ready(self)
            return
        _raise_if_fatal(error)
        self._crashed(error, items)

    def _crashed(self, error: BaseException, items: Any) -> None:
        actor, self._actor = self._actor, None
        if actor is not None and self._kind.factory is None:
            actor.on_crash()
        self._reject_calls(items, Unknown())
        again: list[Any] = []
        for item in items:
            if item.__class__ is Again:
                self.cell.report("set_aside", self.address, item.message, error)
            elif item.__class__ is not Call:
                again.append(Again(item))
        self._redo = again
        self.cell.report("crashed", self.address, items[0] if items else None, error)
        if self.cell.count_crash(self):
            self._refuse_all(Unavailable(retry_after=self.cell.quarantined_s(self.address)))
            self.cell.retire(self)
        elif self._kind.factory is None:
            self._refuse_all(Unknown())
            self.cell.retire(self)
        else:
            self.cell.make_ready(self)

    @staticmethod
    def _reject_calls(items: Any, error: ChatError) -> None:
        for item in items:
            if item.__class__ is Call:
                item.promise.reject(error)

    def _refuse_all(self, error: ChatError) -> None:
        """Answer everybody who waits; told messages go back to their origin."""
        items, self._mailbox = self._mailbox, []
        reads, self._reads = self._reads or [], None
        for item in (*items, *reads):
            if item.__class__ is Call:
                item.promise.reject(error)
            else:
                self.cell.undelivered(self.address, item.message if item.__class__ is Again else item, error.code)


def _raise_if_fatal(error: BaseException) -> None:
    if not isinstance(error, Exception):
        raise error
