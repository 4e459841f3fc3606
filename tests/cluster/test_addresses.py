"""Which address others know this machine by."""

from __future__ import annotations

import pytest

from cluster.addresses import is_own, own_address
from cluster.problems import StartProblem


def test_a_neighbour_on_this_machine_is_reached_from_the_loopback_address() -> None:
    assert own_address("127.0.0.1:6379") == "127.0.0.1"


@pytest.mark.parametrize("address", ["no-such-name.invalid:6379", "10.0.0.1", "10.0.0.1:port"])
def test_an_address_that_leads_nowhere_is_one_sentence(address: str) -> None:
    with pytest.raises(StartProblem, match="cannot be reached from this machine"):
        own_address(address)


def test_own_addresses_are_known_from_others() -> None:
    assert is_own("127.0.0.1")
    assert not is_own("203.0.113.9")
    assert not is_own("no-such-name.invalid")
