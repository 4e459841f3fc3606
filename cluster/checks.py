"""What can be wrong with a machine, each with a way to mend it. `warbler doctor` shows all; `warbler up` needs some."""

from __future__ import annotations

import importlib.metadata
import os
import resource
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from actors.store.cluster_file import is_complete
from actors.store.data_folder import check_stored
from actors.store.opening import CannotOpen
from actors.store.store import StoreError
from cluster.check_delivery import ask_health
from cluster.data_folder import open_folder
from cluster.life_lock import held
from cluster.places import WEB_DIST
from cluster.problems import StartProblem
from cluster.ray_environment import ray_folder, read_url
from cluster.ray_instance import running
from cluster.settings import Settings

LEAST_FILES = 1024
"""Open files without which nothing can run: Ray alone takes some 200."""
GOOD_FILES = 65_536
LOW_SPACE_BYTES = 1 << 30
SLOW_FSYNC_MS = 20.0
FSYNC_ROUNDS = 20
OLDEST_CLOCK = 1_700_000_000
"""A clock before this (November 2023) is wrong."""
RAY_VERSION = "2.60."


class Finding(NamedTuple):
    """What a check found."""

    what: str
    state: Literal["ok", "warning", "wrong"]
    text: str
    mend: str = ""


def check_python(settings: Settings) -> Finding:
    """The interpreter's version."""
    version = sys.version_info
    text = f"Python {version.major}.{version.minor}.{version.micro}"
    if (3, 11) <= version[:2] <= (3, 14):
        return Finding("Python", "ok", text)
    return Finding("Python", "wrong", text, "Install Python 3.11 to 3.14.")


def check_ray(settings: Settings) -> Finding:
    """Ray's version."""
    try:
        version = importlib.metadata.version("ray")
    except importlib.metadata.PackageNotFoundError:
        return Finding("Ray", "wrong", "not installed", "Install the packages of requirements.lock (`make environment`).")
    state: Literal["ok", "warning"] = "ok" if version.startswith(RAY_VERSION) else "warning"
    return Finding("Ray", state, version, "" if state == "ok" else f"Warbler is tested with Ray {RAY_VERSION}*.")


def check_files(settings: Settings) -> Finding:
    """How many files a process may have open: each connection is one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    text = "no limit" if hard == resource.RLIM_INFINITY else f"{hard} a process"
    if hard == resource.RLIM_INFINITY or hard >= GOOD_FILES:
        return Finding("open files", "ok", text)
    mend = f"Allow more: `ulimit -Hn {GOOD_FILES}`, or LimitNOFILE={GOOD_FILES} in a systemd unit."
    return Finding("open files", "wrong" if hard < LEAST_FILES else "warning", text, mend)


def check_port(settings: Settings) -> Finding:
    """Whether the public port is free."""
    where = f"{settings.host}:{settings.port}"
    if running(settings) is not None and (url := read_url(settings)):
        return Finding("port", "ok", f"this server is running at {url}")
    if settings.port == 0:
        return Finding("port", "ok", "a free one is taken")
    problem = port_problem(settings.host, settings.port)
    if problem is None:
        return Finding("port", "ok", f"{where} is free")
    if running(settings) is not None:
        return Finding("port", "ok", f"{where} is used, and this server is running")
    return Finding("port", "wrong", f"{where}: {problem}", "Stop what uses it, or choose another with --port.")


def check_folder_rights(settings: Settings) -> Finding:
    """Whether the data folder can be made and written, and is this user's alone."""
    folder = settings.data.absolute()
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(
            "data folder", "wrong", f"{place} cannot be written by this user", "Choose another with --data, or change its owner."
        )
    if folder.exists() and folder.stat().st_mode & 0o077:
        return Finding("data folder", "warning", f"{folder} can be read by others", f"chmod 700 {folder}")
    return Finding("data folder", "ok", str(folder))


def check_data(settings: Settings) -> Finding:
    """Whether what is stored can be opened by this version and this key."""
    try:
        if not settings.store and (not settings.data.exists() or not is_complete(settings.data)):
            return Finding("data", "ok", "none yet")
        opened = open_folder(settings)
        if not settings.store:
            check_stored(settings.data)
    except (CannotOpen, StoreError) as error:
        if settings.store:
            return Finding("data", "wrong", str(error), "Start Cassandra, or name the right address in `store`.")
        return Finding("data", "wrong", str(error), "Put back the right files, or restore a backup (`warbler restore`).")
    shards = opened.cluster.shards
    opened.cluster.close()
    return Finding("data", "ok", f"{shards} groups in Cassandra" if settings.store else f"{shards} shards")


def check_space(settings: Settings) -> Finding:
    """Free space where the data lies."""
    folder = settings.data.absolute()
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / (1 << 30):.1f} GiB free"
    if free >= LOW_SPACE_BYTES:
        return Finding("disk space", "ok", text)
    return Finding("disk space", "warning", text, "Make room, or put the data elsewhere with --data.")


