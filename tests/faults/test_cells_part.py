"""Three cells under load that are cut off from each other, in both directions or one, or from the store: nobody loses a message."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.on_network import ON_NETWORK
from tests.faults.running import Running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running.on(tmp_path_factory.mktemp("network"), ON_NETWORK, apart=True) as found:
        yield found


@pytest.mark.parametrize("name", ON_NETWORK)
def test_nothing_is_lost_repeated_or_reordered_when(running: Running, name: str) -> None:
    running.play(name)
