"""The address of a store is read whole, and what is wrong with it is said."""

from __future__ import annotations

import pytest

from actors.store.cassandra.place import Place
from cluster.store_place import parse_place


def test_an_address_names_hosts_login_keyspace_and_data_center() -> None:
    found = parse_place("cassandra://me:p%40ss@one,two:9043/chat?dc=east&replication=2")
    assert found == Place(("one", "two"), 9043, "me", "p@ss", "chat", "east", 2)


def test_what_is_left_out_has_defaults() -> None:
    assert parse_place("cassandra://one") == Place(("one",), 9042, "", "", "warbler", "", 0)


def test_connections_are_encrypted_where_the_address_says_so() -> None:
    assert [parse_place(f"cassandra://one?tls={word}").tls for word in ("yes", "chain", "no")] == ["yes", "chain", ""]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite://x", "is no address of a store; write it like cassandra://"),
        ("cassandra://", "is no address of a store"),
        ("cassandra://one/drop-table", "no name of a keyspace"),
        ("cassandra://one?speed=9", "speed: only dc, replication and tls"),
        ("cassandra://one?tls=perhaps", "tls=perhaps: it is yes, chain or no"),
        ("cassandra://one:port", "invalid literal"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_place(url)
