"""What is done to cells whose links can be cut, that can be cut off from the store, and that reach each other by nothing but
links and store: a life that is cut off is sealed while its process goes on, and its commits are refused."""

from __future__ import annotations

import asyncio
import os
import signal

from cluster.cell_process import OUT_STATUS
from gateway.client_link import PING_INTERVAL_S, PING_TIMEOUT_S
from tests.faults.cells import Cells
from tests.faults.network import Network
from tests.faults.on_cells import Plan, not_coordinator
from tests.faults.storm import Storm
from tests.kit.fault_plan import freeze, no_store
from tests.kit.spans import lasts

FROZEN_S = 20.0
SHORT_S, LONG_S = 2.0, 8.0
"""Shorter and longer than it takes to miss a cell."""


def network_of(cells: Cells) -> Network:
    """What the links go through."""
    assert cells.network is not None
    return cells.network


async def cut_one_off(storm: Storm, cells: Cells, name: str) -> None:
    """Nothing gets to a cell nor from it, until its rooms are back elsewhere; then the cut is healed, and it finds that it is out."""
    life, rooms, network = cells.life(name), cells.owned_by((name,), storm.rooms), network_of(cells)
    network.part(name)
    storm.hit(f"{name} cut off", rooms)
    await cells.until(lambda: cells.is_sealed(life))
    await storm.back()
    network.heal()
    assert await cells.died(name) == OUT_STATUS


async def cut_off(storm: Storm, cells: Cells) -> None:
    """One that does not coordinate."""
    await cut_one_off(storm, cells, not_coordinator(cells))


async def coordinator_cut_off(storm: Storm, cells: Cells) -> None:
    """The one that has the duty: it gives it back, since it could end nobody."""
    await cut_one_off(storm, cells, cells.coordinator)


async def _one_way(storm: Storm, cells: Cells, name: str, *, mute: bool) -> None:
    """Nothing gets from a cell to the others (mute), or from the others to it (deaf), while the other direction works: it is sealed."""
    life, rooms, network = cells.life(name), cells.owned_by((name,), storm.rooms), network_of(cells)
    for other in cells.cells:
        if other != name:
            network.cut(*((name, other) if mute else (other, name)))
    storm.hit(f"{name} {'not heard' if mute else 'hears nothing'}", rooms)
    await cells.until(lambda: cells.is_sealed(life))
    await storm.back()
    network.heal()
    assert await cells.died(name) == OUT_STATUS


async def not_heard(storm: Storm, cells: Cells) -> None:
    """One that does not coordinate is mute."""
    await _one_way(storm, cells, not_coordinator(cells), mute=True)


async def coordinator_not_heard(storm: Storm, cells: Cells) -> None:
    """The one that has the duty is mute: it gives the duty back."""
    await _one_way(storm, cells, cells.coordinator, mute=True)


async def hears_nothing(storm: Storm, cells: Cells) -> None:
    """One that does not coordinate is deaf."""
    await _one_way(storm, cells, not_coordinator(cells), mute=False)


async def coordinator_hears_nothing(storm: Storm, cells: Cells) -> None:
    """The one that has the duty is deaf: it gives the duty back."""
    await _one_way(storm, cells, cells.coordinator, mute=False)


async def frozen_far(storm: Storm, cells: Cells) -> None:
    """SIGSTOP for 20 s where nobody can kill it: its life is sealed. When it goes on, the group commit that it was about to make is
    refused, and it ends itself. Its own clients leave it as those of the SDK do. (One that holds a lock of the embedded store would keep others out: there it can be killed, and is.)"""
    name = not_coordinator(cells)
    life = cells.life(name)
    here = [device for device in storm.crowd.present if device.life == life]
    with_others = {room for device in storm.crowd.present if device not in here for room in device.rooms}
    rooms = cells.owned_by((name,), [room for room in storm.rooms if room in with_others])
    freeze(cells.data, name).touch()
    await asyncio.to_thread(os.waitid, os.P_PID, cells.cells[name].running.pid, os.WSTOPPED)
    storm.hit(f"{name} frozen", rooms)
    ends = asyncio.get_running_loop().time() + FROZEN_S
    await storm.back()
    assert cells.is_sealed(life), "its shards were opened before its life was sealed"
    await lasts(PING_INTERVAL_S + PING_TIMEOUT_S)
    for device in here:
        device.give_up()
    await lasts(ends - asyncio.get_running_loop().time())
    cells.signal(name, signal.SIGCONT)
    assert await cells.died(name) == OUT_STATUS


async def short_cut(storm: Storm, cells: Cells) -> None:
    """A cut too short for anybody to be ended for."""
    name, network = not_coordinator(cells), network_of(cells)
    life = cells.life(name)
    network.part(name)
    storm.hit(f"{name} cut off for a moment", storm.rooms)
    await lasts(SHORT_S)
    network.heal()
    await storm.back()
    assert cells.life(name) == life, "a short cut has ended a life"


async def _without_store(storm: Storm, cells: Cells, name: str) -> None:
    """Everybody keeps what they own; its rooms refuse for a while, and are back as soon as the store is."""
    life, rooms, gate = cells.life(name), cells.owned_by((name,), storm.rooms), no_store(cells.data, name)
    gate.touch()
    await lasts(LONG_S)
    storm.hit(f"{name} has the store again", rooms)
    gate.unlink()
    await storm.back()
    assert cells.life(name) == life, "a cell was ended because it did not reach the store"


async def cut_off_from_store(storm: Storm, cells: Cells) -> None:
    """One that does not coordinate."""
    await _without_store(storm, cells, not_coordinator(cells))


async def coordinator_cut_off_from_store(storm: Storm, cells: Cells) -> None:
    """The one that has the duty: another takes it meanwhile."""
    name = cells.coordinator
    await _without_store(storm, cells, name)
    assert cells.coordinator != name


ON_NETWORK: dict[str, Plan] = {
    "cell cut off from the others": Plan(cut_off),
    "coordinator cut off from the others": Plan(coordinator_cut_off),
    "cell not heard by the others": Plan(not_heard),
    "coordinator not heard by the others": Plan(coordinator_not_heard),
    "cell hears nothing of the others": Plan(hears_nothing),
    "coordinator hears nothing of the others": Plan(coordinator_hears_nothing),
    "cell frozen for 20 s, out of reach": Plan(frozen_far),
    "cell cut off for 2 s": Plan(short_cut),
    "cell cut off from the store for 8 s": Plan(cut_off_from_store),
    "coordinator cut off from the store for 8 s": Plan(coordinator_cut_off_from_store),
}
