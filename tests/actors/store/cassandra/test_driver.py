"""What the driver makes of writes, before a server sees them."""

from __future__ import annotations

from actors.store.cassandra.driver import apart


def test_writes_of_the_same_nodes_share_a_batch_and_keep_their_order() -> None:
    nodes = {"a": frozenset({1, 2, 3}), "b": frozenset({2, 3, 4}), "c": frozenset({3, 2, 1})}
    assert apart(["a", "b", "c", "b", "a"], nodes.__getitem__) == [["a", "c", "a"], ["b", "b"]]


def test_nothing_to_write_is_no_batch() -> None:
    assert apart([], frozenset) == []
