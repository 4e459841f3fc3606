"""The lease, as one cell watches it: no clock but its own, and nothing concluded from what it could not see."""

from __future__ import annotations

from cluster.lease import LeaseWatch
from cluster.registry import Lease

RUN_OUT_S = 4.0


def watching(holder: str = "b.1", number: int = 7) -> LeaseWatch:
    """A cell that has just seen another hold it."""
    watch = LeaseWatch("a.1", RUN_OUT_S)
    watch.seen(Lease(holder, number), 100.0)
    return watch


def test_before_the_first_look_nothing_may_be_taken() -> None:
    assert not LeaseWatch("a.1", RUN_OUT_S).may_take(1000.0, False, 0.0)


def test_a_lease_that_changes_is_never_free() -> None:
    watch = watching()
    for step in range(1, 20):
        watch.seen(Lease("b.1", 7 + step), 100.0 + 3 * step)
        assert not watch.may_take(100.0 + 3 * step + 2.9, True, 0.0)


def test_one_that_stands_still_is_free_after_the_time_and_by_rank() -> None:
    watch = watching()
    watch.seen(Lease("b.1", 7), 103.9)
    assert not watch.may_take(103.9, True, 0.0)
    assert watch.may_take(104.0, True, 0.0)
    assert not watch.may_take(104.0, True, 0.3)
    assert watch.may_take(104.4, True, 0.3)


def test_what_passes_while_the_store_is_away_does_not_count() -> None:
    watch = watching()
    watch.not_seen()
    assert not watch.may_take(200.0, True, 0.0)
    watch.seen(Lease("b.1", 7), 200.0)
    assert not watch.may_take(203.9, True, 0.0)
    assert watch.may_take(204.0, True, 0.0)


def test_what_passes_while_this_process_does_not_run_does_not_count() -> None:
    watch = watching()
    watch.slept(50.0)
    assert not watch.may_take(153.9, True, 0.0)


def test_that_of_a_dead_holder_is_free_at_once_by_rank() -> None:
    watch = watching()
    assert watch.may_take(100.1, False, 0.0)
    assert not watch.may_take(100.1, False, 0.15)
    assert watch.may_take(100.3, False, 0.15)


def test_a_holder_is_sure_of_it_only_shortly_after_it_made_it_grow() -> None:
    watch = watching("a.1", 7)
    assert watch.is_sure(102.0)
    watch.seen(Lease("a.1", 7), 102.0)  # to find it unchanged proves nothing: others may have watched it as long
    assert not watch.is_sure(102.1)
    watch.seen(Lease("a.1", 8), 102.5)
    assert watch.is_sure(104.5)
    watch.slept(50.0)
    assert not watch.is_sure(152.6)
    watch.seen(Lease("b.1", 9), 153.0)
    assert not watch.is_sure(153.0)


def test_its_own_is_not_taken_again_and_each_claim_counts_on() -> None:
    watch = watching("a.1", 9)
    assert watch.mine
    assert not watch.may_take(200.0, True, 0.0)
    assert watch.claim() == (Lease("a.1", 9), Lease("a.1", 10))
    assert watch.resign() == (Lease("a.1", 9), Lease("", 10))


def test_the_first_claim_is_on_the_empty_lease() -> None:
    assert LeaseWatch("a.1", RUN_OUT_S).claim() == (Lease(), Lease("a.1", 1))
