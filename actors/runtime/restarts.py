"""How often an actor may crash before it is left alone for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """More than `crashes` within `window_s` seconds: quarantine for `quarantine_s`."""

    crashes: int = 5
    window_s: float = 60.0
    quarantine_s: float = 60.0


class Restarts:
    """The crashes of the actors of one cell. Only addresses that crashed lately are kept."""

    def __init__(self, policy: RestartPolicy = RestartPolicy(), by_kind: Mapping[str, RestartPolicy] | None = None) -> None:
        """`by_kind`: kinds of actors with a policy of their own."""
        self._policy = policy
        self._by_kind = dict(by_kind or {})
        self._longest_s = max(policy.window_s, *(own.window_s for own in self._by_kind.values()), 0.0)
        self._crashes: dict[str, list[float]] = {}
        self._until: dict[str, float] = {}

    def crashed(self, address: str, now: float) -> bool:
        """Note a crash; True where the address is now in quarantine."""
        policy = self._by_kind.get(address.partition(":")[0], self._policy)
        window = [at for at in self._crashes.get(address, ()) if at > now - policy.window_s]
        window.append(now)
        self._crashes[address] = window
        if len(window) <= policy.crashes:
            return False
        self._until[address] = now + policy.quarantine_s
        return True

    def quarantined_s(self, address: str, now: float) -> float:
        """Seconds that the address still has to wait; 0 where it may be activated."""
        if not self._until:
            return 0.0
        left = self._until.get(address, 0.0) - now
        if left <= 0.0:
            self._until.pop(address, None)
            return 0.0
        return left

    def forget_old(self, now: float) -> None:
        """Drop what no longer counts, so that the tables stay small."""
        self._crashes = {a: w for a, w in self._crashes.items() if w[-1] > now - self._longest_s}
        self._until = {a: until for a, until in self._until.items() if until > now}
