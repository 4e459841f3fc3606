"""One of the gates of the cluster: an actor that counts tries for the keys that are its own, and keeps logins that are half way.

All is in its memory. When its slot goes to another cell, counts begin anew and people who are half way start again at their
password: nobody is let in by that. Tables are bounded as those of `limits` are.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256

from actors.messages.gate import CloseLogin, HalfLogin, LoginJudged, OpenLogin, TryLogin, TryRegister, UseLogin
from actors.runtime.actor import Actor, ActorId, Context, actor_id, handles
from actors.runtime.kinds import Kind
from gateway.auth.factors import Tickets
from gateway.auth.limits import Buckets, Failures, Limits

KIND = "gate"
GATES = 64
"""Enough to spread over all cells. All cells have to agree on it."""
TABLE_SIZE = 2_000
HALF_LOGINS = 500


class Gate(Actor):
    """``gate:NUMBER``."""

    rank = 9

    def __init__(self, ctx: Context, limits: Limits, half_logins: int = HALF_LOGINS) -> None:
        self._ctx = ctx
        size = self._size = min(TABLE_SIZE, limits.table_size)
        self._registers = Buckets(limits.register, size)
        # Failures of addresses, then of accounts.
        self._bad = (Failures(limits.login_address, size), Failures(limits.login_account, size))
        # Where accounts logged in before: (account, address), longest unused first.
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._tickets = Tickets(ctx.now, size=half_logins)

    @handles(TryRegister)
    def on_try_register(self, request: TryRegister) -> float:
        """See `TryRegister`."""
        return self._registers.take(request.address, self._ctx.now())

    @handles(TryLogin)
    def on_try_login(self, request: TryLogin) -> float:
        """See `TryLogin`: counted at once, so that a thousand tries at once get no more than a thousand in a row."""
        now, bad = self._ctx.now(), self._bad[request.is_account]
        wait = 0.0 if (request.key, request.address) in self._known else bad.wait(request.key, now)
        if wait <= 0.0:
            bad.failed(request.key, now)
        return wait

    @handles(LoginJudged)
    def on_judged(self, message: LoginJudged) -> None:
        """The account's failures are forgotten after a good login; an address's are not: an own account must not wash a guesser."""
        bad = self._bad[message.is_account]
        if not (message.is_account and message.succeeded):
            bad.forgive(message.key)
            return
        bad.clear(message.key)
        self._known[message.key, message.address] = None
        self._known.move_to_end((message.key, message.address))
        if len(self._known) > self._size:
            self._known.popitem(last=False)

    @handles(OpenLogin)
    def on_open_login(self, request: OpenLogin) -> str:
        """See `OpenLogin`."""
        return self._tickets.open(request.user, request.device_name, request.factors, request.password)

    @handles(UseLogin)
    def on_use_login(self, request: UseLogin) -> HalfLogin:
        """See `UseLogin`."""
        pending = self._tickets.use(request.secret)
        return HalfLogin(pending.user, pending.device_name, pending.factors, pending.password)

    @handles(CloseLogin)
    def on_close_login(self, request: CloseLogin) -> bool:
        """See `CloseLogin`."""
        return self._tickets.close(request.secret)


def gate_of(key: str) -> ActorId:
    """The gate at which a key is counted."""
    return numbered_gate(sha256(key.encode()).digest()[0] % GATES)


def numbered_gate(number: int) -> ActorId:
    """The gate of that number."""
    return actor_id(KIND, str(number))


def gate_kind(limits: Limits = Limits()) -> Kind:  # noqa: B008 - a frozen tuple
    """The kind of actor, for `Cell.add_kinds`."""
    return Kind(KIND, Gate.rank, lambda ctx: Gate(ctx, limits))
