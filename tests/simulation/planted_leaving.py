"""A bug of who is told what after leaving, as a small function that plants it: see `planting`."""

from __future__ import annotations

from collections.abc import Iterable

from actors.audience import ByMember
from tests.simulation.planting import Patch, planted


@planted
def who_left_is_still_told(patch: Patch) -> None:
    """The room goes on following whoever left or was removed."""

    def keep(self: ByMember, users: Iterable[str]) -> None:
        pass

    patch.setattr(ByMember, "unfollow", keep)
