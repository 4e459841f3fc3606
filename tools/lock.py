"""Writes the lock files: exact versions with hashes, for every platform, and no registry's address.

    requirements.lock        what the server needs, with the driver for Cassandra
    requirements-dev.lock    that, the tests and the checks
    requirements-node.lock   Node.js as a Python package, for machines without it

Run by `make lock` inside the environment, which holds `uv`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVER = ["--extra", "cassandra"]
DEV = [*SERVER, "--extra", "dev", "--constraint", "requirements.lock"]


def compile_lock(target: str, arguments: list[str]) -> None:
    """Resolve into `target`, for all supported platforms and Python versions."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    options = ["--no-emit-index-url", "--no-header", "--output-file", target]
    subprocess.run([*command, *options, *arguments], cwd=ROOT, check=True)


def main() -> int:
    """Write the three files; packages move to newer versions with `--upgrade`."""
    upgrade = sys.argv[1:]
    compile_lock("requirements.lock", [*upgrade, *SERVER, "pyproject.toml"])
    compile_lock("requirements-dev.lock", [*upgrade, *DEV, "pyproject.toml"])
    compile_lock("requirements-node.lock", [*upgrade, "--no-deps", "tools/node.in"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
