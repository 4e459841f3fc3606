"""Proves the promises of delivery on a history, or tells what breaks them, each with the least evidence.

- Nothing acknowledged is lost: what was acknowledged as a seq can be read at that seq, by somebody.
- Nothing is repeated: no post stands at two seqs, no device shows a seq twice, a repeated `n` has one answer.
- One order: a room's seqs are 1, 2, 3 ... without holes, everybody reads the same at each, everybody is shown them
  ascending, and what was sent after an acknowledgement stands behind it.
- A device's own order: in each room its posts stand in the order of their `n`, and no `n` is left out.
- Nothing is invented or altered: what is read is what was sent, and what was refused for good is not there.
- Repair needs nobody: at the end every device has everything, although nobody posted anew after the last fault.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cluster.bench.history import Acked, DeviceHistory, History, Refused, Sent, Shown

_SHOWN_PER_KIND = 5


class Violation(NamedTuple):
    """One broken promise."""

    kind: str
    """A stable word: lost, missing, hole, repeated, shown_twice, disorder, two_contents, own_order, left_out,
    two_answers, altered, invented, refused_but_stored, unasked, one_seq_for_two, went_back, not_quiet."""
    text: str
    """For people: who, where, which seq."""


class _Content(NamedTuple):
    user: str
    device: str
    n: int
    id: str
    digest: bytes

    def __str__(self) -> str:
        return f"{self.user}/{self.device} n={self.n} id={self.id}" if self.n else f"an event by {self.user}"


class _Post(NamedTuple):
    """Where a post went, as those who read say."""

    device: str
    n: int


def judge(history: History, *, quiet: bool = True, closed: bool = True) -> list[Violation]:
    """All broken promises; none is the proof.

    `quiet`: nobody may have posted anew after the last fault. `closed`: every device that posted is in the history.
    """
    return list(_Judge(history, quiet, closed).violations())


def explain(violations: Sequence[Violation]) -> str:
    """The violations for people: a count a kind, and the first few of each."""
    lines: list[str] = []
    for kind, number in Counter(violation.kind for violation in violations).items():
        lines.append(f"{kind}: {number}")
        texts = [violation.text for violation in violations if violation.kind == kind]
        lines += [f"  {text}" for text in texts[:_SHOWN_PER_KIND]]
    return "\n".join(lines) or "nothing lost, nothing repeated, one order, nothing missing"


class _Judge:
    def __init__(self, history: History, quiet: bool, closed: bool) -> None:
        self._history = history
        self._quiet = quiet
        self._closed = closed
        # room -> seq -> content -> who read it so
        self._read: dict[str, dict[int, dict[_Content, str]]] = defaultdict(lambda: defaultdict(dict))
        # (room, device, n) -> (id, digest) -> moment of the first sending
        self._sent: dict[tuple[str, str, int], dict[tuple[str, bytes], int]] = defaultdict(dict)
        # (room, device, n) -> seqs that were acknowledged, with the moment of the first
        self._acked: dict[tuple[str, str, int], dict[int, int]] = defaultdict(dict)
        # (room, device, n, id, digest, code) of posts that were refused for good
        self._refused: list[tuple[str, str, int, str, bytes, str]] = []
        for device in history:
            self._collect(device)

    def _collect(self, device: DeviceHistory) -> None:
        latest: dict[tuple[str, int], tuple[str, bytes]] = {}
        for event in device.events:
            if isinstance(event, Sent):
                latest[event.room, event.n] = (event.id, event.digest)
                self._sent[event.room, device.device, event.n].setdefault((event.id, event.digest), event.moment)
            elif isinstance(event, Acked):
                self._acked[event.room, device.device, event.n].setdefault(event.seq, event.moment)
            elif isinstance(event, Refused):
                self._refused.append((event.room, device.device, event.n, *latest.get((event.room, event.n), ("", b"")), event.code))
            else:
                content = _Content(event.user, event.device, event.n, event.id, event.digest)
                self._read[event.room][event.seq].setdefault(content, f"{device.user}/{device.device}")

    def violations(self) -> Iterator[Violation]:
        """Everything that is broken, room by room, then device by device."""
        for room, entries in sorted(self._read.items()):
            yield from self._contents(room, entries)
            yield from self._no_holes(room, entries)
            yield from self._posts(room, entries)
        yield from self._acknowledged()
        yield from self._real_time()
        yield from self._refusals()
        for device in self._history:
            yield from self._shown(device)
            yield from self._complete(device)
        yield from self._no_new_post()

    # --- what a room holds ---

    def _contents(self, room: str, entries: dict[int, dict[_Content, str]]) -> Iterator[Violation]:
        for seq, contents in sorted(entries.items()):
            if len(contents) > 1:
                told = "; ".join(f"{who} read {content}" for content, who in contents.items())
                yield Violation("two_contents", f"{room} seq {seq}: {told}")
            for content in contents:
                yield from self._genuine(room, seq, content)

    def _genuine(self, room: str, seq: int, content: _Content) -> Iterator[Violation]:
        if not content.n:
            return
        sent = self._sent.get((room, content.device, content.n))
        if sent is None:
            if self._closed:
                yield Violation("invented", f"{room} seq {seq}: {content} was never sent")
        elif not any(_is(content, ident, body) for ident, body in sent):
            ids = ", ".join(ident for ident, _ in sent)
            yield Violation("altered", f"{room} seq {seq}: {content} was not sent so (sent with id {ids})")

    def _head(self, room: str) -> int:
        entries = self._read.get(room, {})
        return max(max(entries, default=0), self._history.heads.get(room, 0))

    def _no_holes(self, room: str, entries: dict[int, dict[_Content, str]]) -> Iterator[Violation]:
        missing = [seq for seq in range(1, self._head(room) + 1) if seq not in entries]
        if missing:
            yield Violation("hole", f"{room}: nobody can read seq {_ranges(missing)} (head {self._head(room)})")

    def _posts(self, room: str, entries: dict[int, dict[_Content, str]]) -> Iterator[Violation]:
        where: dict[_Post, list[int]] = defaultdict(list)
        ids: dict[str, set[int]] = defaultdict(set)
        for seq, contents in sorted(entries.items()):
            for content in contents:
                if content.n:
                    where[_Post(content.device, content.n)].append(seq)
                if content.id:
                    ids[content.id].add(seq)
        for post, seqs in where.items():
            if len(set(seqs)) > 1:
                yield Violation("repeated", f"{room}: post {post.n} of device {post.device} stands at seq {_ranges(seqs)}")
        # A post that keeps its n is found above; one that was stored under two numbers only here.
        by_n = {tuple(sorted(set(seqs))) for seqs in where.values()}
        for ident, places in ids.items():
            if len(places) > 1 and tuple(sorted(places)) not in by_n:
                yield Violation("repeated", f"{room}: the post with id {ident} stands at seq {_ranges(sorted(places))}")
        yield from self._own_order(room, where)

    def _own_order(self, room: str, where: dict[_Post, list[int]]) -> Iterator[Violation]:
        devices: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for post, seqs in where.items():
            devices[post.device].append((post.n, min(seqs)))
        for device, posts in devices.items():
            posts.sort()
            for (n, seq), (next_n, next_seq) in itertools.pairwise(posts):
                if next_seq < seq:
                    yield Violation(
                        "own_order", f"{room}: device {device} sent {n} before {next_n}; they stand at seq {seq} and {next_seq}"
                    )
            left_out = sorted(set(range(1, posts[-1][0])) - {n for n, _ in posts})
            if left_out:
                yield Violation("left_out", f"{room}: of device {device} post {posts[-1][0]} is there and {_ranges(left_out)} is not")

    # --- what was acknowledged and refused ---

    def _acknowledged(self) -> Iterator[Violation]:
        owners: dict[tuple[str, int], tuple[str, int]] = {}
        for (room, device, n), seqs in sorted(self._acked.items()):
            if (room, device, n) not in self._sent:
                yield Violation("unasked", f"{room}: device {device} was told a seq for post {n}, which it never sent")
            if len(seqs) > 1:
                yield Violation("two_answers", f"{room}: post {n} of device {device} was acknowledged as seq {_ranges(sorted(seqs))}")
            for seq in seqs:
                owner = owners.setdefault((room, seq), (device, n))
                if owner != (device, n):
                    yield Violation("one_seq_for_two", f"{room}: seq {seq} was given to {owner[0]} n={owner[1]} and to {device} n={n}")
                yield from self._kept(room, device, n, seq)

    def _kept(self, room: str, device: str, n: int, seq: int) -> Iterator[Violation]:
        contents = self._read.get(room, {}).get(seq, {})
        if not any(content.device == device and content.n == n for content in contents):
            there = "; ".join(str(content) for content in contents) or "nothing that anybody could read"
            yield Violation("lost", f"{room}: post {n} of device {device} was acknowledged as seq {seq}, where there is {there}")

    def _real_time(self) -> Iterator[Violation]:
        """What was first sent after an acknowledgement stands behind what was acknowledged."""
        steps: dict[str, list[tuple[int, int, int, str, int]]] = defaultdict(list)
        for (room, device, n), seqs in self._acked.items():
            seq, moment = next(iter(seqs.items()))
            steps[room].append((moment, 1, seq, device, n))
            sent = self._sent.get((room, device, n))
            if sent:
                steps[room].append((min(sent.values()), 0, seq, device, n))
        for room, found in steps.items():
            found.sort()
            highest, holder = 0, ""
            for _, is_answer, seq, device, n in found:
                if is_answer and seq > highest:
                    highest, holder = seq, f"{device} n={n}"
                elif not is_answer and seq < highest:
                    yield Violation(
                        "went_back", f"{room}: {holder} was acknowledged as {highest} before {device} n={n} was sent, which got {seq}"
                    )

    def _refusals(self) -> Iterator[Violation]:
        for room, device, n, ident, body, code in self._refused:
            for seq, contents in self._read.get(room, {}).items():
                if any(content.device == device and content.n == n and _is(content, ident, body) for content in contents):
                    yield Violation(
                        "refused_but_stored", f"{room}: post {n} of device {device} was refused ({code}) and stands at seq {seq}"
                    )

    # --- what each device was shown ---

    def _shown(self, device: DeviceHistory) -> Iterator[Violation]:
        name = f"{device.user}/{device.device}"
        last: dict[str, int] = {}
        had: dict[str, set[int]] = defaultdict(set)
        for event in device.events:
            if not isinstance(event, Shown):
                continue
            if event.seq in had[event.room]:
                yield Violation("shown_twice", f"{event.room}: {name} showed seq {event.seq} twice")
            elif event.seq < last.get(event.room, 0):
                yield Violation("disorder", f"{event.room}: {name} showed seq {event.seq} after {last[event.room]}")
            had[event.room].add(event.seq)
            last[event.room] = max(event.seq, last.get(event.room, 0))

    def _complete(self, device: DeviceHistory) -> Iterator[Violation]:
        had: dict[str, set[int]] = defaultdict(set)
        for event in device.events:
            if isinstance(event, Acked | Shown):
                had[event.room].add(event.seq)
        for room, first in device.rooms.items():
            missing = [seq for seq in range(first, self._head(room) + 1) if seq not in had[room]]
            if missing:
                yield Violation(
                    "missing", f"{room}: {device.user}/{device.device} never got seq {_ranges(missing)} (head {self._head(room)})"
                )

    def _no_new_post(self) -> Iterator[Violation]:
        if not self._quiet or not self._history.faults:
            return
        moment, what = self._history.faults[-1]
        for (room, device, n), sent in self._sent.items():
            if min(sent.values()) > moment:
                yield Violation("not_quiet", f"{room}: device {device} sent post {n} after the last fault ({what}): repair is not proved")
                return


def _is(content: _Content, ident: str, body: bytes) -> bool:
    """Whether it is the post with this id and body. A server need not hand ids to those who read."""
    return content.digest == body and content.id in ("", ident)


def _ranges(numbers: Iterable[int]) -> str:
    """``1-3, 7`` of 1, 2, 3, 7, shortened where it is long."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    texts = [str(part[0]) if len(part) == 1 or part[0] == part[-1] else f"{part[0]}-{part[-1]}" for part in parts]
    return ", ".join(texts[:8]) + (f" and {len(texts) - 8} more" if len(texts) > 8 else "")
