"""Pages that are read beside a room: for members alone, whatever a list still says."""

from __future__ import annotations

import pytest

from actors import commands as c
from actors.errors import ChatError
from actors.messages.delivery import ReadPage
from actors.runtime.actor import actor_id, pinned_id
from tests.kit.chat import Town
from tests.kit.scene import code, make_room, request, say


@pytest.mark.parametrize("is_active", [True, False])
def test_who_was_removed_gets_no_page_though_the_list_of_the_user_may_still_name_the_room(*, is_active: bool) -> None:
    town = Town(["a"])
    town.register("ann", "bob")
    ann = town.connect("ann")
    room = make_room(town, ann, "bob")
    desk = pinned_id("desk", "a", "")
    say(town, ann, room, 1)

    def page() -> list[int]:
        if not is_active:
            activation = town.any_host().cell.activation(actor_id("room", room))
            if activation is not None:
                activation.stop()
                town.settle(1.0)
        return [entry.seq for entry in town.ask(desk, ReadPage(room, 0, 1, 10, "bob")).entries]

    assert page() == [1, 2]
    assert code(request(town, ann, c.Kick, room=room, user="bob")) == "ok"
    say(town, ann, room, 2)
    with pytest.raises(ChatError) as refused:
        page()
    assert refused.value.code == "no_such_room"
    assert len(town.ask(desk, ReadPage(room, 0, 1, 10)).entries) == 4
