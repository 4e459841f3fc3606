"""Whose word is taken for a client's address."""

from __future__ import annotations

import pytest

from gateway.proxies import Proxies

OURS = Proxies(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "x_forwarded_for", "client"),
    [
        ("192.0.2.1", ["for=1.1.1.1"], ["2.2.2.2"], "192.0.2.1"),
        ("10.0.0.1", [], [], "10.0.0.1"),
        ("10.0.0.1", [], ["2.2.2.2"], "2.2.2.2"),
        ("10.0.0.1", [], ["9.9.9.9, 2.2.2.2, 10.0.0.5"], "2.2.2.2"),
        ("10.0.0.1", [], ["9.9.9.9", "2.2.2.2"], "2.2.2.2"),
        ("10.0.0.1", ["for=3.3.3.3;proto=https"], ["2.2.2.2"], "3.3.3.3"),
        ("10.0.0.1", ['proto=https;For="[2001:db8::17]:4711", for=10.0.0.9'], [], "2001:db8::17"),
        ("10.0.0.1", ["for=3.3.3.3:80"], [], "3.3.3.3"),
        ("10.0.0.1", ["for=unknown"], [], "10.0.0.1"),
        ("10.0.0.1", ["for=7.7.7.7, for=_hidden"], [], "10.0.0.1"),
        ("10.0.0.1", [], ["not an address"], "10.0.0.1"),
        ("10.0.0.1", [], ["2.2.2.2, <script>"], "10.0.0.1"),
        ("fd00::1", [], ["2001:db8::2"], "2001:db8::2"),
        ("10.0.0.1", [], [", ".join(["2.2.2.2"] + ["10.0.0.2"] * 30)], "10.0.0.2"),
    ],
)
def test_going_back_from_the_peer_the_first_that_is_not_ours_is_the_client(
    peer: str, forwarded: list[str], x_forwarded_for: list[str], client: str
) -> None:
    assert OURS.client_of(peer, forwarded, x_forwarded_for) == client


def test_without_trusted_networks_nobody_is_believed() -> None:
    assert Proxies().client_of("127.0.0.1", ["for=1.1.1.1"], []) == "127.0.0.1"
    assert not Proxies().trusts("127.0.0.1")
    assert not OURS.trusts("")


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="300"):
        Proxies(["300.0.0.0/8"])
