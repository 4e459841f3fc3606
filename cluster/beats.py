"""What cells say to each other about the cluster, as bodies of control frames: beats, and views.

New fields go to the end and have a default; another kind of message needs a new link version.
"""

from __future__ import annotations

from actors.runtime.codec import pack, unpack
from actors.runtime.plain import Plain
from cluster.loads import Load


class Beat(Plain, frozen=True, gc=False, array_like=True, tag="beat"):
    """Sent by every cell to every other each second, and at once when something in it has changed."""

    life: str
    number: int
    """Counts the sender's beats: two connections may bring them in another order."""
    view: int
    """The version that the sender acts on."""
    load: Load
    heard: tuple[str, ...]
    """Lives of the view that the sender does not miss; the sender itself is not named."""
    released: tuple[tuple[int, int], ...] = ()
    """(group, version of the view by which the sender let it go): moves that wait for their end."""
    dead: tuple[str, ...] = ()
    """Lives of the view of which the sender knows for sure that their process is gone."""


class ViewWanted(Plain, frozen=True, gc=False, array_like=True, tag="want"):
    """The sender has heard of a newer view than its own."""

    known: int


class ViewFrame(Plain, frozen=True, gc=False, array_like=True, tag="view"):
    """A stored view."""

    version: int
    data: bytes


Said = Beat | ViewWanted | ViewFrame


def say(said: Said) -> bytes:
    """The body of a control frame."""
    return pack(said)


def hear(body: bytes) -> Said:
    """What a control frame says; raises `CodecError`."""
    return unpack(Said, body)  # type: ignore[arg-type]  # a union is no class
