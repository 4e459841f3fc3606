"""Which slot an address falls into, and which cell each group of slots goes to.

Slots move in *groups*: contiguous ranges of slots that change owner as a whole. A store with shard files has one
group a shard; a store that can move any slot has `SLOTS` groups of one.

Placement is weighted rendezvous hashing with bounded loads: every cell has a score for every group, as if it had
a point of its own on the ring beside each, and a group goes to the highest score that has room. Nothing is drawn
and nothing depends on the order in which cells came. Given the placement before, only what must move moves:

- a cell that leaves: its own groups, each to the next score with room;
- a cell that joins: the groups that score it higher than their owner, until it is full.

Where all cells name a zone, and there is more than one, no zone is given more than `ZONE_BOUND` times its share while cells of
another have room: what a zone takes along when it goes is no more than it must be.

No cell has more than `BOUND` times its weighted share of the groups, and none starts with less than its share divided by
`BOUND` (both rounded in favour of a solution; whoever has a share of one or more gets one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import ceil, floor, log

from actors.runtime.actor import ActorId

SLOTS = 4096
"""Hash buckets, the unit of placement. Stored rows name their slot: the number never changes."""
BOUND = 1.25
"""No cell owns more than this times its share."""
ZONE_BOUND = 1.1
"""No zone is given more than this times its share, as long as that can be had."""
MAX_SEATS = 1024
"""Seats: slots above the hash buckets, each for one room that has a process, and a file, of its own."""
CACHED_ADDRESSES = 16_384
"""Addresses whose slot is remembered (about 3 MB); beyond it the least recently used is computed again."""

_MASK = (1 << 64) - 1


def stable_hash(text: str) -> int:
    """64 bits of a text, the same on every platform, in every process and version."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


@lru_cache(CACHED_ADDRESSES)
def slot_of(address: ActorId) -> int:
    """The slot of an address, from 0 to `SLOTS` - 1."""
    return stable_hash(address) % SLOTS


def group_of(slot: int, groups: int) -> int:
    """The group that a slot belongs to; each seat is a group of its own, behind the `groups` of the hash buckets."""
    return slot * groups // SLOTS if slot < SLOTS else groups + slot - SLOTS


