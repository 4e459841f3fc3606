"""Plain data: the base of every message, command, event and row.

Frozen structs that hold only plain values (numbers, text, bytes, lists, dicts, other plain structs).
They are cheap to make, cheap to encode, and cannot be changed by the receiver.
"""

from __future__ import annotations

import msgspec

Constraint = msgspec.Meta
"""Limits of a field, for ``Annotated[...]``: ``ge``, ``le``, ``min_length``, ``max_length``, ``pattern``."""


class Plain(msgspec.Struct, frozen=True, gc=False):
    """A frozen value without behaviour."""


class Message(Plain, frozen=True, gc=False, array_like=True, tag=True):
    """What actors tell each other. Encoded between cells as ``[class name, field, field, ...]``.

    New fields go to the end and have a default, so that versions N-1 and N understand each other.
    """


changed = msgspec.structs.replace
"""The same value with other fields: ``changed(value, field=...)``."""
