"""How many connections are taken: in all, and from one address."""

from __future__ import annotations

from collections.abc import Callable


class Admission:
    """Counts connections against two bounds. What came in must go out once.

    Addresses that `is_exempt` (trusted proxies, which speak for many) count in all, not by address.
    """

    __slots__ = ("_by_address", "_is_exempt", "_max_per_address", "_max_total", "total")

    def __init__(
        self, max_total: int = 200_000, max_per_address: int = 2_000, is_exempt: Callable[[str], bool] = lambda address: False
    ) -> None:
        self._max_total = max_total
        self._max_per_address = max_per_address
        self._is_exempt = is_exempt
        self._by_address: dict[str, int] = {}
        self.total = 0
        """Connections now."""

    def enter(self) -> bool:
        """One more connection; False (and not counted) at the bound."""
        if self.total >= self._max_total:
            return False
        self.total += 1
        return True

    def leave(self) -> None:
        """One connection less."""
        self.total -= 1

    def enter_from(self, address: str) -> bool:
        """One more of this address; False (and not counted) at its bound."""
        if self._is_exempt(address):
            return True
        count = self._by_address.get(address, 0)
        if count >= self._max_per_address:
            return False
        self._by_address[address] = count + 1
        return True

    def leave_from(self, address: str) -> None:
        """One of this address less; harmless for one that is not counted."""
        count = self._by_address.get(address, 0)
        if count > 1:
            self._by_address[address] = count - 1
        else:
            self._by_address.pop(address, None)
