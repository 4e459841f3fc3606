"""The whole check on a server of one page: a correct one passes, and each fault of a server is found."""

from __future__ import annotations

import pytest
import uvloop

from cluster.bench.crowd import DEVICES, Crowd, Shape
from cluster.bench.dialect import Account
from cluster.bench.lean_client import LoadError
from cluster.bench.rounds import Limits, kill_rounds, unrest_rounds
from tests.kit.small_server import SmallServer

SHAPE = Shape(users=6, directs=3, groups=2, group_members=3, hall_members=8)


def accounts(count: int) -> list[list[Account]]:
    return [[Account(f"user{u}", f"wbl:user{u}:dev{u}x{d}", f"dev{u}x{d}") for d in range(DEVICES)] for u in range(count)]


def check(server: SmallServer, rounds: int = 2, seed: int = 7) -> tuple[Crowd, set[str]]:
    async def run() -> tuple[Crowd, set[str]]:
        await server.start()
        crowd = Crowd(accounts(SHAPE.accounts), server.url, SHAPE, seed)
        await crowd.make_rooms()
        crowd.make_devices()
        try:
            violations = await kill_rounds(crowd, server, rounds, lambda what: None)
        finally:
            await crowd.leave()
            await server.kill()
        return crowd, {violation.kind for violation in violations}

    return uvloop.run(run())


def test_a_correct_server_passes_and_everybody_has_everything() -> None:
    crowd, kinds = check(SmallServer())
    assert kinds == set()
    assert len(crowd.history.faults) == 2
    assert len(crowd.away) == 2
    assert all(device.has(crowd.history.heads) for device in crowd.devices)
    assert sum(crowd.history.heads.values()) > 100


def test_a_store_that_forgets_its_tail_is_caught() -> None:
    _, kinds = check(SmallServer(frozenset({"forgets the tail"})))
    assert kinds & {"lost", "two_contents"}


def test_a_server_that_forgets_numbers_stores_repeats_twice() -> None:
    _, kinds = check(SmallServer(frozenset({"forgets who sent what"})))
    assert "repeated" in kinds


def test_a_server_that_drops_a_delivery_without_telling_heads_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Limits, "agree_s", 1.0)
    with pytest.raises(LoadError, match=r"not everybody has everything after 1 s: dev"):
        check(SmallServer(frozenset({"drops deliveries", "hides heads"})))


def test_a_server_that_must_not_be_killed_is_checked_by_cutting_connections() -> None:
    async def run() -> tuple[Crowd, set[str]]:
        server = SmallServer()
        await server.start()
        crowd = Crowd(accounts(SHAPE.accounts), server.url, SHAPE, seed=11)
        await crowd.make_rooms()
        crowd.make_devices()
        violations = await unrest_rounds(crowd, 2, lambda what: None)
        await server.kill()
        return crowd, {violation.kind for violation in violations}

    crowd, kinds = uvloop.run(run())
    assert kinds == set()
    assert len(crowd.history.faults) == 2
