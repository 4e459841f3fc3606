"""A simulated device: the conversation of the SDK, unchanged, on connections that fail; it writes its history down.

What `gateway.client_link` does on sockets it does here on the simulated clock: connect to some edge, converse, wait,
connect again.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from actors import commands as c
from actors.closing import REPLACED
from actors.errors import ChatError
from cluster.bench.history import History
from gateway.client_link import GHOST_S, is_ghost
from gateway.client_posts import Draft
from gateway.client_state import Saved
from gateway.client_talk import Settled, Talk
from gateway.wire import decode
from tests.kit.clock import Timing
from tests.simulation.line import SimLine

if TYPE_CHECKING:
    from tests.simulation.world import World

PING_S = 3.0
"""A connection on which nothing was heard for two of these is given up."""
BACKOFF_S = 0.8
REFUSED_S = 0.5


class SimDevice:
    """One device of one user, through all its connections."""

    def __init__(self, world: World, history: History, user: str, device: str, chance: Random) -> None:
        self.user = user
        self.name = user + device
        self.token = f"{user}/{device}"
        self.is_on = False
        self.line: SimLine | None = None
        self.bad_closes: list[int] = []
        """Closes after which a client would not come back by itself."""
        self.doubles = 0.0
        """How often a frame goes out twice."""
        self.talk = Talk(Saved(), from_first=True, agent="", chance=chance)
        self.recorder = history.device(user, self.name)
        self._world = world
        self._chance = chance
        self.waiting: dict[str, Draft] = {}
        """Posts without an answer, by id."""
        self._bodies = 0
        self._heard_at = 0.0
        self._broke_at = -GHOST_S
        self._due: Timing | None = None

    # --- what its person does ---

    def on(self) -> None:
        """Switched on: it connects, and again whenever it must, until `off`."""
        if not self.is_on:
            self.is_on = True
            self._connect()

    def off(self, edge_hears_after: float = 0.0) -> None:
        """Switched off; what its program knows it keeps."""
        self.is_on = False
        self.drop(edge_hears_after)

    def drop(self, edge_hears_after: float = 0.0) -> None:
        """Its connection breaks, as this end sees it."""
        line, self.line = self.line, None
        if line is not None:
            self._broke_at = self._world.clock.now()
            line.hang_up(edge_hears_after)
            self.talk.disconnected()
            if self.is_on:
                self._connect_later()

    @property
    def is_here(self) -> bool:
        """Connected and welcomed."""
        return self.line is not None and self.talk.is_welcomed

    def post(self, room: str) -> bool:
        """Write something now; False where it cannot go out now."""
        if not self.is_here:
            return False
        self._bodies += 1
        body, ident = f"{self.name} {self._bodies}", f"{self.name}-{self._bodies:06d}"

        def done(seq: int, error: ChatError | None) -> None:
            self._answered(room, draft, seq, error)

        draft = Draft(ident, body, done)
        self.waiting[ident] = draft
        self.talk.posts.add(room, draft)
        self._flush()
        return True

    def ask(self, make: Callable[[int], c.Command], told: Settled = lambda answer, error: None) -> None:
        """A request; whether it succeeds is seen in what becomes of the rooms, and told to who wants to know."""
        if self.is_here:
            self.talk.request(make, told)
            self._flush()

    # --- its connection ---

    def hears(self, line: SimLine, text: bytes | None) -> None:
        """A frame, or (None) a sign of life."""
        if line is not self.line:
            return
        self._heard_at = self._world.clock.now()
        if text is None:
            return
        was_welcomed = self.talk.is_welcomed
        self.talk.receive(text, self._heard_at)
        if self.talk.is_welcomed and not was_welcomed:
            self._world.note(self.name, "is welcomed by {}", line.cell.name)
        self._show()
        self._flush()

    def lost(self, line: SimLine, code: int) -> None:
        """The connection has ended."""
        if line is not self.line:
            return
        now = self._world.clock.now()
        self._world.note(self.name, "loses {}: {}", line.cell.name, code)
        self.line = None
        self.talk.disconnected()
        if (code == REPLACED and not is_ghost(self._broke_at, now)) or 4100 <= code < 4300:
            self.bad_closes.append(code)
        if code != REPLACED:
            self._broke_at = now
        self._connect_later()

    def _connect_later(self) -> None:
        self._world.clock.later(self._chance.random() * BACKOFF_S, self._connect)

    def _connect(self) -> None:
        if not self.is_on or self.line is not None:
            return
        cell = self._world.an_edge(self._chance)
        if cell is None:
            self._connect_later()
            return
        self._heard_at = self._world.clock.now()
        self.line = line = SimLine(self._world, self, cell)
        line.send(decode(self.talk.hello(self.token)))
        self._world.clock.later(PING_S, self._watch, line)

    def _watch(self, line: SimLine) -> None:
        if line is not self.line:
            return
        if self._world.clock.now() - self._heard_at >= 2 * PING_S:
            self._world.note(self.name, "gives {} up", line.cell.name)
            self.drop(edge_hears_after=self._chance.uniform(0.0, 15.0))
            return
        line.ping()
        self._world.clock.later(PING_S, self._watch, line)

    def _flush(self) -> None:
        line, now = self.line, self._world.clock.now()
        if line is None:
            return
        for frame in self.talk.due(now):
            command = decode(frame)
            if isinstance(command, c.Post):
                self.recorder.sent(command.room, command.n, command.id, command.body)
                self._world.note(self.name, "posts {} n={}", command.room, command.n)
                if self.doubles and self._chance.random() < self.doubles:
                    line.send(command)
            line.send(command)
        self._flush_at(self.talk.next_due_at(now) - now)

    def _flush_at(self, delay: float) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = self._world.clock.later(max(delay, 0.01), self._flush)

    # --- what it writes down ---

    def _answered(self, room: str, draft: Draft, seq: int, error: ChatError | None) -> None:
        self.waiting.pop(draft.id, None)
        if error is None:
            self._world.note(self.name, "{} n={} is stored as {}", room, draft.n, seq)
            self.recorder.acked(room, draft.n, seq)
        else:
            self._world.note(self.name, "{} n={} is refused: {}", room, draft.n, error.code)
            self.recorder.refused(room, draft.n, error.code)

    def _show(self) -> None:
        rooms = self.talk.rooms
        while rooms.ready:
            entry = rooms.ready.popleft()
            self.recorder.shown(entry.room, entry.seq, entry.user, entry.device, entry.n, entry.id, entry.body)
            self._world.note(self.name, "shows {} seq {}", entry.room, entry.seq)
            rooms.done_with(entry)
