"""Why links speak msgpack by msgspec: the same batch of chat messages in several encodings, CPU for one message.

``python -m cluster.bench.codec`` prints the table. Every encoding gives back checked message objects; pickle, which checks
nothing and runs what it is told, is there for comparison only.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from actors.runtime.codec import Batch, Codec
from actors.runtime.plain import Message

BATCH = 256
BODY_BYTES = 140
"""Makes a message of about 200 bytes."""


class Said(Message, frozen=True, gc=False):
    """A chat message, as it would go to a relay."""

    room: str
    user: str
    seq: int
    at: int
    id: str
    body: str


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    encode_us: float
    decode_us: float
    bytes: float


TO = "relay:b.1~9f2c"
CODEC = Codec([Said])


def messages() -> list[Said]:
    """A batch."""
    # No two share a string: pickle would write it once.
    return [Said(f"r{seq:011d}", f"u{seq}", seq, 1_700_000_000_000 + seq, f"id{seq:08d}", f"{seq:0{BODY_BYTES}d}") for seq in range(BATCH)]


def ours_encode(batch: Sequence[Said]) -> bytes:
    """Each message when it is told, then the frame."""
    return CODEC.batch(0, 1, 1, "a.1", [(TO, 0, CODEC.encode(message)[0]) for message in batch])


def ours_decode(data: bytes) -> int:
    """The frame, then its items, with all types checked."""
    frame = CODEC.frame(data)
    return len(CODEC.items(frame)) if isinstance(frame, Batch) else 0


def json_encode(batch: Sequence[Said]) -> bytes:
    """Lists of fields."""
    return orjson.dumps([[TO, "Said", m.room, m.user, m.seq, m.at, m.id, m.body] for m in batch])


def json_decode(data: bytes) -> int:
    """Objects by a table of constructors; types are not checked."""
    made = {"Said": Said}
    return len([(to, made[name](*fields)) for to, name, *fields in orjson.loads(data)])


def pickle_encode(batch: Sequence[Said]) -> bytes:
    """As Python programs do at first."""
    return pickle.dumps([(TO, message) for message in batch], protocol=5)


def pickle_decode(data: bytes) -> int:
    """The same."""
    return len(pickle.loads(data))  # noqa: S301  (our own bytes, of a moment ago)


def measure(name: str, encode: Callable[[Sequence[Said]], bytes], decode: Callable[[bytes], int], rounds: int = 300) -> Figure:
    """CPU of one message, the best of five runs."""
    batch = messages()
    data = encode(batch)
    if decode(data) != BATCH:
        raise RuntimeError(f"{name} does not give back what it was given")
    return Figure(name, _best(lambda: encode(batch), rounds), _best(lambda: decode(data), rounds), len(data) / BATCH)


def _best(action: Callable[[], object], rounds: int) -> float:
    figures = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(rounds):
            action()
        figures.append((time.process_time() - began) / rounds / BATCH * 1e6)
    return min(figures)


def main() -> None:
    """Print the table."""
    print(f"{'encoding':<22} {'encode us':>10} {'decode us':>10} {'bytes':>7}")
    for name, encode, decode in (
        ("msgspec msgpack", ours_encode, ours_decode),
        ("orjson, constructors", json_encode, json_decode),
        ("pickle", pickle_encode, pickle_decode),
    ):
        figure = measure(name, encode, decode)
        print(f"{figure.name:<22} {figure.encode_us:>10.2f} {figure.decode_us:>10.2f} {figure.bytes:>7.0f}")


if __name__ == "__main__":
    main()
