"""The simulation bites: each planted bug is found within a bounded number of seeds, and the table says by which it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.simulation.planted import PLANTED
from tests.simulation.seed import Outcome, run_seed

FOUND_BY = {
    "a_clear_races_with_a_post": 103,
    "a_key_is_kept_in_memory_alone": 32,
    "a_key_is_not_looked_up": 5,
    "a_lost_link_owes_nothing": 34,
    "a_mark_is_told_once": 209,
    "a_move_ends_before_the_owner_has_let_go": 0,
    "a_number_is_free_before_the_rows_are_back": 6,
    "a_relay_skips_a_hole": 4,
    "a_relay_stays_with_a_dead_room": 37,
    "a_room_lives_while_its_rows_change_files": 6,
    "a_seat_is_somebody_elses_before_the_last_life_there_is_sealed": 18,
    "a_seat_opens_before_it_is_filled": 74,
    "a_seats_file_is_named_by_its_number_alone": 18,
    "acknowledged_before_the_commit": 7,
    "acknowledged_before_the_sync": 0,
    "an_acknowledgement_hides_the_head": 645,
    "an_activation_races_its_own_append": 127,
    "an_unknown_outcome_is_a_failure": 7,
    "marks_for_the_absent_only": 65,
    "members_are_not_followed_to_their_next_table": 0,
    "membership_before_repeats": 0,
    "no_fence": 9,
    "nobody_is_greeted": 4,
    "numbers_are_forgotten_by_a_restart": 0,
    "opened_before_the_dead_are_drained": 2,
    "routes_are_not_announced_to_the_next_owner": 0,
    "rows_are_brought_back_while_the_seats_cell_still_commits": 4,
    "slots_open_without_the_store": 0,
    "taken_over_without_sealing": 9,
    "two_coordinators_without_compare_and_set": 25,
    "unanswered_posts_are_not_repeated": 4,
    "what_was_written_while_a_room_was_copied_is_forgotten": 12,
    "who_left_is_still_told": 3,
}
"""Bug -> the first seed that found it. Every change of timing makes it another one: it is tried first, then others are."""
BOUND = 300
"""Seeds after which a bug counts as one that the simulation does not see."""


@pytest.fixture(autouse=True)
def no_logs() -> Iterator[None]:
    """Cells die by the dozen here, and say so."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def outcome_with(bug: str, seed: int) -> Outcome:
    with PLANTED[bug]():
        return run_seed(seed)


def test_every_planted_bug_is_in_the_table() -> None:
    assert FOUND_BY.keys() == PLANTED.keys()


@pytest.mark.slow
@pytest.mark.parametrize("bug", sorted(PLANTED))
def test_a_planted_bug_is_found_by_a_seed_that_finds_nothing_without_it(bug: str) -> None:
    for seed in (FOUND_BY[bug], *range(BOUND)):
        if outcome_with(bug, seed).violations:
            assert run_seed(seed).violations == []
            return
    raise AssertionError(f"{bug} was not found in {BOUND} seeds")
