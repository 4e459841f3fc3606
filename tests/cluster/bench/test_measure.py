"""Readings of processes and of the disk, and what is made of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cluster.bench.measure import cpu_seconds, fsync_seconds, median, memory_bytes, percentile, with_children


def test_cpu_time_of_a_process_grows_as_it_works() -> None:
    before = cpu_seconds([os.getpid()])
    own = time.process_time()
    sum(index * index for index in range(200_000))
    spent = time.process_time() - own
    assert cpu_seconds([os.getpid()]) - before == pytest.approx(spent, abs=0.02)


def test_memory_of_a_process_is_told_in_bytes() -> None:
    rss, pss = memory_bytes([os.getpid()])
    assert 1 << 20 < pss <= rss < 1 << 34


def test_a_process_is_counted_with_its_descendants() -> None:
    assert with_children([os.getpid()])[0] == os.getpid()


def test_fsync_is_timed_and_leaves_nothing_behind(tmp_path: Path) -> None:
    taken = fsync_seconds(tmp_path, 0.02)
    assert taken
    assert min(taken) > 0
    assert list(tmp_path.iterdir()) == []


def test_percentiles_and_medians() -> None:
    assert percentile([], 0.99) == 0.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(list(map(float, range(100))), 0.99) == 99.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5
    assert median([]) == 0.0
