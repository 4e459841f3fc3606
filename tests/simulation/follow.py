"""Every step of every message in the trace: only where a replay wants to see it, since it makes a trace ten times as long."""

from __future__ import annotations

from tests.simulation.world import World


class Follower:
    """Implements the core's `Trace` for one cell."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    def _note(self, what: str, *args: object) -> None:
        self._world.note(self._name, what, *args)

    def welcomed(self, session: str, user: str, device: str) -> None:
        self._note("{} is {}", session, device)

    def received(self, room: str, n: int, device: str, session: str) -> None:
        self._note("took {} n={} of {}", room, n, device)

    def committed(self, room: str, seq: int, n: int, device: str) -> None:
        self._note("stored {} seq {}: n={} of {}", room, seq, n, device)

    def fanned_out(self, room: str, seq: int, edges: int) -> None:
        self._note("fans {} seq {} out to {}", room, seq, edges)

    def relayed(self, room: str, seq: int) -> None:
        self._note("relays {} seq {}", room, seq)

    def delivered(self, room: str, seq: int, session: str, pushed: bool) -> None:
        self._note("{} {} seq {} to {}", "pushes" if pushed else "owes", room, seq, session)


def follow_messages(world: World) -> None:
    """Cells that start from now on are followed."""
    world.follow = lambda name: Follower(world, name)
