"""The same simulation with the store of a cluster: whole cells on the product's own class for Cassandra, over a fake of its database.

What was acknowledged is compared with what clients saw, as everywhere, and in the end with what the tables hold.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator

import pytest

from tests.simulation.planted_cassandra import PLANTED_ON_CASSANDRA
from tests.simulation.seed import Outcome, run_seed

BLOCK = 10
QUICK_SEEDS = 60
SECONDS = float(os.environ.get("SIMULATION_SECONDS", "360")) / 3
"""How long the slow test goes on."""
FOUND_BY = {
    "a_flush_that_failed_counts": 6,
    "a_group_is_taken_from_a_life_that_is_not_drained": 15,
    "a_roll_names_no_successor": 2,
    "an_append_asks_only_whether_the_ledger_is_open": 3,
    "an_append_without_an_answer_is_taken_for_done": 7,
    "the_seal_stops_at_a_ledger_that_was_rolled": 2,
    "what_is_only_in_the_ledger_is_not_read": 0,
    "write_timestamps_know_no_epoch": 0,
}
"""Bug -> the first seed that found it. Every change of timing makes it another one: it is tried first, then others are."""
BOUND = 150
"""Seeds after which a bug counts as one that the simulation does not see."""


@pytest.fixture(autouse=True)
def no_logs() -> Iterator[None]:
    """Cells die by the dozen here, and say so."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def outcome_with(bug: str, seed: int) -> Outcome:
    with PLANTED_ON_CASSANDRA[bug]():
        return run_seed(seed, on_cassandra=True)


@pytest.mark.parametrize("first", range(0, QUICK_SEEDS, BLOCK))
def test_cells_on_cassandra_keep_their_word_in_these_seeds(first: int) -> None:
    for seed in range(first, first + BLOCK):
        outcome = run_seed(seed, on_cassandra=True)
        assert outcome.violations == [], outcome.explain()


@pytest.mark.slow
def test_they_keep_it_in_as_many_seeds_as_fit_into_the_time() -> None:
    end, seed = time.monotonic() + SECONDS, 2_000_000
    while time.monotonic() < end:
        outcome = run_seed(seed, on_cassandra=True)
        assert outcome.violations == [], outcome.explain()
        seed += 1
    assert seed > 2_000_000


def test_a_seed_takes_the_same_steps_again() -> None:
    first, again, other = (run_seed(seed, on_cassandra=True).world.trace.hash() for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_every_planted_bug_is_in_the_table() -> None:
    assert FOUND_BY.keys() == PLANTED_ON_CASSANDRA.keys()


@pytest.mark.slow
@pytest.mark.parametrize("bug", sorted(PLANTED_ON_CASSANDRA))
def test_a_planted_bug_is_found_by_a_seed_that_finds_nothing_without_it(bug: str) -> None:
    for seed in (FOUND_BY[bug], *range(BOUND)):
        if outcome_with(bug, seed).violations:
            assert run_seed(seed, on_cassandra=True).violations == []
            return
    raise AssertionError(f"{bug} was not found in {BOUND} seeds")
