"""Starts and ends the Ray processes of one data folder, from outside; Ray itself is not imported here.

All of them are one session (`setsid`) of the operating system: that is how they are found and ended, and no others.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cluster.life_lock import held
from cluster.living import anybody_lives
from cluster.problems import StartProblem, last_words
from cluster.processes import command_of, end_session, session_members
from cluster.ray_environment import (
    INNER,
    Instance,
    forget_instance,
    make_ray_folder,
    make_token,
    ray_folder,
    read_instance,
    variables,
    write_instance,
)
from cluster.settings import Settings

START_LIMIT_S = 60.0
END_LIMIT_S = 6.0
HEAD_LIMIT_S = 2.0
MEND = "`warbler up` starts all of it anew on the same data, `warbler down` ends what is left."
MEND_JOINED = (
    "Start the head again as it was started (`warbler node --head ...`), then `warbler up --address {}`: the cells go on meanwhile. "
    "`warbler down` ends those of this machine."
)


class Starting:
    """A Ray that is coming up; `wait` for it."""

    def __init__(self, settings: Settings, process: subprocess.Popen[str], instance: Instance) -> None:
        self._settings = settings
        self._process = process
        self._instance = instance

    def wait(self) -> Instance:
        """It is there. Raises `StartProblem`, and leaves nothing behind, where it does not come."""
        folder = Path(self._instance.folder)
        try:
            said, _ = self._process.communicate(timeout=START_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            end(self._settings)
            raise StartProblem(f"Ray did not start within {START_LIMIT_S:.0f} s on this machine.") from error
        if self._process.returncode != 0:
            end(self._settings)
            raise StartProblem(f"Ray did not start: {last_words(said)}")
        instance = self._instance._replace(address=(folder / INNER / "ray_current_cluster").read_text().strip())
        write_instance(self._settings, instance)
        return instance


@contextlib.contextmanager
def started(settings: Settings) -> Iterator[Starting]:
    """Start one, to be waited for inside; what is left of an earlier one is ended first. Raises `StartProblem`."""
    end(settings)
    folder = ray_folder(settings)
    make_ray_folder(folder)
    make_token(settings)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # Ray leaves its dashboard out where the dashboard's port is taken; nothing else does that, not even the option
        # that should: the process would take 100 MB and three seconds of every start.
        command = [*_command(settings, folder), "--dashboard-port", str(taken.getsockname()[1])]
        process = subprocess.Popen(
            command, env=variables(settings), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        instance = Instance("", process.pid, str(folder))
        write_instance(settings, instance)
        yield Starting(settings, process, instance)


def _command(settings: Settings, folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--node-ip-address", "127.0.0.1", "--port", "0"),
        *("--temp-dir", str(folder / INNER), "--num-cpus", "1", "--num-gpus", "0", "--include-dashboard", "false", "--disable-usage-stats"),
        *("--object-store-memory", str(settings.ray_memory_mib << 20), "--include-log-monitor", "false", "--no-monitor"),
        *("--log-style", "record", "--log-color", "false"),
    ]


def joined(settings: Settings) -> None:
    """Write down that this data folder is served by a Ray that others started."""
    write_instance(settings, Instance(settings.address, 0, str(settings.secrets)))


def running(settings: Settings) -> Instance | None:
    """The instance of a data folder, where its processes run; where it was joined: its head answers, or cells of it live without their head."""
    instance = read_instance(settings)
    if instance is None:
        return None
    runs = _runs(instance) if instance.session else _answers(instance) or anybody_lives(settings)
    return instance if runs else None


def _runs(instance: Instance) -> bool:
    return any(_belongs(pid, instance) for pid in session_members(instance.session))


def _answers(instance: Instance) -> bool:
    try:
        check_head(instance)
    except StartProblem:
        return False
    return True


def check_head(instance: Instance) -> None:
    """Raise `StartProblem` where the head does not answer: Ray itself would try to reach it without end and hear no signal."""
    host, _, port = instance.address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=HEAD_LIMIT_S).close()
    except (OSError, ValueError) as error:
        mend = MEND if instance.session else MEND_JOINED.format(instance.address)
        raise StartProblem(f"Ray's head at {instance.address} does not answer, though its cells may still serve. {mend}") from error


def end(settings: Settings) -> None:
    """End the instance and all its processes, cells too; one that was joined is only forgotten, and not while cells of it live here.
    Raises `StartProblem` where some cannot be ended."""
    instance = read_instance(settings)
    if instance is not None and not instance.session and held(settings.data):
        return
    if instance is not None and instance.session:
        if not end_session(instance.session, lambda pid: _belongs(pid, instance), limit_s=END_LIMIT_S):
            left = ", ".join(map(str, session_members(instance.session)))
            raise StartProblem(f"These processes cannot be ended: {left}.")
        shutil.rmtree(instance.folder, ignore_errors=True)
    forget_instance(settings)


def _belongs(pid: int, instance: Instance) -> bool:
    """Ray's own processes name its folder; a session number that came again leads to none of them."""
    command = command_of(pid)
    return instance.folder in command or command.startswith("ray::")
