"""A gate counts tries for its keys and keeps logins that are half way."""

from __future__ import annotations

import pytest

from actors.errors import ChatError, Overloaded
from actors.messages.gate import CloseLogin, LoginJudged, OpenLogin, TryLogin, TryRegister, UseLogin
from gateway.auth.gate import GATES, Gate, gate_of
from gateway.auth.limits import Growth, Limits, Rate
from tests.kit.clock import Clock

LIMITS = Limits(register=Rate(0.1, 2.0), login_address=Growth(3, 900.0), login_account=Growth(2, 60.0))


def gate(clock: Clock | None = None, half_logins: int = 10) -> Gate:
    return Gate(clock or Clock(), LIMITS, half_logins)  # type: ignore[arg-type]


def test_accounts_of_one_address_have_a_rate() -> None:
    clock = Clock()
    one = gate(clock)
    assert [one.on_try_register(TryRegister("192.0.2.1")) > 0 for _ in range(3)] == [False, False, True]
    clock.advance(10.0)
    assert one.on_try_register(TryRegister("192.0.2.1")) == 0.0


def test_failed_logins_make_an_account_and_an_address_wait_each_by_its_own_count() -> None:
    one = gate()
    assert [one.on_try_login(TryLogin(True, "ann", "a")) > 0 for _ in range(4)] == [False, False, False, True]
    assert [one.on_try_login(TryLogin(False, "ann")) > 0 for _ in range(5)] == [False] * 4 + [True]


def test_a_good_login_clears_the_account_and_forgives_the_address_one_try() -> None:
    one = gate()
    for _ in range(3):
        one.on_try_login(TryLogin(True, "ann", "home"))
        one.on_try_login(TryLogin(False, "home"))
    one.on_judged(LoginJudged(True, "ann", True, "home"))
    one.on_judged(LoginJudged(False, "home", True))
    assert one.on_try_login(TryLogin(True, "ann", "elsewhere")) == 0.0
    assert [one.on_try_login(TryLogin(False, "home")) > 0 for _ in range(3)] == [False, False, True]


def test_an_attack_on_an_account_does_not_shut_its_owner_out_at_home() -> None:
    one = gate()
    one.on_judged(LoginJudged(True, "ann", True, "home"))
    while one.on_try_login(TryLogin(True, "ann", "attacker")) == 0.0:
        pass
    assert one.on_try_login(TryLogin(True, "ann", "home")) == 0.0


def test_a_try_that_nobody_judged_counts_for_nothing() -> None:
    one = gate()
    for _ in range(20):
        assert one.on_try_login(TryLogin(True, "ann", "a")) == 0.0
        one.on_judged(LoginJudged(True, "ann", False))


def test_a_half_login_is_kept_until_it_is_closed_once() -> None:
    one = gate()
    secret = one.on_open_login(OpenLogin("ann", "Phone", ["code"], b"mark"))
    half = one.on_use_login(UseLogin(secret))
    assert (half.user, half.device_name, half.factors, half.password) == ("ann", "Phone", ["code"], b"mark")
    assert [one.on_close_login(CloseLogin(secret)) for _ in range(2)] == [True, False]
    with pytest.raises(ChatError, match="bad_ticket"):
        one.on_use_login(UseLogin(secret))


def test_half_logins_are_bounded() -> None:
    one = gate(half_logins=1)
    one.on_open_login(OpenLogin("ann", "", ["code"], b""))
    with pytest.raises(Overloaded):
        one.on_open_login(OpenLogin("bob", "", ["code"], b""))


def test_keys_are_spread_over_all_gates_and_each_has_always_the_same() -> None:
    assert len({gate_of(f"account user{number}") for number in range(2_000)}) == GATES
    assert gate_of("account ann") == gate_of("account ann")
