"""All calls to Ray from outside of its actors: starts an instance for one data folder, finds its supervisor, ends it.

Import it by `load`, which sets Ray's environment first.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from cluster.problems import StartProblem
from cluster.processes import command_of, end_session, session_members
from cluster.ray_actors import RAY_SUPERVISOR, SUPERVISOR
from cluster.ray_environment import (
    NAMESPACE,
    Instance,
    check_token,
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
CALL_LIMIT_S = 10.0
END_LIMIT_S = 8.0


class RayHost:
    """The Ray of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connected = False

    # --- the instance ---

    def running(self) -> Instance | None:
        """The instance, where its processes run."""
        instance = read_instance(self._settings)
        return instance if instance is not None and _members(instance) else None

    def start(self) -> Instance:
        """Start one; what is left of an earlier one is ended first. Raises `StartProblem`."""
        settings = self._settings
        self.end()
        folder = ray_folder(settings)
        make_ray_folder(folder)
        make_token(settings)
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--node-ip-address", "127.0.0.1", "--port", "0"),
            *("--temp-dir", str(folder), "--num-cpus", "1", "--num-gpus", "0", "--include-dashboard", "false", "--disable-usage-stats"),
            *("--object-store-memory", str(settings.ray_memory_mib << 20), "--include-log-monitor", "false", "--no-monitor"),
            *("--log-style", "record", "--log-color", "false"),
        ]
        started = subprocess.Popen(
            command, env=variables(settings), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        instance = Instance("", started.pid, str(folder))
        write_instance(settings, instance)
        try:
            said, _ = started.communicate(timeout=START_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            self.end()
            raise StartProblem(f"Ray did not start within {START_LIMIT_S:.0f} s; its logs are in {folder}/session_latest/logs.") from error
        if started.returncode != 0:
            self.end()
            raise StartProblem(f"Ray did not start: {_last_words(said)}")
        instance = instance._replace(address=(folder / "ray_current_cluster").read_text().strip())
        write_instance(settings, instance)
        return instance

    def end(self) -> None:
        """End the instance and all its processes, cells too. Raises `StartProblem` where some cannot be ended."""
        self.disconnect()
        instance = read_instance(self._settings)
        if instance is not None:
            if not end_session(instance.session, lambda pid: _belongs(pid, instance), limit_s=END_LIMIT_S):
                left = ", ".join(map(str, session_members(instance.session)))
                raise StartProblem(f"These processes cannot be ended: {left}.")
            shutil.rmtree(instance.folder, ignore_errors=True)
        forget_instance(self._settings)

    # --- as a client of it ---

    def connect(self) -> None:
        """Become a driver of the running instance. Raises `StartProblem`."""
        instance = self.running()
        if instance is None or not instance.address:
            raise StartProblem(f"No server is running on {self._settings.data}; start it with `warbler up`.")
        check_token(self._settings)
        try:
            ray.init(
                address=instance.address, namespace=NAMESPACE, _node_ip_address="127.0.0.1", log_to_driver=False,
                configure_logging=False, logging_level="ERROR",
            )  # fmt: skip
        except (RayError, RuntimeError, ConnectionError, ValueError) as error:
            raise StartProblem(f"The running Ray at {instance.address} cannot be reached: {_last_words(str(error))}") from error
        self._connected = True

    def disconnect(self) -> None:
        """Be no driver any more; what is detached goes on (safe to repeat)."""
        if self._connected:
            self._connected = False
            ray.shutdown()

    def create_supervisor(self) -> None:
        """The detached actor that starts the cells. It adopts what runs."""
        RAY_SUPERVISOR.options(name=SUPERVISOR, lifetime="detached", namespace=NAMESPACE, get_if_exists=True).remote(
            self._settings.model_dump(mode="json")
        )

    def call(self, method: str, *arguments: Any, limit_s: float = CALL_LIMIT_S) -> Any:
        """Call the supervisor. Raises `StartProblem` where it cannot be reached, or says why not."""
        try:
            handle = ray.get_actor(SUPERVISOR, namespace=NAMESPACE)
            answer = ray.get(getattr(handle, method).remote(*arguments), timeout=limit_s)
        except (RayError, ValueError) as error:
            raise StartProblem(f"The supervisor does not answer: {_last_words(str(error))}") from error
        if "problem" in answer:
            raise StartProblem(answer["problem"])
        return answer["value"]


@contextlib.contextmanager
def connected(settings: Settings) -> Any:
    """A `RayHost` that is connected to the running instance."""
    host = RayHost(settings)
    host.connect()
    try:
        yield host
    finally:
        host.disconnect()


def _members(instance: Instance) -> list[int]:
    members = session_members(instance.session)
    return members if any(_belongs(pid, instance) for pid in members) else []


def _belongs(pid: int, instance: Instance) -> bool:
    """Ray's own processes name its folder; a session number that came again leads to none of them."""
    command = command_of(pid)
    return instance.folder in command or command.startswith("ray::")


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def log_folder(instance: Instance) -> Path:
    """Where Ray logs."""
    return Path(instance.folder) / "session_latest" / "logs"
