"""The conformance suite, run against every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.actors.store.conformance", "tests.actors.store.conformance_reads")

from tests.actors.store.conformance import *  # noqa: E402, F403
from tests.actors.store.conformance_reads import *  # noqa: E402, F403
from tests.kit.labs import lab_of  # noqa: E402


@pytest.fixture(params=["memory", "sqlite", "sqlite in three shards", pytest.param("cassandra", marks=pytest.mark.slow)])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Every store that there is."""
    with lab_of(request.param, tmp_path) as found:
        yield found
