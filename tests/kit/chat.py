"""Several cells with all chat actors in one process, on a hand-moved clock: people connect, post, and are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from actors import commands as c
from actors import events as e
from actors.chat_cell import ChatCell, Edges
from actors.kinds import wire_messages
from actors.lines import Apart
from actors.messages.user import Grant, LogIn, Register
from actors.ports import AllowAll, Payload, Verdicts
from actors.room import Room
from actors.runtime.actor import ActorId, actor_id
from actors.runtime.codec import Codec
from actors.runtime.link import LINK_VERSION
from actors.runtime.links import Links
from actors.runtime.ring import SLOTS
from actors.runtime.view import CellInfo, View
from actors.session_ports import SessionLimits
from tests.kit.clock import Clock
from tests.kit.memory import MemoryDisk, MemoryStore
from tests.kit.network import Network

Event = TypeVar("Event", bound=e.Event)
_DECODE = msgspec.json.Decoder(e.AnyEvent)
GENEROUS = SessionLimits(1e6, 1e6, 1e6, 1e6)


def encode(event: e.Event) -> bytes:
    """As the gateway does it."""
    return msgspec.json.encode(event)


def frame(text: bytes) -> bytes:
    """Not a WebSocket frame, but as easily joined: lines."""
    return text + b"\n"


def read_token(text: str) -> tuple[str, bytes]:
    """``user/device`` is a token."""
    return text.partition("/")[0], sha256(text.encode()).digest()


class Device:
    """A client: a port that remembers, and the way to its session."""

    def __init__(self, user: str, device: str, soon: Callable[..., object], life: str = "") -> None:
        self.user = user
        self.life = life
        """Of the cell that it is connected to."""
        self.hears: Callable[[e.Event], object] | None = None
        """Called with every event, in a turn of its own."""
        self._soon = soon
        self.device = device
        self.seen: list[e.Event] = []
        self.choked = False
        self.paused = False
        self.close_code: int | None = None
        self._drained: list[Any] = []
        self.handle: Any = None

    # --- Port ---

    def emit(self, event: e.Event) -> None:
        self._take(encode(event))

    def push(self, payload: Payload) -> bool:
        if self.choked:
            return False
        for text in payload.framed.splitlines() if payload.framed is not None else [payload.text]:
            self._take(text)
        return True

    def _take(self, text: bytes) -> None:
        if self.close_code is not None:
            return
        event: e.Event = _DECODE.decode(text)
        self.seen.append(event)
        if self.hears is not None:
            self._soon(self.hears, event)

    def backlog(self) -> int:
        return 0

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def close(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self.close_code = code
            self._soon(self.handle.closed)

    def on_drained(self, callback: Any) -> None:
        self._drained.append(callback)

    def drain(self) -> None:
        """The client reads again."""
        self.choked = False
        callbacks, self._drained = self._drained, []
        for callback in callbacks:
            callback()

    # --- what the person does and sees ---

    def hang_up(self) -> None:
        """The connection breaks."""
        if self.close_code is None:
            self.close_code = 1006
            self.handle.closed()

    def say(self, command: c.Command) -> None:
        assert self.handle.offer(command)

    def of(self, kind: type[Event], room: str | None = None) -> list[Event]:
        """The events of a kind, in order."""
        return [x for x in self.seen if type(x) is kind and (room is None or getattr(x, "room", room) == room)]

    def last(self, kind: type[Event]) -> Event:
        return self.of(kind)[-1]

    def bodies(self, room: str) -> list[str]:
        """The texts that were pushed or pulled, by seq, each seq once."""
        entries = {x.seq: x for x in self.of(e.Entry, room)}
        for page in [*self.of(e.Page, room), *(p for w in self.of(e.Welcome) for p in w.pages if p.room == room)]:
            entries.update((x.seq, x) for x in page.entries)
        return [x.body for _, x in sorted(entries.items()) if x.kind == "text"]

    def pushed(self, room: str) -> list[int]:
        return [x.seq for x in self.of(e.Entry, room)]

    def forget(self) -> None:
        self.seen.clear()


class Host:
    """One cell with its actors."""

    def __init__(self, town: Town, life: str) -> None:
        self.store = MemoryStore(town.disk, life, soon=town.clock.soon)
        self.reports: list[tuple[Any, ...]] = []
        edges = Edges(encode, frame, read_token, town.verdicts, town.limits, 10_000, apart=town.apart)
        self.chat = ChatCell(life, town.clock, self.store, edges, lambda *what: self.reports.append(what))
        self.cell = self.chat.cell
        self.sessions = self.chat.entrance
        self.links: Links = town.network.join(life, self.cell, link_version=town.link_versions.get(life, LINK_VERSION))
        self.chat.connect(self.links)

    def adopt(self, view: View) -> None:
        """Act on a stored view."""
        self.links.adopt(view)
        self.chat.adopt(view)

    def room(self, name: str) -> Room:
        """An active room of this cell."""
        actor = self.cell.actor(actor_id("room", name))
        assert isinstance(actor, Room)
        return actor


class Town:
    """The cluster."""

    def __init__(
        self,
        lives: Iterable[str] = ("a",),
        *,
        verdicts: Verdicts | None = None,
        limits: SessionLimits = GENEROUS,
        link_versions: Mapping[str, int] | None = None,
        apart: Apart | None = None,
    ) -> None:
        """`apart`: sessions live in cells of their own, which the test starts by `start_session`."""
        self.apart = apart
        self.link_versions = link_versions or {}
        """Life -> what it speaks, where that is not the present version."""
        self.clock = Clock()
        self.disk = MemoryDisk()
        self.limits = limits
        self.network = Network(self.clock, Codec(wire_messages()))
        self.hosts: dict[str, Host] = {}
        self.view: View | None = None
        self.verdicts = verdicts or AllowAll()
        for life in lives:
            self.hosts[life] = Host(self, life)
        self.place({slot: list(self.hosts)[slot % len(self.hosts)] for slot in range(SLOTS)})

    def place(self, owners: dict[int, str], *, draining: str = "") -> None:
        """A new view: these lives own these slots."""
        lives = list(self.hosts)
        version = (self.view.version if self.view else 0) + 1
        before = self.view
        groups = [lives.index(owners[slot]) for slot in range(SLOTS)]
        self.view = make_view(version, lives, groups, before, (draining,) if draining else ())
        for host in self.hosts.values():
            host.adopt(self.view)
        self.clock.run()

    def kill(self, life: str) -> None:
        """The cell's process dies; nobody is told yet."""
        host = self.hosts.pop(life)
        self.network.kill(life)
        host.cell.closed = True
        host.store.crash()
        self.disk.seal(life)

    def start(self, life: str, *, draining: str = "") -> Host:
        """A new life of a cell, without slots. `draining`: a life that is to be emptied meanwhile."""
        assert self.view is not None
        owners = {slot: self.view.owner(slot) or life for slot in range(SLOTS)}
        self.hosts[life] = Host(self, life)
        self.place(owners, draining=draining)
        return self.hosts[life]

    def empty(self, life: str) -> None:
        """The view says that this life is to be emptied."""
        assert self.view is not None
        self.place({slot: self.view.owner(slot) or life for slot in range(SLOTS)}, draining=life)

    def move(self, slots: Iterable[int], to: str) -> bool:
        """A hand-over between living cells: the old owner stops intake and flushes first. False where it did not in time."""
        assert self.view is not None
        moving = set(slots)
        owners = {slot: self.view.owner(slot) or to for slot in range(SLOTS)}
        leaving = {life: [slot for slot in moving if owners[slot] == life] for life in self.hosts if life != to}
        gone = [self.hosts[life].cell.close_slots(there) for life, there in leaving.items() if there]
        self.clock.advance(2.0)
        if not all(promise.settled for promise in gone):
            for life, there in leaving.items():
                self.hosts[life].cell.open_slots(there)
            return False
        self.place({slot: to if slot in moving else life for slot, life in owners.items()})
        return True

    def take_over(self, dead: str) -> None:
        """The living take the slots of the dead."""
        assert self.view is not None
        living = list(self.hosts)
        owners = {slot: self.view.owner(slot) or living[0] for slot in range(SLOTS)}
        owners = {slot: life if life != dead else living[slot % len(living)] for slot, life in owners.items()}
        self.place(owners)

    def any_host(self) -> Host:
        return next(iter(self.hosts.values()))

    def ask(self, to: ActorId, request: Any) -> Any:
        """Ask and wait."""
        promise = self.any_host().cell.ask(to, request)
        self.clock.run()
        for _ in range(100):
            if promise.settled:
                break
            self.clock.advance(0.1)
        return promise.result()

    def register(self, *users: str, devices: Iterable[str] = ("d1", "d2")) -> None:
        """Make accounts with devices."""
        for user in users:
            self.ask(actor_id("user", user), Register(user.title(), "-"))
            for device in devices:
                digest = read_token(f"{user}/{device}")[1]
                self.ask(actor_id("user", user), LogIn(Grant(user + device, device, digest, 0, digest, 0)))

    def connect(self, user: str, life: str | None = None, device: str = "d1", since: int = 0, *, settle: bool = True) -> Device:
        """A device connects and is welcomed."""
        host = self.hosts[life] if life is not None else self.any_host()
        client = Device(user, user + device, self.clock.soon, host.cell.life)
        client.handle = host.sessions.open(client, "127.0.0.1")
        client.say(c.Hello(1, f"{user}/{device}", since))
        if settle:
            self.settle()
        return client

    def settle(self, seconds: float = 0.5) -> None:
        """Let everything that is under way arrive."""
        self.clock.run()
        self.clock.advance(seconds)
        self.clock.run()


def make_view(version: int, lives: list[str], groups: list[int], before: View | None, draining: tuple[str, ...] = ()) -> View:
    """A view in which slot i belongs to lives[groups[i]]; epochs move where owners do. The name of a cell is what stands before a "#" in its life."""
    cells = tuple(CellInfo(life, life.partition("#")[0]) for life in lives)
    epochs = []
    for slot, index in enumerate(groups):
        same = before is not None and before.owner(slot) == lives[index]
        epochs.append(before.epoch(slot) if before is not None and same else version)
    return View(version, cells, tuple(groups), tuple(epochs), draining=draining)
