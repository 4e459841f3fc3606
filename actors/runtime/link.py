"""The sending end of a link: tells and asks to one life. No sockets, no clock of its own.

Order is kept per lane. A frame is answered by a receipt when its items are in the mailboxes; what was refused is named
item by item. Nothing is ever sent twice. How things end:

    what happens                          a tell                    an ask
    -----------------------------------   -----------------------   ----------------------
    the queue is full                     `overloaded`, heads owed  `Overloaded`
    the receiver refuses the item         its reason                the error it answers
    the connection breaks: not yet sent   `no_link`                 `Unavailable`
    the connection breaks: sent           `lost`                    `Unknown`
    no connection for `PATIENCE_S`        `no_link`                 `Unavailable`
    time runs out: not yet sent           -                         `Unavailable`
    time runs out: sent                   -                         `Unknown`

Tells end by `Local.undelivered`, and after a break or after shedding the cell hears `Local.lost_link`, once there is
room again: then it tells the heads that it owes. While there is no connection, items wait for one for `PATIENCE_S`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from actors.errors import Overloaded, Unavailable, Unknown
from actors.runtime.actor import ActorId, R, Request
from actors.runtime.codec import Answer, Answers, Codec, CodecError, Control, Encoded, OutItem, Receipt, targets
from actors.runtime.lane import BULK, GATHER_TURNS, LOADED, MAIN, Lane, Limits, OutOfStep
from actors.runtime.plain import Message
from actors.runtime.promise import Promise, rejected
from actors.runtime.remote import Local
from actors.runtime.scheduler import Scheduler, Timer

LINK_VERSION = 3
"""Version of frames, hello and what rides in messages (3: answers that ride along, cells that are to be emptied); a peer of this one or of the one before is accepted, and of the next if it accepts us."""
CONTROL_VERSION = 2
"""From this version on a peer understands `Control` frames."""
PATIENCE_S = 1.0
"""How long items wait for a connection; the view drops a dead life in about that time."""
TARGET_BYTES = 32
"""What one address counts for the bound in bytes."""


def agree_version(theirs: int, mine: int = LINK_VERSION) -> int | None:
    """The version that both ends speak; None where they are more than one apart."""
    return min(mine, theirs) if theirs > 0 and abs(mine - theirs) <= 1 else None


class Wire(Protocol):
    """A connection, as a link sees it. Whole frames, in order, until it breaks."""

    def send(self, frame: bytes) -> None:
        """Queue a frame; joined with others into one write per turn."""

    def close(self) -> None:
        """End the connection; `disconnected` follows or has happened."""


class Overseer(Protocol):
    """Who looks after the links of a cell: hears what is no actor's business."""

    def control(self, life: str, body: bytes) -> None:
        """A control frame came from that life. Raises `CodecError` where it is wrong: the connection ends."""

    def linked(self, life: str, up: bool) -> None:
        """A connection with that life, made by either side, stands (and both ends have proved who they are), or has ended."""


class Nobody:
    """An `Overseer` that looks away."""

    def control(self, life: str, body: bytes) -> None:
        """See `Overseer`."""

    def linked(self, life: str, up: bool) -> None:
        """See `Overseer`."""


NOBODY = Nobody()
Entry = tuple[OutItem, Message, int]
"""What is queued: the encoded item, the message for reports, its number among the asks or 0."""


class _Pending:
    """An ask without an answer."""

    __slots__ = ("kind", "lane", "number", "promise", "timer")

    def __init__(self, kind: type[Request[Any]], promise: Promise[Any], lane: int, number: int, timer: Timer) -> None:
        self.kind = kind
        self.promise = promise
        self.lane = lane
        self.number = number
        self.timer = timer


