"""The composition root of one cell process: store, actors, links and the public port are put together here, nowhere else.

start       store, actors, link listener (nobody owns anything yet)
join        the cell writes itself into the view, follows the views from then on, and takes its part in the cluster's duties
open_doors  the public port
stop        doors close, actors end, what waits is written, files close
"""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.chat_cell import ChatCell, Edges
from actors.kinds import wire_messages
from actors.lines import Apart
from actors.ports import AllowAll, Asker, Verdicts
from actors.runtime.actor import ActorId
from actors.runtime.codec import Codec
from actors.runtime.links import Links
from actors.runtime.promise import Promise, rejected, resolved
from actors.runtime.view import CellInfo, View
from actors.session_ports import SessionLimits, Tickets
from actors.store.seal import Sealer
from actors.store.store import StoreError
from cluster.accounts import Accounts
from cluster.cell_body import CellBody
from cluster.condition import supervision
from cluster.coordinator import Coordinator
from cluster.data_folder import OpenFolder, open_folder
from cluster.edge_duty import EdgeDuty, edge_duty_of
from cluster.figures import CellStats, Identity
from cluster.file_registry import FileRegistry
from cluster.interpreter import settle_interpreter
from cluster.loop_lag import LoopLag
from cluster.member import Member
from cluster.membership import Membership
from cluster.no_doors import NoDoors
from cluster.ownership import Ownership
from cluster.peer import PeerDialer, PeerListener
from cluster.probe import Probe
from cluster.resealing import Resealing
from cluster.settings import Settings
from cluster.sources import Parts
from cluster.stats import cell_stats
from cluster.stores import open_store, record_opener
from cluster.tree import actor_limits
from gateway.api.bridge import settle
from gateway.auth.gate import gate_kind
from gateway.auth.tokens import parse_token
from gateway.logs import event_log
from gateway.loop_clock import LoopClock
from gateway.tickets import EdgeTickets
from gateway.trace import LogTrace
from gateway.wire import encode, frame_text
from ml.rules import Rules

if TYPE_CHECKING:
    from cluster.doors import Doors

_log = event_log("cluster.app")
LOST_LINES = frozenset({"crashed", "damaged", "set_aside"})
"""What the core reports that people should see as an error."""