def slots_of(group: int, groups: int) -> range:
    """The slots of a group."""
    if group >= groups:
        return range(SLOTS + group - groups, SLOTS + group - groups + 1)
    return range(-(-group * SLOTS // groups), -(-(group + 1) * SLOTS // groups))


def place_groups(
    weights: Mapping[str, float],
    groups: int,
    before: Sequence[str | None] = (),
    fixed: Mapping[int, str] | None = None,
    zones: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """The name of the cell that each group goes to.

    `weights`: cell name -> weight (> 0), in any order. `before`: the placement until now, by group; None or a name that
    is not in `weights` where the owner is gone. `fixed`: groups that somebody decided by hand, exempt from the bounds;
    a name that is not in `weights` is ignored. `zones`: cell name -> its zone; they count where every cell has one. Raises `ValueError` for no cells, a weight that is not positive, or a
    number of groups beyond 1 to `SLOTS`.
    """
    if not weights or min(weights.values()) <= 0:
        raise ValueError("placement needs at least one cell, and weights above zero")
    if not 1 <= groups <= SLOTS or len(before) not in (0, groups):
        raise ValueError(f"groups: {groups}, placed before: {len(before)}")
    return _Placement(weights, groups, before, fixed or {}, zones or {}).solve()


class _Placement:
    """One calculation of `place_groups`. Cells go by their names."""

    def __init__(
        self,
        weights: Mapping[str, float],
        groups: int,
        before: Sequence[str | None],
        fixed: Mapping[int, str],
        zones: Mapping[str, str],
    ) -> None:
        total = sum(weights.values())
        shares = {name: groups * weights[name] / total for name in sorted(weights)}
        self.weights = weights
        self.before = before or (None,) * groups
        # Whoever has a share of one or more gets one, so that with a shard a cell each has its own.
        self.most = {name: max(ceil(share), floor(BOUND * share)) for name, share in shares.items()}
        self.least = {name: max(floor(share / BOUND), share >= 1) for name, share in shares.items()}
        self.fixed = {group: name for group, name in fixed.items() if name in weights}
        self.placed: list[str | None] = [None] * groups
        self.load = dict.fromkeys(shares, 0)
        named = all(zones.get(name) for name in weights)
        self.zones = {name: zones[name] if named else "" for name in shares}
        by_zone = {zone: sum(share for name, share in shares.items() if self.zones[name] == zone) for zone in set(self.zones.values())}
        self.most_of_zone = {zone: max(ceil(share), floor(ZONE_BOUND * share)) for zone, share in by_zone.items()}
        self.load_of_zone = dict.fromkeys(by_zone, 0)
        self.seeds = {name: stable_hash(f"cell {name}") for name in shares}
        self.score: Callable[[str, int], float] = lru_cache(None)(self._score)

    def solve(self) -> tuple[str, ...]:
        """Keep what may stay, place the rest, then let newcomers take their part."""
        for group, owner in enumerate(self.before):
            name = self.fixed.get(group, owner)
            if name is not None and name in self.load:
                self._give(group, name)
        known = self.load.keys() & set(self.before)
        newcomers = [name for name in self.load if name not in known] if known else []
        self._place(self._orphans(newcomers or list(self.load)))
        for name in newcomers:
            self._claim(name)
            self._fill(name)
        return tuple(name for name in self.placed if name is not None)

    def _score(self, name: str, group: int) -> float:
        mixed = self.seeds[name] ^ (group + 1) * 0x9E3779B97F4A7C15 & _MASK
        for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
            mixed = ((mixed ^ mixed >> 31) * factor) & _MASK
        unit = ((mixed ^ mixed >> 31) + 1) / (_MASK + 2)
        return self.weights[name] / -log(unit)

    def _give(self, group: int, name: str) -> None:
        before = self.placed[group]
        if before is not None:
            self._drop(before)
        self.placed[group] = name
        self.load[name] += 1
        self.load_of_zone[self.zones[name]] += 1

    def _drop(self, name: str) -> None:
        self.load[name] -= 1
        self.load_of_zone[self.zones[name]] -= 1

    def _zone_has_room(self, name: str) -> bool:
        zone = self.zones[name]
        return self.load_of_zone[zone] < self.most_of_zone[zone]

    def _movable(self, owner: str) -> list[int]:
        return [group for group, name in enumerate(self.placed) if name == owner and group not in self.fixed]

    def _orphans(self, takers: list[str]) -> list[int]:
        """Groups without a cell, after owners that have too many have let go of those that `takers` score highest."""
        for owner in self.load:
            mine = self._movable(owner)
            # What was decided by hand pushes nothing else out.
            excess = len(mine) - self.most[owner]
            if excess <= 0:
                continue
            others = [name for name in takers if name != owner] or [owner]
            mine.sort(key=lambda group: self.score(owner, group) / max(self.score(name, group) for name in others))
            for group in mine[:excess]:
                self.placed[group] = None
                self._drop(owner)
        return [group for group, name in enumerate(self.placed) if name is None]

    def _place(self, orphans: list[int]) -> None:
        """Each to its highest score with room; the last ones only to cells that have less than the least."""
        hungry = sum(max(0, self.least[name] - load) for name, load in self.load.items())
        for left, group in zip(range(len(orphans), 0, -1), orphans, strict=True):
            bound = self.most if left > hungry else self.least
            able = [name for name in self.load if self.load[name] < bound[name]]
            name = max(list(filter(self._zone_has_room, able)) or able, key=lambda name: self.score(name, group))
            hungry -= self.load[name] < self.least[name]
            self._give(group, name)

    def _claim(self, newcomer: str) -> None:
        """The groups that score a newcomer higher than their owner, as long as the owner has more for its weight."""
        wanted = []
        for group, owner in enumerate(self.placed):
            if owner is not None and owner != newcomer and group not in self.fixed:
                gain = self.score(newcomer, group) / self.score(owner, group)
                wanted.append((gain, group, owner))
        for gain, group, owner in sorted(wanted, reverse=True):
            after = self.load[newcomer] + 1
            if gain <= 1 or after > self.most[newcomer]:
                return
            if self.zones[owner] != self.zones[newcomer] and not self._zone_has_room(newcomer):
                continue
            if self.load[owner] / self.weights[owner] > after / self.weights[newcomer]:
                self._give(group, newcomer)

    def _fill(self, newcomer: str) -> None:
        """Bring a newcomer up to the least it should have, from those that have most for their weight."""
        while self.load[newcomer] < self.least[newcomer]:
            donor = max(self.load, key=lambda other: (self.load[other] - self.least[other], self.load[other] / self.weights[other]))
            mine = self._movable(donor)
            if donor == newcomer or not mine:
                return
            self._give(max(mine, key=lambda group: self.score(newcomer, group) / self.score(donor, group)), newcomer)