class Link:
    """All that is on its way to one life, and the asks that it has not answered."""

    def __init__(
        self,
        me: str,
        peer: str,
        codec: Codec,
        scheduler: Scheduler,
        local: Local,
        on_newer_view: Callable[[int], None],
        limits: Limits,
        overseer: Overseer = NOBODY,
    ) -> None:
        self.me = me
        self.peer = peer
        self.version = 0
        """The view by which items are routed now."""
        self.counters = {"frames": 0, "items": 0, "shed": 0, "lost": 0, "breaks": 0}
        self._codec = codec
        self._scheduler = scheduler
        self._local = local
        self._on_newer_view = on_newer_view
        self._limits = limits
        self._overseer = overseer
        self._lanes: tuple[Lane[Entry], Lane[Entry]] = (Lane(limits), Lane(limits))
        self._asks: dict[int, _Pending] = {}
        self._last_ask = 0
        self._wire: Wire | None = None
        self.spoken = 0
        """The version agreed on with the life; 0 as long as there was no connection."""
        self._flush_is_due = False
        self._failed: list[tuple[Sequence[ActorId], Message, str]] = []
        # Whether something was shed and the cell has not been told since.
        self._owes_heads = False
        self._hope: Timer | None = scheduler.later(PATIENCE_S, self._give_up)
        self._closed = False

    # --- the cell's side ---------------------------------------------------------------------------------------------

    def tell(self, to: Sequence[ActorId], message: Message, encoded: Encoded, size: int) -> None:
        """Queue one message for these actors."""
        lane = self._lanes[BULK if message.__class__ in self._codec.bulk else MAIN]
        if self._wire is None and self._hope is None:
            self._fail(to, message, "no_link")
        elif not lane.put(((targets(to), 0, encoded), message, 0), len(to), size + TARGET_BYTES * len(to)):
            self._fail(to, message, "overloaded")
        elif not self._flush_is_due and lane.in_flight is None:
            self._flush_soon()

    def ask(self, to: ActorId, request: Request[R], encoded: Encoded, size: int, timeout: float) -> Promise[R]:
        """Queue a request; see the table above for how it ends."""
        if self._wire is None and self._hope is None:
            return rejected(Unavailable(retry_after=0.5))
        number = BULK if request.__class__ in self._codec.bulk else MAIN
        lane = self._lanes[number]
        ask = self._last_ask + 1
        full = len(self._asks) >= self._limits.asks
        if full or not lane.put(((to, ask, encoded), request, ask), 1, size + TARGET_BYTES):
            return rejected(Overloaded(retry_after=0.5))
        self._last_ask = ask
        promise: Promise[R] = Promise()
        timer = self._scheduler.later(timeout, self._time_out, ask)
        self._asks[ask] = _Pending(request.__class__, promise, number, lane.put_count, timer)
        self._flush_soon()
        return promise

    def control(self, body: bytes) -> bool:
        """Send past everything that waits; False where there is no connection, or the peer is of a version without it."""
        if self._wire is None or self.spoken < CONTROL_VERSION:
            return False
        self._wire.send(self._codec.encode_frame(Control(body)))
        return True

    def close(self) -> None:
        """The life is gone, or this cell ends: everything ends as if the connection broke, and nothing waits any more."""
        self._closed = True
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        self._drop_hope()
        self._break(told=wire is not None)

    @property
    def connected_now(self) -> bool:
        """Whether there is a connection."""
        return self._wire is not None

    @property
    def is_old(self) -> bool:
        """Whether the peer is there and of a version that sends no beats."""
        return self._wire is not None and self.spoken < CONTROL_VERSION

    def waiting(self) -> tuple[int, int]:
        """Items and bytes that wait on both lanes, for people."""
        (items, size), (bulk_items, bulk_size) = (lane.waiting() for lane in self._lanes)
        return items + bulk_items, size + bulk_size

    # --- the transport's side ----------------------------------------------------------------------------------------

    def connected(self, wire: Wire, spoken: int = LINK_VERSION) -> None:
        """A connection to the life stands, and both ends have proved who they are. `spoken`: the version agreed on."""
        if self._closed:
            wire.close()
            return
        self.spoken = spoken
        old, self._wire = self._wire, wire
        if old is not None:
            old.close()
            self._break(told=True)
        self._drop_hope()
        if self._owes_heads:
            self._tell_owed()
        self._flush()
        self._overseer.linked(self.peer, True)

    def received(self, wire: Wire, data: bytes | bytearray | memoryview) -> None:
        """A frame from the life. Raises `CodecError` or `OutOfStep` where it is wrong: end the connection."""
        if wire is not self._wire:
            return
        frame = self._codec.frame(data)
        if isinstance(frame, Receipt):
            self._landed(frame)
        elif isinstance(frame, Answers):
            self._answered(wire, frame)
        elif isinstance(frame, Control):
            self._overseer.control(self.peer, frame.body)
        else:
            raise OutOfStep("a batch came back on a connection that only this end sends batches on")

    def disconnected(self, wire: Wire) -> None:
        """The connection broke (harmless for one that was replaced). Everything on it ends; items may wait for the next."""
        if wire is not self._wire:
            return
        self._wire = None
        self._hope = self._scheduler.later(PATIENCE_S, self._give_up)
        self._break(told=True)
        self._overseer.linked(self.peer, False)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        # Whatever else is sent in this turn joins the frame.
        if not self._flush_is_due and self._wire is not None:
            self._flush_is_due = True
            self._scheduler.soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        wire = self._wire
        if wire is None:
            return
        for number, lane in enumerate(self._lanes):
            if lane.sendable:
                items = [entry[0] for entry in lane.take()]
                self.counters["frames"] += 1
                self.counters["items"] += len(items)
                wire.send(self._codec.batch(number, lane.seq, self.version, self.me, items))

    def _landed(self, receipt: Receipt) -> None:
        lane = self._lane(receipt.lane)
        entries = lane.landed(receipt.seq)
        if receipt.refused:
            self._refused(entries, receipt)
        if receipt.view > self.version:
            self._on_newer_view(receipt.view)
        if self._owes_heads and lane.relieved:
            self._tell_owed()
        if lane.sendable and not self._flush_is_due:
            self._flush_is_due = True
            self._gather(GATHER_TURNS if len(entries) >= LOADED else 0)

    def _gather(self, turns: int) -> None:
        if turns and self._wire is not None:
            self._scheduler.soon(self._gather, turns - 1)
        else:
            self._flush()

    def _lane(self, number: int) -> Lane[Entry]:
        if number not in (MAIN, BULK):
            raise OutOfStep(f"there is no lane {number}")
        return self._lanes[number]

    def _refused(self, entries: list[Entry], receipt: Receipt) -> None:
        for index, position, reason in receipt.refused:
            if not 0 <= index < len(entries):
                raise OutOfStep(f"item {index} of {len(entries)} was refused")
            (to, ask, _), message, _ = entries[index]
            addresses = [to] if isinstance(to, str) else to
            if ask or not 0 <= position < len(addresses):
                raise OutOfStep(f"target {position} of item {index} was refused")
            self._local.undelivered(ActorId(addresses[position]), message, reason)

    def _answered(self, wire: Wire, frame: Answers) -> None:
        if frame.lane not in (MAIN, BULK):
            raise OutOfStep(f"there is no lane {frame.lane}")
        for answer in frame.items:
            pending = self._asks.pop(answer.ask, None)
            # None: its time ran out before.
            if pending is not None:
                pending.timer.cancel()
                self._settle(pending, answer)
        wire.send(self._codec.encode_frame(Receipt(frame.lane, frame.seq, self.version)))
        if frame.view > self.version:
            self._on_newer_view(frame.view)

    def _settle(self, pending: _Pending, answer: Answer) -> None:
        if answer.error is not None:
            pending.promise.reject(answer.error.error())
            return
        try:
            value = self._codec.answer(pending.kind, answer.value)
        except CodecError as error:
            # It was done; what came back cannot be read here.
            unknown = Unknown()
            unknown.__cause__ = error
            pending.promise.reject(unknown)
            return
        pending.promise.resolve(value)

    def _was_sent(self, pending: _Pending) -> bool:
        return pending.number <= self._lanes[pending.lane].sent_count

    def _time_out(self, ask: int) -> None:
        pending = self._asks.pop(ask)
        if self._was_sent(pending):
            pending.promise.reject(Unknown())
            return
        # It must not be done any more: its place is kept by an item that reaches nobody.
        lane = self._lanes[pending.lane]
        (_, _, encoded), request, _ = lane.get(pending.number)
        lane.replace(pending.number, (([], 0, encoded), request, 0))
        pending.promise.reject(Unavailable(retry_after=0.5))

    def _give_up(self) -> None:
        self._hope = None
        self._break(told=False)

    def _drop_hope(self) -> None:
        if self._hope is not None:
            self._hope.cancel()
            self._hope = None

    def _break(self, *, told: bool) -> None:
        """Everything that is queued or sent ends. `told`: the cell hears of it as a lost link."""
        asks, self._asks = self._asks, {}
        ended = [(pending, Unknown() if self._was_sent(pending) else Unavailable(retry_after=0.5)) for pending in asks.values()]
        cleared = [lane.clear() for lane in self._lanes]
        # From here on the link is consistent: what is called may call back.
        for sent, waiting in cleared:
            self._report(sent, "lost")
            self._report(waiting, "no_link")
        for pending, error in ended:
            pending.timer.cancel()
            pending.promise.reject(error)
        if told:
            self.counters["breaks"] += 1
            self._tell_owed()

    def _report(self, entries: list[Entry], reason: str) -> None:
        for (to, ask, _), message, _ in entries:
            if ask:
                continue
            self._owes_heads = True
            for address in [to] if isinstance(to, str) else to:
                self.counters["lost"] += 1
                self._local.undelivered(ActorId(address), message, reason)

    def _fail(self, to: Sequence[ActorId], message: Message, reason: str) -> None:
        # Told in the next turn: the caller is in the middle of its own.
        self.counters["shed"] += len(to)
        self._owes_heads = True
        if not self._failed:
            self._scheduler.soon(self._report_failed)
        self._failed.append((to, message, reason))

    def _report_failed(self) -> None:
        failed, self._failed = self._failed, []
        for to, message, reason in failed:
            for address in to:
                self._local.undelivered(address, message, reason)

    def _tell_owed(self) -> None:
        self._owes_heads = False
        self._local.lost_link(self.peer)
