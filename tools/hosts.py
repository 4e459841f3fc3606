"""Hosts made of name spaces: each has its own network, processes, `/tmp` and home, and an ssh server. What is under `/tmp`, its home
and all that it keeps there too, no other host can see; the rest of the disk is the same for all.

Needs root and the right to make name spaces (Linux), `ip`, `sshd`, `ssh-keygen`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("ip", "unshare", "ssh", "ssh-keygen", "rsync")
SSHD = "/usr/sbin/sshd"
WAIT_S = 20.0
SSH_OPTIONS = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5")


class NoHosts(Exception):
    """They cannot be made here; the text says why."""


class Host(NamedTuple):
    """One of them."""

    name: str
    address: str
    key: Path

    def ssh(self, command: str, *, limit_s: float = 60.0) -> str:
        """Run a command there; what it said. Raises `subprocess.CalledProcessError`."""
        words = ["ssh", *SSH_OPTIONS, "-i", str(self.key), f"root@{self.address}", f"bash --login -c '. ~/.bashrc; {command}'"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit_s, check=False)
        if done.returncode != 0:
            error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
            error.add_note(f"{self.name} said: {done.stderr[-2000:]}")
            raise error
        return done.stdout

    @property
    def gateway(self) -> str:
        """The address of this machine in the hosts' network."""
        return self.address.rpartition(".")[0] + ".1"

    def cut_off(self) -> None:
        """Pull its network cable."""
        _run("ip", "link", "set", f"{self.name}o", "down")

    def plug_in(self) -> None:
        """Put it back."""
        _run("ip", "link", "set", f"{self.name}o", "up")

    def kill_all(self) -> None:
        """SIGKILL to everything that runs there but the first process, which lets us in again; this very call is killed, too."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.ssh("kill -9 -1")


def check_possible() -> None:
    """Raises `NoHosts` where they cannot be made."""
    missing = [name for name in NEEDED if shutil.which(name) is None] + ([] if os.access(SSHD, os.X_OK) else [SSHD])
    if missing:
        raise NoHosts(f"these are missing: {', '.join(missing)} (Debian: apt-get install iproute2 openssh-server rsync)")
    if os.geteuid() != 0:
        raise NoHosts("only root may make name spaces")
    trial = "ip link add name try0 type bridge && ip link add name try1 type veth peer name try2 && mount -t tmpfs tmpfs /mnt"
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-c", trial]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise NoHosts(f"this system does not allow name spaces, or bridges in them: {tried.stderr.strip()}")


@contextlib.contextmanager
def hosts(count: int) -> Iterator[tuple[list[Host], Path]]:
    """So many hosts and a folder that all of them see. Everything is gone afterwards, however it ends."""
    check_possible()
    with contextlib.ExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="wbhosts-", dir="/var/tmp"))
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        number = os.getpid() % 250 + 1
        bridge = f"wb{number}br"
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        ends.callback(_quietly, "ip", "link", "delete", bridge)
        _run("ip", "link", "add", bridge, "type", "bridge")
        _run("ip", "address", "add", f"10.77.{number}.1/24", "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        made = [Host(f"wb{number}h{one}", f"10.77.{number}.{10 + one}", key) for one in range(1, count + 1)]
        for host in made:
            ends.enter_context(_running(host, bridge, folder))
        for host in made:
            _wait_for(host)
        yield made, folder


@contextlib.contextmanager
def _running(host: Host, bridge: str, folder: Path) -> Iterator[None]:
    outer, inner = f"{host.name}o", f"{host.name}i"
    with contextlib.ExitStack() as ends:
        ends.callback(_quietly, "ip", "netns", "delete", host.name)
        _run("ip", "netns", "add", host.name)
        ends.callback(_quietly, "ip", "link", "delete", outer)
        _run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", host.name)
        _run("ip", "link", "set", outer, "master", bridge, "up")
        _run("ip", "-n", host.name, "address", "add", f"{host.address}/24", "dev", inner)
        for device in ("lo", inner):
            _run("ip", "-n", host.name, "link", "set", device, "up")
        script = _write_files(host, folder / host.name)
        with (folder / host.name / "host.log").open("w") as log:
            command = ["ip", "netns", "exec", host.name, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
            process = subprocess.Popen([*command, "sh", str(script)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        ends.callback(_end, process)
        yield


def _write_files(host: Host, folder: Path) -> Path:
    """Its ssh server's settings, its list of users (whose home is its own), and what it runs first."""
    folder.mkdir()
    home = "/tmp/home"
    rows = [row.split(":") for row in Path("/etc/passwd").read_text().splitlines()]
    (folder / "passwd").write_text("\n".join(":".join([*row[:5], home, "/bin/bash"] if row[0] == "root" else row) for row in rows) + "\n")
    shutil.copy(host.key, folder / "host_key")
    (folder / "host_key").chmod(0o600)
    (folder / "sshd_config").write_text(
        f"ListenAddress {host.address}\nHostKey {folder}/host_key\nAuthorizedKeysFile {host.key}.pub\nStrictModes no\nPidFile none\n"
        f"UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nSetEnv PYTHONPATH={ROOT}\n"
    )
    kept = [path for path in {str(ROOT), sys.prefix, sys.base_prefix} if path.startswith("/tmp/")]
    python = Path(sys.prefix) / "bin" / "python"
    lines = [
        "set -e",
        f"mount --bind {folder}/passwd /etc/passwd",
        # What lies under /tmp is seen there again after an empty /tmp was put over it.
        *(f"mkdir -p {folder}/kept{number} && mount --bind {path} {folder}/kept{number}" for number, path in enumerate(kept)),
        "mount -t tmpfs tmpfs /tmp",
        *(f"mkdir -p {path} && mount --bind {folder}/kept{number} {path}" for number, path in enumerate(kept)),
        "mount -t tmpfs tmpfs /dev/shm",
        f"mkdir -p /run/sshd {home}/warbler/venv/bin",
        # The code is on this machine already: programs with the names that an installed wheel has.
        f"printf '#!/bin/sh\\nexec {python} -m cluster.cli \"$@\"\\n' > {home}/warbler/venv/bin/warbler",
        f"printf '#!/bin/sh\\nexec {python} -m ray.scripts.scripts \"$@\"\\n' > {home}/warbler/venv/bin/ray",
        f"chmod +x {home}/warbler/venv/bin/*",
        f"exec {SSHD} -D -e -f {folder}/sshd_config",
    ]
    script = folder / "host.sh"
    script.write_text("\n".join(lines) + "\n")
    return script


def _wait_for(host: Host) -> None:
    end = time.monotonic() + WAIT_S
    while True:
        try:
            host.ssh("true", limit_s=10.0)
            return
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            if time.monotonic() > end:
                raise NoHosts(f"the host {host.name} does not answer: {error}") from error
            time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its first process goes, and with it all others of its name space."""
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoHosts(f"{' '.join(command)}: {done.stderr.strip()}")


def _quietly(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=False)


def main() -> int:
    """Say whether they can be made here: status 0, or 1 and why not."""
    try:
        check_possible()
    except NoHosts as problem:
        print(f"no hosts can be made here: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
