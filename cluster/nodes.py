"""Which cells are wanted on which nodes of Ray: plain rules over what the nodes say of themselves. No Ray here.

A node says what it is for by labels (`warbler node` sets them): `warbler-roles` (``edge``, ``chat``, ``gpu``, joined by ``-``;
``none``: no cells), `warbler-zone`, `warbler-cells` (how many cells) and `warbler-host` (the name by which clients reach it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from cluster.problems import StartProblem
from cluster.seat_names import is_seat, is_session

ROLES_LABEL = "warbler-roles"
ZONE_LABEL = "warbler-zone"
CELLS_LABEL = "warbler-cells"
HOST_LABEL = "warbler-host"
ROLES = ("edge", "chat", "gpu")
NO_ROLES = "none"
DEFAULT_ROLES = ("edge", "chat")
SEAT_LABELS, SESSION_LABELS = ("room",), ("session",)
"""What a room's own cell hosts, and a device's: no listeners, no hash buckets."""
UNIT = "warbler"
"""The custom resource of a node: a cell takes one of it, so that Ray's autoscaler sees the node is in use."""
UNITS = 1000
"""How many units a node has: more than cells, always, so that cells are placed by us alone."""
ROOM = "warbler_chat"
"""The custom resource, one of it, of a node for rooms and users. Nothing takes it: by it the autoscaler is asked for nodes."""


class Node(NamedTuple):
    """A living node of Ray."""

    id: str
    address: str
    labels: Mapping[str, str] = {}
    units: float = 0.0
    """What it has of the resource `UNIT`."""
    is_head: bool = False


class WantedCell(NamedTuple):
    """A cell that is to run, and where."""

    name: str
    node: str = ""
    """The id of its node; empty: there is one node only."""
    labels: tuple[str, ...] = DEFAULT_ROLES
    zone: str = ""
    address: str = "127.0.0.1"
    """Where its links listen."""
    public_host: str = ""
    """Where clients reach its node; empty: not known."""
    units: float = 0.0


def roles_of(labels: Mapping[str, str]) -> tuple[str, ...]:
    """What a node with these labels is for. Raises `StartProblem` for a word that is no role."""
    text = labels.get(ROLES_LABEL, "-".join(DEFAULT_ROLES))
    if text == NO_ROLES:
        return ()
    found = tuple(part for part in text.split("-") if part)
    unknown = sorted(set(found) - set(ROLES))
    if unknown or not found:
        raise StartProblem(f"{text!r} names no roles: join {', '.join(ROLES)} by `-`, or write `{NO_ROLES}`.")
    return tuple(role for role in ROLES if role in found)


def resources_of(labels: Mapping[str, str]) -> dict[str, int]:
    """The custom resources of a node with these labels."""
    return {UNIT: UNITS, ROOM: 1} if "chat" in roles_of(labels) else {UNIT: UNITS}


def cells_on(node: Node, cells_each: int) -> int:
    """How many cells a node is to have: what it says, else the setting; one, where it only scores."""
    roles = roles_of(node.labels)
    if not roles:
        return 0
    said = node.labels.get(CELLS_LABEL, "")
    if said and not said.isdigit():
        raise StartProblem(f"The label {CELLS_LABEL} of the node {node.address} is {said!r}; it is a number.")
    return int(said) if said else cells_each if set(roles) != {"gpu"} else 1


def may_take(node: Node, cell: WantedCell) -> bool:
    """Whether a cell can be on that node instead of its own: one of the same roles; a room's own cell, on any node for chat."""
    return "chat" in roles_of(node.labels) if cell.labels == SEAT_LABELS else roles_of(node.labels) == cell.labels


def wanted_cells(
    nodes: Iterable[Node], cells_each: int, avoided: Collection[str] = (), serving: Collection[str] = ()
) -> tuple[WantedCell, ...]:
    """All cells: the first ones of all nodes before the second ones, those with an edge first. On `avoided` nodes only those that are
    `serving` stay; for each of the others a node of the same roles has one more, where there is one."""
    nodes = list(nodes)
    counts = {node.id: cells_on(node, cells_each) for node in nodes}
    every = [(number, _cell(node, number)) for node in nodes for number in range(1, counts[node.id] + 1)]
    left = [(number, cell) for number, cell in every if cell.node in avoided and cell.name not in serving]
    every = [row for row in every if row not in left]
    for _, cell in left:
        able = [node for node in nodes if node.id not in avoided and may_take(node, cell)]
        if able:
            node = min(able, key=lambda node: counts[node.id])
            counts[node.id] += 1
            every.append((counts[node.id], _cell(node, counts[node.id])))
    return tuple(cell for _, cell in sorted(every, key=lambda row: ("edge" not in row[1].labels, row[0], row[1].name)))


def _cell(node: Node, number: int) -> WantedCell:
    return WantedCell(
        f"cell-{short_id(node.id)}-{number}",
        node.id,
        roles_of(node.labels),
        node.labels.get(ZONE_LABEL, ""),
        node.address,
        node.labels.get(HOST_LABEL, ""),
        min(node.units, 1.0),
    )


def labels_of(name: str) -> tuple[str, ...]:
    """What a cell of this name hosts, where no node says it."""
    return SEAT_LABELS if is_seat(name) else SESSION_LABELS if is_session(name) else DEFAULT_ROLES


def place_seat(name: str, before: WantedCell | None, nodes: Iterable[Node]) -> WantedCell | None:
    """Where the cell of one room or device is to be: where it was as long as that node is there; else on a node for chat that its name chooses."""
    chat = {node.id: node for node in nodes if "chat" in roles_of(node.labels)}
    if not chat or (before is not None and before.node in chat):
        return before
    node = max(chat.values(), key=lambda node: hashlib.sha256(f"{node.id} {name}".encode()).digest())
    return WantedCell(name, node.id, labels_of(name), node.labels.get(ZONE_LABEL, ""), node.address, units=min(node.units, 1.0))


def short_id(node: str) -> str:
    """A node's id in short. Not its beginning, since ids that are given by hand begin alike."""
    return hashlib.sha256(node.encode()).hexdigest()[:5]


def check_machines(nodes: Iterable[Node], nodes_share_this_machine: bool, *, embedded: bool = True) -> None:
    """Raises `StartProblem` where the embedded store would be used on more than one machine: it is files of one."""
    addresses = sorted({node.address for node in nodes if roles_of(node.labels)})
    if not embedded or len(addresses) <= 1 or nodes_share_this_machine:
        return
    raise StartProblem(
        f"The nodes are {len(addresses)} machines ({', '.join(addresses)}), and the embedded store is for one machine: more than one means "
        "Cassandra. Where all of them share this machine and its data folder, say so with --nodes-share-this-machine."
    )
