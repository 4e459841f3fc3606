"""Members, roles and marks of one room: pure state and rules, nothing sent, nothing stored.

A change of membership is planned first (`Plan`: what it would store), committed by the room, then applied. So a
refused commit leaves the roster as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from actors.errors import ChatError
from actors.events import RoomInfo
from actors.messages.marks import Facts
from actors.messages.room import MemberInfo, MemberPage
from actors.store.rows import Gone, MarkRow, MemberRow, RoomRow

SMALL_ROOM = 256
"""Members up to which a room reaches people one by one and keeps a mark for each."""
MAX_MEMBERS = 100_000
MAX_TOLD = 5_000
"""Members up to which a new name or topic is told to everyone's list; in larger rooms it stands in the log alone."""
MAX_BANNED = 10_000
"""People who were kicked and not invited again, beyond whom the one kicked longest ago is forgotten."""
BANNED = "banned"
"""The role of the row that is left of who was kicked: no member, and none again but by an owner or admin."""
_ORDER = {"member": 0, "admin": 1, "owner": 2}


class Plan(NamedTuple):
    """A change of the roster, not yet made."""

    entries: list[tuple[str, str, str]]
    """(user, kind, JSON body) of the log entries that tell of it."""
    row: RoomRow | None = None
    joined: Sequence[MemberRow] = ()
    """New members, and members whose row changes."""
    left: Sequence[str] = ()
    banned: Sequence[MemberRow] = ()
    """What is kept of those among them who were kicked."""
    forgiven: Sequence[str] = ()
    """Those of whom nothing is kept any more."""
    mark_all: bool = False
    """Whether every member has to hear of it by a mark (small rooms)."""


