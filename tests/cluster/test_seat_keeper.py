"""A room gets a cell and a file of its own, and goes back, with every row, while people post; deaths in between included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from actors.messages.room import OpenRoom
from actors.naming import room_for
from actors.runtime.actor import ActorId, actor_id
from actors.runtime.seating import FREE, leave_seat
from actors.runtime.view import View
from actors.store.seats import seats_in
from cluster.app import CellApp
from cluster.figures import Identity
from cluster.handle_calls import HandleCalls
from cluster.membership import Membership
from cluster.settings import Settings
from gateway.api.bridge import ask
from tests.kit.cells import Pair


class Scene:
    """Two cells, and a room with posts; a third cell when it is wanted."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.name = room_for("anna", "the-key-1")
        self.room = ActorId(f"room:{self.name}")
        self.posted = 0

    @property
    def membership(self) -> Membership:
        return self.pair.membership

    @property
    def view(self) -> View:
        view = self.membership.view()
        assert view is not None
        return view

    async def begin(self) -> None:
        await self.pair.move_one()
        await self.pair.apps[0].accounts.create_many(["anna", "bob"])
        await ask(self.pair.apps[0].asker, self.room, OpenRoom("anna", "Plans", "", False, ["bob"]))
        await self.post(5)

    async def post(self, count: int, app: CellApp | None = None) -> None:
        calls = HandleCalls((app or self.pair.apps[0]).chat)
        for _ in range(count):
            given = {"by": "anna", "body": f"text {self.posted}", "key": f"the-key-{self.posted:04d}"}
            assert (await calls.carry_out(self.room, "post", given, 10.0))["seq"] == self.posted + 2
            self.posted += 1

    async def check(self) -> None:
        """Every cell sees every post once, in order; a repeat is known."""
        for app in self.pair.apps:
            calls = HandleCalls(app.chat)
            page = await calls.carry_out(self.room, "history", {"after": 1, "limit": 200}, 10.0)
            assert [entry["body"] for entry in page["entries"]] == [f"text {number}" for number in range(self.posted)]
            again = {"by": "anna", "body": "text 0", "key": "the-key-0000"}
            assert (await calls.carry_out(self.room, "post", again, 10.0))["seq"] == 2
            members = await calls.carry_out(self.room, "members", {}, 10.0)
            assert [member["user"] for member in members["members"]] == ["anna", "bob"]

    def home(self) -> str:
        life = self.view.owner_of(self.room)
        assert life is not None
        return life

    async def start_own_cell(self) -> CellApp:
        app = CellApp(self.pair.settings, Identity(self.room, self.membership.new_life(self.room), ("room",)))
        self.pair.apps.append(app)
        await self.pair.push(self.membership.join(await app.start()))
        return app

    async def move(self) -> None:
        """Whatever should move, moves."""
        while view := self.membership.begin_moves(10):
            if not view.moves:
                return
            await self.pair.push(view)
            await self.pair.push(self.membership.end_moves({move.group for move in view.moves}))

    async def die(self, app: CellApp) -> None:
        """Its process is gone; what it was doing is not finished."""
        self.pair.apps.remove(app)
        await app.stop()
        self.membership.seal(app.who.life)
        view = self.membership.leave(app.who.life)
        assert view is not None
        await self.pair.push(view)


def play(folder: Path, scenario: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def around() -> None:
        async with Pair(Settings(data=folder, port=0, shards=2)) as pair:
            scene = Scene(pair)
            await scene.begin()
            await scenario(scene)

    asyncio.run(asyncio.wait_for(around(), 60))


def rows_of(folder: Path, room: str) -> list[str]:
    """The seat files of a room."""
    return [seat.path.name for seat in seats_in(folder) if seat.room == room]


def test_a_room_with_a_seat_lives_in_its_own_file_and_then_in_its_own_cell(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        before = scene.home()
        await scene.pair.push(scene.membership.seat(scene.room))
        await scene.check()
        assert (scene.home(), rows_of(tmp_path, scene.name)) == (before, [f"seat-0000-{scene.name}-{scene.view.seats[0].since}.db"])
        own = await scene.start_own_cell()
        await scene.post(3)
        await scene.move()
        assert scene.home() == own.who.life
        await scene.post(3)
        await scene.check()
        assert own.store.owned() == [2]
        assert list(scene.view.slots(own.who.life)) == [4096]

    play(tmp_path, scenario)


def test_called_back_it_leaves_its_cell_and_its_file_with_all_that_was_posted_there(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        bucket = scene.home()
        await scene.pair.push(scene.membership.seat(scene.room))
        own = await scene.start_own_cell()
        await scene.move()
        await scene.post(4)
        await scene.pair.push(scene.membership.call_back(scene.room))
        assert scene.view.seats[0].state == "back"
        await scene.move()
        assert (scene.home(), scene.view.seats) == (bucket, (FREE,))
        await scene.post(4)
        await scene.check()
        assert rows_of(tmp_path, scene.name) == []
        assert own.store.owned() == []
        # and once more, with the same number
        await scene.pair.push(scene.membership.seat(scene.room))
        await scene.move()
        await scene.post(2)
        await scene.check()
        assert rows_of(tmp_path, scene.name) == [f"seat-0000-{scene.name}-{scene.view.seats[0].since}.db"]
        assert scene.home() == own.who.life

    play(tmp_path, scenario)


def test_when_its_own_cell_dies_the_others_answer_for_it_at_once_and_the_next_one_gets_it_back(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        bucket = scene.home()
        await scene.pair.push(scene.membership.seat(scene.room))
        own = await scene.start_own_cell()
        await scene.move()
        await scene.post(3)
        await scene.die(own)
        assert scene.home() == bucket
        await scene.post(3)
        await scene.check()
        again = await scene.start_own_cell()
        await scene.move()
        assert scene.home() == again.who.life
        await scene.post(3)
        await scene.check()

    play(tmp_path, scenario)


def test_an_owner_that_dies_before_it_has_filled_the_seat_leaves_that_to_the_next(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        owner = next(app for app in scene.pair.apps if app.who.life == scene.home())
        scene.membership.seat(scene.room)  # stored, and nobody has acted on it
        await scene.die(owner)
        assert scene.home() == scene.pair.apps[0].who.life
        await scene.post(3)
        await scene.check()
        assert rows_of(tmp_path, scene.name) == [f"seat-0000-{scene.name}-{scene.view.seats[0].since}.db"]

    play(tmp_path, scenario)


def test_an_owner_that_dies_before_it_has_emptied_the_seat_leaves_that_to_the_next(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.pair.push(scene.membership.seat(scene.room))
        await scene.post(3)
        owner = next(app for app in scene.pair.apps if app.who.life == scene.home())
        view = scene.membership.call_back(scene.room)
        scene.membership.change(lambda view: leave_seat(view, 0, view.seats[0].since, owner.who.life))  # stored, and nobody has acted on it
        assert rows_of(tmp_path, scene.name) != [] and view.seats[0].state == "back"
        await scene.die(owner)
        await scene.post(3)
        await scene.check()
        assert rows_of(tmp_path, scene.name) == []

    play(tmp_path, scenario)


def test_a_room_that_was_never_made_can_have_a_seat_and_begins_there(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        name = room_for("bob", "another-key")
        await scene.pair.push(scene.membership.seat(actor_id("room", name)))
        info = await ask(scene.pair.apps[1].asker, actor_id("room", name), OpenRoom("bob", "New", "", False, []))
        assert info.head == 1
        assert rows_of(tmp_path, name) == [f"seat-0000-{name}-{scene.view.seats[0].since}.db"]

    play(tmp_path, scenario)
