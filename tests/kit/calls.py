"""Waiting for a named event: a method of a class has been called."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


def called(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> asyncio.Event:
    """An event that is set when a method of this class has been called."""
    event, method = asyncio.Event(), getattr(owner, name)

    def calling(*args: Any) -> Any:
        result = method(*args)
        event.set()
        return result

    monkeypatch.setattr(owner, name, calling)
    return event
