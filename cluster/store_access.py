"""How the database lets this server in, and how the server knows that it is the right one: files beside the other secrets.

    cassandra.login      one line, USER:PASSWORD, where the address has none
    cassandra.ca.pem     who signs the nodes' certificates; else whom this system trusts
    cassandra.cert.pem   our own certificate and key, where the nodes want one
    cassandra.key.pem

They go into the folder of `warbler secrets`, by hand, before it is brought to the nodes; or into the data folder, where there is none.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from actors.store.cassandra.place import Place
from cluster.problems import StartProblem
from cluster.secrets_folder import read_secret

LOGIN, CA, CERT, KEY = "cassandra.login", "cassandra.ca.pem", "cassandra.cert.pem", "cassandra.key.pem"


def with_login(place: Place, folder: Path) -> Place:
    """With the login that lies in the folder, where the address has none. Raises `StartProblem` where it cannot be used."""
    path = folder / LOGIN
    if place.user or not path.exists():
        return place
    user, found, password = read_secret(path).partition(":")
    if not (user and found):
        raise StartProblem(f"The file {path} has to be one line, USER:PASSWORD.")
    return place._replace(user=user, password=password)


def tls_of(place: Place, folder: Path) -> ssl.SSLContext | None:
    """What connections are encrypted and checked by; None: neither. Raises `StartProblem` where a file cannot be used."""
    if not place.tls:
        return None
    ca, cert, key = folder / CA, folder / CERT, folder / KEY
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca.exists() else None)
        # Nodes are found by their addresses, and not every certificate names those.
        context.check_hostname = place.tls == "yes"
        if cert.exists():
            read_secret(key)
            context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise StartProblem(f"The TLS files of Cassandra in {folder} cannot be used: {error}.") from error
    return context
