"""Three cells under load: readers stop reading, texts crash a room, bursts come, and thousands connect again at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.on_people import ON_PEOPLE
from tests.faults.running import Running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running.on(tmp_path_factory.mktemp("people"), ON_PEOPLE) as found:
        yield found


@pytest.mark.parametrize("name", ON_PEOPLE)
def test_nothing_is_lost_repeated_or_reordered_when(running: Running, name: str) -> None:
    running.play(name)
