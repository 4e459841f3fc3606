"""What follows when a handler raises: an answer, another instance, or an end; and who is told what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.errors import ChatError, Unavailable, Unknown
from actors.runtime.outcomes import Again, Call, LostOwnership, Reload
from actors.runtime.reading import raise_if_fatal

if TYPE_CHECKING:
    from actors.runtime.activation import Activation


def failed(activation: Activation, error: BaseException, items: Any) -> None:
    """A handler raised while it had these items: answer, or discard the instance."""
    cell = activation.cell
    if isinstance(error, ChatError):
        for item in items:
            if item.__class__ is Call:
                item.promise.reject(error if activation.may_say else Unavailable(retry_after=1.0))
            else:
                cell.report("refused", activation.address, item, error)
    elif isinstance(error, LostOwnership):
        activation.let_go()
        _reject_calls(items, Unavailable(retry_after=0.2))
        activation.refuse_all(Unavailable(retry_after=0.2))
        cell.retire(activation)
        cell.lost_ownership(activation.address)
    elif isinstance(error, Reload):
        activation.let_go()
        _reject_calls(items, error.answer)
        activation.put_wake()
        cell.make_ready(activation)
    else:
        raise_if_fatal(error)
        _crashed(activation, error, items)


def _crashed(activation: Activation, error: BaseException, items: Any) -> None:
    cell, has_successor = activation.cell, activation.kind.factory is not None
    actor = activation.let_go()
    if actor is not None and not has_successor:
        actor.on_crash()
    _reject_calls(items, Unknown())
    again: list[Any] = []
    for item in items:
        if item.__class__ is Again:
            cell.report("set_aside", activation.address, item.message, error)
        elif item.__class__ is not Call:
            again.append(Again(item))
    activation.put_back(again)
    cell.report("crashed", activation.address, items[0] if items else None, error)
    if cell.count_crash(activation):
        activation.put_wake()
        activation.refuse_all(Unavailable(retry_after=cell.quarantined_s(activation.address)))
        cell.retire(activation)
    elif not has_successor:
        activation.refuse_all(Unavailable(retry_after=0.2))
        cell.retire(activation)
    else:
        activation.put_wake()
        cell.make_ready(activation)


def _reject_calls(items: Any, error: ChatError) -> None:
    for item in items:
        if item.__class__ is Call:
            item.promise.reject(error)
