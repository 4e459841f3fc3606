"""The receiving end of a link: hands items to the cell, says what was refused, sends answers back.

A frame of items is taken in one turn and answered by a receipt at once, or a few turns later under load. Answers go back on the lane of their request,
with one frame in flight as in the other direction. When the connection breaks, answers that were not received are
dropped: the asker knows that the outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.errors import ChatError, ErrorReport, Overloaded, Unavailable, Unknown
from actors.runtime.actor import ActorId, Request
from actors.runtime.codec import Answer, Answers, Batch, Codec, CodecError, Control, Receipt, Refusal, Targets
from actors.runtime.lane import BULK, GATHER_TURNS, LOADED, MAIN, Lane, Limits, OutOfStep
from actors.runtime.link import CONTROL_VERSION, LINK_VERSION, NOBODY, Overseer, Wire
from actors.runtime.plain import Message
from actors.runtime.promise import Promise
from actors.runtime.remote import Local
from actors.runtime.scheduler import Scheduler

NOT_UNDERSTOOD = "gone"
"""The reason for a message that this version does not know: nobody here handles it."""


class Inbound:
    """One accepted connection from one life."""

    def __init__(
        self,
        peer: str,
        wire: Wire,
        codec: Codec,
        scheduler: Scheduler,
        local: Local,
        on_newer_view: Callable[[int], None],
        limits: Limits,
        version: int,
        overseer: Overseer = NOBODY,
        spoken: int = LINK_VERSION,
    ) -> None:
        self.peer = peer
        self.version = version
        """This cell's version of the view."""
        self.counters = {"frames": 0, "items": 0, "refused": 0, "asks": 0}
        self._wire: Wire | None = wire
        self._codec = codec
        self._scheduler = scheduler
        self._local = local
        self._on_newer_view = on_newer_view
        self._limits = limits
        self._overseer = overseer
        self._spoken = spoken
        self._lanes: tuple[Lane[Answer], Lane[Answer]] = (Lane(limits), Lane(limits))
        # Frames of items taken so far, per lane: the next must be the one after.
        self._taken = [0, 0]
        self._open_asks = 0
        self._flush_is_due = False

    def received(self, data: bytes | bytearray | memoryview) -> None:
        """A frame from the life. Raises `CodecError` or `OutOfStep` where it is wrong: end the connection."""
        if self._wire is None:
            return
        frame = self._codec.frame(data)
        if isinstance(frame, Batch):
            self._take(self._wire, frame)
        elif isinstance(frame, Receipt):
            self._landed(frame)
        elif isinstance(frame, Control):
            self._overseer.control(self.peer, frame.body)
        else:
            raise OutOfStep("answers came on a connection on which this end has asked nothing")

    def control(self, body: bytes) -> bool:
        """Send past everything that waits; False where the connection has ended, or the peer is of a version without it."""
        if self._wire is None or self._spoken < CONTROL_VERSION:
            return False
        self._wire.send(self._codec.encode_frame(Control(body)))
        return True

    def disconnected(self) -> None:
        """The connection broke, or is to end: answers that come later go nowhere."""
        wire, self._wire = self._wire, None
        for lane in self._lanes:
            lane.clear()
        if wire is not None:
            wire.close()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _take(self, wire: Wire, frame: Batch) -> None:
        if frame.life != self.peer or frame.lane not in (MAIN, BULK) or frame.seq != self._taken[frame.lane] + 1:
            raise OutOfStep(f"frame {frame.seq} of lane {frame.lane} from {frame.life} on the connection of {self.peer}")
        items = self._codec.items(frame)
        self._taken[frame.lane] = frame.seq
        refused: list[Refusal] = []
        take = self._local.take
        for index, (to, ask, message) in enumerate(items):
            if ask:
                self._take_ask(frame.lane, ask, to, message)
            elif message is None:
                refused.extend((index, position, NOT_UNDERSTOOD) for position in range(1 if isinstance(to, str) else len(to)))
            elif isinstance(to, str):
                reason = take(ActorId(to), message)
                if reason is not None:
                    refused.append((index, 0, reason))
            else:
                reasons = [take(ActorId(address), message) for address in to]
                refused.extend((index, position, reason) for position, reason in enumerate(reasons) if reason is not None)
        self.counters["frames"] += 1
        self.counters["items"] += len(items)
        self.counters["refused"] += len(refused)
        receipt = Receipt(frame.lane, frame.seq, self.version, refused)
        self._acknowledge(wire, receipt, GATHER_TURNS if len(items) >= LOADED else 0)
        if frame.view > self.version:
            self._on_newer_view(frame.view)

    def _acknowledge(self, wire: Wire, receipt: Receipt, turns: int) -> None:
        # The sender has nothing else in flight on this lane: no receipt can overtake another.
        if turns:
            self._scheduler.soon(self._acknowledge, wire, receipt, turns - 1)
        elif self._wire is wire:
            wire.send(self._codec.encode_frame(receipt))

    def _take_ask(self, lane: int, ask: int, to: Targets, message: Message | None) -> None:
        self.counters["asks"] += 1
        if not isinstance(message, Request) or not isinstance(to, str):
            self._put(lane, Answer(ask, error=ErrorReport.of(Unavailable())), 0)
            return
        if self._open_asks >= self._limits.asks:
            self._put(lane, Answer(ask, error=ErrorReport.of(Overloaded(retry_after=0.5))), 0)
            return
        self._open_asks += 1
        promise: Promise[Any] = self._local.take_ask(ActorId(to), message)
        promise.when_settled(lambda settled: self._settled(lane, ask, settled))

    def _settled(self, lane: int, ask: int, promise: Promise[Any]) -> None:
        self._open_asks -= 1
        if self._wire is None:
            return
        error = promise.error
        try:
            if error is not None:
                answer, size = self._refusal(ask, error)
            else:
                value, size = self._codec.encode(promise.result())
                answer = Answer(ask, value)
        except CodecError:
            # Done, but the answer is not plain data: a mistake in the handler that the asker sees as an unknown outcome.
            answer, size = Answer(ask, error=ErrorReport.of(Unknown())), 0
        self._put(lane, answer, size)

    def _refusal(self, ask: int, error: BaseException) -> tuple[Answer, int]:
        # Anything but a `ChatError` is a crash: it may be done.
        report = ErrorReport.of(error if isinstance(error, ChatError) else Unknown())
        _, size = self._codec.encode(report)
        return Answer(ask, error=report), size

    def _put(self, number: int, answer: Answer, size: int) -> None:
        lane = self._lanes[number]
        if not lane.put(answer, 1, size):
            # The asker does not take its answers: this one shrinks to the least. Their number is bounded by the asks.
            lane.put(Answer(answer.ask, error=ErrorReport.of(Unknown())), 0, 0)
        if not self._flush_is_due:
            self._flush_is_due = True
            self._scheduler.soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        wire = self._wire
        if wire is None:
            return
        for number, lane in enumerate(self._lanes):
            if lane.sendable:
                wire.send(self._codec.encode_frame(Answers(number, lane.seq + 1, self.version, lane.take())))

    def _landed(self, receipt: Receipt) -> None:
        if receipt.lane not in (MAIN, BULK) or receipt.refused:
            raise OutOfStep(f"a receipt for answers on lane {receipt.lane} with {len(receipt.refused)} refused")
        lane = self._lanes[receipt.lane]
        lane.landed(receipt.seq)
        if lane.sendable:
            self._flush()
