"""Every entry once, in order: what a client takes in, what it pulls, what it acknowledges."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.events import Entry, Page, RoomInfo
from gateway.client_rooms import MAX_PULLING, MAX_READY, Rooms


def entry(seq: int, room: str = "abcd") -> Entry:
    return Entry(room, seq, 0, "bob", body=f"{room}{seq}")


def page(*seqs: int, head: int, more: bool = False, room: str = "abcd") -> Page:
    return Page(1, room, [entry(seq, room) for seq in seqs], head, more)


def info(head: int, *, marked: bool = True, first: int = 1, kind: str = "room", room: str = "abcd") -> RoomInfo:
    return RoomInfo(room, kind, head=head, marked=marked, first=first)


def taken(rooms: Rooms) -> list[int]:
    seqs = []
    while rooms.ready:
        one = rooms.ready.popleft()
        rooms.done_with(one)
        seqs.append(one.seq)
    return seqs


def test_entries_that_follow_each_other_are_taken_and_repeats_are_not() -> None:
    rooms = Rooms({"abcd": 4}, from_first=False)
    for seq in (5, 6, 5, 6, 7):
        rooms.entry(entry(seq))
    assert taken(rooms) == [5, 6, 7]
    assert rooms.pulls() == []


def test_a_hole_is_pulled_and_what_is_pushed_meanwhile_comes_with_the_page() -> None:
    rooms = Rooms({"abcd": 4}, from_first=False)
    rooms.entry(entry(7))
    assert rooms.pulls() == [("abcd", 4, 200)]
    rooms.entry(entry(8))
    assert rooms.pulls() == []
    rooms.pulled(page(5, 6, 7, 8, head=8))
    rooms.entry(entry(9))
    assert taken(rooms) == [5, 6, 7, 8, 9]
    assert rooms.pulls() == []


def test_a_page_with_more_behind_it_is_followed_by_another_pull() -> None:
    rooms = Rooms({"abcd": 0}, from_first=False)
    rooms.came_to("abcd", 4)
    rooms.pulls()
    rooms.pulled(page(1, 2, head=4, more=True))
    assert rooms.pulls() == [("abcd", 2, 200)]


def test_what_a_pull_leaves_out_is_not_for_this_member() -> None:
    rooms = Rooms({"abcd": 2}, from_first=False)
    rooms.came_to("abcd", 9)
    rooms.pulls()
    rooms.pulled(page(8, 9, head=9))
    assert taken(rooms) == [8, 9]
    rooms.came_to("abcd", 12)
    rooms.pulls()
    rooms.pulled(page(head=12))
    assert rooms.pulls() == []
    rooms.entry(entry(13))
    assert taken(rooms) == [13]


def test_a_page_that_says_more_and_brings_nothing_is_not_pulled_for_ever() -> None:
    rooms = Rooms({"abcd": 2}, from_first=False)
    rooms.came_to("abcd", 3)
    rooms.pulls()
    rooms.pulled(page(head=2, more=True))
    rooms.pulls()
    rooms.pulled(page(head=3))
    assert rooms.pulls() == []


def test_a_known_room_goes_on_where_the_program_stopped() -> None:
    for from_first in (False, True):
        rooms = Rooms({"abcd": 4}, from_first)
        rooms.listed(info(6))
        assert rooms.pulls() == [("abcd", 4, 200)]


def test_an_unknown_room_begins_after_its_head_or_with_its_first_entry() -> None:
    at_head = Rooms({}, from_first=False)
    at_head.listed(info(6))
    assert at_head.pulls() == []
    at_head.entry(entry(7))
    assert taken(at_head) == [7]
    at_first = Rooms({}, from_first=True)
    at_first.listed(info(6, first=3))
    assert at_first.pulls() == [("abcd", 2, 200)]


def test_an_unknown_room_that_is_pushed_begins_there_or_is_pulled_whole() -> None:
    at_head = Rooms({}, from_first=False)
    at_head.entry(entry(40))
    assert taken(at_head) == [40]
    at_first = Rooms({}, from_first=True)
    at_first.entry(entry(40))
    assert at_first.pulls() == [("abcd", 0, 200)]


def test_a_direct_chat_that_somebody_has_just_opened_is_read_from_its_beginning() -> None:
    rooms = Rooms({}, from_first=False)
    rooms.changed(info(3, kind="direct"))
    assert rooms.pulls() == [("abcd", 0, 200)]


def test_a_direct_chat_that_was_opened_while_this_device_was_away_is_read_from_its_beginning() -> None:
    rooms = Rooms({"other": 3}, from_first=False)
    rooms.listed(info(3, kind="direct"), is_back=True)
    assert rooms.pulls() == [("abcd", 0, 200)]


def test_a_device_that_comes_for_the_first_time_begins_after_what_a_direct_chat_has() -> None:
    rooms = Rooms({}, from_first=False)
    rooms.listed(info(3, kind="direct"), is_back=False)
    assert rooms.pulls() == []


def test_a_public_room_just_joined_is_not_read_from_its_beginning() -> None:
    rooms = Rooms({}, from_first=False)
    rooms.changed(info(1000))
    assert rooms.pulls() == [("abcd", 999, 200)]


def test_a_marked_room_whose_head_is_not_known_is_pulled() -> None:
    rooms = Rooms({"abcd": 4}, from_first=False)
    rooms.listed(info(0))
    assert rooms.pulls() == [("abcd", 4, 200)]
    rooms.pulled(page(head=4))
    assert rooms.pulls() == []


def test_a_page_with_the_welcome_is_taken_only_where_it_follows() -> None:
    rooms = Rooms({"abcd": 4}, from_first=False)
    rooms.unasked(page(4, 5, head=6))
    assert taken(rooms) == [5]
    assert rooms.pulls() == [("abcd", 5, 200)]
    later = Rooms({"abcd": 1}, from_first=False)
    later.unasked(page(4, 5, head=5))
    assert later.pulls() == [("abcd", 1, 200)]


def test_only_so_many_rooms_are_pulled_at_a_time() -> None:
    rooms = Rooms({}, from_first=True)
    for number in range(MAX_PULLING + 2):
        rooms.came_to(f"room{number}", 5)
    assert len(rooms.pulls()) == MAX_PULLING
    assert rooms.pulls() == []
    rooms.not_pulled("room0", is_gone=True)
    assert [room for room, _, _ in rooms.pulls()] == [f"room{MAX_PULLING}"]


def test_a_pull_that_failed_for_now_is_repeated_and_one_that_never_can_is_not() -> None:
    rooms = Rooms({"abcd": 1, "efgh": 1}, from_first=False)
    rooms.came_to("abcd", 3)
    rooms.came_to("efgh", 3)
    rooms.pulls()
    rooms.not_pulled("abcd", is_gone=False)
    rooms.not_pulled("efgh", is_gone=True)
    assert rooms.pulls() == [("abcd", 1, 200)]


def test_after_a_disconnect_what_is_missing_is_pulled_again() -> None:
    rooms = Rooms({"abcd": 1}, from_first=False)
    rooms.came_to("abcd", 3)
    rooms.pulls()
    rooms.disconnected()
    assert rooms.pulls() == [("abcd", 1, 200)]
    rooms.pulled(page(2, 3, head=3))
    assert taken(rooms) == [2, 3]


def test_a_program_that_takes_nothing_bounds_what_is_kept_and_misses_nothing() -> None:
    rooms = Rooms({"abcd": 0}, from_first=False)
    total = MAX_READY + 500
    for seq in range(1, total + 1):
        rooms.entry(entry(seq))
    assert len(rooms.ready) == MAX_READY
    assert rooms.pulls() == []
    seqs = taken(rooms)
    assert rooms.pulls() == [("abcd", MAX_READY, 200)]
    rooms.pulled(page(*range(MAX_READY + 1, total + 1), head=total))
    assert seqs + taken(rooms) == list(range(1, total + 1))


def test_acknowledged_is_what_the_program_is_done_with() -> None:
    rooms = Rooms({"abcd": 4}, from_first=False)
    rooms.entry(entry(5))
    rooms.entry(entry(6))
    assert rooms.acks() == {}
    rooms.done_with(rooms.ready.popleft())
    assert rooms.acks() == {"abcd": 5}
    assert rooms.acks() == {}
    assert rooms.seqs() == {"abcd": 5}


def test_a_room_that_the_server_is_not_sure_of_is_acknowledged_again() -> None:
    rooms = Rooms({"abcd": 4}, from_first=False)
    rooms.listed(info(4))
    assert rooms.acks() == {"abcd": 4}
    rooms.disconnected()
    rooms.listed(info(4))
    assert rooms.acks() == {"abcd": 4}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_gets_lost_every_entry_comes_once_and_in_order(data: st.DataObject) -> None:
    head, rooms, got = 0, Rooms({"abcd": 0}, from_first=True), []
    under_way: list[int] = []
    for _ in range(data.draw(st.integers(1, 40))):
        step = data.draw(st.sampled_from(["post", "post", "lost", "pull", "answer", "take", "cut", "welcome", "lag"]))
        if step in ("post", "lost"):
            head += 1
            if step == "post":
                rooms.entry(entry(head))
        elif step == "pull":
            under_way += [after for _, after, _ in rooms.pulls()]
        elif step == "answer" and under_way:
            after, limit = under_way.pop(0), data.draw(st.integers(1, 3))
            seqs = range(after + 1, min(head, after + limit) + 1)
            rooms.pulled(page(*seqs, head=head, more=after + limit < head))
        elif step == "take":
            got += taken(rooms)
        elif step == "cut":
            under_way.clear()
            rooms.disconnected()
        elif step == "welcome":
            rooms.listed(info(head))
        elif step == "lag":
            rooms.came_to("abcd", head)
    rooms.came_to("abcd", head)
    while under_way or (pulls := rooms.pulls()):
        under_way += [] if under_way else [after for _, after, _ in pulls]
        after = under_way.pop(0)
        rooms.pulled(page(*range(after + 1, head + 1), head=head))
    assert got + taken(rooms) == list(range(1, head + 1))


def test_a_pull_that_was_refused_is_repeated_where_the_room_was_opened_to_this_member_meanwhile() -> None:
    rooms = Rooms({"abcd": 3}, from_first=False)
    rooms.came_to("abcd", 5)
    assert rooms.pulls() == [("abcd", 3, 200)]
    rooms.changed(info(8))
    rooms.not_pulled("abcd", is_gone=True)
    assert rooms.pulls() == [("abcd", 3, 200)]
    rooms.not_pulled("abcd", is_gone=True)
    assert rooms.pulls() == []


def test_a_page_of_the_list_does_not_take_back_what_changed_since_it_was_asked_for() -> None:
    rooms = Rooms({}, from_first=True)
    rooms.asks_for_list()
    rooms.changed(RoomInfo("abcd", "room", head=7, role="none"))
    rooms.page_listed([info(5), info(2, room="efgh")], is_back=False)
    assert {room: told.role for room, told in rooms.infos.items()} == {"abcd": "none", "efgh": "member"}
    rooms.asks_for_list()
    rooms.page_listed([info(9)], is_back=False)
    assert rooms.infos["abcd"].role == "member"
