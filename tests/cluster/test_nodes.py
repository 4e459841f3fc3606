"""Where cells are wanted: by what nodes say of themselves."""

from __future__ import annotations

import pytest

from cluster.nodes import (
    CELLS_LABEL,
    HOST_LABEL,
    ROLES_LABEL,
    SEAT_LABELS,
    ZONE_LABEL,
    Node,
    WantedCell,
    check_machines,
    labels_of,
    may_take,
    place_seat,
    roles_of,
    wanted_cells,
)
from cluster.problems import StartProblem


def node(number: int, **labels: str) -> Node:
    keys = {"roles": ROLES_LABEL, "zone": ZONE_LABEL, "cells": CELLS_LABEL, "host": HOST_LABEL}
    return Node(f"id{number}", f"10.0.0.{number}", {keys[name]: value for name, value in labels.items()}, units=1000.0)


def test_a_node_that_says_nothing_has_as_many_cells_as_the_setting_says_for_clients_and_rooms() -> None:
    found = wanted_cells([node(1)], 3)
    assert [(cell.node, cell.labels, cell.zone, cell.address) for cell in found] == [("id1", ("edge", "chat"), "", "10.0.0.1")] * 3
    assert len({cell.name for cell in found}) == 3


def test_cells_have_the_roles_zone_number_and_public_name_of_their_node() -> None:
    (cell,) = wanted_cells([node(1, roles="chat", zone="b", cells="1", host="chat.example")], 5)
    assert (cell.labels, cell.zone, cell.public_host, cell.units) == (("chat",), "b", "chat.example", 1.0)


def test_a_node_that_only_scores_has_one_cell_and_one_without_roles_has_none() -> None:
    found = wanted_cells([node(1, roles="gpu"), node(2, roles="none")], 4)
    assert [(cell.node, cell.labels) for cell in found] == [("id1", ("gpu",))]


def test_cells_are_started_over_all_nodes_first_and_those_with_an_edge_before_others() -> None:
    found = wanted_cells([node(1, roles="chat"), node(2), node(3)], 2)
    assert [cell.name[-1] for cell in found[:4]] == ["1", "1", "2", "2"]
    assert {cell.node for cell in found[:2]} == {"id2", "id3"}
    assert {cell.node for cell in found[4:]} == {"id1"}


def test_names_stay_whatever_other_nodes_there_are() -> None:
    alone = {cell.name for cell in wanted_cells([node(1)], 2)}
    assert alone < {cell.name for cell in wanted_cells([node(2), node(1)], 2)}


def test_roles_are_told_in_one_order_and_a_word_that_is_no_role_is_refused() -> None:
    assert roles_of({ROLES_LABEL: "chat-edge"}) == ("edge", "chat")
    with pytest.raises(StartProblem, match="'chat-database' names no roles"):
        roles_of({ROLES_LABEL: "chat-database"})


def test_a_number_of_cells_that_is_no_number_is_refused() -> None:
    with pytest.raises(StartProblem, match=r"10\.0\.0\.1 is 'many'"):
        wanted_cells([node(1, cells="many")], 1)


def test_more_than_one_machine_is_refused_unless_the_nodes_are_said_to_share_one() -> None:
    with pytest.raises(StartProblem, match=r"2 machines \(10\.0\.0\.1, 10\.0\.0\.2\).* means Cassandra\..*--nodes-share-this-machine"):
        check_machines([node(1), node(2)], False)
    check_machines([node(1), node(2)], True)


def test_with_a_store_that_all_machines_reach_there_may_be_several() -> None:
    check_machines([node(1), node(2)], False, embedded=False)


def test_several_nodes_of_one_address_and_nodes_without_cells_are_no_second_machine() -> None:
    check_machines([node(1), node(1)._replace(id="other"), node(2, roles="none")], False)


def test_cells_of_single_rooms_are_spread_over_nodes_for_chat_and_can_be_reached_from_others() -> None:
    nodes = [node(1, zone="a"), node(2, zone="b"), node(3, roles="gpu"), node(4, roles="edge")]
    placed = [place_seat(f"room:{number}", None, nodes) for number in range(40)]
    assert {cell.address for cell in placed if cell is not None} == {"10.0.0.1", "10.0.0.2"}
    assert {(cell.node, cell.zone, cell.labels) for cell in placed if cell is not None} == {
        ("id1", "a", ("room",)),
        ("id2", "b", ("room",)),
    }


def test_the_cell_of_a_device_is_placed_as_that_of_a_room_is_and_hosts_sessions_alone() -> None:
    placed = place_seat("session:anna.1", None, [node(1, zone="a"), node(3, roles="gpu")])
    assert placed is not None
    assert (placed.node, placed.zone, placed.labels) == ("id1", "a", ("session",))
    assert [labels_of(name) for name in ("room:9f2c", "session:anna.1", "cell-1")] == [("room",), ("session",), ("edge", "chat")]


def test_the_cell_of_a_room_stays_where_it_is_and_moves_only_when_its_node_is_gone() -> None:
    first = place_seat("room:1", None, [node(1)])
    assert first is not None
    assert place_seat("room:1", first, [node(1), node(2), node(5)]) == first
    moved = place_seat("room:1", first, [node(2), node(5)])
    assert moved is not None
    assert moved.node in ("id2", "id5")
    assert place_seat("room:1", first, []) == first
    assert place_seat("room:1", None, [node(3, roles="gpu")]) is None


def test_cells_of_a_node_that_is_avoided_are_placed_on_others_of_its_roles_but_for_those_that_serve() -> None:
    nodes = [node(1, zone="a"), node(2, zone="b"), node(3, roles="gpu")]
    before = wanted_cells(nodes, 2)
    on_first = [cell for cell in before if cell.node == "id1"]
    after = wanted_cells(nodes, 2, {"id1"}, {on_first[0].name})
    assert len(after) == len(before)
    assert [cell.name for cell in after if cell.node == "id1"] == [on_first[0].name]
    (added,) = set(after) - set(before)
    assert (added.node, added.labels, added.zone) == ("id2", ("edge", "chat"), "b")
    assert wanted_cells(nodes, 2, {"id1"}, {on_first[0].name}) == after


def test_where_no_other_node_has_the_roles_there_are_fewer_cells_as_long_as_that_lasts() -> None:
    assert [cell.node for cell in wanted_cells([node(1), node(2, roles="gpu")], 2, {"id1"})] == ["id2"]


def test_a_cell_can_be_on_a_node_of_its_roles_and_a_rooms_own_on_any_for_chat() -> None:
    cell, seat = WantedCell("cell-1", "id1", ("edge", "chat")), WantedCell("room:a", "id1", SEAT_LABELS)
    assert [may_take(node(2, roles=roles), cell) for roles in ("edge-chat", "chat", "gpu")] == [True, False, False]
    assert [may_take(node(2, roles=roles), seat) for roles in ("edge-chat", "chat", "gpu")] == [True, True, False]
