"""Addresses of this machine."""

from __future__ import annotations

import socket

from cluster.problems import StartProblem


def own_address(towards: str) -> str:
    """The address with which this machine reaches `HOST:PORT`: others reach it by the same. Nothing is sent. Raises `StartProblem`."""
    host, _, port = towards.rpartition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except (OSError, ValueError) as error:
        raise StartProblem(f"{towards} cannot be reached from this machine: {error}.") from error


def is_own(address: str) -> bool:
    """Whether this machine has that address."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(place)
    except OSError:
        return False
    return True
