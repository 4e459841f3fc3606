"""Time that passes because a test's story says so: how long a fault lasts, how slowly a stranger writes, when a client comes again.

Nothing is waited for here that could be seen: whoever waits until something happens waits for its event. `tests/test_layers.py`
holds that no other test file sleeps, and that none looks again and again.
"""

from __future__ import annotations

import asyncio


async def lasts(seconds: float) -> None:
    """So much time of the real clock."""
    await asyncio.sleep(seconds)
