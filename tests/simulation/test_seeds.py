"""Whatever breaks, in whatever order: nothing acknowledged is lost, nothing is repeated, and everybody ends up with everything.

A seed is a cluster in one process, under a seeded clock, network and disk. See docs/simulation.md.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator

import pytest

from tests.simulation.seed import run_seed

BLOCK = 10
QUICK_SEEDS = 200
SECONDS = float(os.environ.get("SIMULATION_SECONDS", "240"))
"""How long the slow test goes on."""


@pytest.fixture(autouse=True)
def no_logs() -> Iterator[None]:
    """Cells die by the dozen here, and say so."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", range(0, QUICK_SEEDS, BLOCK))
def test_a_cluster_keeps_its_word_in_these_seeds(first: int) -> None:
    for seed in range(first, first + BLOCK):
        outcome = run_seed(seed)
        assert outcome.violations == [], outcome.explain()


@pytest.mark.slow
def test_it_keeps_its_word_in_as_many_seeds_as_fit_into_the_time() -> None:
    end, seed = time.monotonic() + SECONDS, 1_000_000
    while time.monotonic() < end:
        outcome = run_seed(seed)
        assert outcome.violations == [], outcome.explain()
        seed += 1
    assert seed > 1_000_000
