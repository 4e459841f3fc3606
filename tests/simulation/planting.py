"""How a bug is planted: a small function that patches the product's own code, put into a table under its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from actors.runtime.actor import Actor
from actors.runtime.plain import Plain

Patch = pytest.MonkeyPatch
Table = dict[str, Callable[[], AbstractContextManager[None]]]
PLANTED: Table = {}


def into(table: Table) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Put a bug into a table, under its function's name."""

    def planted(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
        @contextmanager
        def in_force() -> Iterator[None]:
            with pytest.MonkeyPatch.context() as patch:
                plant(patch)
                yield

        table[plant.__name__] = in_force
        return plant

    return planted


planted = into(PLANTED)


def handler(patch: Patch, kind: type[Actor], message: type[Plain], function: Callable[..., Any]) -> Callable[..., Any]:
    """Another function for a message; returns the one before."""
    entry = kind.handlers[message]
    before = entry.function
    patch.setattr(entry, "function", function)
    return before