def check_fsync(settings: Settings) -> Finding:
    """How long the disk takes to make a write durable: no message is acknowledged faster."""
    folder = settings.data.absolute()
    folder = next(parent for parent in (folder, *folder.parents) if parent.is_dir())  # the disk where the data will be
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("disk speed", "warning", f"not measured: {folder} cannot be written", "Choose another folder with --data.")
    try:
        took = sorted(_fsync_times(folder))
    except OSError as error:
        return Finding("disk speed", "wrong", f"{folder}: {error.strerror}", "Make room, or put the data elsewhere with --data.")
    text = f"fsync {took[len(took) // 2] * 1000:.1f} ms, at most {took[-1] * 1000:.1f} ms ({folder})"
    if took[len(took) // 2] * 1000 <= SLOW_FSYNC_MS:
        return Finding("disk speed", "ok", text)
    return Finding("disk speed", "warning", text, "Put the data on a local SSD: every acknowledgement waits for the disk.")


def check_delivery(settings: Settings) -> Finding:
    """Whether a server that runs takes a post and hands it on. With several cells: the one that takes the connection."""
    if running(settings) is None:
        return Finding("delivery", "ok", "the server of this data folder is not running")
    url = read_url(settings) or (settings.url(settings.port) if settings.port else "")
    if not url:
        return Finding("delivery", "warning", "not asked: the port is not known", "Name it: `warbler status` shows it, --port takes it.")
    try:
        told = ask_health(url)
    except OSError as error:
        return Finding("delivery", "wrong", f"{url}: {error.strerror or error}", "`warbler status` says which port and cells there are.")
    if told["ok"] and (alone := told.get("supervision")):
        return Finding(
            "delivery", "warning", f"a post came back in {told['took_ms']:g} ms; {alone[0]}", "`warbler status --tree` has all of it."
        )
    if told["ok"]:
        return Finding("delivery", "ok", f"a post came back in {told['took_ms']:g} ms")
    where = f"stuck at {told['step']}: " if told.get("step") else ""
    return Finding("delivery", "wrong", f"a post does not come back: {where}{told.get('code')}", f"Look for errors in {settings.data}/log.")


def check_clock(settings: Settings) -> Finding:
    """The wall clock is for people to read, but tokens end by it."""
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    if time.time() >= OLDEST_CLOCK:
        return Finding("clock", "ok", now)
    return Finding("clock", "wrong", now, "Set the clock; tokens end by it.")


def check_ray_folder(settings: Settings) -> Finding:
    """Whether the paths of Ray's sockets fit."""
    try:
        return Finding("Ray's folder", "ok", str(ray_folder(settings)))
    except StartProblem as problem:
        return Finding("Ray's folder", "wrong", str(problem), "Set `ray_folder` to a short path.")


def check_certificate(settings: Settings) -> Finding:
    """Whether certificate and key can be read."""
    if settings.cert is None or settings.key is None:
        note = "" if settings.host.startswith(("127.", "localhost", "::1")) else "Put a proxy with TLS before it, or set `cert` and `key`."
        return Finding("TLS", "warning" if note else "ok", "off", note)
    missing = [str(path) for path in (settings.cert, settings.key) if not os.access(path, os.R_OK)]
    if missing:
        return Finding(
            "TLS", "wrong", f"cannot read {' and '.join(missing)}", "Name files that this user can read, or make some: `warbler cert`."
        )
    return Finding("TLS", "ok", str(settings.cert))


def check_web(settings: Settings) -> Finding:
    """Whether the web client was built."""
    if (WEB_DIST / "index.html").is_file():
        return Finding("web client", "ok", "built")
    return Finding("web client", "warning", "not built: there is no page, only the API", "make web")


CHECKS: tuple[Callable[[Settings], Finding], ...] = (
    check_python, check_ray, check_ray_folder, check_files, check_folder_rights, check_data, check_space, check_fsync, check_port,
    check_delivery, check_certificate, check_clock, check_web,
)  # fmt: skip


def examine(settings: Settings) -> list[Finding]:
    """Everything."""
    return [check(settings) for check in CHECKS]


def port_problem(host: str, port: int) -> str | None:
    """Why a port cannot be listened on; None where it can. Another listener counts even where it shares its port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None


def check_start(settings: Settings) -> None:
    """What would stop a start later and less clearly. Raises `StartProblem`; raises this process's bound on open files."""
    # Cells of this data folder that live without a supervisor use the port themselves; only a start on their own Ray comes here then.
    problem = port_problem(settings.host, settings.port) if settings.port and not held(settings.data) else None
    if problem is not None:
        raise StartProblem(
            f"Port {settings.port} of {settings.host} cannot be used: {problem}. Stop what uses it, or choose another with --port."
        )
    for finding in (check_files(settings), check_ray_folder(settings), check_certificate(settings)):
        if finding.state == "wrong":
            raise StartProblem(f"{finding.what}: {finding.text}. {finding.mend}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = GOOD_FILES if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _fsync_times(folder: Path) -> list[float]:
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FSYNC_ROUNDS):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - started)
    return took
