"""A client in another language, written from the protocol page alone, talks to a server."""

from __future__ import annotations

import pytest

from tests.kit.live import Live, token, with_live
from tests.kit.protocol_scenes import SCENES, Scene, play

pytestmark = pytest.mark.slow


class OneProcess:
    """A server in this process. Implements `Stage`."""

    alice, bob = "alice", "bob"

    def __init__(self, live: Live) -> None:
        self._live = live
        self.port, self.url = live.port, live.url
        self.alice_token, self.bob_token = token("alice"), token("bob")

    async def crash(self) -> None:
        """See `Stage`."""
        await self._live.kill()
        await self._live.start()

    async def log_alice_out(self) -> None:
        """See `Stage`."""
        await self._live.log_out("alice", "d1")


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_as_the_page_says(scene: Scene) -> None:
    async def around(live: Live) -> None:
        await live.register("alice", "bob")
        await play(scene, OneProcess(live))

    with_live(around)
