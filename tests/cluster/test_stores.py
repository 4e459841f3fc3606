"""Which store a server has: said clearly where it cannot be used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from actors.store.opening import CannotOpen, KeyFileError
from cluster import stores
from cluster.data_folder import open_folder, prepare
from cluster.dev import cassandra
from cluster.dev.node_files import PASSWORD, USER
from cluster.problems import StartProblem
from cluster.secrets_folder import make_secrets
from cluster.settings import Settings
from gateway.certificate import make_self_signed
from tests.kit.cassandra import server


def settings_for(folder: Path, store: str) -> Settings:
    return Settings(data=folder / "data", store=store)


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_told_with_its_address(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "cassandra://127.0.0.1:1/x")
    with pytest.raises(StartProblem, match=r"Cassandra at 127\.0\.0\.1 port 1 cannot be used"):
        prepare(settings)


@pytest.mark.slow
def test_a_wrong_password_is_told(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, server().url.replace(":cassandra@", ":guessed@"))
    with pytest.raises(StartProblem, match=r"cannot be used: .*incorrect"):
        prepare(settings)


@pytest.mark.slow
def test_a_keyspace_is_made_once_and_opened_with_its_key_alone(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, f"{server().url}/made_{os.getpid()}")
    with pytest.raises(CannotOpen):
        open_folder(settings)
    for _ in range(2):
        prepare(settings)
    opened = open_folder(settings)
    assert opened.cluster.shards == 64 and len(opened.link_secret) == 32
    opened.cluster.close()
    key = settings.data / "master.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(StartProblem, match=r"master key file .* is missing"):
        prepare(settings)
    assert not key.exists()
    other = settings_for(tmp_path / "other", settings.store)
    with pytest.raises(StartProblem, match="is missing"):
        prepare(other)
    key.write_bytes(kept)
    with pytest.raises(KeyFileError, match="can be read by others"):
        open_folder(settings)


@pytest.mark.slow
def test_a_database_that_speaks_tls_is_entered_with_what_lies_beside_the_secrets_and_not_without(tmp_path: Path) -> None:
    certificate, key = make_self_signed(["127.0.0.1"], tmp_path)
    stranger, _ = make_self_signed(["127.0.0.1"], tmp_path / "stranger")
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    folder = tmp_path / "secrets"
    make_secrets(folder)
    (folder / "cassandra.login").touch(0o600)
    (folder / "cassandra.login").write_text(f"{USER}:{PASSWORD}")
    try:
        running = cassandra.start(tmp_path / "nodes", 1, pem=both)
        store = f"cassandra://127.0.0.1:{running.ports.native}/secret?tls=yes"
        settings = Settings(data=tmp_path / "data", secrets=folder, store=store)
        for authority, reason in ((stranger, "certificate verify failed"), (None, "certificate verify failed")):
            if authority is not None:
                shutil.copy(authority, folder / "cassandra.ca.pem")
            with pytest.raises(StartProblem, match=reason):
                prepare(settings)
            (folder / "cassandra.ca.pem").unlink(missing_ok=True)
        shutil.copy(certificate, folder / "cassandra.ca.pem")
        prepare(settings)
        open_folder(settings).cluster.close()
        assert not (settings.data / "master.key").exists()
    finally:
        cassandra.stop(tmp_path / "nodes")


def test_without_the_driver_the_sentence_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'cassandra'", name="cassandra")

    monkeypatch.setattr(stores.importlib, "import_module", missing)
    with pytest.raises(StartProblem, match="install the package cassandra-driver"):
        prepare(settings_for(tmp_path, "cassandra://127.0.0.1/x"))


def test_an_address_that_is_none_is_refused_with_the_settings() -> None:
    with pytest.raises(ValueError, match="is no address of a store"):
        Settings(store="postgres://x")
