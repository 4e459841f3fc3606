"""What all nodes of a cluster share and nobody else may know: one folder, made once, brought to every node.

    master.key       unlocks the data keys
    cluster.secret   with it cells prove to each other that they belong together
    ray.token        whoever shows it may command this cluster's Ray
    cassandra.*      how the database is reached (`cluster.store_access`), where it is put there by hand

No node makes any of these for itself: one that does not find them refuses to start.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

from actors.store.seal import MasterKey, create_key_file, new_master_key, read_key_file
from actors.store.store import StoreError
from cluster.problems import StartProblem

MASTER = "master.key"
SECRET = "cluster.secret"
TOKEN = "ray.token"
SECRET_BYTES = 32


class Secrets(NamedTuple):
    """What is in the folder."""

    master: MasterKey
    link_secret: bytes
    token: str


def make_secrets(folder: Path) -> None:
    """Make the folder with new secrets, for this user alone. Raises `StartProblem` where it is there and not empty."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StartProblem(f"{folder} is not empty; secrets are made once, and brought to every node from there.")
        folder.chmod(0o700)
        _write(folder / SECRET, secrets.token_hex(SECRET_BYTES))
        _write(folder / TOKEN, secrets.token_hex(SECRET_BYTES))
        create_key_file(folder / MASTER, new_master_key())
    except StoreError as error:
        raise StartProblem(str(error)) from error
    except OSError as error:
        raise StartProblem(f"The folder {folder} cannot be written: {error.strerror}.") from error


def read_secrets(folder: Path) -> Secrets:
    """All of them. Raises `StartProblem` where one is missing, damaged or open to others."""
    try:
        master = read_key_file(folder / MASTER)
        secret = bytes.fromhex(read_secret(folder / SECRET))
    except StoreError as error:
        raise StartProblem(str(error)) from error
    except ValueError as error:
        raise StartProblem(f"The file {folder / SECRET} is damaged; bring it from where the secrets were made.") from error
    if len(secret) != SECRET_BYTES:
        raise StartProblem(f"The file {folder / SECRET} is damaged; bring it from where the secrets were made.")
    return Secrets(master, secret, read_secret(folder / TOKEN))


def read_secret(path: Path) -> str:
    """A file that only this user can read. Raises `StartProblem`."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise StartProblem(f"The file {path} can be read by others; run: chmod 600 {path}")
        text = path.read_text().strip()
    except OSError as error:
        raise StartProblem(f"The file {path} cannot be read ({error.strerror}); bring it from where the secrets were made.") from error
    if not text:
        raise StartProblem(f"The file {path} is empty; bring it from where the secrets were made.")
    return text


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
