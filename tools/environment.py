"""Makes the Python environment that everything runs in, from the lock file, and links `.venv` to it.

The environment lies outside of the checkout, in a folder named after the hash of the lock file, so that a second
checkout finds it ready and a changed lock file makes a new one. A file in it says that it is whole, and is written
last: an interrupted build leaves nothing that looks finished.

Runs under any Python 3.11 or newer, with the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.lock"
LINK = ROOT / ".venv"
OLDEST, NEWEST = (3, 11), (3, 14)
"""The Python versions that every locked package has a wheel for."""


class Problem(Exception):
    """Something that a person has to mend; its text says what and how."""


def cache_folder() -> Path:
    """Where environments are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "warbler"


def suitable_python() -> str:
    """The path of a Python of a supported version: this one, or another on the path."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            return found
    here = ".".join(map(str, sys.version_info[:2]))
    raise Problem(f"This is Python {here}; Warbler needs 3.{OLDEST[1]} to 3.{NEWEST[1]}. Install one, then: make PYTHON=/path/to/it")


def lock_hash(python: str) -> str:
    """What names the environment: the lock file, the Python and the machine."""
    version = subprocess.run([python, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=True).stdout
    parts = (LOCK.read_bytes(), version.encode(), platform.platform().encode(), str(python).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def uv_requirement() -> str:
    """The lines of the lock file that pin `uv` with its hashes."""
    found = re.search(r"^uv==.*?(?=^\S)", LOCK.read_text() + "\nend", re.MULTILINE | re.DOTALL)
    if found is None:
        raise Problem(f"{LOCK.name} does not name uv; run: make lock")
    return re.sub(r"^\s+#.*\n", "", found.group(0), flags=re.MULTILINE)


def make_venv(python: str, folder: Path) -> None:
    """An empty environment with `uv` in it."""
    done = subprocess.run([python, "-m", "venv", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Problem(
            f"{python} cannot make a virtual environment:\n{done.stdout}{done.stderr}"
            "On Debian and Ubuntu the module is a package of its own: sudo apt-get install python3-venv"
        )
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pinned:
        pinned.write(uv_requirement())
        pinned.flush()
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", pinned.name]
        run_step([str(folder / "bin" / "python"), *install], "uv cannot be installed")


def certificates() -> dict[str, str]:
    """Lets `uv` trust what this machine trusts, where it keeps certificates: its own do not do behind a company's proxy."""
    kept = ssl.get_default_verify_paths()
    has_some = kept.cafile is not None or (kept.capath is not None and any(Path(kept.capath).iterdir()))
    return {"UV_SYSTEM_CERTS": "1"} if has_some else {}


def run_step(command: list[str], failure: str) -> None:
    """Run a command; `Problem` where it fails."""
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **certificates()})
    if done.returncode != 0:
        raise Problem(f"{failure} (see above); the command was: {' '.join(command)}")


def build(python: str, target: Path) -> None:
    """Make the environment at `target`. A virtual environment knows its own path, so it is built at its final place,
    and the file that says it is whole comes last."""
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    print(f"Setting up the environment in {target} (once) ...", flush=True)
    make_venv(python, target)
    uv = str(target / "bin" / "uv")
    sync = [uv, "pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", "--python", str(target / "bin" / "python"), str(LOCK)]
    run_step(sync, "The packages cannot be installed")
    whole_file(target).write_text("whole\n")


def whole_file(target: Path) -> Path:
    """The file whose presence says that the environment is complete."""
    return target / ".whole"


def with_lock(target: Path) -> None:
    """Build unless it is there; a second builder of the same environment waits for the first."""
    import fcntl

    python = suitable_python()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / f"{target.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole_file(target).is_file():
            build(python, target)


def link(target: Path) -> None:
    """Point `.venv` at the environment, in one step."""
    if LINK.is_dir() and not LINK.is_symlink():
        raise Problem(f"{LINK} is a folder; move it away: here it is a link to {target}")
    fresh = LINK.with_name(f".venv.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(LINK)


def main() -> int:
    """Make the environment and link it; prints one sentence and returns 1 where that cannot be done."""
    try:
        target = cache_folder() / f"venv-{lock_hash(suitable_python())}"
        if not whole_file(target).is_file():
            with_lock(target)
        if not LINK.is_symlink() or Path(os.readlink(LINK)) != target:
            link(target)
    except (Problem, OSError) as problem:
        print(f"environment: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
