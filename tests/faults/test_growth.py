"""Cells under load come and go in good order, and clients are led to those that come: nothing is lost, and nobody is thrown out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.on_growth import MOVED_MORE, ON_GROWTH, ON_SKEW
from tests.faults.running import Running

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ON_GROWTH)
def test_few_slots_move_and_nothing_is_lost_when(tmp_path: Path, name: str) -> None:
    with Running.on(tmp_path, ON_GROWTH) as running:
        assert running.play(name).figures[MOVED_MORE] <= 0.1


@pytest.mark.parametrize("name", ON_SKEW)
def test_clients_are_led_to_where_there_is_room_and_none_loses_its_connection(tmp_path: Path, name: str) -> None:
    with Running.on(tmp_path, ON_SKEW, names=("cell-1",)) as running:
        running.play(name)
