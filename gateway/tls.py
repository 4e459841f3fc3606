"""TLS for the public port, from files that may be renewed while the server runs.

A connection is served with the certificate that is in the files when it begins; connections that stand keep theirs.
The files are looked at when a client says hello, at most every `look_every_s`; a pair that cannot be read, or whose
key does not fit, is told to `on_problem` and the one in use stays.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class TlsError(Exception):
    """The certificate or its key cannot be used; the text says which file and why."""


class _Stamp(NamedTuple):
    """What tells one state of the two files from another."""

    files: tuple[tuple[int, int, int], ...]


class Certificates:
    """A server's certificate and key, read again when the files change. `context` is what listeners are given."""

    def __init__(
        self,
        certificate: Path,
        key: Path,
        *,
        on_problem: Callable[[TlsError], None],
        on_change: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
        look_every_s: float = 1.0,
    ) -> None:
        """Read the files. Raises `TlsError` where they cannot be used."""
        self._certificate = certificate
        self._key = key
        self._on_problem = on_problem
        self._on_change = on_change
        self._now = now
        self._look_every_s = look_every_s
        self._stamp = self._look()
        self._current = _context(certificate, key)
        self._looked_at = now()
        self.context = _context(certificate, key)
        """For `loop.create_server(ssl=...)`; swaps in the newest certificate at each handshake."""
        # Called for every client hello, with or without a server name.
        self.context.sni_callback = self._at_hello

    def reload_if_changed(self) -> bool:
        """Read the files again if they changed; True where a new certificate is in use now."""
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return False
            fresh = _context(self._certificate, self._key)
        except TlsError as problem:
            # Half a renewal, most likely: the other file comes next. Looked at again, told again at each new state.
            self._on_problem(problem)
            return False
        self._current = fresh
        self._stamp = stamp
        self._on_change()
        return True

    def _at_hello(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        now = self._now()
        if now - self._looked_at >= self._look_every_s:
            self._looked_at = now
            self.reload_if_changed()
        connection.context = self._current

    def _look(self) -> _Stamp:
        try:
            seen = [path.stat() for path in (self._certificate, self._key)]
        except OSError as error:
            raise TlsError(f"cannot read {error.filename}: {error.strerror}") from error
        return _Stamp(tuple((info.st_mtime_ns, info.st_size, info.st_ino) for info in seen))


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A key under a passphrase would ask the terminal: refuse it instead.
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as error:
        reason = error.reason or str(error)
        raise TlsError(f"cannot use {certificate} with the key {key}: {reason.replace('_', ' ').lower()}") from error
    except (OSError, ValueError) as error:
        raise TlsError(f"cannot use {certificate} with the key {key}: {error}") from error
    return context


def _no_passphrase() -> bytes:
    raise ValueError("the key is under a passphrase")
