"""The registry of one machine, over real files, threads and processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.view import CellInfo, View, first_view
from actors.store.cluster_file import ClusterFile, create
from actors.store.store import Sealed, StoreUnavailable
from cluster import file_registry
from cluster.file_registry import FileRegistry
from cluster.life_lock import hold_life
from cluster.membership import Membership
from cluster.processes import ProcessId, identify
from cluster.registry import Lease, Stored
from gateway.api.bridge import settle
from tests.kit.warehouse import Warehouse

SHARDS = 2


def play(folder: Path, scenario: Callable[[FileRegistry, Membership], Coroutine[Any, Any, None]]) -> None:
    """A registry on a new folder, and what is written there seen by others."""

    async def around() -> None:
        registry = FileRegistry(folder, asyncio.get_running_loop().call_soon_threadsafe)
        cluster = ClusterFile(folder)
        try:
            await asyncio.wait_for(scenario(registry, Membership(cluster)), 20)
        finally:
            registry.close()
            cluster.close()

    create(folder, SHARDS, b"testtest", 0)
    (folder / "run").mkdir()
    asyncio.run(around())


def sleeper() -> subprocess.Popen[bytes]:
    """A process that does nothing."""
    return subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)


def test_views_and_lease_are_compared_and_set(tmp_path: Path) -> None:
    async def scenario(registry: FileRegistry, membership: Membership) -> None:
        assert registry.groups == SHARDS
        assert await settle(registry.read(0)) == Stored(0, None, Lease())
        view = first_view([CellInfo("a.1", "a")], SHARDS)
        assert await settle(registry.change_view(0, view.encode()))
        assert not await settle(registry.change_view(0, view.encode()))
        assert await settle(registry.change_lease(Lease(), Lease("a.1", 1)))
        assert not await settle(registry.change_lease(Lease(), Lease("b.1", 1)))
        found = await settle(registry.read(0))
        assert (found.version, found.lease) == (1, Lease("a.1", 1))
        assert View.decode(found.data or b"") == view
        assert (await settle(registry.read(1))).data is None
        assert membership.view() == view

    play(tmp_path, scenario)


def test_a_life_that_entered_is_alive_until_its_process_is_gone(tmp_path: Path) -> None:
    async def scenario(registry: FileRegistry, membership: Membership) -> None:
        me, other, unknown = (membership.new_life(name) for name in ("a", "b", "c"))
        await settle(registry.enter(me))
        with sleeper() as process:
            found = identify(process.pid)
            assert found is not None
            membership.note_process(other, found)
            assert [await settle(registry.is_dead(life)) for life in (me, other, unknown)] == [False, False, False]
            process.kill()
            process.wait()
        assert [await settle(registry.is_dead(life)) for life in (me, other, unknown)] == [False, True, False]

    play(tmp_path, scenario)


def test_a_process_of_another_name_space_is_seen_by_its_lock_alone_and_fenced_by_the_seal(tmp_path: Path) -> None:
    async def scenario(registry: FileRegistry, membership: Membership) -> None:
        locked, loose = membership.new_life("a"), membership.new_life("b")
        for life in (locked, loose):
            membership.note_process(life, ProcessId(1, "1", "another space"))
        lock = hold_life(tmp_path, locked)
        assert [await settle(registry.is_dead(life)) for life in (locked, loose)] == [False, False]
        await settle(registry.end_life(locked))
        assert membership.unsealed() == [loose]
        lock.close()
        assert [await settle(registry.is_dead(life)) for life in (locked, loose)] == [True, False]

    play(tmp_path, scenario)


def test_a_life_that_is_ended_is_killed_and_can_commit_nothing_more(tmp_path: Path) -> None:
    async def scenario(registry: FileRegistry, membership: Membership) -> None:
        life = membership.new_life("a")
        with Warehouse(tmp_path) as house, sleeper() as process:
            store = house.bare_store(life)
            house.wait(store.take_shard(0))
            found = identify(process.pid)
            assert found is not None
            membership.note_process(life, found)
            await settle(registry.end_life(life))
            assert process.wait(10) != 0
            assert await settle(registry.is_sealed(life))
            with pytest.raises(Sealed):
                house.wait(store.take_shard(1))
            await settle(registry.end_life(life))

    play(tmp_path, scenario)


def test_a_process_that_cannot_be_ended_keeps_its_life_from_being_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_registry, "kill_for_sure", lambda process, *, limit_s: False)

    async def scenario(registry: FileRegistry, membership: Membership) -> None:
        life = membership.new_life("a")
        await settle(registry.enter(life))
        with pytest.raises(StoreUnavailable, match="cannot be ended yet"):
            await settle(registry.end_life(life))
        assert membership.unsealed() == [life]

    play(tmp_path, scenario)


def test_after_it_is_closed_every_call_is_refused(tmp_path: Path) -> None:
    async def scenario(registry: FileRegistry, membership: Membership) -> None:
        registry.close()
        with pytest.raises(StoreUnavailable):
            await settle(registry.read(0))

    play(tmp_path, scenario)
