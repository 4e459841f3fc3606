"""Requests to `reads` handlers of one activation: they run beside the mailbox, also while another handler waits."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from actors.errors import ChatError, Overloaded, Unavailable
from actors.runtime.outcomes import Call, LostOwnership, Reload

if TYPE_CHECKING:
    from actors.runtime.activation import Activation
    from actors.runtime.actor import Actor


class Reading:
    """The reads of one activation: those that wait for an instance, and how many are under way."""

    __slots__ = ("_activation", "_limit", "under_way", "waiting")

    def __init__(self, activation: Activation, limit: int) -> None:
        self._activation = activation
        self._limit = limit
        self.waiting: list[Call] = []
        self.under_way = 0

    def put(self, call: Call) -> bool:
        """Queue a read; beyond the bound it is refused with `Overloaded`, and False."""
        if len(self.waiting) + self.under_way >= self._limit:
            self._activation.cell.counters[f"refused_overloaded_{self._activation.kind.name}"] += 1
            call.promise.reject(Overloaded(retry_after=0.5))
            return False
        self.waiting.append(call)
        return True

    def take(self) -> list[Call]:
        """What waits, taken out."""
        calls, self.waiting = self.waiting, []
        return calls

    def run(self, actor: Actor) -> None:
        """Run what waits on this instance."""
        for call in self.take():
            handler = actor.handlers[call.request.__class__]
            self.under_way += 1
            try:
                result = handler.function(actor, call.request)
            except BaseException as error:
                self._failed(call, error)
                continue
            if handler.is_async:
                self._advance(result, call)
            else:
                self._ended(call, result)

    def _advance(self, coroutine: Coroutine[Any, Any, Any], call: Call) -> None:
        try:
            waits_for = coroutine.send(None)
        except StopIteration as end:
            self._ended(call, end.value)
        except BaseException as error:
            self._failed(call, error)
        else:
            waits_for.when_settled(lambda _: self._advance(coroutine, call))

    def _ended(self, call: Call, value: Any) -> None:
        """What was found is told only where reads are answered still: meanwhile somebody else may have got the slot."""
        self.under_way -= 1
        if not self._activation.cell.answers_reads:
            call.promise.reject(Unavailable(retry_after=1.0))
        elif isinstance(value, ChatError):
            call.promise.reject(value)
        else:
            call.promise.resolve(value)

    def _failed(self, call: Call, error: BaseException) -> None:
        """A read changes nothing, so its crash costs only its own answer."""
        cell = self._activation.cell
        if isinstance(error, Reload):
            error = error.answer
        if isinstance(error, LostOwnership):
            self._ended(call, Unavailable(retry_after=0.2))
            cell.lost_ownership(self._activation.address)
            return
        if not isinstance(error, ChatError):
            raise_if_fatal(error)
            cell.report("crashed", self._activation.address, call.request, error)
            error = ChatError("internal")
        self._ended(call, error)


def raise_if_fatal(error: BaseException) -> None:
    """What ends the process is not a matter of one actor."""
    if not isinstance(error, Exception):
        raise error
