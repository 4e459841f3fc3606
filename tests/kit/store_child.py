"""A process that commits as fast as it can and says what was acknowledged: to be killed in the middle.

python -m tests.kit.store_child FOLDER LIFE ROOMS      posts to ROOMS rooms, eight in flight each; prints ``ROOM SEQ``
python -m tests.kit.store_child FOLDER LIFE full       fills its disk (a file size limit), prints ``refused``, gets room, goes on
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from actors.runtime.promise import Promise
from actors.store.rows import EntryRow
from actors.store.sqlite import SqliteStore
from actors.store.store import Commit
from tests.kit.warehouse import Warehouse

IN_FLIGHT = 8


def slot_of_room(number: int) -> int:
    """Rooms are spread over all slots, and so over all shards."""
    return number * 1009 % 4096


def body_of(number: int, seq: int) -> str:
    """Text that is found nowhere else."""
    return f"plain text {number} {seq} " + "x" * 100


def entry_of(number: int, seq: int) -> EntryRow:
    """Entry `seq` of room `number`."""
    return EntryRow(f"room{number:04d}", seq, 1_700_000_000_000 + seq, "ann", "dev00001", seq, f"id{seq:08d}", "text", body_of(number, seq))


class Poster:
    """Keeps `IN_FLIGHT` posts of one room on their way, for ever."""

    def __init__(self, store: SqliteStore, number: int, first: int) -> None:
        self.store = store
        self.number = number
        self.next = first
        for _ in range(IN_FLIGHT):
            self.post()

    def post(self) -> None:
        """Send the next one."""
        seq, self.next = self.next, self.next + 1
        promise = self.store.commit(Commit(slot_of_room(self.number), (entry_of(self.number, seq),)))
        promise.when_settled(lambda settled: self.acknowledged(seq, settled))

    def acknowledged(self, seq: int, settled: Promise[None]) -> None:
        """Say so, and go on."""
        settled.result()
        print(self.number, seq, flush=True)
        self.post()


def post_for_ever(warehouse: Warehouse, life: str, rooms: int) -> None:
    """Until killed."""
    store = warehouse.store(life)
    heads = warehouse.wait(store.heads([(slot_of_room(number), f"room{number:04d}") for number in range(rooms)]))
    posters = [Poster(store, number, heads.get(f"room{number:04d}", (0, 0))[0] + 1) for number in range(rooms)]
    never: Promise[None] = Promise()
    warehouse.wait(never)
    print(len(posters))


def fill_the_disk(warehouse: Warehouse, life: str) -> None:
    """Post one by one under a limit on file sizes until it is refused, then lift the limit and go on."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = warehouse.store(life)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, hard))
    seq, errors = 1, 0
    while errors < 3:
        error = warehouse.settle(store.commit(Commit(slot_of_room(0), (entry_of(0, seq),))))[0]
        if error is None:
            print(0, seq, flush=True)
            seq += 1
        else:
            print("refused", type(error).__name__, flush=True)
            errors += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    for _ in range(50):
        head = warehouse.wait(store.heads([(slot_of_room(0), "room0000")]))["room0000"][0]
        warehouse.wait(store.commit(Commit(slot_of_room(0), (entry_of(0, head + 1),))))
        print(0, head + 1, flush=True)


def main(folder: str, life: str, what: str) -> None:
    """See the module."""
    with Warehouse(Path(folder)) as warehouse:
        if what == "full":
            fill_the_disk(warehouse, life)
        else:
            post_for_ever(warehouse, life, int(what))


if __name__ == "__main__":
    main(*sys.argv[1:])
