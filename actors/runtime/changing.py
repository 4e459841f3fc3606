"""How an activation comes by its instance and lets it go: drives `on_start` and `on_stop`, without a task."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from actors.errors import ChatError, Unavailable
from actors.runtime.context import CellContext
from actors.runtime.outcomes import LostOwnership, Reload
from actors.runtime.reading import raise_if_fatal

if TYPE_CHECKING:
    from actors.runtime.activation import Activation
    from actors.runtime.actor import Actor, StopReason


def start(activation: Activation) -> None:
    """Make an instance and let it load; what waits is handled, or refused, when that is done."""
    factory = activation.kind.factory
    if factory is None:
        activation.refuse_all(Unavailable())
        activation.cell.retire(activation)
        return
    activation.is_changing = True
    try:
        activation.context = CellContext(activation.cell, activation.address, activation.kind.rank, activation)
        actor = factory(activation.context)
        coroutine = actor.on_start()
    except BaseException as error:
        _start_failed(activation, error)
        return
    _advance_start(activation, actor, coroutine)


def _advance_start(activation: Activation, actor: Actor, coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        activation.started(actor)
    except BaseException as error:
        _start_failed(activation, error)
    else:
        waits_for.when_settled(lambda _: _advance_start(activation, actor, coroutine))


def _start_failed(activation: Activation, error: BaseException) -> None:
    cell = activation.cell
    activation.is_changing = False
    activation.let_go()
    refusal: ChatError = Unavailable(retry_after=1.0)
    if isinstance(error, ChatError):
        refusal = error
    elif isinstance(error, LostOwnership):
        refusal = Unavailable(retry_after=0.2)
    else:
        raise_if_fatal(error)
        cell.report("crashed", activation.address, None, error)
        cell.count_crash(activation)
    activation.refuse_all(refusal)
    cell.retire(activation)
    if isinstance(error, LostOwnership):
        cell.lost_ownership(activation.address)


def end(activation: Activation, actor: Actor, reason: StopReason) -> None:
    """Run the stop hook of an instance that was let go; nothing else runs until it is done."""
    activation.is_changing = True
    _advance_stop(activation, actor.on_stop(reason))


def _advance_stop(activation: Activation, coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        activation.stopped()
    except BaseException as error:
        raise_if_fatal(error)
        if not isinstance(error, (ChatError, LostOwnership, Reload)):
            activation.cell.report("stop_failed", activation.address, None, error)
        activation.stopped()
    else:
        waits_for.when_settled(lambda _: _advance_stop(activation, coroutine))
