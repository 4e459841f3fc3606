"""What all cells of a cluster agree on, as it is written down: a small file on one machine, rows of the database on several.

Plain calls, from any thread, at control-plane rates; each change is durable when it returns, and safe for several processes at once.
Raises `StoreError`: then nothing is known of the outcome, and the call may be repeated.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class ClusterRecord(Protocol):
    """The record of one cluster. It is the `KeyShelf` of `seal.Sealer`."""

    shards: int
    """Groups of slots that move as a whole, fixed at creation."""
    key_id: bytes
    """Which master key belongs to this data."""
    place: str
    """Names this very record: a copy of the data, which names the same lives, has another."""
    drains: bool
    """Whether a sealed life may have commits that are not yet where its taker reads."""

    def close(self) -> None:
        """Close it."""

    def view(self) -> tuple[int, bytes]:
        """(version, data) of the stored view; version 0 and no data where none was ever stored."""

    def change_view(self, expected: int, data: bytes) -> bool:
        """Store `data` as version `expected` + 1, if `expected` is still the stored version. False where it is not."""

    def plan(self) -> tuple[int, bytes]:
        """(version, data) of the stored plan; version 0 and no data where none was ever stored."""

    def change_plan(self, expected: int, data: bytes) -> bool:
        """Store `data` as version `expected` + 1, if `expected` is still the stored version. False where it is not."""

    def add_life(self, life: str) -> bool:
        """Write a new life down. False where that id was used before."""

    def seal_life(self, life: str) -> None:
        """The fence: when this returns, no commit of that life succeeds any more, and that is noted. Safe to repeat."""

    def drain(self, life: str) -> None:
        """Bring all that a sealed life has committed to where its takers read. Safe to repeat."""

    def is_sealed(self, life: str) -> bool:
        """Whether it is noted as sealed."""

    def unsealed(self) -> list[str]:
        """The lives that are not sealed."""

    def look(self, known: int) -> tuple[int, bytes | None, str, int]:
        """(version of the view, the view where it is newer than `known`, holder of the lease, its count)."""

    def change_lease(self, before: tuple[str, int], after: tuple[str, int]) -> bool:
        """Compare and set: store `after` where `before` is stored. False where something else is."""

    def add_key(self, wrapped: bytes) -> int:
        """Keep a wrapped data key; returns its id, never used before."""

    def wrapped_key(self, key_id: int) -> bytes | None:
        """The wrapped data key of that id."""

    def key_ids(self) -> list[int]:
        """The ids of all data keys, ascending."""

    def remove_keys(self, numbers: Collection[int]) -> None:
        """Take data keys away for good: nothing may be sealed with them any more. Safe to repeat."""

    def setting(self, name: str) -> bytes | None:
        """A stored setting."""

    def keep_setting(self, name: str, value: bytes) -> bytes:
        """Store a setting where there is none of that name; returns what is stored then: the first one wins."""

    def change_setting(self, name: str, before: bytes | None, after: bytes) -> bool:
        """Compare and set: store `after` where `before` is stored (None: nothing). False where something else is."""
