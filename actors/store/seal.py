"""Sealing: AES-256-GCM for what must not lie readable on a disk. The only file that imports `cryptography`.

    passphrase --scrypt--> wraps the master key in a backup
    master key (a file, 0600) --wraps--> data keys (in the cluster file) --seal--> bodies

Every `Sealer` draws a data key of its own when it first seals, and no other process ever seals with it. So a counter
is a safe nonce: no value repeats, whatever was restored or restarted. A sealed value is

    version (1) | key id (4) | counter (8) | ciphertext | tag (16)

and its associated data names the table, the field and the primary key, so that values cannot change places.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from actors.store.opening import Damaged, KeyFileError, NotWritable
from actors.store.store import Unreadable

KEY_BYTES = 32
MAX_SEALS = 2**32
"""Values sealed with one data key; then a new one is drawn. Far inside what AES-GCM allows for counted nonces."""
OVERHEAD_BYTES = 29
_VERSION = 1
_MAGIC = b"warbler-key-1\n"
_KEY_FILE_BYTES = len(_MAGIC) + 8 + KEY_BYTES + 8
_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}


class CannotUnseal(Unreadable):
    """A sealed value does not open: it was changed, moved to another row, or its key is not here."""


class MasterKey(NamedTuple):
    """The key that wraps data keys. `key_id` is 8 random bytes; it says which file belongs to which data."""

    key_id: bytes
    key: bytes

    def wrap(self, data_key: bytes) -> bytes:
        """A data key, sealed: nonce (12) | ciphertext | tag."""
        nonce = os.urandom(12)
        return nonce + AESGCM(self.key).encrypt(nonce, data_key, b"data-key")

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key. Raises `KeyFileError` where another master key wrapped it."""
        try:
            return AESGCM(self.key).decrypt(wrapped[:12], wrapped[12:], b"data-key")
        except InvalidTag as error:
            raise KeyFileError("The master key file is not the one that sealed this data.") from error


class KeyShelf(Protocol):
    """Where wrapped data keys are kept; the cluster file is one. Called from any thread."""

    def add_key(self, wrapped: bytes) -> int:
        """Keep a wrapped key durably; returns its id (1 to 2**32 - 1)."""

    def wrapped_key(self, key_id: int) -> bytes | None:
        """The wrapped key of that id."""


class Sealer:
    """Seals and opens values. Sealing belongs to one thread, opening to any."""

    def __init__(self, master: MasterKey, shelf: KeyShelf) -> None:
        self._master = master
        self._shelf = shelf
        self._ciphers: dict[bytes, AESGCM] = {}
        """Header (version, key id) -> cipher; one a process that ever sealed, about 100 bytes each."""
        self._head = b""
        self._count = self._limit = MAX_SEALS
        self._encrypt: Callable[[bytes, bytes, bytes], bytes] = _no_key

    def for_another_thread(self) -> Sealer:
        """One that seals under a data key of its own, of the same master key and shelf."""
        return Sealer(self._master, self._shelf)

    def prepare(self) -> None:
        """Draw the data key now and not with the first value. Raises `StoreError` when no key can be kept."""
        if self._count >= self._limit:
            self._new_key()

    def renew(self) -> None:
        """From any thread: what is sealed from now on, but for a value under way, is sealed with a data key that is drawn then."""
        self._limit = 0

    def seal(self, clear: bytes, where: bytes) -> bytes:
        """The sealed value; `where` is bound to it and must be given again to open it. Raises `StoreError` when no key can be kept."""
        if self._count >= self._limit:
            self._new_key()
        self._count = count = self._count + 1
        counter = count.to_bytes(8, "big")
        return self._head + counter + self._encrypt(b"\0\0\0\0" + counter, clear, where)

    def unseal(self, sealed: bytes, where: bytes) -> bytes:
        """The clear value. Raises `CannotUnseal`."""
        cipher = self._ciphers.get(sealed[:5]) or self._fetch(sealed[:5])
        try:
            return cipher.decrypt(b"\0\0\0\0" + sealed[5:13], sealed[13:], where)
        except (InvalidTag, ValueError) as error:
            raise CannotUnseal(f"A sealed value does not open ({where.decode(errors='replace')}).") from error

    def _new_key(self) -> None:
        # First: who renews while the key is being drawn is heard with the next value.
        self._limit = MAX_SEALS
        self._count = MAX_SEALS  # and where none can be kept, the next value tries again
        key = AESGCM.generate_key(bit_length=256)
        head = _head(self._shelf.add_key(self._master.wrap(key)))
        self._ciphers[head] = cipher = AESGCM(key)
        self._encrypt = cipher.encrypt
        self._head = head
        self._count = 0

    def _fetch(self, head: bytes) -> AESGCM:
        if len(head) != 5 or head[0] != _VERSION:
            raise CannotUnseal("A sealed value has an unknown form.")
        wrapped = self._shelf.wrapped_key(int.from_bytes(head[1:5], "big"))
        if wrapped is None:
            raise CannotUnseal(f"The data key {int.from_bytes(head[1:5], 'big')} is not here.")
        cipher = self._ciphers[head] = AESGCM(self._master.unwrap(wrapped))
        return cipher


