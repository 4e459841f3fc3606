"""Cells of a cluster on a hand-moved clock: real cores, drivers and links over the in-memory network and registry, scripted bodies."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import ceil, floor

from actors.runtime.codec import Codec
from actors.runtime.link import LINK_VERSION
from actors.runtime.ring import BOUND
from actors.runtime.view import CellInfo, View
from cluster.coordinator import Coordinator
from cluster.loads import Load
from cluster.member import Member
from tests.kit.clock import Clock
from tests.kit.local import RecordingLocal
from tests.kit.network import Network
from tests.kit.pair import Note
from tests.kit.registry import Archive, MemoryRegistry

GROUPS = 16


class ScriptedBody:
    """A cell that lets groups go at once, unless the test says otherwise. Implements `Body`."""

    def __init__(self, town: Town, life: str, name: str) -> None:
        self.view: View | None = None
        self.reads = True
        self.out = ""
        self.clings = False
        """Whether it lets nothing go."""
        self.clings_to: Collection[int] = ()
        """Groups that it does not let go."""
        self.figures = Load(life, name)
        self._town = town
        self._life = life
        self._let_go: dict[int, int] = {}

    def load(self) -> Load:
        """See `Body`."""
        return self.figures

    def released(self) -> tuple[tuple[int, int], ...]:
        """See `Body`."""
        return tuple(self._let_go.items())

    def adopt(self, view: View) -> None:
        """See `Body`."""
        assert self.view is None or view.version > self.view.version
        self.view = view
        moving = {move.group for move in view.moves if view.owner_lives[move.group] == self._life}
        self._let_go = {} if self.clings else dict.fromkeys(moving.difference(self.clings_to), view.version)
        if self._let_go:
            self._town.clock.later(0.01, self._progress)

    def _progress(self) -> None:
        if self._life in self._town.members:
            self._town.members[self._life].progress()

    def answer_reads(self, until: float) -> None:
        """See `Body`."""
        self.reads = self._town.clock.now() <= until

    def leave(self, why: str) -> None:
        """See `Body`."""
        self.out = why


class Town:
    """All cells."""

    def __init__(self, *lives: str, drains: bool = False) -> None:
        self.clock = Clock()
        self.network = Network(self.clock, Codec([Note]))
        self.archive = Archive()
        self.members: dict[str, Member] = {}
        self.bodies: dict[str, ScriptedBody] = {}
        self._drains = drains
        for life in lives:
            self.start(life)
            self.clock.advance(0.05)

    # --- cells -------------------------------------------------------------------------------------------------------

    def start(self, life: str, *, labels: tuple[str, ...] = ("edge", "chat"), zone: str = "", link_version: int = LINK_VERSION) -> Member:
        """A new life; the name of its cell is what stands before the dot."""
        info = CellInfo(life, life.partition(".")[0], labels, f"ws://{life}", zone)
        links = self.network.join(life, RecordingLocal(), link_version=link_version)
        core = Coordinator(info, GROUPS, drains=self._drains)
        body = self.bodies[life] = ScriptedBody(self, life, info.name)
        member = Member(core, MemoryRegistry(self.archive, self.clock, life, GROUPS, drains=self._drains), links, self.clock, body)
        links.oversee(member)
        self.members[life] = member
        member.start()
        return member

    def kill(self, life: str, *, seen: bool = True) -> None:
        """Its process is gone. `seen`: others of its host can see that."""
        self.archive.away.add(life)  # so that its member gives nothing back
        self.members.pop(life).stop()
        self.network.kill(life)
        if seen:
            self.archive.gone.add(life)

    def cut(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Nothing passes between these."""
        others = list(others)
        for one in some:
            for other in others:
                self.network.cut(one, other)

    def heal(self) -> None:
        """Everything passes again."""
        for one in self.members:
            for other in self.members:
                self.network.heal(one, other)

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def view(self) -> View:
        """The stored view."""
        return self.archive.view

    @property
    def coordinator(self) -> str:
        """Who has the duty."""
        return self.archive.lease.holder

    def others(self, *but: str) -> list[str]:
        """Living cells, without these."""
        return sorted(life for life in self.members if life not in but)

    def shares(self, view: View | None = None) -> dict[str | None, int]:
        """Groups by life."""
        owners = (view or self.view).owner_lives
        return {life: owners.count(life) for life in owners}

    def is_balanced(self, *lives: str) -> bool:
        """Whether these, and nobody else, own everything, within the bound of placement."""
        shares, share = self.shares(), GROUPS / len(lives)
        least, most = floor(share / BOUND), max(ceil(share), floor(BOUND * share))
        return set(shares) == set(lives) and all(least <= count <= most for count in shares.values())

    def all_act_on_the_stored_view(self) -> bool:
        """Whether everybody has followed."""
        return all(
            self.bodies[life].view is not None and self.bodies[life].view.version == self.archive.version  # type: ignore[union-attr]
            for life in self.members
        )

    def seconds_until(self, what: object, limit_s: float = 30.0) -> float:
        """Move the clock until `what()` is true; returns how long that took."""
        assert callable(what)
        began = self.clock.now()
        while not what():
            if self.clock.now() - began > limit_s:
                raise AssertionError(f"not within {limit_s} s")
            self.clock.advance(0.01)
        return self.clock.now() - began

    def settle(self, seconds: float = 20.0) -> None:
        """Let everything that is to be moved be moved."""
        self.seconds_until(lambda: self.archive.version > 0 and not self.view.moves, seconds)
        self.clock.advance(3.0)
        self.seconds_until(lambda: not self.view.moves and self.all_act_on_the_stored_view(), seconds)

    def is_without(self, lives: Collection[str]) -> bool:
        """Whether the stored view names none of these, and everybody acts on it."""
        return not set(lives) & set(self.view.by_life) and self.all_act_on_the_stored_view()


def settled(*lives: str, drains: bool = False) -> Town:
    """A cluster in which everything is where it should be."""
    town = Town(*lives, drains=drains)
    town.settle()
    return town
