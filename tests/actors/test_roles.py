"""Who may do what in a room: the whole table of roles and operations, for private and public rooms and direct chats."""

from __future__ import annotations

import json

import pytest

from actors import commands as c
from actors import events as e
from actors import roster
from actors.store.rows import EntryRow, MemberRow
from tests.kit.chat import Device, Town
from tests.kit.scene import code, direct, make_room, post, pull, refused, request, rows, seqs

PEOPLE = ("owner", "admin", "member", "guest", "other")


class Scene:
    """A room with an owner, an admin and two members; the guest is outside."""

    def __init__(self, *, public: bool) -> None:
        self.town = Town()
        self.town.register(*PEOPLE)
        self.device = {name: self.town.connect(name) for name in PEOPLE}
        self.room = make_room(self.town, self.device["owner"], "admin", "member", "other", public=public)
        self.ask("owner", c.SetRole, user="admin", role="admin")

    def ask(self, who: str, command: type[c.Command], **fields: object) -> str:
        return code(request(self.town, self.device[who], command, room=self.room, **fields))

    def roles(self) -> dict[str, str]:
        return {row.user: row.role for row in rows(self.town, MemberRow, self.room)}

    def events(self) -> list[tuple[str, str, object]]:
        return [(row.kind, row.user, json.loads(row.body)) for row in rows(self.town, EntryRow, self.room) if row.kind != "text"]


TABLE = [
    # command, fields, then what owner, admin, member and an outsider are told: private | public
    (c.Invite, {"user": "guest"}, "ok ok forbidden no_such_room", "ok ok ok no_such_room"),
    (c.Invite, {"user": "nobody"}, "no_such_user no_such_user forbidden no_such_room", "no_such_user no_such_user no_such_user no_such_room"),
    (c.Invite, {"user": "other"}, "already_a_member already_a_member forbidden no_such_room", "already_a_member already_a_member already_a_member no_such_room"),
    (c.Join, {}, "ok ok ok no_such_room", "ok ok ok ok"),
    (c.Kick, {"user": "other"}, "ok ok forbidden no_such_room", "ok ok forbidden no_such_room"),
    (c.Kick, {"user": "guest"}, "not_a_member not_a_member not_a_member no_such_room", "not_a_member not_a_member not_a_member no_such_room"),
    (c.SetRole, {"user": "other", "role": "admin"}, "ok forbidden forbidden no_such_room", "ok forbidden forbidden no_such_room"),
    (c.SetRole, {"user": "guest", "role": "admin"}, "not_a_member forbidden forbidden no_such_room", "not_a_member forbidden forbidden no_such_room"),
    (c.Edit, {"name": "New"}, "ok ok forbidden no_such_room", "ok ok forbidden no_such_room"),
    (c.Members, {}, "ok ok ok no_such_room", "ok ok ok no_such_room"),
    (c.Leave, {}, "ok ok ok no_such_room", "ok ok ok no_such_room"),
]  # fmt: skip


@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
@pytest.mark.parametrize(("command", "fields", "private_row", "public_row"), TABLE, ids=[f"{row[0].__name__}-{row[1]}" for row in TABLE])
def test_every_role_may_do_what_the_table_says(
    command: type[c.Command], fields: dict[str, object], private_row: str, public_row: str, public: bool
) -> None:
    told = {}
    for who in ("owner", "admin", "member", "guest"):
        if who == fields.get("user"):
            continue  # oneself: further below
        told[who] = Scene(public=public).ask(who, command, **fields)
    wanted = dict(zip(("owner", "admin", "member", "guest"), (public_row if public else private_row).split(), strict=True))
    assert told == {who: wanted[who] for who in told}


@pytest.mark.parametrize(("who", "user", "wanted"), [
    ("owner", "admin", "ok"), ("admin", "owner", "forbidden"), ("admin", "admin", "forbidden"), ("member", "admin", "forbidden"),
    ("owner", "owner", "forbidden"), ("member", "member", "forbidden"),
])  # fmt: skip
def test_nobody_is_kicked_by_who_stands_no_higher(who: str, user: str, wanted: str) -> None:
    assert Scene(public=False).ask(who, c.Kick, user=user) == wanted


