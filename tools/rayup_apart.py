"""Proves several machines that share nothing but the network and a Cassandra: `ray up` against three hosts with a data folder each that
no other host can see, people who chat meanwhile, a host that is killed, one that is cut off, a drain, a roll, `ray down`.

What the devices saw is judged as in `tests/faults`. Run it by `make rayup STORE=cassandra`; needs root, Java 17 and Maven.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.runtime.view import View
from cluster.bench.crowd import DEVICES, Crowd, Shape
from cluster.bench.dialect import Account
from cluster.bench.judge import explain
from cluster.bench.servers import UNLIMITED
from cluster.dev import cassandra
from cluster.dev.node_files import PASSWORD, USER
from cluster.lonely import only_cell
from cluster.membership import Membership
from cluster.settings import Settings
from cluster.store_access import CA, LOGIN
from cluster.stores import open_record
from gateway.certificate import make_self_signed
from tests.faults.gauge import Gauge
from tools.hosts import Host, NoHosts, hosts
from tools.rayup import PORT, WARBLER, chat, prepare, ray, wait_serving

SHAPE = Shape(users=12, directs=8, groups=4, pause_s=(0.3, 1.2))
"""About 40 posts a second: three hosts, Ray and the database share this machine."""
BACK_S, SETTLED_S = 90.0, 120.0
CUT_S = 20.0
HUNG_S = 1.0
"""After so long a client that hears nothing goes elsewhere."""
ANSWERS = 60
"""Answers to posts before, between and after what is done to the hosts."""


class Cluster:
    """The hosts, as people outside see and break them."""

    def __init__(self, made: list[Host], settings: Settings, tell: Callable[[str], None]) -> None:
        self.hosts = made
        self.tell = tell
        self.away: set[str] = set()
        """Addresses that clients have given up."""
        self._record = open_record(settings)
        self._membership = Membership(self._record)
        self._turn = itertools.count()

    def close(self) -> None:
        """Hang up."""
        self._record.close()

    def url(self, index: int) -> str:
        """Where the user with this index connects; another host when asked again."""
        usable = [host.address for host in self.hosts if host.address not in self.away]
        return f"http://{usable[(index + next(self._turn)) % len(usable)]}:{PORT}"

    def view(self) -> View:
        """As it is stored."""
        view = self._membership.view()
        assert view is not None
        return view

    def lives(self) -> dict[str, str]:
        """Life -> address of its host, of the cells that many rooms share."""
        return {cell.life: str(urlsplit(cell.url).hostname) for cell in self.view().cells if cell.name.startswith("cell-")}

    def owned_at(self, address: str, rooms: list[str]) -> list[str]:
        """Rooms whose owner is on a host."""
        view, lives = self.view(), self.lives()
        return [room for room in rooms if lives.get(view.owner(slot_of(actor_id("room", room))) or "") == address]

    async def settled(self, gone: set[str] = frozenset(), addresses: set[str] | None = None) -> None:  # type: ignore[assignment]
        """Wait until there is a cell on each of these hosts (all) that shares the slots, and none of the lives that are `gone`."""
        wanted = addresses or {host.address for host in self.hosts}
        end = time.monotonic() + SETTLED_S
        while not self._is_settled(wanted, gone):
            if time.monotonic() > end:
                raise RuntimeError(f"not one cell on each of {wanted} within {SETTLED_S:.0f} s: {self.lives()}")
            await asyncio.sleep(0.3)

    def _is_settled(self, wanted: set[str], gone: set[str]) -> bool:
        view, lives = self.view(), self.lives()
        owners = set(view.owner_lives)
        whole = not view.moves and not view.undrained and not view.draining and None not in owners
        return whole and set(lives.values()) == wanted and len(lives) == len(wanted) and set(lives) <= owners and not gone & set(lives)


async def seed(settings: Settings, count: int) -> list[list[Account]]:
    """Accounts, with so many devices each as a crowd needs: made before anything else uses the database, by a cell that is alone."""
    names = [f"user{number}" for number in range(count)]
    async with only_cell(settings) as app:
        made = [await app.accounts.create_many(names) for _ in range(DEVICES)]
    return [[Account(*device[number]) for device in made] for number in range(count)]


async def play(cluster: Cluster, accounts: list[list[Account]]) -> None:
    """Chat, and break one thing after the other; fails on a broken promise."""
    gauge = Gauge()
    crowd = Crowd(accounts, cluster.url, SHAPE, 1, gauge)
    try:
        async with asyncio.timeout(BACK_S):
            await crowd.make_rooms()
            crowd.make_devices()
            await crowd.come(crowd.present)
        crowd.chat()
        gauge.begin()
        await crowd.answers(ANSWERS, BACK_S)
        for step in (host_killed, host_cut_off, host_drained, all_rolled):
            await step(cluster, crowd, gauge)
            await crowd.answers(ANSWERS, BACK_S)
        gauge.end()
        crowd.hush()
        await crowd.answered(crowd.present, BACK_S)
        await crowd.agree(crowd.present, BACK_S)
        await crowd.come(crowd.away)
        await crowd.agree(crowd.devices, BACK_S)
    finally:
        await crowd.leave()
    report, violations = gauge.report("all of it", crowd.devices)
    cluster.tell(str(report))
    if violations:
        raise RuntimeError(explain(violations))


async def host_killed(cluster: Cluster, crowd: Crowd, gauge: Gauge) -> None:
    """Everything that runs on one host; then it joins again, with what its data folder holds."""
    host = cluster.hosts[1]
    lives = {life for life, address in cluster.lives().items() if address == host.address}
    gauge.hit("host killed", cluster.owned_at(host.address, crowd.rooms))
    await asyncio.to_thread(host.kill_all)
    await back(cluster, gauge, f"{host.address}: all processes killed")
    join = f"{WARBLER} node --join {cluster.hosts[0].address}:6379 --nodes-file ~/warbler/nodes.toml"
    await asyncio.to_thread(host.ssh, join, limit_s=120.0)
    await cluster.settled(lives)
    cluster.tell(f"{host.address}: joined again")


async def host_cut_off(cluster: Cluster, crowd: Crowd, gauge: Gauge) -> None:
    """From the other hosts, the database and its clients, for `CUT_S`; what its cells held has to be others' long before."""
    host = cluster.hosts[2]
    lives = {life for life, address in cluster.lives().items() if address == host.address}
    ends = time.monotonic() + CUT_S
    gauge.hit("host cut off", cluster.owned_at(host.address, crowd.rooms))
    cluster.away.add(host.address)
    host.cut_off()
    await asyncio.sleep(HUNG_S)
    for device in crowd.devices:
        if device.life in lives:
            device.give_up()
    await back(cluster, gauge, f"{host.address}: cut off")
    await asyncio.sleep(max(0.0, ends - time.monotonic()))
    host.plug_in()
    cluster.away.discard(host.address)
    await cluster.settled(lives)
    cluster.tell(f"{host.address}: healed after {CUT_S:g} s, with a new cell")


