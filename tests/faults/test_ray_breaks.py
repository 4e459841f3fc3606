"""A server on two Ray nodes under load: cells, the supervisor, a node and Ray's own head are killed, and nobody loses a message."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.on_ray import ON_RAY
from tests.faults.running_on_ray import RunningOnRay

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOnRay]:
    with RunningOnRay.on(tmp_path_factory.mktemp("ray")) as found:
        yield found


@pytest.mark.parametrize("name", ON_RAY)
def test_nothing_is_lost_repeated_or_reordered_when(running: RunningOnRay, name: str) -> None:
    running.play(name)