def test_giving_the_ownership_away_makes_the_giver_an_admin() -> None:
    scene = Scene(public=False)
    assert scene.ask("owner", c.SetRole, user="member", role="owner") == "ok"
    assert (scene.roles()["member"], scene.roles()["owner"]) == ("owner", "admin")
    assert scene.ask("owner", c.SetRole, user="other", role="admin") == "forbidden"
    assert scene.events()[-2:] == [
        ("role", "owner", {"user": "member", "role": "owner"}),
        ("role", "owner", {"user": "owner", "role": "admin"}),
    ]


def test_an_owner_does_not_change_their_own_role() -> None:
    assert Scene(public=False).ask("owner", c.SetRole, user="owner", role="member") == "forbidden"


def test_when_the_last_owner_leaves_the_oldest_admin_takes_over() -> None:
    scene = Scene(public=False)
    assert scene.ask("owner", c.Leave) == "ok"
    assert scene.roles() == {"admin": "owner", "member": "member", "other": "member"}
    assert scene.events()[-2:] == [
        ("leave", "owner", {"user": "owner"}),
        ("role", "owner", {"user": "admin", "role": "owner"}),
    ]


def test_without_an_admin_the_oldest_member_takes_over() -> None:
    scene = Scene(public=False)
    scene.ask("admin", c.Leave)
    scene.ask("owner", c.Leave)
    assert scene.roles() == {"member": "owner", "other": "member"}


def test_who_joins_a_public_room_that_nobody_is_left_in_owns_it() -> None:
    scene = Scene(public=True)
    for who in ("other", "member", "admin", "owner"):
        assert scene.ask(who, c.Leave) == "ok"
    assert scene.roles() == {}
    assert scene.ask("guest", c.Join) == "ok"
    assert scene.roles() == {"guest": "owner"}


def test_a_direct_chat_has_no_roles_and_nobody_comes_or_goes() -> None:
    town = Town()
    town.register("ann", "bob", "cat")
    ann = town.connect("ann")
    room = direct(town, ann, "bob")
    for command, fields in (
        (c.Invite, {"user": "cat"}), (c.Kick, {"user": "bob"}), (c.Leave, {}), (c.SetRole, {"user": "bob", "role": "admin"}),
        (c.Edit, {"name": "New"}), (c.Edit, {"public": True}),
    ):  # fmt: skip
        assert code(request(town, ann, command, room=room, **fields)) == "forbidden", command
    cat = town.connect("cat")
    for command, fields in (
        (c.Join, {}), (c.Invite, {"user": "bob"}), (c.Kick, {"user": "bob"}), (c.Leave, {}), (c.Edit, {"name": "New"}),
        (c.SetRole, {"user": "bob", "role": "admin"}), (c.Members, {"after": "", "limit": 10}),
    ):  # fmt: skip
        # as for a room that is not there: an outsider cannot find out who talks with whom
        assert code(request(town, cat, command, room=room, **fields)) == "no_such_room", command
    assert {row.role for row in rows(town, MemberRow, room)} == {"member"}


def test_a_direct_chat_is_the_same_whoever_opens_it_and_however_often() -> None:
    town = Town()
    town.register("ann", "bob")
    ann, bob = town.connect("ann"), town.connect("bob")
    assert direct(town, ann, "bob") == direct(town, bob, "ann") == direct(town, ann, "bob")


def test_a_direct_chat_needs_two_people_who_exist() -> None:
    town = Town()
    town.register("ann")
    ann = town.connect("ann")
    assert code(request(town, ann, c.Direct, user="ann")) == "invalid"
    assert code(request(town, ann, c.Direct, user="nobody")) == "no_such_user"


def test_a_room_with_an_unknown_member_is_not_made() -> None:
    town = Town()
    town.register("ann", "bob")
    ann = town.connect("ann")
    answer = request(town, ann, c.Create, key="the-key-1", name="Room", members=["bob", "nobody"])
    assert isinstance(answer, e.Failed)
    assert (answer.code, answer.fields) == ("no_such_user", {"user": "nobody"})
    assert make_room(town, ann, "bob")  # the same key, now with people who exist


def test_the_same_key_makes_the_same_room() -> None:
    town = Town()
    town.register("ann", "bob")
    ann = town.connect("ann")
    first = make_room(town, ann, "bob", name="First")
    assert make_room(town, ann, "bob", name="Second") == first
    assert [row.kind for row in rows(town, EntryRow, first)] == ["create"]
    bob = town.connect("bob")
    assert make_room(town, bob, "ann") != first


