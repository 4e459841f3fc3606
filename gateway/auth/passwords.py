"""Passwords: Argon2id, off the loop, in a bounded pool.

Hashing is meant to be dear: tens of milliseconds and tens of MiB each. So it runs in a few threads (the library
lets go of the interpreter lock) behind a bounded queue. Beyond the bound a request is refused as `overloaded` with
the time after which the queue should be shorter; nothing waits without a bound and the loop never hashes.

Somebody without an account, or without a password, costs the same time as everybody else: a decoy is checked.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from actors.errors import Overloaded

T = TypeVar("T")

MIN_PASSWORD_CHARS = 8
MAX_PASSWORD_CHARS = 200
"""Enough for any passphrase; a bound on what is hashed."""


class Cost(NamedTuple):
    """Argon2id's parameters. 32 MiB and two passes lie above the usual advice for servers (19 MiB, two passes)."""

    memory_kib: int = 32 * 1024
    passes: int = 2
    lanes: int = 1


class Hasher(Protocol):
    """What a thread of the pool runs. Tests hand in a cheap one."""

    def hash(self, password: str) -> str:
        """The text to store."""

    def matches(self, stored: str, password: str) -> bool:
        """Whether the password made that text. Raises where the text is damaged."""

    def is_stale(self, stored: str) -> bool:
        """Whether the text was made with other parameters than today's."""

    def decoy(self) -> str:
        """A text that no password matches and that costs as much to check as a real one."""


class Argon2Hasher:
    """Argon2id by argon2-cffi."""

    SALT_BYTES, HASH_BYTES = 16, 32

    def __init__(self, cost: Cost = Cost()) -> None:  # noqa: B008 - a frozen tuple
        self._cost = cost
        self._argon2 = PasswordHasher(
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            hash_len=self.HASH_BYTES,
            salt_len=self.SALT_BYTES,
            type=Type.ID,
        )

    def hash(self, password: str) -> str:
        """The text to store, with a new salt."""
        return self._argon2.hash(password)

    def matches(self, stored: str, password: str) -> bool:
        """Whether the password made that text. Raises argon2's `VerificationError` where it is damaged."""
        try:
            return self._argon2.verify(stored, password)
        except VerifyMismatchError:
            return False

    def is_stale(self, stored: str) -> bool:
        """Whether the text was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(stored)

    def decoy(self) -> str:
        """Random bytes in the place of a hash: nothing has to be hashed to make it."""
        salt, tail = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (self.SALT_BYTES, self.HASH_BYTES))
        return f"$argon2id$v=19$m={self._cost.memory_kib},t={self._cost.passes},p={self._cost.lanes}${salt}${tail}"


class Verified(NamedTuple):
    """What a check found."""

    ok: bool
    stale: bool
    """It matched, but today's parameters are others: hash it again and replace the text."""


class Passwords:
    """Hashes and checks passwords for one loop. At most `queue` wait or run at a time; `threads` run.

    The most memory that hashing takes is `threads` times the cost's memory.
    """

    def __init__(self, hasher: Hasher, *, threads: int = 1, queue: int = 64) -> None:
        self._hasher = hasher
        self._decoy = hasher.decoy()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._threads = threads
        self._queue = queue
        # Counted by the pool's threads as well as by the loop, hence the lock.
        self._lock = threading.Lock()
        self._waiting = 0
        self.refused = 0
        """Requests refused at the bound."""

    @property
    def waiting(self) -> int:
        """How many wait or run."""
        return self._waiting

    async def hash(self, password: str) -> str:
        """The text to store. Raises `Overloaded` at the bound."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, stored: str | None, password: str) -> Verified:
        """Whether the password made `stored`; without one (no account, a program's account) a decoy is checked.

        Raises `Overloaded` at the bound.
        """
        return await self._run(lambda: self._verify(stored or self._decoy, _normal(password)))

    def close(self) -> None:
        """End the threads; what still waits is cancelled."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> Verified:
        ok = self._hasher.matches(stored, password)
        return Verified(ok, ok and self._hasher.is_stale(stored))

    async def _run(self, job: Callable[[], T]) -> T:
        with self._lock:
            full = self._waiting >= self._queue
            self._waiting += not full
        if full:
            self.refused += 1
            # A tenth of a second is what one hash takes on a slow machine.
            raise Overloaded(retry_after=round(max(1.0, 0.1 * self._queue / self._threads), 1))
        future = self._pool.submit(job)
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def _done(self, future: Future[T]) -> None:
        with self._lock:
            self._waiting -= 1


def _normal(password: str) -> str:
    # The same characters, typed on another system, may arrive composed in another way.
    return unicodedata.normalize("NFC", password)