def key_id_of(sealed: bytes) -> int:
    """Which data key a value is sealed with."""
    return int.from_bytes(sealed[1:5], "big")


def _no_key(nonce: bytes, clear: bytes, where: bytes) -> bytes:
    raise AssertionError("sealing before a key was drawn")


def _head(key_id: int) -> bytes:
    return bytes((_VERSION,)) + key_id.to_bytes(4, "big")


def new_master_key() -> MasterKey:
    """A fresh master key."""
    return MasterKey(os.urandom(8), os.urandom(KEY_BYTES))


def create_key_file(path: Path, master: MasterKey) -> None:
    """Write the key file, readable by its owner alone, durably. Raises `KeyFileError` where one is there, `NotWritable`."""
    data = _MAGIC + master.key_id + master.key
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError(f"The master key file {path} is already there.") from error
    except OSError as error:
        raise NotWritable(f"The master key file {path} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(data + hashlib.sha256(data).digest()[:8])
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def read_key_file(path: Path) -> MasterKey:
    """The master key. Raises `KeyFileError` where the file is missing, unreadable, damaged or open to others."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyFileError(f"The master key file {path} can be read by others; run: chmod 600 {path}")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise KeyFileError(f"The master key file {path} is missing; put it back from where it was kept.") from error
    except OSError as error:
        raise KeyFileError(f"The master key file {path} cannot be read: {error.strerror}.") from error
    body, check = data[:-8], data[-8:]
    if len(data) != _KEY_FILE_BYTES or not data.startswith(_MAGIC) or hashlib.sha256(body).digest()[:8] != check:
        raise KeyFileError(f"The master key file {path} is damaged, or is no key file.")
    at = len(_MAGIC)
    return MasterKey(body[at : at + 8], body[at + 8 :])


def wrap_with_passphrase(master: MasterKey, passphrase: str) -> bytes:
    """The master key under a passphrase: salt (16) | nonce (12) | ciphertext of key id and key | tag."""
    salt, nonce = os.urandom(16), os.urandom(12)
    return salt + nonce + AESGCM(_stretch(passphrase, salt)).encrypt(nonce, master.key_id + master.key, b"master-key")


def unwrap_with_passphrase(wrapped: bytes, passphrase: str) -> MasterKey:
    """The master key. Raises `KeyFileError` where the passphrase is wrong, `Damaged` where the text is too short."""
    if len(wrapped) < 16 + 12 + 8 + KEY_BYTES + 16:
        raise Damaged("The wrapped master key is damaged.")
    salt, nonce, rest = wrapped[:16], wrapped[16:28], wrapped[28:]
    try:
        clear = AESGCM(_stretch(passphrase, salt)).decrypt(nonce, rest, b"master-key")
    except InvalidTag as error:
        raise KeyFileError("The passphrase is wrong, or the wrapped master key is damaged.") from error
    return MasterKey(clear[:8], clear[8:])


def _stretch(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, dklen=KEY_BYTES, **_SCRYPT)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
