"""Proves `cluster/deploy/ray/local.yaml`: a real `ray up` against three hosts on this machine, chat across them, `ray down`.

The hosts are name spaces (`tools/hosts.py`). The file is used as it stands; its addresses, user and key are put in, and since
the hosts share one disk, the data folder is one that all see. Run it by `make rayup`; needs root.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from cluster.secrets_folder import make_secrets
from gateway.client import Client
from gateway.client_accounts import Accounts
from tools.hosts import Host, NoHosts, hosts

DEPLOY = Path(__file__).resolve().parent.parent / "cluster" / "deploy" / "ray"
LIMIT_S = 150.0
PORT = 8440
WARBLER = "warbler --config ~/warbler/warbler.toml"
ZONES = ("a", "b", "b")


def prepare(made: list[Host], folder: Path, settings: Callable[[str], str]) -> Path:
    """The folder from which `ray up` is called, as docs/operations.md says; the file in it. `settings`: what of them is changed."""
    console = folder / "console"
    shutil.copytree(DEPLOY, console)
    make_secrets(console / "secrets")
    (console / "dist").mkdir()
    wheel = console / "dist" / "warbler_im-0-py3-none-any.whl"
    wheel.write_bytes(b"stands for the wheel: the code is on this machine already")
    installed = f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  dist/{wheel.name} \n"
    for host in made:
        host.ssh(f'echo "{installed.rstrip(chr(10))}" > ~/warbler/installed')
    rows = [f'["{host.address}"]\nroles = "edge-chat"\nzone = "{zone}"\ncells = 1\n' for host, zone in zip(made, ZONES, strict=True)]
    (console / "nodes.toml").write_text("\n".join(rows))
    (console / "warbler.toml").write_text(settings((console / "warbler.toml").read_text()))
    config: dict[str, Any] = yaml.safe_load((DEPLOY / "local.yaml").read_text().replace("10.0.0.1:", f"{made[0].address}:"))
    config["provider"] |= {"head_ip": made[0].address, "worker_ips": [host.address for host in made[1:]]}
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(made[0].key)}
    file = console / "local.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file


def embedded(text: str, data: Path) -> str:
    """The settings for a store of files in a folder that all hosts see."""
    kept = [line for line in text.splitlines() if not line.startswith(("store =", "data ="))]
    return "\n".join([*kept, f'data = "{data}"', "shards = 16", "nodes_share_this_machine = true", ""])


def ray(file: Path, *words: str) -> str:
    """Run `ray` where the file is; what it said."""
    folder = file.parent
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"RAY_TMPDIR": str(folder / "ray"), "RAY_USAGE_STATS_ENABLED": "0"}
    (folder / "ray").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "ray.scripts.scripts", words[0], file.name, *words[1:]]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"ray {' '.join(words)} failed:\n{done.stdout[-6000:]}")
    return done.stdout


def wait_serving(head: Host, count: int) -> list[dict[str, Any]]:
    """So many cells serve, with slots each; what `warbler status` says of them."""
    end = time.monotonic() + LIMIT_S
    while True:
        status = json.loads(head.ssh(f"{WARBLER} status --json"))
        cells: list[dict[str, Any]] = status["cells"]
        if len(cells) == count and all(cell["state"] == "serving" and cell.get("slots") for cell in cells):
            return cells
        if time.monotonic() > end:
            raise RuntimeError(f"not {count} cells within {LIMIT_S:.0f} s: {json.dumps(status)}")
        time.sleep(1.0)


async def chat(made: list[Host]) -> int:
    """One person at each host, all in one room: everybody posts, and everybody has all posts. The number of deliveries."""
    urls = [f"http://{host.address}:{PORT}" for host in made]
    logins = [
        await asyncio.to_thread(Accounts(url).register, f"person{number}", "correct horse battery") for number, url in enumerate(urls)
    ]
    clients = [Client(Accounts(url).websocket_url, login.token, start="first") for url, login in zip(urls, logins, strict=True)]
    async with clients[0], clients[1], clients[2]:
        room = (await clients[0].create("three hosts", [login.user for login in logins[1:]])).room
        sessions = [cell["sessions"] for cell in await asyncio.to_thread(wait_serving, made[0], 3)]
        if sessions != [1, 1, 1]:
            raise RuntimeError(f"not one person on each host: {sessions}")
        found = await everybody_posts(clients, room, "hello")
        await asyncio.to_thread(isolate, made[0], room)
        return found + await everybody_posts(clients, room, "this room has a process of its own, and we are still here:")


async def everybody_posts(clients: list[Client], room: str, words: str) -> int:
    """Each client posts, and each has all of it. The number of deliveries."""
    said = {f"{words} {number}" for number in range(len(clients))}
    readers = [asyncio.create_task(heard(client, room, said)) for client in clients]
    for number, client in enumerate(clients):
        await client.send(room, f"{words} {number}")
    async with asyncio.timeout(30):
        await asyncio.gather(*readers)
    return len(said) * len(clients)


def isolate(head: Host, room: str) -> None:
    """Give the room a cell of its own, and wait until that serves."""
    head.ssh(f"{WARBLER} isolate {room}")
    end = time.monotonic() + LIMIT_S
    while True:
        cells = json.loads(head.ssh(f"{WARBLER} status --json"))["cells"]
        if any(cell["name"] == f"room:{room}" and cell["state"] == "serving" and cell.get("node") for cell in cells):
            return
        if time.monotonic() > end:
            raise RuntimeError(f"the room has no process of its own: {cells}")
        time.sleep(0.5)


async def heard(client: Client, room: str, said: set[str]) -> None:
    """Returns when this client has all of it."""
    left = set(said)
    async for entry in client.entries(own=True):
        left -= {entry.body} if entry.room == room else set()
        if not left:
            return


def main() -> int:
    """All of it; a line a step."""
    started = time.monotonic()
    # Whoever ends this wants the hosts gone, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    def tell(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    try:
        with hosts(3) as (made, folder):
            tell(f"three hosts: {', '.join(host.address for host in made)}")
            file = prepare(made, folder, lambda text: embedded(text, folder / "data"))
            try:
                prove(made, file, tell)
            except BaseException:
                tell_logs(made, folder)
                raise
    except NoHosts as problem:
        print(f"rayup: no hosts can be made here: {problem}", file=sys.stderr)
        return 2
    tell("nothing is left")
    return 0


def prove(made: list[Host], file: Path, tell: Any) -> None:
    """`ray up`, chat, `ray down`."""
    ray(file, "up", "--yes", "--no-config-cache")
    tell("ray up: the head is up, and Warbler on it")
    cells = wait_serving(made[0], 3)
    tell(f"cells on all hosts: {', '.join(cell['name'] for cell in cells)}")
    tell(f"ports that are open beyond a host's loopback: {listening(made[0])}")
    tell(f"chat: {asyncio.run(chat(made))} deliveries across three hosts")
    tell(f"told apart: {refused(made[0])}")
    if f"{made[2].address} (zone b): cell-" not in ray(file, "exec", f"{WARBLER} status --once"):
        raise RuntimeError("the table does not say which cells are where")
    ray(file, "exec", f"{WARBLER} down --nodes")
    tell("warbler down --nodes: cells and the other nodes ended")
    ray(file, "down", "--yes")
    left = {host.address: host.ssh("pgrep -l raylet || true").strip() for host in made}
    if any(left.values()):
        raise RuntimeError(f"Ray still runs: {left}")
    tell("ray down: no Ray is left on any host")
    by_hand(made[0], made[1])
    tell("by hand: a head, a node for scoring that joined it, and Warbler on both; the head died and came back, the other cell went on")


def by_hand(head: Host, other: Host) -> None:
    """What `ray up` runs, typed: the second machine is for scoring, and has no door for clients. Then all of Ray on the head's
    machine is killed and started again."""
    start_head = f"{WARBLER} node --head --node-address {head.address} --roles edge-chat --zone a"
    head.ssh(start_head)
    other.ssh(f"{WARBLER} node --join {head.address}:6379 --node-address {other.address} --roles gpu --zone b")
    before = wait_for_two(head, other)
    head.ssh("ray stop --force")
    head.ssh(start_head)
    after = wait_for_two(head, other)
    if before[other.address] != after[other.address] or before[head.address] & after[head.address]:
        raise RuntimeError(f"not the lives that should be: {before}, then {after}")
    head.ssh(f"{WARBLER} down")
    for host in (other, head):
        host.ssh("ray stop")


def wait_for_two(head: Host, other: Host) -> dict[str, set[str]]:
    """Start Warbler; when there are cells for chat on one machine and one for scoring on the other: their lives."""
    head.ssh(f"{WARBLER} up --detach --address {head.address}:6379")
    end = time.monotonic() + LIMIT_S
    while True:
        cells = json.loads(head.ssh(f"{WARBLER} status --json"))["cells"]
        cells = [cell for cell in cells if not cell["name"].startswith("room:")]
        ready = {(cell["node"], cell["zone"], cell["slots"] > 0, cell["port"] > 0) for cell in cells if cell["state"] == "serving"}
        if ready == {(head.address, "a", True, True), (other.address, "b", False, False)}:
            return {host.address: {cell["life"] for cell in cells if cell["node"] == host.address} for host in (head, other)}
        if time.monotonic() > end:
            raise RuntimeError(f"not one cell for chat and one for scoring: {cells}")
        time.sleep(1.0)


def refused(host: Host) -> str:
    """What `up` says where nobody told it that the three hosts share one machine."""
    other = "WARBLER_DATA=/tmp/other WARBLER_PORT=0 WARBLER_NODES_SHARE_THIS_MACHINE=false"
    try:
        host.ssh(f"{other} {WARBLER} up --detach --address {host.address}:6379")
    except subprocess.CalledProcessError as error:
        if "means Cassandra" in error.stderr:
            return str(error.stderr).strip()
        raise
    raise RuntimeError("the embedded store was started on three machines")


def listening(host: Host) -> str:
    """Which addresses a host's listeners are bound to."""
    rows = host.ssh("cat /proc/net/tcp /proc/net/tcp6").splitlines()
    bound = [row.split()[1].rpartition(":")[0] for row in rows if " 0A " in row]
    kinds = {"00000000": "any", "0" * 32: "any", "0100007F": "loopback", "0000000000000000FFFF00000100007F": "loopback"}
    names = [kinds.get(address, "its own address") for address in bound]
    return ", ".join(f"{names.count(name)} on {name}" for name in sorted(set(names)))


def tell_logs(made: list[Host], folder: Path) -> None:
    """What helps to see what went wrong."""
    for log in sorted((folder / "data" / "log").glob("*.log")):
        print(f"--- {log.name}\n{log.read_text()[-1500:]}")
    print(made[0].ssh("tail -n 40 /tmp/ray/session_latest/logs/monitor.* || true", limit_s=20.0)[-6000:])


if __name__ == "__main__":
    sys.exit(main())
