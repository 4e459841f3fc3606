"""What can be wrong with a machine."""

from __future__ import annotations

import resource
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cluster import checks
from cluster.checks import Finding
from cluster.data_folder import prepare
from cluster.life_lock import hold_life
from cluster.problems import StartProblem
from cluster.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", port=0, shards=2)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_everything_is_looked_at_and_what_is_wrong_says_how_to_mend_it(settings: Settings) -> None:
    findings = checks.examine(settings)
    assert len({finding.what for finding in findings}) == len(checks.CHECKS)
    assert [finding for finding in findings if finding.state != "ok" and not finding.mend] == []
    assert not settings.data.exists()


def test_the_disk_that_is_measured_is_the_one_where_the_data_will_be(settings: Settings) -> None:
    assert str(settings.data.parent) in checks.check_fsync(settings).text
    settings.data.mkdir()
    assert str(settings.data) in checks.check_fsync(settings).text


def test_a_taken_port_is_found_also_where_its_owner_would_share_it(settings: Settings) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = settings.model_copy(update={"port": port})
        assert checks.check_port(taken).state == "wrong"
        with pytest.raises(StartProblem, match=f"Port {port} of 127.0.0.1 cannot be used: address already in use"):
            checks.check_start(taken)
    assert checks.check_port(settings.model_copy(update={"port": free_port()})).state == "ok"


def test_the_port_of_cells_that_are_taken_over_does_not_stop_the_start(settings: Settings) -> None:
    (settings.data / "run").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as cell, hold_life(settings.data, "cell-1-a"):
        checks.check_start(settings.model_copy(update={"port": cell.getsockname()[1]}))


def test_an_address_that_is_not_this_machines_is_found() -> None:
    assert checks.port_problem("198.51.100.1", 0) is not None
    assert checks.port_problem("no-such-name.invalid", 0) is not None


@pytest.mark.parametrize(("hard", "state"), [(256, "wrong"), (4096, "warning"), (1_000_000, "ok"), (resource.RLIM_INFINITY, "ok")])
def test_open_files_are_judged_by_what_can_be_had(settings: Settings, hard: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (64, hard))
    assert checks.check_files(settings).state == state
    if state == "wrong":
        with pytest.raises(StartProblem, match="open files: 256 a process"):
            checks.check_start(settings)


def test_data_that_cannot_be_opened_is_named(settings: Settings) -> None:
    assert checks.check_data(settings) == Finding("data", "ok", "none yet")
    prepare(settings)
    assert checks.check_data(settings).state == "ok"
    (settings.data / "master.key").unlink()
    assert "master key file" in checks.check_data(settings).text


def test_a_data_folder_that_others_can_read_is_a_warning(settings: Settings) -> None:
    settings.data.mkdir()
    settings.data.chmod(0o755)
    assert checks.check_folder_rights(settings).state == "warning"


def test_a_server_that_is_open_to_the_network_without_tls_is_a_warning(settings: Settings) -> None:
    assert checks.check_certificate(settings).state == "ok"
    assert checks.check_certificate(settings.model_copy(update={"host": "0.0.0.0"})).state == "warning"
    named = settings.model_copy(update={"cert": Path("/no/cert.pem"), "key": Path("/no/key.pem")})
    assert "cannot read /no/cert.pem and /no/key.pem" in checks.check_certificate(named).text


# --- a start on data that cannot be used: one sentence each ---


def damage(path: Path) -> None:
    path.write_bytes(b"this is no database, but it is long enough to look at" * 40)


def make_newer(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version=99")
        connection.execute("UPDATE format SET oldest=99")


@pytest.mark.parametrize(
    ("harm", "file", "sentence"),
    [
        (damage, "cluster.db", "damaged"),
        (make_newer, "cluster.db", "newer version"),
        (damage, "shard-01.db", "damaged"),
        (make_newer, "shard-00.db", "newer version"),
        (lambda path: path.unlink(), "shard-01.db", "missing"),
        (lambda path: path.unlink(), "master.key", "missing"),
        (lambda path: path.write_bytes(b"x" * 62), "master.key", "damaged"),
        (lambda path: path.chmod(0o644), "master.key", "can be read by others"),
    ],
)
def test_each_harm_to_the_data_is_one_clear_sentence(settings: Settings, harm: Callable[[Path], None], file: str, sentence: str) -> None:
    prepare(settings)
    harm(settings.data / file)
    with pytest.raises(StartProblem, match=sentence) as caught:
        prepare(settings)
    assert "\n" not in str(caught.value)
    (found,) = [finding for finding in checks.examine(settings) if finding.what == "data"]
    assert (found.state, sentence in found.text) == ("wrong", True)


def test_the_key_of_other_data_is_refused(settings: Settings, tmp_path: Path) -> None:
    prepare(settings)
    prepare(settings.model_copy(update={"data": tmp_path / "other"}))
    (tmp_path / "other" / "master.key").replace(settings.data / "master.key")
    with pytest.raises(StartProblem, match="is not the one"):
        prepare(settings)


def test_more_cells_than_shards_are_refused_on_data_that_is_there(settings: Settings) -> None:
    prepare(settings)
    with pytest.raises(StartProblem, match="at most 2 cells"):
        prepare(settings.model_copy(update={"cells": 3, "shards": 8}))