@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
def test_outsiders_read_and_write_nothing(public: bool) -> None:
    scene = Scene(public=public)
    guest: Device = scene.device["guest"]
    answer = pull(scene.town, guest, scene.room)
    assert isinstance(answer, e.Failed)
    assert answer.code == "no_such_room"
    post(guest, scene.room, 1)
    scene.town.settle()
    assert refused(guest, scene.room, 1).code == "no_such_room"


def test_outsiders_cannot_find_out_how_far_a_room_is() -> None:
    """Who is no member is told the same of a room that is there and of one that is not."""
    scene = Scene(public=False)
    guest = scene.device["guest"]
    answers = []
    for room in (scene.room, "rnothere"):
        for seq in (0, 1, 99):
            guest.forget()
            guest.say(c.Ack(room, seq))
            scene.town.settle()
            answers.append([(x.code, x.fields) for x in guest.of(e.Failed)])
    assert answers == [[("no_such_room", {})]] * 6


def test_joining_a_public_room_shows_all_of_it_and_an_invitation_only_what_follows() -> None:
    for public, wanted in ((True, [1, 2, 3]), (False, [3])):
        scene = Scene(public=public)
        scene.ask("owner", c.Invite, user="guest")
        assert seqs(pull(scene.town, scene.device["guest"], scene.room)) == wanted
        before = pull(scene.town, scene.device["guest"], scene.room, before=3)
        assert seqs(before) == wanted[:-1]
        assert isinstance(before, e.Page)
        assert not before.more


@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
def test_who_was_kicked_comes_back_only_when_an_owner_or_admin_invites_them(public: bool) -> None:
    scene = Scene(public=public)
    assert scene.ask("admin", c.Kick, user="other") == "ok"
    assert scene.ask("other", c.Join) == ("banned" if public else "no_such_room")
    assert scene.ask("member", c.Invite, user="other") == "forbidden"
    assert scene.ask("admin", c.Kick, user="other") == "not_a_member"
    assert scene.ask("owner", c.Invite, user="other") == "ok"
    assert scene.roles()["other"] == "member"
    assert scene.ask("other", c.Leave) == "ok"
    assert scene.ask("other", c.Join) == ("ok" if public else "no_such_room")


def test_a_ban_outlives_the_room_s_instance_and_who_is_banned_is_no_member_to_anybody() -> None:
    scene = Scene(public=True)
    assert scene.ask("owner", c.Kick, user="other") == "ok"
    scene.town.settle(400.0)  # the room retires
    assert scene.ask("other", c.Join) == "banned"
    other = scene.device["other"]
    assert isinstance(pull(scene.town, other, scene.room), e.Failed)
    post(other, scene.room, 1)
    scene.town.settle()
    assert refused(other, scene.room, 1).code == "no_such_room"
    listed = request(scene.town, scene.device["owner"], c.Members, room=scene.room)
    assert isinstance(listed, e.Done)
    assert [member["user"] for member in listed.result["members"]] == ["admin", "member", "owner"]
    assert scene.ask("owner", c.SetRole, user="other", role="admin") == "not_a_member"


def test_a_ban_from_before_the_room_was_opened_to_all_holds() -> None:
    scene = Scene(public=False)
    scene.ask("owner", c.Kick, user="other")
    scene.ask("owner", c.Edit, public=True)
    assert scene.ask("other", c.Join) == "banned"
    assert scene.ask("guest", c.Join) == "ok"


def test_where_nobody_is_left_who_could_lift_it_a_ban_holds_no_more() -> None:
    scene = Scene(public=True)
    scene.ask("owner", c.Kick, user="other")
    for who in ("member", "admin", "owner"):
        assert scene.ask(who, c.Leave) == "ok"
    assert scene.ask("other", c.Join) == "ok"
    assert scene.roles() == {"other": "owner"}


def test_of_very_many_who_were_kicked_the_one_kicked_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "MAX_BANNED", 1)
    scene = Scene(public=True)
    scene.ask("owner", c.Kick, user="other")
    scene.town.settle(1.0)
    scene.ask("owner", c.Kick, user="member")
    assert scene.roles() == {"owner": "owner", "admin": "admin", "member": "banned"}
    assert scene.ask("other", c.Join) == "ok"
    assert scene.ask("member", c.Join) == "banned"
