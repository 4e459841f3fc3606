"""The command line without Ray: what goes wrong at a start is one sentence and a status; work on data of a server that is down."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster.cli import COMMANDS, main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process: (status, output, errors)."""
    for name in [name for name in os.environ if name.startswith("WARBLER_")]:
        monkeypatch.delenv(name)

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        found = capsys.readouterr()
        return status or 0, found.out, found.err

    return run


Run = Callable[..., tuple[int, str, str]]


def test_help_names_every_command(run: Run) -> None:
    status, output, _ = run("--help")
    assert status == 0
    assert all(name in output for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run: Run, name: str) -> None:
    status, output, _ = run(name, "--help")
    assert status == 0
    assert "Usage: warbler" in output


def one_sentence(found: tuple[int, str, str]) -> str:
    status, output, errors = found
    assert status == 1
    assert output == ""
    assert errors.startswith("warbler: ")
    assert errors.count("\n") == 1
    return errors


def test_a_taken_port_stops_the_start(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert f"Port {port} of 127.0.0.1 cannot be used" in one_sentence(run("up", "--data", tmp_path / "d", "--port", port))


def test_a_folder_that_cannot_be_made_stops_the_start(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be" in one_sentence(run("up", "--data", tmp_path / "file" / "data"))


def test_a_full_disk_stops_the_start(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=3, f_frsize=4096))
    assert "No space is left" in one_sentence(run("up", "--data", tmp_path / "d"))


def test_a_missing_certificate_stops_the_start(run: Run, tmp_path: Path) -> None:
    found = run("up", "--data", tmp_path / "d", "--port", 0, "--cert", tmp_path / "c.pem", "--key", tmp_path / "k.pem")
    assert "c.pem" in one_sentence(found)


def test_wrong_settings_are_listed(run: Run, tmp_path: Path) -> None:
    status, _, errors = run("up", "--data", tmp_path, "--cells", 0, "--port", 70000)
    assert status == 1
    assert "--cells" in errors
    assert "--port" in errors


@pytest.mark.parametrize("command", ["status"])
def test_commands_that_need_a_server_say_so(run: Run, tmp_path: Path, command: str) -> None:
    assert "No server is running" in one_sentence(run(command, "--data", tmp_path))


def test_stopping_what_does_not_run_is_no_failure(run: Run, tmp_path: Path) -> None:
    status, output, _ = run("down", "--data", tmp_path)
    assert status == 0
    assert "No server is running" in output


def test_accounts_are_made_while_no_server_runs(run: Run, tmp_path: Path) -> None:
    data, tokens = tmp_path / "d", tmp_path / "tokens"
    status, output, _ = run("accounts", "--data", data, "--count", 5, "--prefix", "bench", "--tokens", tokens)
    assert status == 0
    assert "5 accounts, bench0 to bench4" in output
    lines = [line.split("\t") for line in tokens.read_text().splitlines()]
    assert [user for user, _ in lines] == [f"bench{number}" for number in range(5)]
    assert all(token.startswith(f"wbl:{user}:") for user, token in lines)
    assert tokens.stat().st_mode & 0o777 == 0o600


def test_an_account_is_deleted_for_good_once_that_is_confirmed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARBLER_PASSWORD", "correct horse")
    run("accounts", "create", "anna", "--data", tmp_path)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    assert "--yes" in one_sentence(run("accounts", "delete", "anna", "--data", tmp_path))
    assert run("accounts", "show", "anna", "--data", tmp_path)[0] == 0
    assert run("accounts", "delete", "anna", "--yes", "--data", tmp_path)[:2] == (0, "anna is deleted.\n")
    assert "no such user" in one_sentence(run("accounts", "show", "anna", "--data", tmp_path))
    assert "name is taken" in one_sentence(run("accounts", "create", "anna", "--data", tmp_path))


def test_a_made_password_is_shown_once_and_a_given_one_never(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    _, output, _ = run("accounts", "create", "anna", "--data", tmp_path)
    assert "password: " in output
    monkeypatch.setenv("WARBLER_PASSWORD", "correct horse")
    status, output, _ = run("accounts", "reset-password", "anna", "--data", tmp_path)
    assert status == 0
    assert "correct horse" not in output
    assert "password" not in output
    status, output, _ = run("accounts", "make-admin", "anna", "--data", tmp_path)
    assert json.loads(output)["admin"] is True


def test_a_refused_account_is_one_sentence(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARBLER_PASSWORD", "correct horse")
    assert "no such user" in one_sentence(run("accounts", "disable", "nobody", "--data", tmp_path))
    assert "--tokens" in one_sentence(run("accounts", "--data", tmp_path, "--count", 5))


def test_a_certificate_is_made_once_and_replaced_on_request(run: Run, tmp_path: Path) -> None:
    status, output, _ = run("cert", "chat.example", "--data", tmp_path)
    assert status == 0
    assert output.startswith(f"warbler up --cert {tmp_path}/tls/certificate.pem --key ")
    assert "--replace" in one_sentence(run("cert", "chat.example", "--data", tmp_path))
    assert run("cert", "chat.example", "--data", tmp_path, "--replace")[0] == 0


def test_a_backup_is_restored_with_its_key(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARBLER_PASSWORD", "correct horse")
    monkeypatch.setenv("WARBLER_PASSPHRASE", "battery staple")
    assert run("accounts", "create", "anna", "--data", tmp_path / "d")[0] == 0
    status, output, _ = run("backup", tmp_path / "b", "--data", tmp_path / "d")
    assert status == 0
    assert "under the passphrase" in output
    assert run("restore", tmp_path / "b", "--data", tmp_path / "e")[0] == 0
    status, output, _ = run("accounts", "show", "anna", "--data", tmp_path / "e")
    assert json.loads(output)["user"] == "anna"


def test_a_backup_of_nothing_is_refused(run: Run, tmp_path: Path) -> None:
    assert "no Warbler data" in one_sentence(run("backup", tmp_path / "c", "--keys-apart", "--data", tmp_path / "absent"))


def test_the_doctor_finds_what_would_stop_a_start(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        status, output, _ = run("doctor", "--json", "--data", tmp_path, "--port", server.getsockname()[1])
    findings = {finding["what"]: finding for finding in json.loads(output)}
    assert status == 1
    assert findings["port"]["state"] == "wrong"
    assert run("doctor", "--data", tmp_path, "--port", 0)[0] == 0
