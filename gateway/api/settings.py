"""The values by which the HTTP side is set up, in one frozen object."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from gateway.auth.tokens import Lifetimes

LOOPBACK: tuple[IPv4Network | IPv6Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """All have defaults that suit a server for a few people."""

    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    """How long tokens live."""
    open_registration: bool = True
    """Whether anybody may make an account; else administrators make them."""
    reserved_names: frozenset[str] = frozenset()
    """Names that only administrators can give, without dots, dashes and underscores."""
    max_body_bytes: int = 64 * 1024
    """Larger requests are refused before they are read to the end."""
    body_timeout_s: float = 10.0
    """Time for a request's body to arrive."""
    origins: tuple[str, ...] = ()
    """Origins of other web pages that may use the API (CORS), as ``https://chat.example``. Never ``*``."""
    hosts: tuple[str, ...] = ()
    """Names by which the server may be addressed (`Host`, without port). Empty: any, since no answer is built from it."""
    metrics_networks: tuple[IPv4Network | IPv6Network, ...] = LOOPBACK
    """Who may read `/metrics` without a token."""
    metrics_token: str = ""
    """A token (`Authorization: Bearer ...`) with which anybody may read `/metrics`. Empty: none."""
    hsts_s: int = 0
    """`Strict-Transport-Security` for so many seconds; 0: not sent. Only for a name that has a real certificate."""