class CellApp:
    """One life of one cell. Belongs to the loop in which `start` is called."""

    def __init__(self, settings: Settings, who: Identity, verdicts: Verdicts | None = None) -> None:
        self.settings = settings
        self.who = who
        self._verdicts = verdicts or _filter(settings)
        self._started_at = time.monotonic()
        self.member: Member | None = None
        """This cell's part in the cluster, once it joins."""
        self.out: asyncio.Future[str] | None = None
        """Has a result, the reason, once this life is out for good: others have its slots, and the process is to end."""
        self.edge_duty: EdgeDuty | None = None
        """What this cell does as an edge, once its doors are open."""
        self._registry: FileRegistry | None = None
        self._resealing: asyncio.Task[None] | None = None
        self._started = False
        self._stopped = False

    async def start(self) -> CellInfo:
        """Put everything together; what the view is to say of this cell. Raises `CannotOpen` and its kin, and `OSError`."""
        loop = asyncio.get_running_loop()
        self._folder: OpenFolder = await asyncio.to_thread(open_folder, self.settings)
        record = self._folder.cluster
        sealer = Sealer(self._folder.master, record)
        clock = LoopClock(loop)
        # It draws data keys: on Cassandra that is asking over the network.
        self.store = await asyncio.to_thread(
            open_store, self.settings, record, self.who.life, sealer, loop.call_soon, loop.call_soon_threadsafe
        )
        secret = self._folder.link_secret
        tickets = EdgeTickets(secret, time.time)
        edges = Edges(
            encode,
            frame_text,
            _read_token,
            self._verdicts,
            _session_limits(self.settings),
            self.settings.max_connections,
            LogTrace() if self.settings.log_level == "debug" else None,
            tickets,
            _apart(self.settings, self.who),
        )
        self.chat = ChatCell(self.who.life, clock, self.store, edges, _report)
        self.chat.cell.limit_restarts(actor_limits())
        self.chat.cell.on_lost_ownership(self._lost_ownership)
        self._dialer = PeerDialer(secret, self.who.life)
        codec = Codec(wire_messages())
        self.links = Links(self.who.life, codec, clock, self.chat.cell, self._dialer.dial, self._newer_view)
        self.chat.connect(self.links)
        self._listener = PeerListener(secret, self.who.life, self.links)
        self.clock = clock
        self.ownership = Ownership(self.chat, self.store, clock, self.change_view, self._progress, self._sealed)
        self.out = loop.create_future()
        self.lag = LoopLag(loop)
        self.lag.start()
        parts = Parts(self.chat, self.store, self.links, self._verdicts, self.lag)
        self.doors = self._make_doors(parts, tickets)
        self.chat.cell.add_kinds([self.doors.report, gate_kind()])
        self.accounts = Accounts(self.asker, self.doors.passwords)
        who = self.who
        url = await self._listener.start(who.address, who.link_port)
        self.info = CellInfo(who.life, who.name, who.labels, who.link_url or url, who.zone)
        self._started = True
        return self.info

    def _make_doors(self, parts: Parts, tickets: Tickets) -> Doors | NoDoors:
        probe = Probe(self.chat, self.store, self.who.name)
        if "edge" not in self.who.labels:
            return NoDoors(self.who.name, parts, probe)
        # Imported here: most of what a cell imports is for its doors.
        make: Callable[..., Doors] = importlib.import_module("cluster.doors").Doors
        folder = self._folder
        return make(self.settings, self.who.name, parts, probe, tickets, folder.link_secret, partial(supervision, folder.cluster))

    async def join(self, replaces: str = "") -> None:
        """Write this life into the stored view (`replaces`: as the successor of that living one), and follow the views from now on.
        Waits while a dead life of this cell is not out of the view yet."""
        self._registry = await asyncio.to_thread(
            FileRegistry,
            self._folder.path,
            asyncio.get_running_loop().call_soon_threadsafe,
            record_opener(self.settings, self._folder.cluster),
        )
        core = Coordinator(self.info, self._registry.groups, drains=self._registry.drains, replaces=replaces)
        self.member = Member(core, self._registry, self.links, self.clock, CellBody(self))
        self.links.oversee(self.member)
        self.edge_duty = edge_duty_of(self, self.member)
        self.doors.edges = self.edge_duty.edges
        self.doors.known_edges = self.edge_duty.known
        await settle(self.member.start())
        work = Resealing(self._folder.cluster, self.store, self.who.life).run()
        self._resealing = asyncio.get_running_loop().create_task(work, name="resealing")
        self._resealing.add_done_callback(_resealing_ended)

    @property
    def asker(self) -> Asker:
        """The actor system, for callers outside of any actor."""
        return self.chat.cell

    async def apply_view(self, data: bytes) -> int:
        """Act on a stored view, for a cell that has not joined by itself; returns the version that it acts on then."""
        view = View.decode(data)
        self.links.adopt(view)
        self.ownership.adopt(view)
        await settle(self.ownership.idle())
        await settle(self.ownership.seats_idle())
        return self.ownership.view.version if self.ownership.view is not None else 0

    def change_view(self, step: Callable[[View], View]) -> Promise[View]:
        """Store the view that `step` makes of the stored one, by compare and set."""
        if self.member is not None:
            return self.member.change(step)
        try:
            view = Membership(self._folder.cluster).change(step)
        except StoreError as error:
            return rejected(error)
        self.ownership.adopt(view)
        return resolved(view)

    async def open_doors(self, port: int) -> int:
        """Listen on the public port; returns it. Raises `StartProblem` where it is taken."""
        settle_interpreter()
        found = await self.doors.open(port)
        if self.edge_duty is not None:
            self.edge_duty.start()
        return found

    def stats(self) -> CellStats:
        """Figures for people."""
        return cell_stats(self)

    async def stop(self) -> None:
        """Everybody out, everything written (safe to repeat). Ownership in the store stays: the life is to be sealed."""
        if self._stopped or not self._started:
            return
        self._stopped = True
        if self.edge_duty is not None:
            self.edge_duty.stop()
        if self._resealing is not None:
            self._resealing.cancel()
            await asyncio.gather(self._resealing, return_exceptions=True)
        if self.member is not None:
            self.member.stop()
        self.ownership.close()
        await self.doors.close()
        await settle(self.chat.cell.shutdown())
        self.links.close()
        await self._listener.close()
        await self._dialer.close()
        self.lag.stop()
        await asyncio.to_thread(self.store.close)
        if self._registry is not None:
            await asyncio.to_thread(self._registry.close)
        await asyncio.to_thread(self._folder.cluster.close)

    # --- what the parts have to say to the member ---

    def _newer_view(self, version: int) -> None:
        if self.member is not None:
            self.member.look_again()

    def _lost_ownership(self, address: ActorId) -> None:
        _log.info("commit_refused", address=address)
        if self.member is not None:
            self.member.commit_refused()

    def _progress(self) -> None:
        if self.member is not None:
            self.member.progress()

    def _sealed(self) -> None:
        if self.member is not None:
            self.member.life_sealed()

    @property
    def is_draining(self) -> bool:
        """Whether the view wants this cell emptied."""
        view = self.chat.view
        return view is not None and self.who.life in view.draining

    @property
    def is_drained(self) -> bool:
        """Whether it was to be emptied, and has neither a client nor a slot left."""
        view, duty = self.chat.view, self.edge_duty
        return self.is_draining and view is not None and not view.slots(self.who.life) and (duty is None or duty.is_empty)

    @property
    def uptime_s(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._started_at

    @property
    def pid(self) -> int:
        """The process."""
        return os.getpid()


def _filter(settings: Settings) -> Verdicts:
    return Rules(wall_offset_s=time.time() - time.monotonic()) if settings.spam_filter else AllowAll()


def _session_limits(settings: Settings) -> SessionLimits:
    posts, requests = settings.posts_per_second, settings.requests_per_second
    return SessionLimits(posts_per_s=posts, posts_burst=5 * posts, requests_per_s=requests, requests_burst=4 * requests)


def _apart(settings: Settings, who: Identity) -> Apart | None:
    """Whether sessions live in processes of their own: at an edge; elsewhere there are only those of others."""
    is_apart = settings.isolation == "process" and "edge" in who.labels
    return Apart(settings.most_isolated_sessions) if is_apart else None


def _resealing_ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("resealing_ended", error=error)  # keys are not renewed here until the next start; all else goes on


def _read_token(text: str) -> tuple[str, bytes]:
    claim = parse_token(text)
    return claim.user, claim.digest


def _report(what: str, address: ActorId, message: Any, error: BaseException | None) -> None:
    write: Callable[..., None] = _log.error if what in LOST_LINES else _log.warning
    fields = {"error": error} if error is not None and what in LOST_LINES else {"reason": repr(error)} if error is not None else {}
    write(f"actor_{what}", address=address, message=type(message).__name__, **fields)
