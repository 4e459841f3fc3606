"""Ids of rooms follow from who makes them and under which key."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from actors.naming import direct_room, room_for

ROOM_NAME = re.compile(r"^[a-z0-9]{4,40}$")
NAMES = st.text(max_size=40).filter(lambda text: text.isprintable())


def test_ids_that_stand_in_stored_rows_never_change() -> None:
    assert room_for("ann", "key-00001") == "rwg7d4coi4oujl7oscbqc"
    assert direct_room("ann", "bob") == "dfizhrzgwzo4xxpbhtb7r"


@given(NAMES, NAMES)
def test_every_id_is_a_legal_room_name_and_says_its_kind(user: str, key: str) -> None:
    room, direct = room_for(user, key), direct_room(user, key)
    assert ROOM_NAME.match(room) and ROOM_NAME.match(direct)
    assert (room[0], direct[0]) == ("r", "d")
    assert len(room) == len(direct) == 21


@given(NAMES, NAMES)
def test_a_direct_chat_has_one_id_whoever_opens_it(a: str, b: str) -> None:
    assert direct_room(a, b) == direct_room(b, a)


def test_where_the_user_ends_and_the_key_begins_matters() -> None:
    assert room_for("ab", "c") != room_for("a", "bc")
    assert direct_room("ab", "c") != direct_room("a", "bc")


def test_another_key_or_another_user_makes_another_room() -> None:
    ids = {room_for(user, key) for user in ("ann", "bob") for key in ("k1", "k2")}
    assert len(ids) == 4
