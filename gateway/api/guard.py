"""Around every request: bounds before anything is parsed, headers on every answer, no traceback to anybody.

In this order: shape of the URL, rate of the address, `Host`, the body up to its bound; then the app; then headers,
counters and one line of log. The log names the route, never the path: a path may hold a login's ticket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.errors import ChatError
from gateway.api.errors import answer_to
from gateway.api.services import Services
from gateway.auth.tokens import TOKEN_LIKE
from gateway.logs import event_log

MAX_URL_BYTES = 4_096
MAX_QUERY_FIELDS = 20
SECRET_QUERY_FIELDS = frozenset({"access_token", "authorization", "password", "refresh", "refresh_token", "ticket", "token"})
LINGER_BYTES, LINGER_S = 1024 * 1024, 1.0
"""What is still read of a body that was refused, so that its sender gets to see the answer."""
API_POLICY = "default-src 'none'; frame-ancestors 'none'"

_log = event_log("gateway.api")


class _Gone(Exception):
    """The client went away before its request was complete."""


class Guard:
    """The outermost layer of the app (but for CORS). Plain ASGI: costs no task and no thread."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; other kinds of connection pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._services.settings.hsts_s)
        started = self._services.clock.now()
        try:
            await self._handle(scope, receive, answer)
        except _Gone:
            return
        took = self._services.clock.now() - started
        self._services.counters.answered(answer.status, took)
        _log.debug("request", method=scope["method"], route=_route(scope), status=answer.status, took_ms=round(took * 1000, 1))

    async def _handle(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            self._check(scope)
        except ChatError as error:
            self._services.counters.refused(error.code)
            await answer_to(error)(scope, receive, answer)
            return
        try:
            body = await self._read(scope, receive)
        except ChatError as error:
            self._services.counters.refused(error.code)
            await _close_with(error, receive, answer)
            return
        try:
            await self._app(scope, _Replay(body, receive), answer)
        except Exception as error:  # noqa: BLE001 - the last line: nobody outside may see what went wrong
            _log.error("request_failed", error=error, method=scope["method"], route=_route(scope))
            self._services.counters.refused("internal")
            # Where half an answer is out, cutting it short is all that is left, and the HTTP server does so.
            if not answer.status:
                await answer_to(ChatError("internal"))(scope, receive, answer)

    def _check(self, scope: Scope) -> None:
        query = scope["query_string"]
        if len(query) + len(scope.get("raw_path") or scope["path"].encode()) > MAX_URL_BYTES:
            raise ChatError("too_large", limit=f"{MAX_URL_BYTES} bytes of URL")
        self._services.limiter.check_address(self._put_address(scope))
        _check_secrets(scope["path"], query.decode("latin-1"))
        hosts = self._services.settings.hosts
        if hosts and _host(Headers(scope=scope).getlist("host")) not in hosts:
            raise ChatError("invalid", reason="this server does not go by that name")

    def _put_address(self, scope: Scope) -> str:
        # Per request, since one connection of a proxy carries many clients.
        peer = scope["client"][0] if scope.get("client") else "local"
        headers = Headers(scope=scope)
        proxies = self._services.proxies
        address = proxies.client_of(peer, headers.getlist("forwarded"), headers.getlist("x-forwarded-for"))
        scope["client"] = (address, 0)
        return address

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        limit = self._services.settings.max_body_bytes
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isascii() or not announced.isdigit() or len(announced) > 18:
            raise ChatError("invalid", reason="Content-Length is no number")
        if int(announced) > limit:
            raise ChatError("too_large", limit=f"{limit} bytes")
        try:
            async with asyncio.timeout(self._services.settings.body_timeout_s):
                return await _all_of(receive, limit)
        except TimeoutError as late:
            raise ChatError("invalid", reason="the body did not arrive in time") from late


class _Replay:
    """Gives the body that was read, once; then what else the connection has to say."""

    __slots__ = ("_body", "_receive")

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


class _Answer:
    """Passes an answer on, with the headers that every answer carries; remembers its status."""

    __slots__ = ("_hsts_s", "_send", "status")

    def __init__(self, send: Send, hsts_s: int) -> None:
        self._send = send
        self._hsts_s = hsts_s
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _always(self._hsts_s):
                headers.setdefault(name, value)
        await self._send(message)


def _always(hsts_s: int) -> Iterable[tuple[str, str]]:
    yield "X-Content-Type-Options", "nosniff"
    yield "Referrer-Policy", "no-referrer"
    yield "X-Frame-Options", "DENY"
    yield "Content-Security-Policy", API_POLICY
    yield "Cross-Origin-Opener-Policy", "same-origin"
    yield "Cross-Origin-Resource-Policy", "same-origin"
    yield "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
    yield "Cache-Control", "no-store"
    if hsts_s:
        yield "Strict-Transport-Security", f"max-age={hsts_s}"


async def _close_with(error: ChatError, receive: Receive, answer: _Answer) -> None:
    """Refuse a request whose body is still coming, and end the connection.

    The answer goes out at once; then a little more is read and thrown away: a connection closed on unread bytes is
    reset, and the client would never see why.
    """
    response = answer_to(error)
    response.headers["Connection"] = "close"
    await answer({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await answer({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
    if error.code == "too_large":
        await _throw_away(receive)
    await answer({"type": "http.response.body", "body": b"", "more_body": False})


async def _throw_away(receive: Receive) -> None:
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return  # long enough


async def _all_of(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise ChatError("too_large", limit=f"{limit} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _check_secrets(path: str, query: str) -> None:
    # URLs are written to logs, histories and referrers, here and at every proxy on the way.
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError as error:
        raise ChatError("invalid", reason="too many query fields") from error
    secret = any(name.lower() in SECRET_QUERY_FIELDS or TOKEN_LIKE.search(value) for name, value in fields)
    if secret or TOKEN_LIKE.search(query) or TOKEN_LIKE.search(path):
        raise ChatError("invalid", reason="tokens and passwords do not belong in a URL")


def _host(values: list[str]) -> str:
    if len(values) != 1:
        return ""
    host = values[0].lower()
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "-"))
