"""One running operation of several steps: its row in the store says where it stands, and whoever owns its slot goes on with it.

    request ──> row with the first state ──> step at a room or user ──> row with the next state ──> ... ──> row gone, answer
                     │ crash, takeover: the next owner finds the row and repeats the step that may be half done

The row is there before anything else is. A step is recorded when it is done, under the fence of every commit: an owner that was taken
for dead records nothing any more. No clock ends an operation; what cannot be done for good is undone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from actors.errors import ChatError, Overloaded, Unknown
from actors.events import RoomInfo
from actors.messages.saga import AddToRooms, DeleteAccount, MakeRoom
from actors.messages.session import Tick, Wake
from actors.places import Places
from actors.room_ports import discarding
from actors.runtime.actor import Actor, Context, handles, name_of
from actors.saga_states import Checking, Closing, Making, State, decode, encode
from actors.saga_steps import STEPS, Ended
from actors.store.rows import Gone, Row, SagaRow
from actors.store.store import Commit, Store, StoreError
from actors.unreadable import unreadable

MAX_RUNNING = 1_000
"""Operations that run in one cell; beyond it new ones are refused, those of the dead are always taken up."""
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses before a step is tried again whose room or user could not be reached; the last one again and again."""


class SagaPorts(NamedTuple):
    """What every operation of a cell is handed."""

    store: Store
    places: Places
    running: Callable[[], int]
    """How many are alive in this cell, this one included."""


class Saga(Actor):
    """``saga:ID``."""

    rank = 1

    def __init__(self, ctx: Context, ports: SagaPorts) -> None:
        self._ctx = ctx
        self._ports = ports
        self._name = name_of(ctx.me)
        self._slot = ports.places.slot_of(ctx.me)
        self._state: State | None = None
        """None: it has not begun, or has ended."""
        self._user = ""
        self._began_at = 0
        self._tries = 0
        self._tick_is_due = False

    async def on_start(self) -> None:
        """See where it stands."""
        try:
            row = await self._ports.store.load_saga(self._slot, self._name)
        except StoreError as error:
            raise unreadable(error) from None
        if row is not None:
            self._state, self._user, self._began_at = decode(row.state), row.user, row.at

    def stays(self) -> bool:
        """Until it has ended."""
        return self._state is not None

    # --- what begins it; a repeat finds it where it stands ---

    @handles(MakeRoom)
    async def on_make_room(self, request: MakeRoom) -> RoomInfo:
        """See `MakeRoom`."""
        first = Making(request.user, request.room, request.name, request.topic, request.public, request.members)
        await self._begin(request.user, first)
        info: RoomInfo = await self._to_its_end()
        return info

    @handles(AddToRooms)
    async def on_add_to_rooms(self, request: AddToRooms) -> None:
        """See `AddToRooms`."""
        await self._begin(request.by, Checking(request.by, request.user, request.rooms))
        await self._to_its_end()

    @handles(DeleteAccount)
    async def on_delete_account(self, request: DeleteAccount) -> None:
        """Answered when the account is closed; the rest may take a while."""
        await self._begin(request.user, Closing(request.user))
        if isinstance(self._state, Closing):
            _raise(await self._step())
        if self._state is not None:
            self._go_on_after(0.0)

    @handles(Wake, Tick)
    async def on_go_on(self, message: Wake | Tick) -> None:
        """Its last owner died, or a step has to be tried again."""
        self._tick_is_due = self._tick_is_due and not isinstance(message, Tick)
        if self._state is None:
            return
        try:
            await self._to_its_end()
        except ChatError as error:
            # Whoever asked has gone: people can see it. It goes on, or has ended without having done anything.
            self._ports.places.report("operation_refused", self._ctx.me, message, error)

    # --- inside ---

    async def _begin(self, user: str, first: State) -> None:
        if self._state is not None:
            return
        if self._ports.running() > MAX_RUNNING:
            raise Overloaded("too_many_operations", retry_after=1.0)
        self._user, self._began_at = user, int(self._ctx.wall() * 1000)
        await self._record(first)

    async def _to_its_end(self) -> Any:
        while (ended := await self._step()) is None:
            pass
        return _raise(ended)

    async def _step(self) -> Ended | None:
        state = self._state
        assert state is not None
        try:
            after = await STEPS[type(state)](self._ctx, f"saga:{self._name}", state)
        except ChatError as error:
            pause_s = RETRY_S[min(self._tries, len(RETRY_S) - 1)]
            self._tries += 1
            self._go_on_after(pause_s)
            raise Unknown(retry_after=pause_s) from error
        self._tries = 0
        if isinstance(after, Ended):
            await self._commit((), (Gone("sagas", (self._name,)),))
            self._state = None
            return after  # it goes when it is idle: a repeat that waits already may begin anew, and must not lose its timer
        await self._record(after)
        return None

    async def _record(self, state: State) -> None:
        what = type(state).__name__.lower()
        await self._commit((SagaRow(self._name, self._slot, what, self._user, self._began_at, encode(state)),))
        self._state = state

    async def _commit(self, puts: tuple[Row, ...], gone: tuple[Gone, ...] = ()) -> None:
        try:
            await self._ports.store.commit(Commit(self._slot, puts, gone))
        except StoreError as error:
            raise discarding(error) from None
        self._ctx.stored()

    def _go_on_after(self, seconds: float) -> None:
        if not self._tick_is_due:
            self._tick_is_due = True
            self._ctx.after(seconds, Tick())


def _raise(ended: Ended | None) -> Any:
    if ended is None:
        return None
    if ended.error is not None:
        raise ended.error
    return ended.answer
