"""Keys and sealed values: what opens, what does not, and which sentence says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.store import seal
from actors.store.opening import Damaged, KeyFileError, NotWritable
from actors.store.seal import (
    OVERHEAD_BYTES,
    CannotUnseal,
    MasterKey,
    Sealer,
    create_key_file,
    new_master_key,
    read_key_file,
    unwrap_with_passphrase,
    wrap_with_passphrase,
)
from tests.kit.shelf import Shelf


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def master() -> MasterKey:
    return new_master_key()


def test_what_one_process_seals_another_opens(shelf: Shelf, master: MasterKey) -> None:
    values = [b"", b"x", b"body" * 4096]
    sealed = [Sealer(master, shelf).seal(value, b"here") for value in values]
    other = Sealer(master, shelf)
    assert [other.unseal(value, b"here") for value in sealed] == values
    assert [len(value) for value in sealed] == [len(value) + OVERHEAD_BYTES for value in values]


def test_the_same_text_is_never_sealed_to_the_same_bytes(shelf: Shelf, master: MasterKey) -> None:
    sealers = [Sealer(master, shelf) for _ in range(3)]
    sealed = [sealer.seal(b"text", b"here") for sealer in sealers for _ in range(100)]
    assert len(set(sealed)) == 300
    assert len({value[1:13] for value in sealed}) == 300


def test_a_key_is_replaced_when_it_has_sealed_enough(shelf: Shelf, master: MasterKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "MAX_SEALS", 2)
    sealer = Sealer(master, shelf)
    sealer.prepare()
    sealer.prepare()
    assert len(shelf.keys) == 1
    sealed = [sealer.seal(b"text", b"here") for _ in range(5)]
    assert len(shelf.keys) == 3 and len({value[:13] for value in sealed}) == 5
    assert [Sealer(master, shelf).unseal(value, b"here") for value in sealed] == [b"text"] * 5


@pytest.mark.parametrize("at", [0, 1, 4, 5, 12, 13, 20, -1])
def test_a_changed_byte_is_found(shelf: Shelf, master: MasterKey, at: int) -> None:
    sealer = Sealer(master, shelf)
    sealed = bytearray(sealer.seal(b"some text here", b"place"))
    sealed[at] ^= 1
    with pytest.raises(CannotUnseal):
        sealer.unseal(bytes(sealed), b"place")


@pytest.mark.parametrize(
    "value", [b"", b"\x01", b"\x01\x00\x00\x00\x01", b"\x01\x00\x00\x00\x01" + bytes(10), b"plain text that was never sealed"]
)
def test_what_is_no_sealed_value_is_refused(shelf: Shelf, master: MasterKey, value: bytes) -> None:
    sealer = Sealer(master, shelf)
    sealer.prepare()
    with pytest.raises(CannotUnseal):
        sealer.unseal(value, b"place")


def test_a_value_opens_in_its_own_place_only(shelf: Shelf, master: MasterKey) -> None:
    sealer = Sealer(master, shelf)
    sealed = sealer.seal(b"text", b"entries.body('room1', 1)")
    with pytest.raises(CannotUnseal):
        sealer.unseal(sealed, b"entries.body('room1', 2)")


def test_another_master_key_opens_nothing(shelf: Shelf, master: MasterKey) -> None:
    sealed = Sealer(master, shelf).seal(b"text", b"here")
    with pytest.raises(KeyFileError, match="not the one that sealed"):
        Sealer(new_master_key(), shelf).unseal(sealed, b"here")


# --- the key file ----------------------------------------------------------------------------------------------------


def test_a_key_file_is_written_for_its_owner_alone_and_read_back(tmp_path: Path, master: MasterKey) -> None:
    path = tmp_path / "master.key"
    create_key_file(path, master)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key_file(path) == master
    with pytest.raises(KeyFileError, match="already there"):
        create_key_file(path, new_master_key())
    assert read_key_file(path) == master


def test_a_key_file_that_others_can_read_is_refused_with_the_cure(tmp_path: Path, master: MasterKey) -> None:
    path = tmp_path / "master.key"
    create_key_file(path, master)
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(KeyFileError, match="chmod 600"):
            read_key_file(path)


def test_a_damaged_or_missing_key_file_is_told(tmp_path: Path, master: MasterKey) -> None:
    path = tmp_path / "master.key"
    with pytest.raises(KeyFileError, match="is missing"):
        read_key_file(path)
    create_key_file(path, master)
    data = path.read_bytes()
    for bad in (b"", data[:-1], data + b"\n", data[:30] + bytes((data[30] ^ 1,)) + data[31:], os.urandom(len(data))):
        path.write_bytes(bad)
        with pytest.raises(KeyFileError, match="is damaged"):
            read_key_file(path)


def test_a_key_file_in_a_folder_that_is_not_there_is_told(tmp_path: Path, master: MasterKey) -> None:
    with pytest.raises(NotWritable, match="cannot be written"):
        create_key_file(tmp_path / "nowhere" / "master.key", master)


def test_a_passphrase_wraps_the_master_key(master: MasterKey) -> None:
    wrapped = wrap_with_passphrase(master, "correct horse")
    assert master.key not in wrapped
    assert unwrap_with_passphrase(wrapped, "correct horse") == master
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        unwrap_with_passphrase(wrapped, "wrong horse")
    with pytest.raises(Damaged):
        unwrap_with_passphrase(wrapped[:40], "correct horse")
