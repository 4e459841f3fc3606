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
from cluster.settings import Settings

MAX_FOLDER_CHARS = 34
"""A Unix socket's path has at most 103 (macOS) or 107 bytes, and `INNER` and Ray add some 68."""
INNER = "r"
"""Ray's own folder in ours: it opens its folder to everybody, and ours around it stays closed."""
NAMESPACE = "warbler"
TOKEN = "ray.token"
INSTANCE = "instance.json"
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


class Instance(NamedTuple):
    """A Ray that was started for a data folder."""

    address: str
    session: int
    """The session id (`setsid`) of all its processes."""
    folder: str


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
    return settings.data / "run" / TOKEN


def make_token(settings: Settings) -> None:
    """A new token, readable by this user alone."""
    path = token_file(settings)
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
    return {**kept, **FIXED, **own}


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


def forget_instance(settings: Settings) -> None:
    """There is none any more."""
    (settings.data / "run" / INSTANCE).unlink(missing_ok=True)
    token_file(settings).unlink(missing_ok=True)
