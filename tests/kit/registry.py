"""A `Registry` in memory, shared by all lives of a test: settles in the next turn, fails when told, loses answers when told."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, TypeVar

from actors.runtime.promise import Promise
from actors.runtime.view import View
from actors.store.store import OutcomeUnknown, StoreUnavailable
from cluster.registry import Lease, Stored
from tests.kit.clock import Clock

T = TypeVar("T")


class Archive:
    """What is stored."""

    def __init__(self) -> None:
        self.version = 0
        self.data = b""
        self.lease = Lease()
        self.sealed: list[str] = []
        """In the order of the seals."""
        self.killed: list[str] = []
        self.gone: set[str] = set()
        """Lives whose process is gone, and where that can be seen."""
        self.stuck: set[str] = set()
        """Lives that cannot be ended yet."""
        self.away: set[str] = set()
        """Lives that cannot reach the store."""
        self.deaf_writes: set[str] = set()
        """Lives whose next change is done, and whose answer is lost."""
        self.on_end: Callable[[str], None] | None = None
        """Called when a life is sealed: its process, where it can be reached, is killed."""
        self.views: list[View] = []
        """All views that were ever stored."""
        self.writers: list[str] = []
        """Who stored each."""

    @property
    def view(self) -> View:
        """The stored view."""
        return View.decode(self.data)


class LateRegistry:
    """Implements `Registry` by pieces of work that are carried out some time later, as whoever derives from it says."""

    def read(self, known: int) -> Promise[Stored]:
        """See `Registry`."""
        return self._later(self._read, known)

    def change_view(self, expected: int, data: bytes) -> Promise[bool]:
        """See `Registry`."""
        return self._later(self._change_view, expected, data)

    def change_lease(self, before: Lease, after: Lease) -> Promise[bool]:
        """See `Registry`."""
        return self._later(self._change_lease, before, after)

    def enter(self, life: str) -> Promise[None]:
        """See `Registry`."""
        return self._later(lambda: None)

    def is_dead(self, life: str) -> Promise[bool]:
        """See `Registry`."""
        return self._later(lambda: life in self._gone())

    def end_life(self, life: str) -> Promise[None]:
        """See `Registry`."""
        return self._later(self._end_life, life)

    def is_sealed(self, life: str) -> Promise[bool]:
        """See `Registry`."""
        return self._later(lambda: life in self._sealed())

    def _later(self, work: Callable[..., T], *args: Any) -> Promise[T]:
        raise NotImplementedError

    def _read(self, known: int) -> Stored:
        raise NotImplementedError

    def _change_view(self, expected: int, data: bytes) -> bool:
        raise NotImplementedError

    def _change_lease(self, before: Lease, after: Lease) -> bool:
        raise NotImplementedError

    def _gone(self) -> Container[str]:
        raise NotImplementedError

    def _end_life(self, life: str) -> None:
        raise NotImplementedError

    def _sealed(self) -> Container[str]:
        raise NotImplementedError


class MemoryRegistry(LateRegistry):
    """The archive, as one life reaches it. Implements `Registry`."""

    def __init__(self, archive: Archive, clock: Clock, life: str, groups: int, *, drains: bool = False, delay_s: float = 0.002) -> None:
        self.archive = archive
        self.groups = groups
        self.drains = drains
        self._clock = clock
        self._life = life
        self._delay_s = delay_s

    def drain(self, life: str) -> Promise[None]:
        """See `Registry`."""
        return self._later(lambda: None)

    def _gone(self) -> Container[str]:
        return self.archive.gone

    def _sealed(self) -> Container[str]:
        return self.archive.sealed

    def _read(self, known: int) -> Stored:
        archive = self.archive
        return Stored(archive.version, archive.data if archive.version > known else None, archive.lease)

    def _change_view(self, expected: int, data: bytes) -> bool:
        archive = self.archive
        if archive.version != expected:
            return False
        archive.version, archive.data = expected + 1, data
        archive.views.append(View.decode(data))
        archive.writers.append(self._life)
        self._lose_answer()
        return True

    def _change_lease(self, before: Lease, after: Lease) -> bool:
        if self.archive.lease != before:
            return False
        self.archive.lease = after
        self._lose_answer()
        return True

    def _lose_answer(self) -> None:
        if self._life in self.archive.deaf_writes:
            self.archive.deaf_writes.discard(self._life)
            raise OutcomeUnknown("the answer was lost")

    def _end_life(self, life: str) -> None:
        archive = self.archive
        if life in archive.stuck:
            raise StoreUnavailable("its process hangs")
        if life not in archive.sealed:
            archive.sealed.append(life)
            if archive.on_end is not None:
                archive.on_end(life)

    def _later(self, work: Callable[..., T], *args: Any) -> Promise[T]:
        done: Promise[T] = Promise()
        self._clock.later(self._delay_s, self._work, done, work, args)
        return done

    def _work(self, done: Promise[T], work: Callable[..., T], args: tuple[Any, ...]) -> None:
        if self._life in self.archive.away:
            done.reject(StoreUnavailable("the store is away"))
            return
        try:
            value = work(*args)
        except (StoreUnavailable, OutcomeUnknown) as error:
            done.reject(error)
        else:
            done.resolve(value)
