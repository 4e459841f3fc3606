"""How a supervisor knows of a cell's end: by the lock where it can see that, by Ray's word where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ray.exceptions import ActorDiedError, ActorUnavailableError

from cluster.life_lock import hold_life
from cluster.ray_hands import RayCellPort, RayHands
from cluster.settings import Settings


def actor(*failures: Exception) -> Any:
    """One whose call that never ends fails so, one time after the other."""
    left = iter(failures)

    async def fail() -> None:
        raise next(left)

    return SimpleNamespace(gone=SimpleNamespace(remote=fail))


def ended(port: RayCellPort) -> bool:
    return bool(asyncio.run(asyncio.wait_for(port.gone(), 5)))


UNREACHABLE = ActorUnavailableError("its line broke", None)


def test_on_another_machine_a_cell_lives_until_ray_says_that_it_is_dead() -> None:
    handle = actor(UNREACHABLE, ConnectionError("away"), UNREACHABLE, ActorDiedError())
    assert ended(RayCellPort(handle, lambda: None))
    assert not list(handle.gone.remote.__closure__[0].cell_contents)


def test_where_the_lock_is_seen_it_alone_counts() -> None:
    held = iter([True, True, False])
    seen: Callable[[], bool | None] = lambda: next(held)  # noqa: E731
    assert ended(RayCellPort(actor(ActorDiedError(), UNREACHABLE, UNREACHABLE), seen))
    assert list(held) == []


def test_nodes_that_are_apart_see_the_locks_of_their_own_lives_alone(tmp_path: Any) -> None:
    (tmp_path / "run").mkdir()
    store = {"store": "cassandra://one", "address": "10.0.0.1:6379", "secrets": tmp_path}
    apart, shared = (RayHands(Settings(data=tmp_path, nodes_share_this_machine=share, **store)) for share in (False, True))
    lock = hold_life(tmp_path, "cell-1-a")
    assert [hands.sees(life) for hands in (apart, shared) for life in ("cell-1-a", "cell-2-b")] == [True, None, True, False]
    lock.close()
    assert apart.sees("cell-1-a") is False
