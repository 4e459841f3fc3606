"""Where the store of a cluster is, as the setting `store` says it."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from actors.store.cassandra.place import Place

NATIVE_PORT = 9042
EXAMPLE = "cassandra://user:password@host1,host2:9042/warbler?dc=dc1&tls=yes"
TLS = ("", "no", "yes", "chain")


def parse_place(url: str) -> Place:
    """``cassandra://USER:PASSWORD@HOST,HOST:PORT/KEYSPACE?dc=NAME&replication=3&tls=yes``. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme != "cassandra" or not parts.netloc:
        raise ValueError(f"{url!r} is no address of a store; write it like {EXAMPLE}")
    login, _, places = parts.netloc.rpartition("@")
    hosts, _, port = places.partition(":")
    user, _, password = login.partition(":")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := set(options) - {"dc", "replication", "tls"}:
        raise ValueError(f"{', '.join(sorted(unknown))}: only dc, replication and tls can be said there")
    tls = options.get("tls", "")
    if tls not in TLS:
        raise ValueError(f"tls={tls}: it is yes, chain or no")
    keyspace = parts.path.strip("/") or "warbler"
    if not keyspace.isidentifier():
        raise ValueError(f"{keyspace!r} is no name of a keyspace")
    return Place(
        hosts=tuple(host for host in hosts.split(",") if host),
        port=int(port or NATIVE_PORT),
        user=unquote(user),
        password=unquote(password),
        keyspace=keyspace,
        data_center=options.get("dc", ""),
        replication=int(options.get("replication", 0)),
        tls="" if tls == "no" else tls,
    )
