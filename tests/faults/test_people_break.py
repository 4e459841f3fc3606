"""Three cells under load: readers stop reading, texts crash a room, bursts come, and thousands connect again at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.bench.servers import ADMITTING
from tests.faults.on_people import ON_PEOPLE, ON_RETURN
from tests.faults.running import Running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running.on(tmp_path_factory.mktemp("people"), ON_PEOPLE) as found:
        yield found


@pytest.fixture(scope="module")
def letting_in_at_a_rate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running.on(tmp_path_factory.mktemp("return"), ON_RETURN, settings=ADMITTING) as found:
        yield found


@pytest.mark.parametrize("name", ON_PEOPLE)
def test_nothing_is_lost_repeated_or_reordered_when(running: Running, name: str) -> None:
    running.play(name)


@pytest.mark.parametrize("name", ON_RETURN)
def test_thousands_come_back_and_nothing_is_lost_repeated_or_reordered_when(letting_in_at_a_rate: Running, name: str) -> None:
    letting_in_at_a_rate.play(name)
