"""How many connections are taken."""

from __future__ import annotations

from gateway.admission import Admission


def test_beyond_the_bound_in_all_nobody_is_taken_until_one_leaves() -> None:
    admission = Admission(max_total=2)
    assert [admission.enter() for _ in range(3)] == [True, True, False]
    admission.leave()
    assert admission.total == 1
    assert admission.enter()


def test_one_address_does_not_use_up_what_is_there_for_others() -> None:
    admission = Admission(max_per_address=2)
    assert [admission.enter_from("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert admission.enter_from("192.0.2.2")
    admission.leave_from("192.0.2.1")
    assert admission.enter_from("192.0.2.1")


def test_a_proxy_that_speaks_for_many_is_not_bounded_by_address() -> None:
    admission = Admission(max_per_address=1, is_exempt=lambda address: address == "10.0.0.1")
    assert all(admission.enter_from("10.0.0.1") for _ in range(5))
    admission.leave_from("10.0.0.1")
    assert admission.enter_from("192.0.2.1")


def test_nothing_is_kept_of_an_address_that_has_left() -> None:
    admission = Admission()
    admission.enter_from("192.0.2.1")
    admission.leave_from("192.0.2.1")
    admission.leave_from("192.0.2.1")
    assert admission._by_address == {}
