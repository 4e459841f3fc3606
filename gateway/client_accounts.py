"""Accounts over HTTP, for programs: register, log in, refresh. Plain functions that block; call them in a thread if need be."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from actors.errors import ChatError, Unavailable

TIMEOUT_S = 30.0
REFRESH_PAUSES_S = (0.5, 2.0, 8.0)
"""Before a refresh is repeated whose answer was lost: well within the time for which the server gives the same answer."""
_MAX_ANSWER_BYTES = 1 << 20


class Login(NamedTuple):
    """A device that is logged in."""

    user: str
    device: str
    token: str
    refresh: str
    expires_in: int | None
    """Seconds until `token` ends; None: it does not."""


class Accounts:
    """The account calls of one server."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None, *, pause: Callable[[float], None] = time.sleep) -> None:
        """`url`: ``http(s)://HOST[:PORT]``. `pause`: waits so many seconds between repeats."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an address of a server: {url}")
        self._host = parts.hostname
        self._port = parts.port
        self._is_tls = parts.scheme == "https"
        self._tls = tls
        self._pause = pause

    @property
    def websocket_url(self) -> str:
        """What `Client` connects to."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        port = f":{self._port}" if self._port else ""
        return f"ws{'s' if self._is_tls else ''}://{host}{port}/ws"

    def register(self, name: str, password: str, display: str = "", device_name: str = "program") -> Login:
        """Make an account and log in. Raises `ChatError` (`name_taken`, `invalid`, ...)."""
        body = {"name": name, "password": password, "display": display or name, "device_name": device_name}
        return _login(self._post("/api/v1/accounts", body))

    def log_in(self, name: str, password: str, device_name: str = "program") -> Login:
        """Log in. Raises `ChatError`: `bad_credentials`; `forbidden` where the account wants a further factor."""
        answer = self._post("/api/v1/login", {"name": name, "password": password, "device_name": device_name})
        if "next" in answer:
            raise ChatError("forbidden", next=str(answer["next"]))
        return _login(answer)

    def refresh(self, refresh: str) -> Login:
        """New tokens for old: keep them before you use them. Repeats what may have been lost. Raises `ChatError` (`bad_token`)."""
        for pause_s in REFRESH_PAUSES_S:
            try:
                return _login(self._post("/api/v1/refresh", {"refresh": refresh}))
            except ChatError as error:
                if not error.retry:
                    raise
                self._pause(max(pause_s, min(error.retry_after or 0.0, TIMEOUT_S)))
        return _login(self._post("/api/v1/refresh", {"refresh": refresh}))

    def delete(self, token: str, password: str) -> None:
        """End the account that this token belongs to, for good. Raises `ChatError`: `bad_credentials` where the password is another."""
        self._post("/api/v1/me/delete", {"password": password}, token)

    def _post(self, path: str, body: dict[str, str], token: str = "") -> dict[str, Any]:
        connection = (
            HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=self._tls)
            if self._is_tls
            else HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        )
        try:
            shown = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **shown})
            response = connection.getresponse()
            return _answer(response, response.read(_MAX_ANSWER_BYTES))
        except (OSError, HTTPException) as error:
            raise Unavailable() from error
        finally:
            connection.close()


def _answer(response: HTTPResponse, text: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    if response.status < 300:
        return answer
    fields = {name: value for name, value in dict(answer.get("fields") or {}).items() if name not in ("self", "code", "retry_after")}
    code = str(answer.get("code") or ("internal" if response.status >= 500 else "invalid"))
    raise ChatError(code, retry_after=answer.get("retry_after"), **fields)


def _login(answer: dict[str, Any]) -> Login:
    return Login(answer["user"], answer["device"], answer["token"], answer["refresh"], answer["expires_in"])
