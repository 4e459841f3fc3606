"""The public side of a cell: HTTP application, WebSocket listener, TLS, health and metrics, put together."""

from __future__ import annotations

import ssl

from cluster.places import WEB_DIST
from cluster.problems import StartProblem
from cluster.settings import Settings
from cluster.sources import Parts, cell_sources
from gateway.api.app import create_app
from gateway.api.settings import ApiSettings
from gateway.auth.limits import Limiter
from gateway.auth.passwords import Argon2Hasher, Passwords
from gateway.auth.tokens import Lifetimes
from gateway.clock import SystemClock
from gateway.front import Front
from gateway.health import Health, Probe
from gateway.logs import event_log
from gateway.metrics import HttpCounters, Metrics
from gateway.proxies import Proxies
from gateway.tls import Certificates, TlsError

DAY_S = 86_400.0
HEALTH_KEPT_S = 2.0
"""How long an answer of `/healthz` is good: each costs a commit."""

_log = event_log("cluster.doors")


class Doors:
    """Opened once the cell acts on a view; closed first when it stops."""

    def __init__(self, settings: Settings, name: str, parts: Parts, probe: Probe) -> None:
        self._settings = settings
        clock = SystemClock()
        self.passwords = Passwords(Argon2Hasher(), threads=settings.password_threads)
        self._health = Health(probe, clock.now, keep_s=HEALTH_KEPT_S)
        self._http = HttpCounters()
        self._urls: tuple[str, ...] = ()
        app = create_app(
            asker=parts.chat.cell,
            clock=clock,
            passwords=self.passwords,
            limiter=Limiter(clock.now),
            health=self._health,
            metrics=Metrics(name, cell_sources(parts, lambda: self.front, self._http, self.passwords)),
            counters=self._http,
            settings=api_settings(settings),
            proxies=Proxies(settings.trusted_proxies),
            edges=lambda: self._urls,
            web_dist=WEB_DIST if WEB_DIST.is_dir() else None,
        )
        self.front = Front(
            parts.chat.sessions,
            app,
            origins=settings.origins,
            trusted_proxies=settings.trusted_proxies,
            max_connections=settings.max_connections,
            max_connections_per_address=settings.max_connections_per_address,
        )
        self.port = 0
        """The public port; 0 while the doors are closed."""

    async def open(self, port: int) -> int:
        """Listen; returns the port. Raises `StartProblem` where it is taken or the certificate cannot be used."""
        settings = self._settings
        try:
            context = self._tls()
            await self.front.start(settings.host, port, context, reuse_port=True)
        except OSError as error:
            raise StartProblem(f"Port {port} of {settings.host} cannot be listened on: {error.strerror or error}.") from error
        except TlsError as error:
            raise StartProblem(f"The certificate cannot be used: {error}.") from error
        self.port = self.front.port
        self.name_edges(settings.edge_urls(self.port))
        return self.port

    async def close(self) -> None:
        """Take nobody any more, tell everybody to go elsewhere (safe to repeat)."""
        if self.port:
            await self.front.close()
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

    def name_edges(self, urls: tuple[str, ...]) -> None:
        """Where clients should connect: the public URLs of living edges, best first; none: where they asked."""
        self._urls = urls


def api_settings(settings: Settings) -> ApiSettings:
    """The HTTP side's part of the settings."""
    return ApiSettings(
        lifetimes=Lifetimes(settings.token_days * DAY_S, settings.refresh_days * DAY_S),
        open_registration=settings.open_registration,
        origins=settings.origins,
        metrics_token=settings.metrics_token,
    )
