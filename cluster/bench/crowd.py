"""Many devices in several rooms that chat, are cut off, come back, and must agree in the end.

Rooms: direct chats, groups, and one hall, which may be larger than the small-room limit. Among the members are an
account with two devices, one whose device is away all along, and a user who is away and posts nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cluster.bench.device import Device
from cluster.bench.dialect import CONNECTING_AT_ONCE, Account, Member, WarblerDialect, join_server, room_of
from cluster.bench.history import History
from cluster.bench.judge import Violation, judge
from cluster.bench.lean_client import LoadError
from cluster.bench.side import dismiss

_BURST = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a crowd is."""

    users: int = 12
    """Users with devices."""
    directs: int = 6
    """Direct chats; two users each."""
    groups: int = 3
    group_members: int = 5
    hall_members: int = 12
    """Members of the hall: all users, and accounts who never come where it is more."""
    unanswered: int = 8
    """Posts of a device to a room that may be under way."""
    pause_s: tuple[float, float] = (0.0, 0.04)
    """Between two bursts of a device, drawn evenly."""

    @property
    def accounts(self) -> int:
        """Users that the server must know."""
        return max(self.users, self.hall_members)


DEVICES = 3
"""Accounts (devices with a token) of every user: the first, a second for some, and one to look with."""


class Crowd:
    """Devices and rooms of one run. `accounts` holds, for every user, `DEVICES` accounts of that user."""

    def __init__(
        self,
        accounts: Sequence[Sequence[Account]],
        url: Callable[[int], str],
        shape: Shape,
        seed: int,
        history: History | None = None,
    ) -> None:
        """`history`: one that its maker also watches."""
        self.history = history if history is not None else History()
        self.rng = random.Random(seed)
        self._url = url
        self._shape = shape
        self._accounts = accounts
        self._seed = seed
        # room -> indexes of its users
        self._rooms: dict[str, list[int]] = {}
        self.devices: list[Device] = []
        # those that are away until the end
        self.away: list[Device] = []
        # between two bursts of a device; may be changed while they chat
        self.pause_s = shape.pause_s
        self._chatters: list[asyncio.Task[None]] = []
        # answers to posts so far, and who waits for how many
        self._answers = 0
        self._wanted: tuple[int, asyncio.Future[None]] | None = None

    # --- making ---

    async def make_rooms(self) -> None:
        """Connect everyone once, make the rooms, and go."""
        dialect = WarblerDialect([])
        members: list[Member] = []
        for first in range(0, len(self._accounts), CONNECTING_AT_ONCE):
            group = range(first, min(first + CONNECTING_AT_ONCE, len(self._accounts)))
            members += await asyncio.gather(*(join_server(self._url(index), dialect, self._accounts[index][0]) for index in group))
        for number in range(self._shape.directs):
            a, b = self._pick(2, number)
            room, _ = await dialect.open_pair(members[a], members[b])
            self._rooms[room] = [a, b]
        for number in range(self._shape.groups):
            chosen = self._pick(self._shape.group_members, number)
            self._rooms[await _create(members, chosen, number)] = chosen
        hall = members[: self._shape.hall_members]
        self._rooms[await dialect.open_room(hall)] = list(range(len(hall)))
        await dismiss([member.client for member in members])

    def _pick(self, count: int, number: int) -> list[int]:
        """Users of a room: one after the other as the first, so that everybody has several rooms, and others by chance."""
        first = number % self._shape.users
        others = [index for index in range(self._shape.users) if index != first]
        return [first, *self.rng.sample(others, count - 1)]

    def make_devices(self) -> None:
        """One device a user, a second one for every third user. The last user and every other second device stay away."""
        for index in range(self._shape.users):
            device = self._add_device(index, 0)
            if index == self._shape.users - 1:
                self.away.append(device)
            if index % 3 == 0:
                second = self._add_device(index, 1)
                if index % 2 == 0:
                    self.away.append(second)

    def _add_device(self, user: int, position: int) -> Device:
        account = self._accounts[user][position]
        name = account.device or f"{account.user}-{position}"
        device = Device(account, lambda: self._url(user), self.history, name, self._seed)
        device.on_answer = self._answered
        for room, users in self._rooms.items():
            if user in users:
                device.follow(room)
        self.devices.append(device)
        return device

    def _answered(self) -> None:
        self._answers += 1
        if self._wanted is not None and self._answers >= self._wanted[0]:
            _, waiter = self._wanted
            self._wanted = None
            waiter.set_result(None)

    async def answers(self, count: int, timeout_s: float) -> None:
        """Wait for so many more answers to posts."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted = (self._answers + count, waiter)
        try:
            await asyncio.wait_for(waiter, timeout_s)
        except TimeoutError as error:
            raise LoadError(f"{self._answers} posts were answered, and no more within {timeout_s:.0f} s") from error

    @property
    def rooms(self) -> list[str]:
        """The rooms, once they are made."""
        return list(self._rooms)

    @property
    def present(self) -> list[Device]:
        """The devices that are not away."""
        return [device for device in self.devices if device not in self.away]

    # --- running ---

    async def come(self, devices: Sequence[Device]) -> None:
        """Start devices and wait until all are logged in."""
        for device in devices:
            device.start()
        await asyncio.gather(*(device.until(lambda device=device: device.welcomed) for device in devices))  # type: ignore[misc]

    def chat(self) -> None:
        """Everybody who is present posts, in bursts, until `hush`."""
        self._chatters = [chatter for chatter in self._chatters if not chatter.done()]
        self._chatters += [asyncio.ensure_future(self._chatter(device)) for device in self.present]

    def hush(self) -> None:
        """No new post from now on."""
        for chatter in self._chatters:
            chatter.cancel()

    async def _gone(self) -> None:
        """Wait for the chatters' end; raises what one of them failed with."""
        self.hush()
        if self._chatters:
            await asyncio.wait(self._chatters)
        for chatter in self._chatters:
            if not chatter.cancelled():
                chatter.result()
        self._chatters = []

    async def _chatter(self, device: Device) -> None:
        rng = random.Random(f"{self._seed}/{device.account.user}/{len(self.history.faults)}")
        while True:
            self._burst(device, rng)
            await asyncio.sleep(rng.uniform(*self.pause_s))

    def _burst(self, device: Device, rng: random.Random) -> None:
        """A few posts to some of its rooms, as far as its unanswered ones allow."""
        if not device.welcomed:
            return
        for _ in range(rng.randint(1, _BURST)):
            room = rng.choice(list(device.rooms))
            state = device.rooms[room]
            if len(state.unanswered) < self._shape.unanswered:
                device.post(room, f"{device.account.user} says {state.n + 1} " + "." * rng.randint(0, 120))

    def burst(self) -> None:
        """Everybody who is present posts now: whatever comes next falls into the middle of it."""
        for device in self.present:
            self._burst(device, self.rng)

    async def heads(self) -> dict[str, int]:
        """Where every room stands, asked for by a member whose own devices are left alone."""
        heads: dict[str, int] = {}
        for room, users in self._rooms.items():
            heads[room] = await self._head(room, users[0])
        for room, head in heads.items():
            self.history.head(room, head)
        return heads

    async def _head(self, room: str, user: int) -> int:
        # The last of a user's accounts is kept for looking: a second connection of a device would replace the first.
        member = await join_server(self._url(user), WarblerDialect([]), self._accounts[user][-1])
        page = await member.ask({"t": "pull", "room": room, "after": 0, "limit": 1})
        await dismiss([member.client])
        return int(page["head"])

    async def agree(self, devices: Sequence[Device], timeout_s: float) -> None:
        """Wait until these devices have everything, without anybody's doing; `LoadError` names who lacks what."""
        heads = await self.heads()
        waits = [device.until(lambda device=device: device.has(heads)) for device in devices]  # type: ignore[misc]
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*waits)
        except TimeoutError as error:
            lacking = [device.lacks(heads) for device in devices if not device.has(heads)]
            raise LoadError(f"not everybody has everything after {timeout_s:.0f} s: {'; '.join(lacking[:5])}") from error

    async def answered(self, devices: Sequence[Device], timeout_s: float) -> None:
        """Wait until every post is answered."""
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(device.until(lambda device=device: not device.unanswered()) for device in devices))  # type: ignore[misc]
        except TimeoutError as error:
            lacking = [f"{device.account.user} waits for {device.unanswered()}" for device in devices if device.unanswered()]
            raise LoadError(f"posts are not answered after {timeout_s:.0f} s: {'; '.join(lacking[:5])}") from error

    async def leave(self) -> None:
        """Everybody goes."""
        await self._gone()
        await asyncio.gather(*(device.stop() for device in self.devices))

    def verdict(self) -> list[Violation]:
        """What the histories break."""
        return judge(self.history)


async def _create(members: Sequence[Member], chosen: Sequence[int], number: int) -> str:
    owner, *others = (members[index] for index in chosen)
    names = [other.account.user for other in others]
    return room_of(await owner.ask({"t": "create", "key": f"group-{number:04d}", "name": f"Group {number}", "members": names}))
