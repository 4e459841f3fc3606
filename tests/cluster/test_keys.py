"""All data keys are renewed while a cell serves: old ones go only when no row needs them, and a command that died is gone on with."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.store import rotation
from actors.store.cluster_file import ClusterFile
from actors.store.rows import EntryRow
from actors.store.sqlite import SqliteStore
from actors.store.store import Commit
from cluster import resealing
from cluster.app import CellApp
from cluster.data_folder import prepare
from cluster.keys import rotate, rotate_with
from cluster.lonely import only_cell
from cluster.settings import Settings
from gateway.api.bridge import settle
from tests.kit.sound_data import ROOMS, all_rows, room_slot
from tests.kit.stocked import load

ROOM = ROOMS[5]
SLOT = room_slot(ROOM)


class Died(Exception):
    """The command is gone."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A folder with sound data; cells look often."""
    monkeypatch.setattr(resealing, "LOOK_S", 0.01)
    monkeypatch.setattr(resealing, "PAUSE_S", 0.001)
    monkeypatch.setattr("cluster.keys.LOOK_S", 0.01)
    found = Settings(data=tmp_path / "data", cells=1, shards=2)
    prepare(found)
    load(found.data, all_rows())
    return found


async def post(app: CellApp, seq: int) -> None:
    entry = EntryRow(ROOM, seq, 1, "ann", "dev00001", seq, f"id-{seq:06d}", "text", f"while it goes on {seq}")
    await settle(app.store.commit(Commit(SLOT, [entry])))


async def numbers(app: CellApp) -> list[int]:
    assert isinstance(app.store, SqliteStore)
    return [entry.seq for entry in await settle(app.store.entries_after(SLOT, ROOM, 0, 1000))]


def test_keys_are_renewed_beside_posts_and_the_old_ones_are_gone(settings: Settings) -> None:
    async def play() -> None:
        async with only_cell(settings) as app:
            with closing(ClusterFile(settings.data)) as record:
                before = set(record.key_ids())
                for seq in range(301, 320):
                    await post(app, seq)  # some are in the ledger alone
                rotating = asyncio.create_task(asyncio.to_thread(rotate_with, settings, record, lambda *_: None))
                seq = 320
                while not rotating.done():
                    await post(app, seq)
                    seq += 1
                done = await rotating
                assert done.ended and done.old == before and done.rows >= 12
                assert before.isdisjoint(record.key_ids())
                assert await numbers(app) == list(range(1, seq))

    asyncio.run(play())
    asyncio.run(_all_is_there(settings, 320))


async def _all_is_there(settings: Settings, least: int) -> None:
    """A cell that starts anew has no key in memory."""
    async with only_cell(settings) as app:
        found = await numbers(app)
        assert found == list(range(1, len(found) + 1)) and len(found) >= least - 1


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_command_that_died_is_gone_on_with_and_begins_nothing_new(settings: Settings, dies_at: int) -> None:
    told = 0

    def tell(*_: Any) -> None:
        nonlocal told
        told += 1
        if told == dies_at:
            raise Died

    with closing(ClusterFile(settings.data)) as record:
        before = set(record.key_ids())
        with pytest.raises(Died):
            rotate(settings, tell)
        begun = rotation.stored(record)
        assert begun is not None and not begun.ended
        assert before <= set(record.key_ids())
        done = rotate(settings, lambda *_: None)
        assert (done.number, done.ended) == (begun.number, True)
        assert begun.old.isdisjoint(record.key_ids())
        # Once more: a new one, of the keys of now.
        assert rotate(settings, lambda *_: None).number == begun.number + 1
    asyncio.run(_all_is_there(settings, 300))


def test_while_a_row_needs_an_old_key_none_is_taken_away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    real = resealing.Resealing._reseal

    async def forgetful(self: Any, now: rotation.Rotation, group: int) -> None:
        """The first time it says that it is done, and is not."""
        nonlocal looked
        looked += 1
        await (self._note(now, group=group) if looked <= 2 else real(self, now, group))

    monkeypatch.setattr(resealing.Resealing, "_reseal", forgetful)
    done = rotate(settings, lambda *_: None)
    assert done.ended and looked > 2 and done.rows >= 12
    asyncio.run(_all_is_there(settings, 300))


def test_no_row_is_sealed_anew_before_every_life_has_new_keys(settings: Settings) -> None:
    with closing(ClusterFile(settings.data)) as record:
        rotation.begin(record, frozenset(record.key_ids()))
        assert not resealing.Resealing(record, None, "a")._all_have_renewed(2)  # type: ignore[arg-type]
        record.add_life("frozen")
        mine = resealing.Resealing(record, None, "a")  # type: ignore[arg-type]
        assert not mine._all_have_renewed(1)
        record.seal_life("frozen")
        assert mine._all_have_renewed(1)
