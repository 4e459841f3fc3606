"""Who the client is, behind proxies that are trusted to say so, and behind none others."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_FORWARDED_FOR = re.compile(r'(?:^|[;,])\s*for\s*=\s*("[^"]*"|[^;,\s]*)', re.IGNORECASE)
_MAX_HOPS = 20


class Proxies:
    """The networks whose `Forwarded` and `X-Forwarded-For` headers are believed."""

    __slots__ = ("_networks",)

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """`networks`: CIDR texts. Raises `ValueError` for one that is none."""
        self._networks: list[Network] = [ipaddress.ip_network(text, strict=False) for text in networks]

    def trusts(self, address: str) -> bool:
        """Whether a peer of this address is a trusted proxy."""
        if not self._networks:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def client_of(self, peer: str, forwarded: Iterable[str], x_forwarded_for: Iterable[str]) -> str:
        """The client's address: going back from the peer, the first that is no trusted proxy.

        `forwarded` and `x_forwarded_for` are the header lines in the order in which they came; `Forwarded` wins.
        """
        if not self.trusts(peer):
            return peer
        hops = [hop.strip('"') for line in forwarded for hop in _FORWARDED_FOR.findall(line)]
        hops = hops or [hop for line in x_forwarded_for for hop in line.split(",")]
        client = peer
        for hop in reversed(hops[-_MAX_HOPS:]):
            address = _address_in(hop)
            if address is None:
                break
            client = address
            if not self.trusts(address):
                break
        return client


def _address_in(hop: str) -> str | None:
    """The address in one hop: with or without port, IPv6 with or without brackets; None for `unknown` and the like."""
    hop = hop.strip()
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return None
