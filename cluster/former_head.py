"""What a head of Ray that was killed has left on this machine: its raylet, monitor, agents, and the cells beside it. Ray's `ray start`
takes them for a head that runs, so they are ended before it is started again; cells on other nodes go on."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from pathlib import Path

from cluster.problems import StartProblem
from cluster.processes import all_pids, command_of, identify, kill_for_sure, parents

STORAGE_VARIABLE = "RAY_gcs_storage_path"
"""Only what was started with a head has it, and it names the data folder: neither another Ray's processes nor another node's."""
SERVER = "gcs_server"
CURRENT = "ray_current_cluster"
"""In Ray's folder: the address of the head that was started last."""
DEFAULT_FOLDER = Path("/tmp/ray")
ANSWER_S = 2.0


def end_former_head(storage: str, folder: Path, port: int) -> list[int]:
    """End what is left of the head that kept its knowledge in `storage`, where its own process is gone; the numbers of what was ended.
    Raises `StartProblem` where something cannot be ended."""
    roots = [pid for pid in all_pids() if _storage_of(pid) == storage]
    if any(SERVER in command_of(pid).partition(" ")[0] for pid in roots):
        return []
    found = _with_children(roots)
    processes = [process for pid in found if (process := identify(pid)) is not None]
    left = [process.pid for process in processes if not kill_for_sure(process)]
    if left:
        raise StartProblem(f"These processes of the former head cannot be ended: {', '.join(map(str, left))}.")
    _forget_address(folder / CURRENT, port)
    return [process.pid for process in processes]


def _with_children(roots: Iterable[int]) -> list[int]:
    """These processes and all that came from them: workers write their titles over what they were started with."""
    found, by_child = list(roots), parents()
    for pid in found:
        found += [child for child, parent in by_child.items() if parent == pid and child not in found]
    return found


def _storage_of(pid: int) -> str:
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""  # gone, or another user's
    return next((value for name, _, value in (pair.partition("=") for pair in pairs) if name == STORAGE_VARIABLE), "")


def _forget_address(file: Path, port: int) -> None:
    """Ray refuses to start where that address is known to nodes of this machine, though nobody listens there."""
    with contextlib.suppress(FileNotFoundError):
        host, _, found = file.read_text().strip().rpartition(":")
        if found == str(port) and not _answers(host, port):
            file.unlink()


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=ANSWER_S).close()
    except OSError:
        return False
    return True