async def host_drained(cluster: Cluster, crowd: Crowd, gauge: Gauge) -> None:
    """`warbler drain ADDRESS`, asked for on another host than the head; then it is wanted again."""
    host, asked = cluster.hosts[1], cluster.hosts[2]
    put_off = _put_off(crowd)
    gauge.hit("host drained", crowd.rooms)
    said = await asyncio.to_thread(asked.ssh, f"{WARBLER} drain {host.address}", limit_s=150.0)
    if "empty, and ended" not in said:
        raise RuntimeError(f"not drained: {said}")
    await cluster.settled(addresses={one.address for one in cluster.hosts if one is not host})
    await back(cluster, gauge, f"{host.address}: drained, {_put_off(crowd) - put_off} posts put off")
    await asyncio.to_thread(asked.ssh, f"{WARBLER} drain {host.address} --undo", limit_s=60.0)
    await cluster.settled()
    cluster.tell(f"{host.address}: wanted again")


async def all_rolled(cluster: Cluster, crowd: Crowd, gauge: Gauge) -> None:
    """`warbler roll`: the supervisor, and every cell on its own host."""
    before, put_off = set(cluster.lives()), _put_off(crowd)
    gauge.hit("all cells replaced", crowd.rooms)
    said = await asyncio.to_thread(cluster.hosts[0].ssh, f"{WARBLER} roll", limit_s=300.0)
    await cluster.settled(before)
    await back(cluster, gauge, f"rolled ({said.count(': replaced')} replaced), {_put_off(crowd) - put_off} posts put off")


def _put_off(crowd: Crowd) -> int:
    return sum(device.put_off for device in crowd.devices)


async def back(cluster: Cluster, gauge: Gauge, what: str) -> None:
    """Wait until all rooms that were hit acknowledge again."""
    await gauge.all_back(BACK_S)
    cluster.tell(f"{what}; {len(gauge.back)} rooms back after {max(gauge.back.values(), default=0.0):.2f} s at most")


