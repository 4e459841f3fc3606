"""The public side of a cell: HTTP application, WebSocket listener, TLS, health and metrics, put together."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence

from actors.chat_cell import ChatCell
from actors.session_ports import Tickets
from cluster.interpreter import expect_a_crowd
from cluster.places import WEB_DIST
from cluster.problems import StartProblem
from cluster.settings import Settings
from cluster.sources import Parts, cell_sources
from gateway.all_cells import AllCells, Other
from gateway.api.app import create_app
from gateway.api.login import bare_name
from gateway.api.settings import ApiSettings
from gateway.arrivals import Arrivals, Doorkeeper
from gateway.auth.limits import Limiter
from gateway.auth.passwords import Argon2Hasher, Passwords
from gateway.auth.tokens import Lifetimes, parse_token
from gateway.cell_report import CellReport, report_kind
from gateway.clock import SystemClock
from gateway.front import Front
from gateway.health import Health, Probe
from gateway.logs import event_log
from gateway.metrics import HttpCounters, Metrics
from gateway.page_edges import PageOrigins, connect_sources
from gateway.proxies import Proxies
from gateway.tls import Certificates, TlsError

DAY_S = 86_400.0
BURST_S = 0.5
"""So many seconds' worth of logins are let in at once: more would hold everybody else up for as long as they take."""
HEALTH_KEPT_S = 2.0
"""How long an answer of `/healthz` is good: each costs a commit."""

_log = event_log("cluster.doors")


class Doors:
    """Opened once the cell acts on a view; closed first when it stops."""

    def __init__(
        self, settings: Settings, name: str, parts: Parts, probe: Probe, tickets: Tickets, secret: bytes, notes: Probe | None = None
    ) -> None:
        """`secret`: what all cells share; `notes`: what `/healthz` tells beside the probe."""
        self._settings = settings
        self._name = name
        clock = SystemClock()
        self.passwords = Passwords(Argon2Hasher(), threads=settings.password_threads)
        self._health = Health(probe, clock.now, keep_s=HEALTH_KEPT_S, notes=notes)
        self._http = HttpCounters()
        metrics = Metrics(name, cell_sources(parts, lambda: self.front, self._http, self.passwords))
        self._cells = AllCells(name, parts.chat.cell, lambda: others_of(parts.chat), metrics, self._health, clock.now)
        self.report = report_kind(lambda: CellReport(metrics, self._health))
        """The kind of actor that tells other cells of this one."""
        self.edges: Callable[[], Sequence[str]] = lambda: self.default_urls
        """Where a client should connect, best first; empty: where it asked."""
        self.known_edges: Callable[[], Sequence[str]] = lambda: self.default_urls
        """Every address at which clients may be, or be asked to go."""
        self.default_urls: tuple[str, ...] = ()
        """Where clients find this server, whichever cell they get; empty: not known."""
        self.edge_url = ""
        """Where clients find this cell; empty: not known, or the doors are closed."""
        per_s = settings.arrivals_per_second
        doorkeeper = Doorkeeper(Arrivals(per_s, BURST_S * per_s), lambda token: parse_token(token).user, tickets, clock.now)
        app = create_app(
            asker=parts.chat.cell,
            clock=clock,
            passwords=self.passwords,
            limiter=Limiter(clock.now),
            cells=self._cells,
            counters=self._http,
            secret=secret,
            settings=api_settings(settings),
            proxies=Proxies(settings.trusted_proxies),
            edges=lambda: self.edges(),
            web_dist=WEB_DIST if WEB_DIST.is_dir() else None,
            page_sources=lambda: connect_sources(self.known_edges()),
        )
        self.front = Front(
            parts.chat.entrance,
            app,
            origins=PageOrigins(settings.origins, lambda: self.default_urls, lambda: self.known_edges()),
            trusted_proxies=settings.trusted_proxies,
            max_connections=settings.max_connections,
            max_connections_per_address=settings.max_connections_per_address,
            admit=doorkeeper.admit,
            share=settings.arrivals_share,
            most_waiting=settings.arrivals_waiting,
            on_crowd=expect_a_crowd,
        )
        self.port = 0
        """The public port; 0 while the doors are closed."""
        self._reopening: asyncio.Task[None] | None = None

    async def open(self, port: int) -> int:
        """Listen; returns the port. Raises `StartProblem` where it is taken or the certificate cannot be used."""
        settings = self._settings
        own_port = settings.own_port(self._name)
        try:
            context = self._tls()
            await self.front.start(settings.host, port, context, reuse_port=True, own_port=own_port)
        except OSError as error:
            which = f"Port {port}" + (f" (or the cell's own, {own_port})" if own_port else "")
            raise StartProblem(f"{which} of {settings.host} cannot be listened on: {error.strerror or error}.") from error
        except TlsError as error:
            raise StartProblem(f"The certificate cannot be used: {error}.") from error
        self.port = self.front.port
        self.default_urls = settings.edge_urls(self.port)
        self.edge_url = settings.edge_url_of(self._name, self.port, self.front.own_port)
        return self.port

    async def close(self) -> None:
        """Take nobody any more, tell everybody to go elsewhere (safe to repeat)."""
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.wait([self._reopening])
        if self.port:
            await self.front.close()
        await self._cells.close()
        await self._health.close()
        self.passwords.close()

    def _tls(self) -> ssl.SSLContext | None:
        settings = self._settings
        if settings.cert is None or settings.key is None:
            return None
        return Certificates(
            settings.cert,
            settings.key,
            on_problem=lambda error: _log.error("certificate_not_renewed", reason=str(error)),
            on_change=lambda: _log.info("certificate_renewed"),
        ).context

    def stop_listening(self) -> None:
        """Take nobody any more; who is here stays (safe to repeat)."""
        if self.port:
            self.front.stop_listening()

    def listen_again(self) -> None:
        """Take clients again, where nobody is taken any more (repeat it: a try may fail)."""
        if not self.port or self.front.is_listening or (self._reopening is not None and not self._reopening.done()):
            return
        self._reopening = asyncio.get_running_loop().create_task(self._listen_again(), name="listen again")

    async def _listen_again(self) -> None:
        try:
            await self.front.listen_again()
        except OSError as error:
            _log.error("not_listening_again", reason=str(error))


def others_of(chat: ChatCell) -> list[Other]:
    """The cells of the view besides this one."""
    return [Other(cell.name, cell.life) for cell in chat.view.cells if cell.life != chat.life] if chat.view is not None else []


def api_settings(settings: Settings) -> ApiSettings:
    """The HTTP side's part of the settings."""
    return ApiSettings(
        lifetimes=Lifetimes(settings.token_days * DAY_S, settings.refresh_days * DAY_S),
        open_registration=settings.open_registration,
        reserved_names=frozenset(bare_name(name) for name in settings.reserved_names),
        origins=settings.origins,
        metrics_token=settings.metrics_token,
    )
