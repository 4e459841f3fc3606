"""Sessions that live in processes of their own: the edge keeps sockets and wire protocol, and a line to each session's process.

    hello ──> whose is it? (its user checks the token) ──> the process of that device, as the view names it ──> `OpenLine`
                                                               │ not there yet: `wanted` names it, and the view will

Whoever starts processes reads `wanted`. A device that comes back finds its process again, as long as that is kept. A hello
waits for its process for a bounded time; then it is refused with a retry time, as it is at once where too many have one.

A process that dies, or a link that loses something, ends its lines: the client is told to connect again, and resumes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import count
from typing import NamedTuple

from actors.errors import ChatError, Overloaded, Unavailable
from actors.line import Line
from actors.messages.lines import LineClosed, LineEnded, LineReads, LineWrote
from actors.messages.routes import ViewChanged
from actors.messages.session import LinkLost
from actors.messages.user import CheckToken, Identity
from actors.ports import Port, SessionHandle
from actors.runtime.actor import Actor, ActorId, Context, actor_id, handles, life_of, pinned_id
from actors.runtime.cell import Cell, Returned
from actors.runtime.driving import drive, pause
from actors.runtime.plain import Message
from actors.runtime.promise import Promise
from actors.runtime.scheduler import Timer
from actors.runtime.view import View

SESSION_LABEL = "session"
"""Label of a cell that hosts the sessions of one device, and nothing else."""
WAIT_S = 25.0
"""How long a hello waits for its process: shorter than a connection waits for its welcome."""
AGAIN_S = 0.2
"""Between two attempts to reach a user or a process."""
FULL_AGAIN_S = 5.0
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]{1,56}").fullmatch


class Apart(NamedTuple):
    """That sessions have processes of their own, and the bounds of that."""

    processes: int
    """Devices of one edge that may have one at a time."""
    wait_s: float = WAIT_S


def process_of(user: str, device: str) -> str:
    """The name of the cell that hosts the sessions of a device: ``session:USER.DEVICE``."""
    plain = f"{user}.{device}"
    if _PLAIN_NAME(plain) is None:
        plain = f"{user}.{blake2b(device.encode(), digest_size=10).hexdigest()}"
    return f"{SESSION_LABEL}:{plain}"


class Lines:
    """All lines of one edge. Implements `actors.ports.Sessions`."""

    def __init__(
        self,
        cell: Cell,
        view: Callable[[], View | None],
        read_token: Callable[[str], tuple[str, bytes]],
        apart: Apart,
        max_lines: int,
    ) -> None:
        self.me = pinned_id("lines", cell.life)
        self.tell: Callable[[ActorId, Message], None] = cell.tell
        self._cell = cell
        self._view = view
        self._read_token = read_token
        self._apart = apart
        self._max_lines = max_lines
        self._lines: set[Line] = set()
        self._by_number: dict[int, Line] = {}
        self._seeking: dict[Line, Timer] = {}
        """Lines that wait for their process or for its welcome, with what ends their waiting."""
        self._numbers = count(1)

    def open(self, port: Port, address: str) -> SessionHandle:
        """See `Sessions`."""
        if self._cell.closed or len(self._lines) >= self._max_lines:
            raise Overloaded(retry_after=2.0)
        line = Line(self, port, address)
        self._lines.add(line)
        return line

    def wanted(self) -> list[str]:
        """The cells that are to run for the clients of this edge, by name."""
        return sorted({line.process for line in self._lines if line.process})

    def sessions(self) -> Iterable[ActorId]:
        """The sessions whose connections are here."""
        return [line.session for line in self._lines if line.session]

    # --- what a line asks (`LineOwner`) ---

    def number(self, line: Line) -> int:
        """See `LineOwner`."""
        self._by_number.pop(line.number, None)
        number = next(self._numbers)
        self._by_number[number] = line
        return number

    def greeted(self, line: Line) -> None:
        """See `LineOwner`."""
        self._seeking[line] = self._cell.scheduler.later(self._apart.wait_s, self._give_up, line)
        drive(self._identify(line)).when_settled(lambda found: self._identified(line, found))

    def ended(self, line: Line) -> None:
        """See `LineOwner`."""
        self._lines.discard(line)
        self._by_number.pop(line.number, None)
        self._stop_seeking(line)

    # --- whose line it is ---

    async def _identify(self, line: Line) -> Identity:
        """Asked before any process is: strangers start none."""
        assert line.hello is not None
        user, digest = self._read_token(line.hello.token)
        while True:
            try:
                return await self._cell.ask(actor_id("user", user), CheckToken(digest), timeout=self._apart.wait_s)
            except Unavailable as error:
                if not line.is_open or error.code != "unavailable":
                    raise
            await pause(self._cell.scheduler, AGAIN_S)

    def _identified(self, line: Line, found: Promise[Identity]) -> None:
        if not line.is_open:
            return
        if isinstance(found.error, ChatError):
            line.refuse(ChatError("bad_token") if found.error.code == "no_such_user" else found.error)
            return
        who = found.result()
        name, names = process_of(who.user, who.device), self.wanted()
        if name not in names and len(names) >= self._apart.processes:
            line.refuse(Overloaded(retry_after=FULL_AGAIN_S))
            return
        line.process = name
        self._seek(line)

    # --- its process ---

    def _seek(self, line: Line) -> None:
        if line.is_open and line.process and not line.host:
            life = self._home(line.process)
            if life is not None:
                line.join(life)

    def _home(self, name: str) -> str | None:
        view = self._view()
        if view is None:
            return None
        return next((cell.life for cell in view.cells if cell.name == name and cell.life not in view.draining), None)

    def _give_up(self, line: Line) -> None:
        self._seeking.pop(line, None)
        line.give_up()

    def _stop_seeking(self, line: Line) -> None:
        timer = self._seeking.pop(line, None)
        if timer is not None:
            timer.cancel()

    # --- what is told to ``lines:LIFE~`` ---

    def line(self, host: ActorId, number: int) -> Line | None:
        """The line of that number, where that host still has it."""
        line = self._by_number.get(number)
        return line if line is not None and line.host == life_of(host) else None

    def wrote(self, message: LineWrote) -> None:
        """A session has something for its client."""
        line = self.line(message.origin, message.line)
        if line is None:
            self.tell(message.origin, LineEnded(self.me, message.line))
            return
        line.wrote(message)
        if line.is_welcomed and line in self._seeking:
            self._stop_seeking(line)

    def lost(self, line: Line | None) -> None:
        """Its host is gone, or something on the way."""
        if line is not None and line.leave():
            self._cell.scheduler.later(AGAIN_S, self._seek, line)

    def lost_lives(self, lives: set[str]) -> None:
        """These hosts are gone, or what was told them."""
        for line in [line for line in self._lines if line.host in lives]:
            self.lost(line)

    def look(self) -> None:
        """The view is new."""
        for line in list(self._seeking):
            self._seek(line)


class LinesEnd(Actor):
    """``lines:LIFE~``: takes what hosts say, for the lines of its cell."""

    rank = 9

    def __init__(self, ctx: Context, lines: Lines) -> None:
        self._ctx = ctx
        self._lines = lines

    @handles(LineWrote)
    def on_wrote(self, message: LineWrote) -> None:
        """For a client."""
        self._lines.wrote(message)

    @handles(LineClosed)
    def on_closed(self, message: LineClosed) -> None:
        """A session closes its connection."""
        line = self._lines.line(message.origin, message.line)
        if line is not None:
            line.close(message.code, message.reason)

    @handles(LineReads)
    def on_reads(self, message: LineReads) -> None:
        """A session has enough for now, or can go on."""
        line = self._lines.line(message.origin, message.line)
        if line is not None:
            line.read(message.on)

    @handles(LineEnded)
    def on_ended(self, message: LineEnded) -> None:
        """The host knows no such line."""
        self._lines.lost(self._lines.line(message.origin, message.line))

    @handles(Returned)
    def on_returned(self, message: Returned) -> None:
        """Something for a session was lost."""
        self._lines.lost(self._lines.line(message.to, message.message.line))

    @handles(LinkLost)
    def on_link_lost(self, message: LinkLost) -> None:
        """What was on its way to that life may be lost."""
        self._lines.lost_lives({message.life})

    @handles(ViewChanged)
    def on_view(self, message: ViewChanged) -> None:
        """Hosts may be gone, or there."""
        self._lines.lost_lives(set(message.dead))
        self._lines.look()
