"""Where this installation's Ray lives, and the variables under which it runs. Nothing here imports Ray.

Ray reads its variables when it is imported, so `apply` comes first. Variables of another Ray in the caller's
environment are taken out: we never join what somebody else's setting or an old address file names.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import NamedTuple

from cluster.places import ROOT
from cluster.problems import StartProblem
from cluster.secrets_folder import TOKEN
from cluster.settings import Settings

MAX_FOLDER_CHARS = 34
"""A Unix socket's path has at most 103 (macOS) or 107 bytes, and `INNER` and Ray add some 68."""
INNER = "r"
"""Ray's own folder in ours: it opens its folder to everybody, and ours around it stays closed."""
NAMESPACE = "warbler"
SWITCH = "switch"
"""The name of the actor through which programs reach rooms and sessions."""
INSTANCE = "instance.json"
URL = "url"
FIXED = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's name is misleading: off, it binds all its ports to the loopback address on every system.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Cells outlive the head's absence: an hour instead of a minute.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "3600",
    # A machine that is busy for a while is not dead.
    "RAY_health_check_timeout_ms": "30000",
    "RAY_health_check_failure_threshold": "10",
    # Idle workers kept in reserve would cost 90 MB each.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_worker_prestart": "0",
    # Memory is the operating system's business: a cell is not to be ended because something else is large.
    "RAY_memory_monitor_refresh_ms": "0",
}


BETWEEN_NODES = {
    # On, Ray listens on the addresses of this machine and not on the loopback one alone.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
    # A node that is gone is noticed within 10 s, one that is cut off or frozen within 30: messages go on long before, by
    # the cells' own beats. What Ray calls dead ends itself with all its cells, so it must not be called so for being busy.
    "RAY_health_check_initial_delay_ms": "5000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "5",
}
"""What differs where Ray spans several nodes."""
FROM_LAUNCHER = (
    "RAY_HEAD_IP", "RAY_OVERRIDE_RESOURCES", "RAY_OVERRIDE_LABELS", "RAY_enable_autoscaler_v2", "RAY_CLOUD_INSTANCE_ID",
    "RAY_NODE_TYPE_NAME", "AUTOSCALER_UPDATE_INTERVAL_S",
)  # fmt: skip
"""Variables with which `ray up` tells a node what it is; a node keeps them."""


class Instance(NamedTuple):
    """A Ray that was started for a data folder, or joined."""

    address: str
    session: int
    """The session id (`setsid`) of all its processes; 0: it was joined, and is not ours to end."""
    folder: str
    """Of its sockets and logs; of the secrets, where it was joined."""


def ray_folder(settings: Settings) -> Path:
    """The folder of sockets and logs: named after the data folder, or as the settings say. Raises `StartProblem`."""
    if settings.ray_folder is not None:
        folder = settings.ray_folder.absolute()
    else:
        name = hashlib.sha256(str(settings.data.resolve()).encode()).hexdigest()[:10]
        folder = Path("/tmp") / f"warbler-{os.getuid()}-{name}"
    if len(str(folder)) > MAX_FOLDER_CHARS:
        raise StartProblem(
            f"The path of Ray's folder, {folder}, is longer than {MAX_FOLDER_CHARS} characters; set `ray_folder` to a shorter one."
        )
    return folder


def make_ray_folder(folder: Path) -> None:
    """Make it for this user alone. Raises `StartProblem` where somebody else made it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StartProblem(f"Ray's folder {folder} cannot be made: {error.strerror}.") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StartProblem(f"Ray's folder {folder} is not a folder of this user alone; remove it, or set `ray_folder`.")


def token_file(settings: Settings) -> Path:
    """Where Ray's token is."""
    return settings.secrets / TOKEN if settings.secrets is not None else settings.data / "run" / TOKEN


def make_token(settings: Settings) -> None:
    """A new token, readable by this user alone; none where all nodes share one."""
    path = token_file(settings)
    if settings.secrets is not None:
        return
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))


def check_token(settings: Settings) -> None:
    """Raises `StartProblem` where a running instance's token is not there to be shown."""
    path = token_file(settings)
    try:
        text = path.read_text()
    except OSError as error:
        raise StartProblem(
            f"Ray's token {path} cannot be read ({error.strerror}), so the running server cannot be reached; end it with `warbler down`."
        ) from error
    if not text.strip():
        raise StartProblem(f"Ray's token {path} is empty, so the running server cannot be reached; end it with `warbler down`.")


def variables(settings: Settings) -> dict[str, str]:
    """The whole environment of our Ray's processes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    root = str(ROOT)
    path = [root, *(part for part in kept.get("PYTHONPATH", "").split(os.pathsep) if part and part != root)]
    own = {"RAY_AUTH_TOKEN_PATH": str(token_file(settings).resolve()), "PYTHONPATH": os.pathsep.join(path)}
    return {**kept, **FIXED, **(BETWEEN_NODES if settings.address else {}), **own}


def node_variables(settings: Settings) -> dict[str, str]:
    """The whole environment of the Ray processes of one node among several."""
    told = {name: os.environ[name] for name in FROM_LAUNCHER if name in os.environ}
    return {**variables(settings), **BETWEEN_NODES, **told}


def apply(settings: Settings) -> None:
    """Make them this process's own, before Ray is imported. Raises `RuntimeError` where it is too late."""
    if "ray" in sys.modules and os.environ.get("RAY_AUTH_TOKEN_PATH") != str(token_file(settings).resolve()):
        raise RuntimeError("Ray was imported before its environment was set")
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        del os.environ[name]
    os.environ.update(variables(settings))


# --- what the running instance left for other commands ---


def write_instance(settings: Settings, instance: Instance) -> None:
    """Say where it is, in one step."""
    path = settings.data / "run" / INSTANCE
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(instance._asdict()))
    fresh.replace(path)


def read_instance(settings: Settings) -> Instance | None:
    """The instance of this data folder, running or not."""
    try:
        return Instance(**json.loads((settings.data / "run" / INSTANCE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_url(settings: Settings, url: str) -> None:
    """Say where its page is, for commands that are given the data folder alone."""
    (settings.data / "run" / URL).write_text(url)


def read_url(settings: Settings) -> str:
    """Where the page of the running server is; empty where nobody has said so."""
    try:
        return (settings.data / "run" / URL).read_text()
    except OSError:
        return ""


def forget_instance(settings: Settings) -> None:
    """There is none any more."""
    (settings.data / "run" / INSTANCE).unlink(missing_ok=True)
    (settings.data / "run" / TOKEN).unlink(missing_ok=True)
    (settings.data / "run" / URL).unlink(missing_ok=True)
