"""Limits per address and account, under a hand-moved clock."""

from __future__ import annotations

import pytest

from actors.errors import ChatError
from gateway.auth.limits import Buckets, Failures, Growth, Limiter, Limits, Rate, address_key
from tests.kit.clock import Clock


def waits(check: object, *args: str) -> float:
    """0.0 where a check passes, else its `retry_after`."""
    try:
        check(*args)  # type: ignore[operator]
    except ChatError as error:
        assert error.code == "rate_limited" and error.retry_after
        return error.retry_after
    return 0.0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("local", "local"),
        ("x" * 500, "x" * 64),
    ],
)
def test_addresses_are_counted_by_who_can_change_them(address: str, key: str) -> None:
    assert address_key(address) == key


def test_a_bucket_lets_a_burst_pass_then_its_rate() -> None:
    buckets = Buckets(Rate(2.0, 3.0), 10)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("a", 0.5) == 0.0
    assert buckets.take("a", 0.5) == 0.5
    assert buckets.take("b", 0.5) == 0.0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    buckets = Buckets(Rate(1.0, 2.0), 10)
    buckets.take("a", 0.0)
    assert [buckets.take("a", 1_000.0) for _ in range(3)] == [0.0, 0.0, 1.0]


def test_a_full_table_forgets_whom_it_heard_of_longest_ago() -> None:
    buckets = Buckets(Rate(1.0, 1.0), 2)
    buckets.take("a", 0.0)
    buckets.take("b", 0.0)
    buckets.take("a", 0.1)
    buckets.take("c", 0.1)
    assert len(buckets) == 2
    assert buckets.take("a", 0.1) > 0.0
    assert buckets.take("b", 0.1) == 0.0


def test_waits_double_up_to_their_bound_and_are_forgotten_in_time() -> None:
    failures = Failures(Growth(free=2, most_s=5.0, memory_s=100.0), 10)
    seen = []
    for _ in range(7):
        failures.failed("a", 0.0)
        seen.append(failures.wait("a", 0.0))
    assert seen == [0.0, 0.0, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert failures.wait("a", 4.0) == 1.0
    assert failures.wait("a", 5.0) == 0.0
    failures.failed("a", 200.0)
    assert failures.wait("a", 200.0) == 0.0


def test_forgiving_takes_back_one_and_clearing_all() -> None:
    failures = Failures(Growth(free=1, most_s=60.0), 10)
    for _ in range(3):
        failures.failed("a", 0.0)
    failures.forgive("a")
    assert failures.wait("a", 0.0) == 1.0
    failures.clear("a")
    assert (failures.wait("a", 0.0), len(failures)) == (0.0, 0)
    failures.forgive("a")
    assert len(failures) == 0


def test_tables_of_failures_are_bounded() -> None:
    failures = Failures(Growth(free=0, most_s=60.0), 100)
    for number in range(1_000):
        failures.failed(str(number), 0.0)
    assert len(failures) == 100


def test_guessing_at_one_account_from_many_addresses_meets_growing_waits() -> None:
    clock = Clock()
    limiter = Limiter(clock.now, Limits(login_account=Growth(3, 60.0)))
    assert [waits(limiter.check_login, "ann", f"192.0.2.{number}") for number in range(3)] == [0.0] * 3
    limiter.check_login("ann", "192.0.2.90")
    assert waits(limiter.check_login, "ann", "192.0.2.91") > 0.9
    assert waits(limiter.check_login, "bob", "192.0.2.91") == 0.0
    clock.advance(1.1)
    assert waits(limiter.check_login, "ann", "192.0.2.91") == 0.0


def test_guessing_at_many_accounts_from_one_address_meets_growing_waits() -> None:
    limiter = Limiter(Clock().now, Limits(login_address=Growth(3, 900.0)))
    names = [waits(limiter.check_login, f"user{number}", "2001:db8::1") for number in range(4)]
    assert names == [0.0] * 4
    assert waits(limiter.check_login, "another", "2001:db8::2") > 0.9


def test_an_attack_on_an_account_does_not_shut_its_owner_out_at_home() -> None:
    limiter = Limiter(Clock().now, Limits(login_account=Growth(2, 60.0)))
    limiter.check_login("ann", "198.51.100.1")
    limiter.login_succeeded("ann", "198.51.100.1")
    for number in range(3):
        limiter.check_login("ann", f"192.0.2.{number}")
    assert waits(limiter.check_login, "ann", "192.0.2.77") > 0.0
    assert waits(limiter.check_login, "ann", "198.51.100.1") == 0.0


def test_an_account_of_ones_own_does_not_wash_a_guessers_address() -> None:
    limiter = Limiter(Clock().now, Limits(login_address=Growth(4, 900.0)))
    for number in range(5):
        limiter.check_login(f"victim{number}", "192.0.2.1")
        if number < 4:
            limiter.check_login("mallory", "192.0.2.1")
            limiter.login_succeeded("mallory", "192.0.2.1")
    assert waits(limiter.check_login, "mallory", "192.0.2.1") > 0.0


def test_a_try_that_nobody_judged_counts_for_nothing() -> None:
    limiter = Limiter(Clock().now, Limits(login_account=Growth(1, 60.0), login_address=Growth(1, 60.0)))
    for _ in range(20):
        limiter.check_login("ann", "192.0.2.1")
        limiter.login_undecided("ann", "192.0.2.1")


def test_registering_and_asking_have_rates_of_their_own() -> None:
    clock = Clock()
    limiter = Limiter(clock.now, Limits(register=Rate(0.1, 2.0), address=Rate(1.0, 4.0), account=Rate(1.0, 3.0)))
    assert [waits(limiter.check_register, "192.0.2.1") > 0 for _ in range(3)] == [False, False, True]
    assert [waits(limiter.check_address, "192.0.2.1") > 0 for _ in range(5)] == [False] * 4 + [True]
    assert [waits(limiter.check_account, "ann") > 0 for _ in range(4)] == [False] * 3 + [True]
    clock.advance(10.0)
    assert waits(limiter.check_register, "192.0.2.1") == 0.0
