"""A seed is the same wherever it runs: the same steps at the same times."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.seed import run_seed

ROOT = Path(__file__).resolve().parents[2]
SEED = 1


def in_a_process(hash_seed: str) -> str:
    """The hash of the seed's trace in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", str(SEED), "--hash"],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_the_same_seed_takes_the_same_steps_and_another_takes_others() -> None:
    first, again, other = (run_seed(seed).world.trace.hash() for seed in (SEED, SEED, SEED + 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("hash_seed", ["0", "1", "2"])
def test_no_step_depends_on_the_order_of_hashes(hash_seed: str) -> None:
    assert in_a_process(hash_seed) == run_seed(SEED).world.trace.hash()
