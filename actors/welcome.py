"""Putting a welcome together: heads read through the owning cells, the first page of the newest few rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from actors.commands import MAX_BODY_BYTES, MAX_UNANSWERED
from actors.errors import ChatError, Unavailable
from actors.events import Page, RoomInfo, Welcome
from actors.messages.delivery import EntryPage, ReadHeads, ReadPage
from actors.messages.room import History
from actors.messages.session import Attached
from actors.messages.user import FindRoom
from actors.places import Places
from actors.runtime.actor import Context, actor_id, pinned_id

FIRST_PAGES = 5
"""Rooms whose first page comes with the welcome."""
FIRST_PAGE_ENTRIES = 30


async def heads_of(ctx: Context, places: Places, rooms: Sequence[str]) -> dict[str, tuple[int, int]]:
    """room -> (head, at), of those whose cells answer; one request a cell, no room is activated."""
    by_life: dict[str, list[str]] = {}
    for room in rooms:
        life = places.life_for(actor_id("room", room))
        if life is not None:
            by_life.setdefault(life, []).append(room)
    asked = [(there, ctx.ask(pinned_id("desk", life), ReadHeads(there), timeout=3.0)) for life, there in by_life.items()]
    found: dict[str, tuple[int, int]] = {}
    for there, answer in asked:
        try:
            heads = await answer
        except ChatError:
            continue  # those rooms are shown by their marks; their entries come when their cell is back
        found.update(zip(there, zip(heads.heads, heads.ats, strict=True), strict=True))
    return found


async def head_for(ctx: Context, places: Places, user: str, room: str, seq: int) -> int:
    """Where a room of the user's list stands, at least whether it has come to `seq`. `no_such_room` for others: who is no member is not
    told of it."""
    await ctx.ask(actor_id("user", user), FindRoom(room))
    life = places.life_for(actor_id("room", room))
    if life is None:
        raise Unavailable(retry_after=0.5)
    answer = await ctx.ask(pinned_id("desk", life), ReadHeads([room]), timeout=3.0)
    if answer.heads[0] >= seq:
        return answer.heads[0]
    # Pages show entries of a commit that is still under way in the room: whoever was shown them there may acknowledge them here.
    page = await ctx.ask(actor_id("room", room), History(user, seq - 1, None, 1))
    return page.head


def with_heads(rooms: Sequence[RoomInfo], heads: dict[str, tuple[int, int]]) -> list[RoomInfo]:
    """The rooms with their heads, newest first."""
    filled = []
    for info in rooms:
        head, at = heads.get(info.room, (0, 0))
        values = {name: getattr(info, name) for name in info.__struct_fields__}
        filled.append((at, RoomInfo(**{**values, "head": max(head, info.head)})))
    filled.sort(key=lambda pair: -pair[0])
    return [info for _, info in filled]


async def first_pages(ctx: Context, places: Places, user: str, rooms: Sequence[RoomInfo], cursors: dict[str, int]) -> list[Page]:
    """What this device misses in the newest marked rooms, as far as its cursors tell. The user's list may not know yet that it has
    left a room: the room's cell does."""
    asked: list[tuple[RoomInfo, Awaitable[EntryPage]]] = []
    for info in rooms:
        cursor = cursors.get(info.room, -1)
        life = places.life_for(actor_id("room", info.room))
        if len(asked) == FIRST_PAGES:
            break
        if life is not None and info.marked and info.head > max(cursor, 0):
            request = ReadPage(info.room, cursor, info.first, FIRST_PAGE_ENTRIES, user)
            asked.append((info, ctx.ask(pinned_id("desk", life), request, timeout=3.0)))
    pages = []
    for info, answer in asked:
        try:
            page = await answer
        except ChatError:
            continue
        # The store shows entries of a commit that is still being told to its room: the head is never behind the page.
        head = max(info.head, page.entries[-1].seq) if page.entries else info.head
        pages.append(Page(0, info.room, page.entries, head, page.more))
    return pages


async def rooms_and_pages(
    ctx: Context, places: Places, attached: Attached, *, with_pages: bool = True
) -> tuple[list[RoomInfo], list[Page]]:
    """What the user said of the rooms, with their heads, newest first; and the first pages of the newest few."""
    if not attached.rooms:
        return [], []
    marked = [info.room for info in attached.rooms if info.marked]
    rooms = with_heads(attached.rooms, await heads_of(ctx, places, marked))
    cursors = dict(zip((info.room for info in attached.rooms), attached.cursors, strict=True))
    return rooms, await first_pages(ctx, places, attached.identity.user, rooms, cursors) if with_pages else []


def welcome(version: int, ctx: Context, attached: Attached, rooms: list[RoomInfo], pages: list[Page], posts_per_s: float) -> Welcome:
    """The frame that answers a `hello` of this version."""
    who = attached.identity
    limits = {"body_bytes": MAX_BODY_BYTES, "unanswered": MAX_UNANSWERED, "posts_per_s": int(posts_per_s)}
    return Welcome(
        version, ctx.me, who.user, who.device, who.display, int(ctx.wall() * 1000),
        attached.since, rooms, pages, attached.more, who.admin, limits,
    )  # fmt: skip