def check_apart(made: list[Host]) -> str:
    """What each host's data folder holds: its own cells' logs, no database, no key. The keys are where they were brought."""
    names = [host.ssh('cd ~/warbler/data && find . -type f -not -path "./run/head/*" | sort').split() for host in made]
    for host, found in zip(made, names, strict=True):
        logs = [name for name in found if name.startswith("./log/cell-")]
        keys = host.ssh('find ~/ -name "*.key"').split()
        if len(logs) != 1 or any(name.endswith((".db", ".key")) for name in found) or keys != ["/tmp/home/warbler/secrets/master.key"]:
            raise RuntimeError(f"{host.address} holds {found} and keys {keys}")
    if len({name for found in names for name in found if name.startswith("./log/cell-")}) != len(made):
        raise RuntimeError(f"hosts see each other's logs: {names}")
    return "; ".join(f"{host.address}: {len(found)} files" for host, found in zip(made, names, strict=True))


@contextlib.contextmanager
def database(folder: Path, address: str) -> Iterator[cassandra.Running]:
    """A real Cassandra that the hosts reach, by TLS alone. Its certificate is `folder`/certificate.pem."""
    certificate, key = make_self_signed([address], folder)
    both = folder / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    try:
        yield cassandra.start(folder / "nodes", 1, address=address, pem=both)
    finally:
        cassandra.stop(folder / "nodes")


def bring_access(secrets: Path, certificate: Path) -> None:
    """What lets the nodes into the database goes the way of all secrets."""
    for name, text in ((LOGIN, f"{USER}:{PASSWORD}\n"), (CA, certificate.read_text())):
        (secrets / name).touch(0o600)
        (secrets / name).write_text(text)


def prove(made: list[Host], folder: Path, store: str, tell: Callable[[str], None]) -> None:
    """`ray up`, all of it, `ray down`."""
    rates = "".join(f"{name.removeprefix('WARBLER_').lower()} = {value}\n" for name, value in UNLIMITED.items())
    file = prepare(made, folder, lambda text: re.sub("^store = .*$", f'store = "{store}"', text, flags=re.MULTILINE) + rates)
    bring_access(file.parent / "secrets", folder / "cassandra" / "certificate.pem")
    settings = Settings(data=folder / "seed", store=store, secrets=file.parent / "secrets")
    accounts = asyncio.run(seed(settings, SHAPE.accounts))
    tell(f"{len(accounts)} accounts, made by a cell that was alone")
    ray(file, "up", "--yes", "--no-config-cache")
    tell("ray up: the head is up, and Warbler on it")
    wait_serving(made[0], 3)
    tell(f"cells on all hosts; {check_apart(made)}")
    tell(f"chat: {asyncio.run(chat(made))} deliveries across three hosts, one room in a process of its own")
    cluster = Cluster(made, settings, tell)
    try:
        asyncio.run(play(cluster, accounts))
    finally:
        cluster.close()
    ray(file, "exec", f"{WARBLER} down --nodes")
    ray(file, "down", "--yes")
    left = {host.address: host.ssh("pgrep -l raylet || true").strip() for host in made}
    if any(left.values()):
        raise RuntimeError(f"Ray still runs: {left}")
    tell("ray down: no Ray is left on any host")


def main() -> int:
    """All of it; a line a step."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    def tell(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    try:
        with hosts(3) as (made, folder), database(folder / "cassandra", made[0].gateway) as running:
            tell(f"three hosts: {', '.join(host.address for host in made)}; Cassandra at {running.addresses[0]}, by TLS")
            try:
                prove(made, folder, f"cassandra://{running.addresses[0]}:{running.ports.native}/warbler?tls=yes", tell)
            except BaseException:
                tell_logs(made)
                raise
    except NoHosts as problem:
        print(f"rayup: no hosts can be made here: {problem}", file=sys.stderr)
        return 2
    tell("nothing is left")
    return 0


def tell_logs(made: list[Host]) -> None:
    """What helps to see what went wrong."""
    for host in made:
        host.plug_in()
        with contextlib.suppress(Exception):
            print(
                f"--- {host.address}\n{host.ssh('grep -hv websockets.server ~/warbler/data/log/*.log | grep -v level.:..info..*ownership | tail -n 60', limit_s=20.0)[-12000:]}"
            )


if __name__ == "__main__":
    sys.exit(main())
