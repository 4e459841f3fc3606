"""Where a cluster's database is: known without the driver."""

from __future__ import annotations

from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where a cluster is, and how to log in."""

    hosts: tuple[str, ...]
    port: int
    user: str
    password: str
    keyspace: str
    data_center: str
    """Empty: that of the node that answers first."""
    replication: int
    """Copies of a new keyspace; 0: three, or as many as there are nodes."""
    tls: str = ""
    """``yes``: connections are encrypted, and the nodes' certificates have to name their addresses; ``chain``: only to be signed by who is
    trusted. Empty: not encrypted."""
    context: Any = None
    """The `ssl.SSLContext` of that; made where files can be read."""
