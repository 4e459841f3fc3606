"""Apache Cassandra as jars from Maven Central, and the Java that runs it.

The jars are kept outside of the checkout, in the user's cache folder, under the version; the folder appears there in one step, so that
what is there is whole.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cluster.problems import StartProblem, last_words

VERSION = "5.0.5"
JAVA = "17"
"""What this Cassandra runs on: 11 works too, newer ones do not."""
DOWNLOAD_LIMIT_S = 600.0
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_HOMES = (
    "/usr/lib/jvm/*17*",
    "/Library/Java/JavaVirtualMachines/*17*/Contents/Home",
    "/opt/homebrew/opt/openjdk@17",
    "/usr/local/opt/openjdk@17",
)
"""Where systems keep a Java 17 beside another one."""


def cache_folder() -> Path:
    """Where the jars, and the nodes' own folders unless another one is named, are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "warbler" / f"cassandra-{VERSION}"


def find_java() -> Path:
    """A `java` of the right version. Raises `StartProblem`."""
    found = [(java, _version_of(java)) for java in _javas()]
    for java, version in found:
        if version == JAVA:
            return java
    here = f"; here is Java {', '.join(sorted({version for _, version in found if version}))}" if found else ""
    raise StartProblem(
        f"Cassandra {VERSION} needs Java {JAVA}{here}. Install it, for example: apt-get install openjdk-17-jre-headless, or brew install openjdk@17."
    )


def jars(java: Path) -> list[Path]:
    """All jars, brought by Maven where they are not here yet. Raises `StartProblem`."""
    folder = cache_folder() / "lib"
    if not folder.is_dir():
        _bring(folder, java)
    return sorted(folder.glob("*.jar"))


def _bring(folder: Path, java: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise StartProblem("Maven is needed to bring Cassandra. Install it, for example: apt-get install maven, or brew install maven.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lib.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return  # another process has brought them meanwhile
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            pom = Path(scratch) / "pom.xml"
            pom.write_text(_pom())
            _run_maven(maven, pom, java)
            (Path(scratch) / "lib").rename(folder)


def _run_maven(maven: str, pom: Path, java: Path) -> None:
    command = [maven, "-B", "-ntp", "-q", "-f", str(pom), _COPY, f"-DoutputDirectory={pom.parent / 'lib'}"]
    environment = {**os.environ, "JAVA_HOME": str(java.resolve().parent.parent)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=DOWNLOAD_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise StartProblem(f"Maven did not bring Cassandra within {DOWNLOAD_LIMIT_S:.0f} s.") from error
    if done.returncode != 0:
        first = next((line for line in done.stdout.splitlines() if line.startswith("[ERROR]")), "") or last_words(done.stderr)
        raise StartProblem(f"Maven could not bring Cassandra: {first.removeprefix('[ERROR] ')[:300]}")


def _pom() -> str:
    wanted = f"<groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>{VERSION}</version>"
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>warbler</groupId><artifactId>cassandra-for-development</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies><dependency>{wanted}</dependency></dependencies></project>\n"
    )


def _javas() -> Iterator[Path]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    found = shutil.which("java")
    if found:
        yield Path(found)
    for pattern in _HOMES:
        yield from (path / "bin" / "java" for path in sorted(Path("/").glob(pattern.lstrip("/"))))


def _version_of(java: Path) -> str:
    """Its main number; empty where it is none, such as macOS's placeholder."""
    try:
        said = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r'version "(\d+)', said.stderr)
    return found[1] if found and said.returncode == 0 else ""
