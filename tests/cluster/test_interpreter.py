"""How much the interpreter looks at in one stop."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from cluster.interpreter import MIDDLE, OLD, YOUNG, YOUNG_OF_A_CROWD, expect_a_crowd


@pytest.fixture
def habits() -> Iterator[None]:
    """What a test changes is put back."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("habits")
def test_stops_are_short_while_newcomers_wait_and_rare_else() -> None:
    expect_a_crowd(True)
    assert gc.get_threshold() == (YOUNG_OF_A_CROWD, MIDDLE, OLD)
    expect_a_crowd(False)
    assert gc.get_threshold() == (YOUNG, MIDDLE, OLD)
    assert YOUNG_OF_A_CROWD * 10 <= YOUNG
