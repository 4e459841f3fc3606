"""Three cells under load: one or several are killed, frozen or paused, and nobody loses a message."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.on_cells import ON_CELLS
from tests.faults.running import Running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running.on(tmp_path_factory.mktemp("cells"), ON_CELLS) as found:
        yield found


@pytest.mark.parametrize("name", ON_CELLS)
def test_nothing_is_lost_repeated_or_reordered_when(running: Running, name: str) -> None:
    running.play(name)
