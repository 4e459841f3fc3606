"""Problems are told as sentences, wherever they come from."""

from __future__ import annotations

from cluster.problems import StartProblem, in_short, last_words


def test_a_problem_for_people_is_its_own_sentence_also_at_the_end_of_another_processs_traceback() -> None:
    assert in_short(StartProblem("The disk is full.")) == "The disk is full."
    assert in_short(StartProblem("Traceback\n  File x\ncluster.problems.StartProblem: The disk is full.\n")) == "The disk is full."


def test_any_other_error_names_its_kind() -> None:
    assert in_short(ValueError("odd")) == "ValueError: odd"
    assert last_words("\n \n") == "it said nothing"
