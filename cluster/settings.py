"""The settings: one frozen, typed object. `docs/settings.md` is made from it (`cluster.settings_page`).

Each comes from, in rising order of weight: its default, the settings file (TOML), a variable ``WARBLER_NAME``, the
command line. `cluster.settings_reading` reads them and reports all mistakes together.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from actors.commands import ROOM_PATTERN
from cluster.store_place import parse_place

ROOM = re.compile(ROOM_PATTERN).fullmatch
CASSANDRA_GROUPS = 64
"""Groups of slots of a new cluster on Cassandra: they cost nothing there, and more of them share out better."""
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=10 * 365 * 86400)]


class Settings(BaseModel):
    """How one installation of Warbler runs. The description of each field is what the settings page says."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)

    # --- where ---

    data: Path = Path("data")
    """Folder of the database, keys, logs and certificates. Made at the first start, for this user alone. Several machines, whose
    store is Cassandra, have one each, on their own disks."""
    store: str = Field(default="", max_length=1000)
    """Where messages are stored: unset: in database files in `data`, for one machine; or in a Cassandra cluster, as
    `cassandra://user:password@host1,host2:9042/keyspace?dc=name&tls=yes`; [login and certificates](cassandra.md#who-gets-in) can lie in
    files. `warbler store copy` brings what is stored from one to another."""
    key_file: Path | None = None
    """File of the master key, which unlocks the message bodies. Unset: `master.key` in the data folder. Keep a copy
    elsewhere: without it nobody can read what is stored."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is written to the log files: this level and the graver ones."""

    # --- the public port ---

    host: str = Field(default="127.0.0.1", min_length=1, max_length=253)
    """Address to listen on. `127.0.0.1`: this machine only; `0.0.0.0` or `::`: every network that the machine is in."""
    port: Port = 8440
    """TCP port of the page, the HTTP API and WebSocket. 0: a free one, which `warbler status` names."""
    public_url: str = Field(default="", max_length=300)
    """URL at which clients find this server, such as `https://chat.example`; `GET /connect` names it. Unset: `host` and
    `port`, where that is one address and no proxy is trusted; else none is named, and clients stay where they asked."""
    edge_port: int = Field(default=0, ge=-1, le=65535)
    """Each cell listens on a port of its own beside the shared one, so that clients can be led to the cell with most room:
    this one for `cell-1`, the next for `cell-2`, and so on. 0: free ones. -1: none."""
    edge_url: str = Field(default="", max_length=300)
    """URL at which clients find one cell where a proxy stands before them, such as `https://{cell}.chat.example` or
    `https://chat.example:{port}`. Unset: their ports are named by `host`, where that is one address and neither
    `public_url` is set nor a proxy is trusted; else clients are led to no cell, and not asked to move for balance."""
    arrivals_per_second: float = Field(default=2000.0, gt=0, le=1_000_000)
    """Logins over WebSocket that one cell lets in each second over time; half a second's worth at once. Others are told when to
    come again; devices that come back or were asked to move come first."""
    arrivals_share: float = Field(default=0.2, gt=0, le=1)
    """Newcomers (TLS handshakes, first requests, logins) wait while a cell's loop is busy for more than this part of the time, with
    chat and with them; 250 steps a second are taken however busy it is."""
    arrivals_waiting: int = Field(default=4096, ge=1, le=1_000_000)
    """Newcomers that wait in one cell at most. Further ones are turned away with a retry time."""
    drain_seconds: Seconds = 10.0
    """Over what time a cell that is to end spreads its clients' moves."""
    cert: Path | None = None
    """TLS certificate (PEM, with its chain). Needs `key`. Both are read again when they change. Unset: no TLS."""
    key: Path | None = None
    """TLS private key (PEM, not under a passphrase). Needs `cert`."""
    origins: tuple[str, ...] = ()
    """Origins of other pages whose scripts may use this server, such as `https://chat.example`."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of reverse proxies whose word on the client's address is believed, such as `10.0.0.0/8`."""
    max_connections: int = Field(default=200_000, ge=1, le=10_000_000)
    """Connections in all that one cell takes. Further ones are turned away with a retry time."""
    max_connections_per_address: int = Field(default=2_000, ge=1, le=10_000_000)
    """Connections that one cell takes from one address."""

    spam_filter: bool = True
    """Whether posts pass the spam rules: accounts that spread links or the same words over many rooms are slowed down."""
    posts_per_second: float = Field(default=20.0, gt=0, le=1_000_000)
    """Posts that one connection may send each second over time; five seconds' worth at once."""
    requests_per_second: float = Field(default=50.0, gt=0, le=1_000_000)
    """Other requests that one connection may send each second over time; four seconds' worth at once."""

    # --- cells and shards ---

    cells: int = Field(default=2, ge=1, le=64)
    """Processes that serve, one for each core that chat may use. They share the public port."""
    shards: int | None = Field(default=None, ge=1, le=256)
    """Database files, fixed when the data folder is made: at least as many as there will ever be cells, and no more than
    needed, since each is synced by itself. Unset: as many as cells. On Cassandra: groups that move from cell to cell as
    a whole; unset: 64."""

    isolation: Literal["cell", "rooms", "process"] = "cell"
    """`cell`: rooms and sessions share the cells. `rooms`: every room gets a process, a named Ray actor, of its own, once it is used.
    `process`: so do the sessions of every device, when it says `hello`. [The price](literal-shape.md) of that."""
    isolated_rooms: tuple[str, ...] = ()
    """Rooms (ids) that have a process, a named Ray actor, and a database file of their own whatever `isolation` says. `warbler isolate`
    does the same for one room while the server runs."""
    most_isolated: int = Field(default=50, ge=0, le=1000)
    """Rooms that may have a process of their own at once; each takes about 140 MB. Further ones share the cells."""
    most_isolated_sessions: int = Field(default=50, ge=1, le=1000)
    """Devices that may have a process of their own at once, under `isolation = "process"`. Further ones are turned away with a retry time."""
    session_process_seconds: Seconds = 60.0
    """How long the process of a device that has gone is kept for its return."""

    # --- accounts ---

    open_registration: bool = True
    """Whether anybody may make an account. Else an administrator does (`warbler accounts create`)."""
    reserved_names: tuple[str, ...] = (
        "abuse", "admin", "administrator", "all", "everyone", "help", "here", "hostmaster", "info", "moderator", "noreply", "official",
        "operator", "owner", "postmaster", "root", "security", "staff", "support", "system", "warbler", "webmaster",
    )  # fmt: skip
    """Names that nobody can register; `warbler accounts create` gives them. Dots, dashes and underscores in a name make no
    difference: `ad.min` is `admin`."""
    token_days: float = Field(default=7, gt=0, le=3650)
    """Days after which a login has to be refreshed; clients do that by themselves."""
    refresh_days: float = Field(default=60, gt=0, le=3650)
    """Days without use after which a device has to log in again."""
    password_threads: int = Field(default=1, ge=1, le=32)
    """Threads of each cell that check passwords; each check takes about 50 ms of a core and 64 MiB."""

    # --- operators ---

    metrics_token: str = Field(default="", max_length=200)
    """A token with which `/metrics` may be read from anywhere. Empty: from this machine only."""
    stop_seconds: Seconds = 10.0
    """How long `warbler down` waits for a cell to say good-bye to its clients and to write what waits; then it is killed."""

    # --- several nodes ---

    address: str = Field(default="", max_length=300)
    """`HOST:PORT` of a running Ray cluster to join; cells are placed on its nodes. Unset: a Ray of our own, on this machine."""
    secrets: Path | None = None
    """Folder with the master key, the cluster's secret and Ray's token, made once by `warbler secrets` and brought to every
    node under the same path. With it nothing of that is made here. Needed with `address`."""
    nodes_share_this_machine: bool = False
    """Says that all nodes of the cluster are on this machine and see its data folder. Else the embedded store refuses more
    than one machine."""

    least_nodes: int = Field(default=1, ge=1, le=1000)
    """Nodes for chat that are kept, however little there is to do. Counts with `most_nodes`."""
    most_nodes: int = Field(default=0, ge=0, le=1000)
    """Nodes for chat up to which Ray's autoscaler is asked for more when the whole is short of capacity, and which it may take
    back. 0: nodes are asked for and given back by hand."""
    grow_above: float = Field(default=0.7, gt=0, le=1)
    """Mean load of the cells for chat (of a core, or of `max_connections`) above which one node more is asked for."""
    grow_after_s: Seconds = 60.0
    """How long that load has to last."""
    shrink_below: float = Field(default=0.35, gt=0, le=1)
    """Load that the other nodes would have to stay below, for one node to be given back."""
    shrink_after_s: Seconds = 600.0
    """How long that has to last."""

    # --- Ray ---

    ray_memory_mib: int = Field(default=80, ge=80, le=1_048_576)
    """MiB of Ray's object store. Chat traffic does not use it."""
    ray_folder: Path | None = None
    """Folder of Ray's sockets and logs; its path has to be short. Unset: one for this data folder under `/tmp`."""

    @field_validator("data", "key_file", "cert", "key", "ray_folder", "secrets")
    @classmethod
    def _expanded(cls, value: Path | None) -> Path | None:
        # Absolute, since supervisor and cells run in other folders than the command that reads the settings.
        return None if value is None else value.expanduser().absolute()

    @field_validator("store")
    @classmethod
    def _store(cls, value: str) -> str:
        if value:
            parse_place(value)
        return value

    @field_validator("address")
    @classmethod
    def _address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and not (host and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"{value!r} is no address; write it like 10.0.0.1:6379")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ip_network(text)
        return value

    @field_validator("isolated_rooms")
    @classmethod
    def _rooms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if ROOM(text) is None:
                raise ValueError(f"{text!r} is no room's id")
        return value

    @field_validator("origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if not text.startswith(("http://", "https://")) or text.count("/") != 2:
                raise ValueError(f"{text!r} is no origin; write it like https://chat.example")
        return value

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        if value and (not value.startswith(("http://", "https://")) or value.rstrip("/").count("/") != 2):
            raise ValueError(f"{value!r} is no such URL; write it like https://chat.example")
        return value.rstrip("/")

    @field_validator("edge_url")
    @classmethod
    def _edge(cls, value: str) -> str:
        try:
            example = value.format(cell="cell-1", port=1)
        except (LookupError, ValueError) as error:
            raise ValueError(f"{value!r}: only {{cell}} and {{port}} can stand in it") from error
        if value and not example.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is no such URL; write it like https://{{cell}}.chat.example")
        return value

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise ValueError("`cert` and `key` go together: give both, or neither")
        if self.secrets is not None and self.key_file is not None:
            raise ValueError("`secrets` has the master key already: leave `key_file` out")
        if self.address and self.secrets is None:
            raise ValueError("`address` needs `secrets`: one folder, made by `warbler secrets` and brought to every node")
        if self.shrink_below >= self.grow_above:
            raise ValueError("`shrink_below` has to be lower than `grow_above`, or nodes would come and go")
        if 0 < self.most_nodes < self.least_nodes:
            raise ValueError("`least_nodes` is more than `most_nodes`")
        if self.shard_count < self.cells:
            raise ValueError(f"{self.cells} cells need at least as many shards; there would be {self.shard_count}")
        return self

    @property
    def shard_count(self) -> int:
        """Shards of a new data folder."""
        return self.shards or (CASSANDRA_GROUPS if self.store else self.cells)

    @property
    def nodes_are_apart(self) -> bool:
        """Whether each node has a data folder of its own, on its own disk: nothing is shared but the store and the network."""
        return bool(self.store and self.address) and not self.nodes_share_this_machine

    @property
    def master_key_file(self) -> Path | None:
        """Where the master key is; None: in the data folder."""
        return self.secrets / "master.key" if self.secrets is not None else self.key_file

    def edge_urls(self, port: int) -> tuple[str, ...]:
        """Where clients open WebSockets, as far as that is known. All cells of a machine share one port, so it is one URL."""
        is_known = self.host not in ("0.0.0.0", "::") and not self.trusted_proxies
        url = self.public_url or (self.url(port).rstrip("/") if is_known else "")
        return ("ws" + url.removeprefix("http") + "/ws",) if url else ()

    def own_port(self, name: str) -> int | None:
        """The port that only the cell of that name listens on; None: there is none."""
        number = name.rpartition("-")[2]
        if self.edge_port <= 0 or not number.isdigit():
            return None if self.edge_port < 0 else 0
        return self.edge_port + int(number) - 1 if self.edge_port + int(number) - 1 <= 65535 else 0

    def edge_url_of(self, name: str, port: int, own_port: int) -> str:
        """Where clients open WebSockets to one cell; empty: not known. `port`: the shared one."""
        shared = next(iter(self.edge_urls(port)), "")
        if self.edge_url:
            url = self.edge_url.format(cell=name, port=own_port).rstrip("/")
        elif own_port and shared and not self.public_url:
            url = self.url(own_port).rstrip("/")
        else:
            return shared
        return "ws" + url.removeprefix("http") + "/ws"

    def on_node(self, public_host: str) -> Self:
        """The same on a node that clients reach by a name of its own; empty: it has none. Ports of cells are named where they are fixed."""
        if not public_host or not self.port:
            return self
        cells = f"{self.scheme}://{public_host}:{{port}}" if self.edge_port > 0 and not self.edge_url else self.edge_url
        return self.model_copy(update={"public_url": f"{self.scheme}://{public_host}:{self.port}", "edge_url": cells})

    @property
    def scheme(self) -> str:
        """``https`` where there is a certificate."""
        return "https" if self.cert is not None else "http"

    def url(self, port: int) -> str:
        """Where a browser on this machine finds the page."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)
        return f"{self.scheme}://{host}:{port}/"