class Roster:
    """Who is in a room and who may be behind."""

    def __init__(self, row: RoomRow, members: Iterable[MemberRow] = (), marks: Iterable[MarkRow] = ()) -> None:
        self.row = row
        found = {member.user: member for member in members}
        self.members = {user: member for user, member in found.items() if member.role != BANNED}
        kicked = sorted((member for member in found.values() if member.role == BANNED), key=lambda member: (member.joined_at, member.user))
        self.banned = {member.user: member for member in kicked}
        """Those who were kicked, longest ago first."""
        self.marks = {mark.user: mark for mark in marks}
        """Standing marks, and notices to those who left until they confirm."""
        self.unmarked = {} if row.large else dict.fromkeys(user for user in self.members if user not in self.marks)
        """Members of a small room whose mark is cleared: the next post sets it."""
        self.read: dict[str, int] = {}
        """How far members have read, as far as this activation heard."""

    # --- questions ---------------------------------------------------------------------------------------------------

    def member(self, user: str) -> MemberRow:
        """The member. `no_such_room` for others: they are not told more."""
        member = self.members.get(user)
        if member is None:
            raise ChatError("no_such_room")
        return member

    @property
    def is_over(self) -> bool:
        """Whether the other one of a direct chat is gone for good: nobody would hear what is posted."""
        return self.row.kind == "direct" and len(self.members) < 2

    def poster(self, user: str) -> MemberRow:
        """A member who may post: `forbidden` where it is over."""
        member = self.member(user)
        if self.is_over:
            raise ChatError("forbidden")
        return member

    def info(self, user: str, head: int) -> RoomInfo:
        """The room as a user sees it."""
        member = self.members.get(user)
        facts = self.facts(user, head)
        return RoomInfo(
            room=self.row.room, kind=facts.kind, head=head, role=facts.role, name=facts.name, topic=facts.topic,
            public=facts.public, peer=facts.peer, peer_display=facts.peer_display, first=member.first if member else 1,
            read=self.read.get(user, 0), marked=user in self.marks,
        )  # fmt: skip

    def facts(self, user: str, at: int) -> Facts:
        """The room as it should stand in the user's list."""
        row, member = self.row, self.members.get(user)
        peer = next((m for m in self.members.values() if m.user != user), None) if row.kind == "direct" else None
        return Facts(
            kind=row.kind, role=member.role if member else "none", name=row.name, topic=row.topic, public=row.public,
            peer=peer.user if peer else "", peer_display=peer.display if peer else "", large=row.large,
            first=member.first if member else 1, at=at,
        )  # fmt: skip

    def page(self, after: str, limit: int) -> MemberPage:
        """A page of members, by name."""
        names = sorted(user for user in self.members if user > after)
        page = [self.members[user] for user in names[:limit]]
        infos = [MemberInfo(m.user, m.display, m.role, self.read.get(m.user, 0)) for m in page]
        return MemberPage(infos, len(self.members), len(names) > limit)

    def has_read(self, user: str, seq: int, head: int) -> bool:
        """Note how far a member has read; whether that is news for the others (in small rooms alone)."""
        if self.row.large or user not in self.members or seq > head or seq <= self.read.get(user, 0):
            return False
        self.read[user] = seq
        return True

    # --- plans -------------------------------------------------------------------------------------------------------

    def plan_add(self, by: str, user: str, display: str, head: int, at: int) -> Plan:
        """An invitation, or joining a public room."""
        self.check_add(by, user)
        if user in self.members:
            raise ChatError("already_a_member")
        if len(self.members) >= MAX_MEMBERS:
            raise ChatError("room_full", limit=MAX_MEMBERS)
        first = 1 if self.row.public else head + 1
        role = "member" if self.members else "owner"  # nobody is left in a public room: the next one has it
        joined = MemberRow(self.row.room, user, role, display, first, at)
        grows = not self.row.large and len(self.members) >= SMALL_ROOM
        return Plan(
            [(by, "join", _json(user=user, display=display))],
            row=self._changed(large=True) if grows else None,
            joined=[joined],
            mark_all=grows,
        )

    def check_add(self, by: str, user: str) -> None:
        """Whether `by` may make `user` a member: `forbidden`, or `no_such_room` where it is not open to them."""
        if self.row.kind == "direct":  # who talks with whom is nobody else's business
            raise ChatError("forbidden" if by in self.members else "no_such_room")
        if by == user:
            if not self.row.public and user not in self.members:
                raise ChatError("no_such_room")
            if user in self.banned and self.members:  # where nobody is left, nobody could lift it
                raise ChatError("banned")
            return
        if self.member(by).role == "member" and (not self.row.public or user in self.banned):
            raise ChatError("forbidden")

    def plan_remove(self, by: str, user: str, at: int) -> Plan:
        """A kick, which bans, or leaving; the last owner's role passes on."""
        actor = self.member(by)
        if self.row.kind == "direct":
            raise ChatError("forbidden")
        target = self.members.get(user)
        if target is None:
            raise ChatError("not_a_member")
        if by != user and (actor.role == "member" or _ORDER[actor.role] <= _ORDER[target.role]):
            raise ChatError("forbidden")
        entries = [(by, "leave" if by == user else "kick", _json(user=user))]
        heirs = []
        heir = self._heir(user) if target.role == "owner" else None
        if heir is not None:
            heirs = [_with(heir, role="owner")]
            entries.append((by, "role", _json(user=heir.user, role="owner")))
        if by == user:
            return Plan(entries, joined=heirs, left=[user])
        forgiven = list(self.banned)[: max(0, len(self.banned) + 1 - MAX_BANNED)]
        return Plan(entries, joined=heirs, left=[user], banned=[_with(target, role=BANNED, joined_at=at)], forgiven=forgiven)

    def plan_take_back(self, by: str, user: str, joined_at: int) -> Plan | None:
        """A member who joined at that time is taken out again, and may come back; None where that is not how things stand any more."""
        member = self.members.get(user)
        if member is None or member.role != "member" or member.joined_at != joined_at:
            return None
        return Plan([(by, "kick", _json(user=user))], left=[user])

    def plan_depart(self, user: str) -> Plan:
        """An account is gone for good; the last owner's role passes on. In a direct chat the other one hears of it."""
        target = self.members.get(user)
        if target is None:
            return Plan([])
        entries = [(user, "leave", _json(user=user, gone=True))]
        heir = self._heir(user) if target.role == "owner" else None
        heirs = [_with(heir, role="owner")] if heir is not None else []
        if heir is not None:
            entries.append((user, "role", _json(user=heir.user, role="owner")))
        return Plan(entries, joined=heirs, left=[user], mark_all=self.row.kind == "direct")

    def _heir(self, leaving: str) -> MemberRow | None:
        rest = [m for m in self.members.values() if m.user != leaving]
        if any(m.role == "owner" for m in rest):
            return None
        return min(rest, key=lambda m: (-_ORDER[m.role], m.joined_at, m.user), default=None)

    def plan_role(self, by: str, user: str, role: str) -> Plan:
        """Another role; giving ownership away makes the giver an admin."""
        if self.member(by).role != "owner" or self.row.kind == "direct":
            raise ChatError("forbidden")
        target = self.members.get(user)
        if target is None:
            raise ChatError("not_a_member")
        if role not in _ORDER:
            raise ChatError("invalid", reason="role")
        if by == user:
            raise ChatError("forbidden")
        changed = [_with(target, role=role)]
        entries = [(by, "role", _json(user=user, role=role))]
        if role == "owner":
            changed.append(_with(self.members[by], role="admin"))
            entries.append((by, "role", _json(user=by, role="admin")))
        return Plan(entries, joined=changed)

    def plan_edit(self, by: str, **fields: Any) -> Plan:
        """Another name, topic or openness."""
        if self.member(by).role == "member" or self.row.kind == "direct":
            raise ChatError("forbidden")
        changed = {name: value for name, value in fields.items() if value is not None and value != getattr(self.row, name)}
        if not changed:
            return Plan([])
        return Plan([(by, "edit", _json(**changed))], row=self._changed(**changed), mark_all=True)

    def _changed(self, **fields: Any) -> RoomRow:
        row: RoomRow = _with(self.row, **fields)
        return row

    # --- marks -------------------------------------------------------------------------------------------------------

    def marks_for_post(self, head: int) -> list[MarkRow]:
        """The marks that a post to `head` has to set: those of members whose mark is cleared."""
        return [MarkRow(self.row.room, user, head, False, True) for user in self.unmarked]

    def marks_for(self, plan: Plan, head: int) -> list[MarkRow]:
        """The marks that go with a planned change whose last entry is `head`."""
        touched = dict.fromkeys(member.user for member in plan.joined)
        large = (plan.row or self.row).large
        if plan.mark_all and len(self.members) <= MAX_TOLD:
            touched |= dict.fromkeys(user for user in self.members if user not in plan.left)
        marks = [MarkRow(self.row.room, user, head, False, True) for user in touched]
        marks += [MarkRow(self.row.room, user, head, False, False) for user in plan.left]
        if not large:
            marks += [mark for mark in self.marks_for_post(head) if mark.user not in touched and mark.user not in plan.left]
        return marks

    # --- what was committed ------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> None:
        """Make a committed plan true."""
        if plan.row is not None:
            self.row = plan.row
        for member in plan.joined:
            self.members[member.user] = member
            self.banned.pop(member.user, None)
        for user in plan.left:
            self.members.pop(user, None)
            self.unmarked.pop(user, None)
        for user in plan.forgiven:
            self.banned.pop(user, None)
        self.banned.update((member.user, member) for member in plan.banned)

    def set_marks(self, marks: Iterable[MarkRow]) -> None:
        """Make committed marks true."""
        for mark in marks:
            self.marks[mark.user] = mark
            self.unmarked.pop(mark.user, None)

    def clear_mark(self, user: str) -> None:
        """A committed clear."""
        self.marks.pop(user, None)
        if user in self.members and not self.row.large:
            self.unmarked[user] = None

    def gone_rows(self, plan: Plan) -> list[Gone]:
        """Rows that a planned change takes away."""
        kept = {member.user for member in plan.banned}
        return [Gone("members", (self.row.room, user)) for user in (*plan.left, *plan.forgiven) if user not in kept]


def _with(row: Any, **fields: Any) -> Any:
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    return type(row)(**{**values, **fields})


def _json(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
