"""Resume tickets: good at every edge, for one device, for a short time, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tickets import TICKET_S, EdgeTickets

SECRET = b"sixteen bytes or more"


class Wall:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def __call__(self) -> float:
        return self.now


def test_a_ticket_is_good_at_another_edge_of_the_same_secret_and_names_its_device() -> None:
    wall = Wall()
    ticket = EdgeTickets(SECRET, wall).issue("ann", "ann-phone")
    assert EdgeTickets(SECRET, wall).device_of(ticket, "ann") == "ann-phone"


def test_it_is_good_for_no_other_user_and_under_no_other_secret() -> None:
    wall = Wall()
    ticket = EdgeTickets(SECRET, wall).issue("ann", "ann-phone")
    assert EdgeTickets(SECRET, wall).device_of(ticket, "bob") == ""
    assert EdgeTickets(SECRET + b"!", wall).device_of(ticket, "ann") == ""


def test_it_ends() -> None:
    wall = Wall()
    tickets = EdgeTickets(SECRET, wall)
    ticket = tickets.issue("ann", "ann-phone")
    wall.now += TICKET_S - 1
    assert tickets.device_of(ticket, "ann") == "ann-phone"
    wall.now += 2
    assert tickets.device_of(ticket, "ann") == ""


def test_no_character_of_it_can_be_changed() -> None:
    tickets = EdgeTickets(SECRET, Wall())
    ticket = tickets.issue("ann", "ann-phone")
    for place, character in enumerate(ticket[:-1]):  # the last one holds bits that are not used
        other = "A" if character != "A" else "B"
        assert tickets.device_of(ticket[:place] + other + ticket[place + 1 :], "ann") == ""


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert EdgeTickets(SECRET, Wall()).device_of(text, "ann") == ""


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        EdgeTickets(b"short", Wall())
