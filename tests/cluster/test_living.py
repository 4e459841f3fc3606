"""Ray's head is dead and cells live on: no command takes them for gone, and none works alone with their data."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.store.cluster_file import ClusterFile
from cluster import living, ray_instance
from cluster.cli import main
from cluster.data_folder import prepare
from cluster.life_lock import hold_life, is_held
from cluster.living import anybody_lives, end_lives
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.processes import identify
from cluster.ray_environment import read_instance
from cluster.secrets_folder import make_secrets
from cluster.settings import Settings

HOLD = """
import sys
from pathlib import Path
from cluster.life_lock import hold_life
held = hold_life(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a Ray that was joined, and whose head is gone."""
    make_secrets(tmp_path / "secrets")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    found = Settings(data=tmp_path / "data", secrets=tmp_path / "secrets", address=address, nodes_share_this_machine=True)
    prepare(found)
    ray_instance.joined(found)
    return found


@pytest.fixture
def life(settings: Settings) -> Iterator[str]:
    """A cell that lives: its process, as a supervisor wrote it down."""
    with closing(ClusterFile(settings.data)) as record:
        membership = Membership(record)
        life = membership.new_life("cell-1")
        command = [sys.executable, "-c", HOLD, str(settings.data), life]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            found = identify(process.pid)
            assert found is not None
            membership.note_process(life, found)
            yield life
            process.kill()


@pytest.fixture
def run(settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command for that folder: its status, and all that it said."""
    monkeypatch.setenv("WARBLER_SECRETS", str(settings.secrets))

    def run(*arguments: str) -> tuple[int, str]:
        try:
            status = main([*arguments, "--data", str(settings.data)])
        except SystemExit as ended:
            status = ended.code
        told = capsys.readouterr()
        return int(status or 0), " ".join((told.out + told.err).split())

    return run


@pytest.mark.parametrize("command", [("status",), ("accounts", "show", "anna"), ("drain", "cell-1"), ("resume",)])
def test_commands_say_that_the_head_is_dead_and_that_its_cells_may_live(
    run: Run, settings: Settings, life: str, command: list[str]
) -> None:
    status, told = run(*command)
    assert status == 1
    assert f"Ray's head at {settings.address} does not answer, though its cells may still serve" in told
    assert "`warbler node --head ...`" in told
    assert is_held(settings.data, life)


def test_nobody_works_alone_with_the_data_of_a_living_cell_also_where_nothing_says_that_a_ray_was_joined(
    run: Run, settings: Settings, life: str
) -> None:
    (settings.data / "run" / "instance.json").unlink()
    for command in (("accounts", "show", "anna"), ("up", "--port", "0")):
        status, told = run(*command)
        assert status == 1
        assert f"still run ({life})" in told
    assert is_held(settings.data, life)
    with closing(ClusterFile(settings.data)) as record:
        assert Membership(record).unsealed() == [life]


def test_no_start_without_the_head_and_what_was_joined_is_not_forgotten(run: Run, settings: Settings, life: str) -> None:
    status, told = run("up", "--address", settings.address, "--port", "0")
    assert (status, "does not answer" in told) == (1, True)
    status, told = run("up", "--port", "0")
    assert (status, "does not answer" in told) == (1, True)
    assert read_instance(settings) is not None
    assert is_held(settings.data, life)


def test_nothing_is_restored_over_them(run: Run, settings: Settings, life: str, tmp_path: Path) -> None:
    status, told = run("restore", str(tmp_path))
    assert (status, "A server is running" in told) == (1, True)


def test_down_ends_the_cells_of_this_machine_and_says_that_the_head_would_start_them_again(run: Run, settings: Settings, life: str) -> None:
    status, told = run("down", "--nodes")
    assert status == 1
    assert f"Ended were: {life}" in told
    assert "give `warbler down` once more" in told
    assert not is_held(settings.data, life)
    assert read_instance(settings) is not None


def test_a_cell_whose_process_is_not_known_is_named_as_one_that_still_runs(settings: Settings) -> None:
    with hold_life(settings.data, "cell-1-unknown"):
        assert end_lives(settings) == ([], ["cell-1-unknown"])


def test_without_cells_and_head_nothing_runs(run: Run, settings: Settings) -> None:
    assert not anybody_lives(settings)
    status, told = run("down")
    assert (status, "No server is running" in told) == (0, True)


def test_in_a_database_the_lease_tells_of_cells_of_other_machines(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    on_database = settings.model_copy(update={"store": "cassandra://nowhere/warbler"})
    monkeypatch.setattr(living, "open_record", lambda _: ClusterFile(settings.data))
    keeping = iter(["cell-2-aa", ""])
    monkeypatch.setattr(living, "keeper", lambda _: next(keeping))
    assert anybody_lives(on_database)
    assert not anybody_lives(on_database)

    def unreachable(_: Settings) -> ClusterFile:
        raise StartProblem("Cassandra does not answer.")

    monkeypatch.setattr(living, "open_record", unreachable)
    assert anybody_lives(on_database)
