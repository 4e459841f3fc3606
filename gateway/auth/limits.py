"""Limits on how often somebody may try: token buckets, and waits that grow with failed logins.

All tables are bounded and forget the entry that was used longest ago. For a bucket that is harmless: an entry that
was not used for `burst / per_s` seconds is full again, like a new one. Somebody who owns very many addresses can push
entries out, and gains no more than the many addresses give anyway; the waits of accounts have a table of their own.

The tables are a cell's own. What is rare and has to hold for all cells together, logins and registrations, is counted at
gates (`budgets.py`); requests in general are counted here, so that K cells behind one port allow up to K times as much.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from actors.errors import ChatError

V6_PREFIX_BITS = 64
"""One customer's line is given a /64 at least; single IPv6 addresses are free to change."""


def address_key(address: str) -> str:
    """The key under which a client's address is counted: IPv4 as it is, IPv6 by its /64, other texts cut to 64 characters."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    shift = 128 - V6_PREFIX_BITS
    return f"{IPv6Address(int(parsed) >> shift << shift)}/{V6_PREFIX_BITS}"


class Rate(NamedTuple):
    """A bucket that refills with `per_s` a second and holds `burst`."""

    per_s: float
    burst: float


class Buckets:
    """A token bucket a key. At most `size` keys; the one used longest ago goes first."""

    def __init__(self, rate: Rate, size: int) -> None:
        self._rate = rate
        self._size = size
        # key -> [tokens, the time at which they were counted], longest unused first.
        self._table: OrderedDict[str, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._table)

    def take(self, key: str, now: float, cost: float = 1.0) -> float:
        """0.0 and the bucket is lowered; or, with nothing taken, the seconds until there is enough."""
        entry = self._table.get(key)
        if entry is None:
            entry = self._table[key] = [self._rate.burst, now]
            if len(self._table) > self._size:
                self._table.popitem(last=False)
        else:
            self._table.move_to_end(key)
            entry[0] = min(self._rate.burst, entry[0] + (now - entry[1]) * self._rate.per_s)
            entry[1] = now
        if entry[0] >= cost:
            entry[0] -= cost
            return 0.0
        return (cost - entry[0]) / self._rate.per_s


class Growth(NamedTuple):
    """How waits grow: none for `free` failures, then 1 s, doubling up to `most_s`; forgotten after `memory_s` without one."""

    free: int
    most_s: float
    memory_s: float = 3_600.0


class Failures:
    """Failures in a row a key. At most `size` keys; the one used longest ago goes first."""

    def __init__(self, growth: Growth, size: int) -> None:
        self._growth = growth
        self._size = size
        # key -> (failures, the time of the last one), longest unused first.
        self._table: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._table)

    def wait(self, key: str, now: float) -> float:
        """Seconds until the next try is heard; 0.0 where it is now."""
        count, last = self._table.get(key, (0, now))
        beyond = count - self._growth.free
        if beyond <= 0 or now - last > self._growth.memory_s:
            return 0.0
        return max(0.0, last + min(self._growth.most_s, 2.0 ** min(beyond - 1, 30)) - now)

    def failed(self, key: str, now: float) -> None:
        """Count one more."""
        count, last = self._table.pop(key, (0, now))
        if now - last > self._growth.memory_s:
            count = 0
        self._table[key] = (count + 1, now)
        if len(self._table) > self._size:
            self._table.popitem(last=False)

    def forgive(self, key: str) -> None:
        """Take the last one back: it was none."""
        count, last = self._table.get(key, (0, 0.0))
        if count > 1:
            self._table[key] = (count - 1, last)
        else:
            self._table.pop(key, None)

    def clear(self, key: str) -> None:
        """Forget the key's failures."""
        self._table.pop(key, None)


class Limits(NamedTuple):
    """The figures of a `Limiter`; each table holds at most `table_size` keys (some 200 bytes each)."""

    address: Rate = Rate(20.0, 100.0)
    """Requests from one address."""
    account: Rate = Rate(20.0, 60.0)
    """Requests of one account."""
    register: Rate = Rate(0.1, 20.0)
    """New accounts from one address."""
    login_address: Growth = Growth(20, 900.0)
    """Failed logins from one address, whatever the account: for one who guesses at many names."""
    login_account: Growth = Growth(10, 60.0)
    """Failed logins of one account, whatever the address: for many who guess at one name. The owner waits at most
    this long, and not at all from where the account logged in before."""
    table_size: int = 20_000


class Limiter:
    """All limits of one cell's HTTP side. Every `check_` raises `rate_limited` with `retry_after`."""

    def __init__(self, now: Callable[[], float], limits: Limits = Limits()) -> None:  # noqa: B008 - a frozen tuple
        self._now = now
        size = limits.table_size
        self._addresses = Buckets(limits.address, size)
        self._accounts = Buckets(limits.account, size)
        self._registers = Buckets(limits.register, size)
        self._bad_addresses = Failures(limits.login_address, size)
        self._bad_accounts = Failures(limits.login_account, size)
        # Where accounts logged in before: (account, address), longest unused first.
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._size = size

    def check_address(self, address: str) -> None:
        """One request from an address."""
        refuse_for(self._addresses.take(address_key(address), self._now()))

    def check_account(self, user: str) -> None:
        """One request of an account whose token was good."""
        refuse_for(self._accounts.take(user, self._now()))

    def check_register(self, address: str) -> None:
        """One new account from an address."""
        refuse_for(self._registers.take(address_key(address), self._now()))

    def check_login(self, user: str, address: str) -> None:
        """One try at a password or another factor. It counts as failed until `login_succeeded` or `login_undecided`
        says otherwise, so that a thousand tries at once get no more than a thousand in a row."""
        now, key = self._now(), address_key(address)
        wait = self._bad_addresses.wait(key, now)
        if (user, key) not in self._known:
            wait = max(wait, self._bad_accounts.wait(user, now))
        refuse_for(wait)
        self._bad_addresses.failed(key, now)
        self._bad_accounts.failed(user, now)

    def login_succeeded(self, user: str, address: str) -> None:
        """The account's failures are forgotten; the address's are not: one good account of one's own must not wash a guesser."""
        key = address_key(address)
        self._bad_addresses.forgive(key)
        self._bad_accounts.clear(user)
        self._known[user, key] = None
        self._known.move_to_end((user, key))
        if len(self._known) > self._size:
            self._known.popitem(last=False)

    def login_undecided(self, user: str, address: str) -> None:
        """The try was not judged (the server was busy, another factor is wanted): it counts for nothing."""
        self._bad_addresses.forgive(address_key(address))
        self._bad_accounts.forgive(user)


def refuse_for(wait: float) -> None:
    """Raises `rate_limited` where there is something to wait for."""
    if wait > 0.0:
        raise ChatError("rate_limited", retry_after=round(wait + 0.05, 1))
