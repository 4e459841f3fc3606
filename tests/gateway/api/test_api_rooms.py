"""Rooms, direct chats, members, history and posts by HTTP."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from actors.errors import Unknown
from actors.messages.room import History, KeyedPost
from actors.naming import direct_room, room_for
from tests.kit.api import KEY, Api, code_of, run


def keyed(key: str = KEY) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def room_of(client: httpx.AsyncClient, key: str = KEY, **more: object) -> str:
    answer = await client.post("/api/v1/rooms", json={"name": "Tea", **more}, headers=keyed(key))
    assert answer.status_code == 201, answer.text
    room: str = answer.json()["room"]
    return room


def test_a_repeated_request_makes_no_second_room() -> None:
    async def story() -> None:
        api = Api()
        ann, bob = await api.signed_in("ann"), await api.signed_in("bob")
        first, again = await room_of(ann), await room_of(ann)
        assert first == again == room_for("ann", KEY)
        assert await room_of(ann, "key-000002") != first
        assert await room_of(bob) != first
        assert len(api.actors.rooms) == 3

    run(story())


def test_a_room_is_shown_changed_and_listed() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        rooms = sorted([await room_of(ann, f"key-00000{number}") for number in range(3)])
        changed = await ann.patch(f"/api/v1/rooms/{rooms[0]}", json={"topic": "green", "public": True})
        assert (changed.json()["topic"], changed.json()["public"], changed.json()["name"]) == ("green", True, "Tea")
        assert (await ann.get(f"/api/v1/rooms/{rooms[0]}")).json() == changed.json()
        page = (await ann.get("/api/v1/rooms", params={"limit": 2})).json()
        rest = (await ann.get("/api/v1/rooms", params={"limit": 2, "after": page["rooms"][-1]["room"]})).json()
        assert [room["room"] for room in page["rooms"] + rest["rooms"]] == rooms
        assert (page["more"], rest["more"]) == (True, False)

    run(story())


def test_a_room_with_members_and_somebody_into_several_rooms() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        for name in ("bob", "eve"):
            await api.registered(name)
        rooms = [await room_of(ann, f"key-00000{number}", members=["bob"]) for number in range(2)]
        assert set(api.actors.rooms[rooms[0]].roles) == {"ann", "bob"}
        path, wanted = "/api/v1/users/eve/rooms", {"rooms": rooms}
        assert code_of(await ann.post(path, json=wanted)) == (400, "invalid")
        assert code_of(await ann.post(path, json={"rooms": []}, headers=keyed())) == (400, "invalid")
        assert code_of(await ann.post("/api/v1/users/ann/rooms", json=wanted, headers=keyed())) == (409, "already_a_member")
        assert (await ann.post(path, json=wanted, headers=keyed())).status_code == 204
        assert all("eve" in api.actors.rooms[room].roles for room in rooms)

    run(story())


def test_a_direct_chat_is_the_same_from_both_sides() -> None:
    async def story() -> None:
        api = Api()
        ann, bob = await api.signed_in("ann"), await api.signed_in("bob")
        there = (await ann.post("/api/v1/direct", json={"user": "bob"})).json()
        back = (await bob.post("/api/v1/direct", json={"user": "ann"})).json()
        assert there["room"] == back["room"] == direct_room("ann", "bob")
        assert (there["kind"], there["peer"], back["peer"]) == ("direct", "bob", "ann")
        assert code_of(await ann.post("/api/v1/direct", json={"user": "nobody"})) == (404, "no_such_user")

    run(story())


def test_a_post_is_stored_once_for_its_key() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        path = f"/api/v1/rooms/{await room_of(ann)}/messages"
        first = await ann.post(path, json={"body": "hello"}, headers=keyed())
        again = await ann.post(path, json={"body": "hello"}, headers=keyed())
        assert first.status_code == again.status_code == 201 and first.json() == again.json()
        assert first.json()["seq"] == 1
        assert code_of(await ann.post(path, json={"body": "other"}, headers=keyed())) == (409, "key_reused")
        assert [entry["body"] for entry in (await ann.get(path)).json()["entries"]] == ["hello"]

    run(story())


def test_a_post_without_exactly_one_good_key_is_refused() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        path = f"/api/v1/rooms/{await room_of(ann)}/messages"
        two = [("Idempotency-Key", KEY), ("Idempotency-Key", "key-000002")]
        for headers in ([], [("Idempotency-Key", "")], [("Idempotency-Key", "short")], [("Idempotency-Key", "x" * 41)], two):
            assert code_of(await ann.post(path, json={"body": "hello"}, headers=headers)) == (400, "invalid")
        same_twice = [("Idempotency-Key", KEY), ("idempotency-key", KEY)]
        assert code_of(await ann.post(path, json={"body": "hello"}, headers=same_twice)) == (400, "invalid")
        assert not any(isinstance(asked, KeyedPost) for _, asked in api.actors.asked)

    run(story())


def test_an_unknown_outcome_says_that_a_repeat_with_the_key_is_right() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        path = f"/api/v1/rooms/{await room_of(ann)}/messages"
        api.actors.fail_next(KeyedPost, Unknown())
        answer = await ann.post(path, json={"body": "hello"}, headers=keyed())
        assert code_of(answer) == (504, "unknown_outcome") and answer.json()["retry"]
        assert (await ann.post(path, json={"body": "hello"}, headers=keyed())).json()["seq"] == 1

    run(story())


def test_history_is_read_from_either_end() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        path = f"/api/v1/rooms/{await room_of(ann)}/messages"
        for number in range(1, 6):
            await ann.post(path, json={"body": f"m{number}"}, headers=keyed(f"key-00000{number}"))

        async def seqs(**query: int) -> list[int]:
            return [entry["seq"] for entry in (await ann.get(path, params=query)).json()["entries"]]

        assert await seqs() == [1, 2, 3, 4, 5]
        assert await seqs(after=2, limit=2) == [3, 4]
        assert await seqs(before=4, limit=2) == [2, 3]
        assert await seqs(before=0) == []
        assert code_of(await ann.get(path, params={"after": 1, "before": 3})) == (400, "invalid")

    run(story())


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=1e1", "after=-1", "before=9007199254740992", "aftr=1", "after=1&after=x"])
def test_a_page_that_is_asked_for_wrongly_is_refused(query: str) -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        answer = await ann.get(f"/api/v1/rooms/{await room_of(ann)}/messages?{query}")
        assert code_of(answer) == (400, "invalid")
        assert not any(isinstance(asked, History) for _, asked in api.actors.asked)

    run(story())


def test_members_are_invited_given_roles_and_removed() -> None:
    async def story() -> None:
        api = Api()
        ann, bob = await api.signed_in("ann"), await api.signed_in("bob")
        path = f"/api/v1/rooms/{await room_of(ann)}"
        assert code_of(await bob.get(path)) == (404, "no_such_room")
        assert (await ann.post(f"{path}/members", json={"user": "bob"})).status_code == 201
        assert code_of(await ann.post(f"{path}/members", json={"user": "bob"})) == (409, "already_a_member")
        assert (await ann.patch(f"{path}/members/bob", json={"role": "admin"})).status_code == 204
        assert code_of(await bob.patch(f"{path}/members/ann", json={"role": "member"})) == (403, "forbidden")
        members = (await bob.get(f"{path}/members")).json()
        assert {member["user"]: member["role"] for member in members["members"]} == {"ann": "owner", "bob": "admin"}
        assert (members["count"], members["more"]) == (2, False)
        assert (await ann.delete(f"{path}/members/bob")).status_code == 204
        assert code_of(await bob.get(path)) == (404, "no_such_room")
        assert code_of(await ann.delete(f"{path}/members/bob")) == (404, "not_a_member")

    run(story())


def test_a_public_room_is_joined_and_left_by_oneself() -> None:
    async def story() -> None:
        api = Api()
        ann, bob = await api.signed_in("ann"), await api.signed_in("bob")
        path = f"/api/v1/rooms/{await room_of(ann, public=True)}"
        joined = await bob.post(f"{path}/members", json={"user": "bob"})
        assert (joined.status_code, joined.json()["role"]) == (201, "member")
        assert (await bob.delete(f"{path}/members/bob")).status_code == 204

    run(story())


def test_the_actor_is_always_who_the_token_belongs_to() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        room = await room_of(ann)
        for body in ({"body": "x", "by": "bob"}, {"body": "x", "user": "bob"}):
            answer = await ann.post(f"/api/v1/rooms/{room}/messages", json=body, headers=keyed())
            assert code_of(answer) == (400, "invalid")
        await ann.post(f"/api/v1/rooms/{room}/messages", json={"body": "x"}, headers=keyed())
        assert {getattr(asked, "by", "ann") for _, asked in api.actors.asked} == {"ann"}

    run(story())


def test_many_repeats_of_one_post_at_once_are_one_post() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        path = f"/api/v1/rooms/{await room_of(ann)}/messages"
        answers = await asyncio.gather(*(ann.post(path, json={"body": "hello"}, headers=keyed()) for _ in range(20)))
        assert {answer.json()["seq"] for answer in answers} == {1}

    run(story())


def test_a_text_above_the_limit_of_bytes_is_too_large_as_on_the_socket() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        path = f"/api/v1/rooms/{await room_of(ann)}/messages"
        for body in ("x" * 16_385, "茶" * 5_462):
            assert code_of(await ann.post(path, json={"body": body}, headers=keyed())) == (413, "too_large")
        assert not any(isinstance(asked, KeyedPost) for _, asked in api.actors.asked)

    run(story())
