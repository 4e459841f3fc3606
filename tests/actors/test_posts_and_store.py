"""Posts while the store fails: nothing is acknowledged that is not durable, nothing is fanned out, order is kept."""

from __future__ import annotations

import pytest

from actors import commands as c
from actors import events as e
from actors.errors import ChatError, Unknown
from actors.messages.room import KeyedPost, OpenDirect, Stored
from actors.runtime.actor import actor_id
from actors.store.rows import EntryRow, KeyRow
from actors.store.store import Conflict, OutcomeUnknown, StoreUnavailable, Unreadable
from tests.kit.chat import Town
from tests.kit.scene import answered, code, host_of, key_on, make_room, pair, post, pull, refused, request, rows, say, seqs, user_on


def stored(town: Town, room: str) -> int:
    return len(rows(town, EntryRow, room))


def test_while_the_store_is_away_posts_are_refused_with_a_time_and_nobody_is_told() -> None:
    town, ann, bob, room = pair()
    town.hosts["a"].store.break_down()
    post(ann, room, 1)
    town.settle()
    answer = refused(ann, room, 1)
    assert (answer.code, answer.retry, answer.retry_after) == ("store_unavailable", True, 1.0)
    assert bob.seen == []
    assert stored(town, room) == 1


def test_when_the_store_is_back_the_same_numbers_are_taken_in_their_order() -> None:
    town, ann, bob, room = pair()
    town.hosts["a"].store.break_down()
    for n in (1, 2, 3):
        post(ann, room, n)
    town.settle()
    assert [refused(ann, room, n).code for n in (1, 2, 3)] == ["store_unavailable"] * 3
    town.hosts["a"].store.mend()
    ann.forget()
    town.settle(2.0)
    assert say(town, ann, room, 1, 2, 3) == [2, 3, 4]
    assert bob.pushed(room) == [2, 3, 4]


def test_what_waits_behind_a_refused_post_is_refused_too_and_its_number_is_expected_again() -> None:
    town, ann, _, room = pair()
    town.hosts["a"].store.fail_next(StoreUnavailable("full"))
    post(ann, room, 1)
    town.clock.run()
    for n in (2, 3):
        post(ann, room, n)
    town.settle()
    assert refused(ann, room, 1).code == "store_unavailable"
    assert [(refused(ann, room, n).code, refused(ann, room, n).fields) for n in (2, 3)] == [("expected", {"n": 1})] * 2
    ann.forget()
    assert say(town, ann, room, 1, 2, 3) == [2, 3, 4]


def test_a_conflict_makes_the_room_read_what_is_there_and_the_post_follows() -> None:
    town, ann, bob, room = pair()
    town.hosts["a"].store.fail_next(Conflict("somebody else wrote"))
    post(ann, room, 1)
    town.settle(1.0)
    assert answered(ann, room, 1) == 2
    assert ann.of(e.Refused) == []
    assert bob.pushed(room) == [2]


@pytest.mark.parametrize("applied", [True, False])
def test_an_unknown_outcome_is_found_out_and_the_post_is_there_once(applied: bool) -> None:
    town, ann, bob, room = pair()
    town.hosts["a"].store.fail_next(OutcomeUnknown("no answer"), applied=applied)
    post(ann, room, 1)
    town.settle(3.0)
    assert answered(ann, room, 1) == 2
    assert stored(town, room) == 2
    bob_knows = bob.pushed(room) or [head.head for head in bob.of(e.Head, room)]
    assert bob_knows == [2]


def test_a_sealed_life_acknowledges_nothing_and_asks_for_the_view() -> None:
    town, ann, bob, room = pair()
    asked: list[str] = []
    town.hosts["a"].cell.on_lost_ownership(asked.append)
    town.disk.seal("a")
    post(ann, room, 1)
    town.settle()
    assert ann.of(e.Sent) == []
    assert bob.of(e.Entry) == []
    assert asked[0] == actor_id("room", room)


def test_a_post_that_waits_too_long_is_said_to_be_of_unknown_outcome() -> None:
    town, ann, _, room = pair()
    town.hosts["a"].store.hold()
    post(ann, room, 1)
    town.settle(32.0)
    answer = refused(ann, room, 1)
    assert (answer.code, answer.retry) == ("unknown_outcome", True)
    town.hosts["a"].store.flow()
    town.settle()
    ann.forget()
    assert say(town, ann, room, 1) == [2]
    assert stored(town, room) == 2


def test_rooms_of_one_cell_share_a_commit_and_only_the_failing_one_fails() -> None:
    town, ann, _, room = pair()
    second = make_room(town, ann, "bob")
    store = town.hosts["a"].store
    store.hold()
    post(ann, room, 1)
    post(ann, second, 1)
    town.clock.run()
    assert len(store.waiting()) == 2
    store.fail_next(StoreUnavailable("only the first"))
    store.flow()
    town.settle()
    assert refused(ann, room, 1).code == "store_unavailable"
    assert answered(ann, second, 1) == 2


def test_all_waiting_posts_of_a_room_are_one_commit_and_one_push() -> None:
    town, ann, bob, room = pair()
    before = len(town.hosts["a"].store.commits)
    assert say(town, ann, room, *range(1, 21)) == list(range(2, 22))
    entries = [change for change in town.hosts["a"].store.commits[before:] if any(isinstance(row, EntryRow) for row in change.puts)]
    assert len(entries) <= 2  # the first alone, the rest while it is under way
    assert bob.pushed(room) == list(range(2, 22))


def test_a_sender_is_not_pushed_its_own_but_its_other_devices_are() -> None:
    town, ann, _, room = pair()
    other = town.connect("ann", device="d2")
    say(town, ann, room, 1)
    assert ann.pushed(room) == []
    assert other.pushed(room) == [2]


# --- posts by HTTP ---------------------------------------------------------------------------------------------------


def keyed(town: Town, room: str, key: str, body: str, by: str = "ann") -> Stored:
    answer = town.ask(actor_id("room", room), KeyedPost(by, key, body))
    assert isinstance(answer, Stored)
    return answer


def test_a_keyed_post_is_stored_once_however_often_it_comes() -> None:
    town, _, bob, room = pair()
    first = keyed(town, room, "key-1", "hello")
    assert keyed(town, room, "key-1", "hello") == first
    assert stored(town, room) == 2
    assert bob.pushed(room) == [2]


def test_a_key_for_another_body_is_refused() -> None:
    town, _, _, room = pair()
    keyed(town, room, "key-1", "hello")
    with pytest.raises(ChatError, match="key_reused"):
        keyed(town, room, "key-1", "another")


def test_keys_of_two_people_are_apart() -> None:
    town, _, _, room = pair()
    assert keyed(town, room, "key-1", "hello").seq == 2
    assert keyed(town, room, "key-1", "hello", by="bob").seq == 3


def test_a_keyed_post_of_unknown_outcome_is_found_by_its_key() -> None:
    town, _, _, room = pair()
    town.hosts["a"].store.fail_next(OutcomeUnknown("no answer"), applied=True)
    with pytest.raises(Unknown):
        keyed(town, room, "key-1", "hello")
    assert keyed(town, room, "key-1", "hello").seq == 2
    assert len(rows(town, KeyRow, room)) == 1


def test_a_keyed_post_while_the_store_is_away_is_refused_as_not_done() -> None:
    town, _, _, room = pair()
    town.hosts["a"].store.break_down()
    with pytest.raises(ChatError, match="store_unavailable"):
        keyed(town, room, "key-1", "hello")


def test_a_key_answers_also_who_was_kicked_since() -> None:
    town, ann, _, _ = pair()
    room = make_room(town, ann, "bob")
    first = keyed(town, room, "key-1", "hello", by="bob")
    assert code(request(town, ann, c.Kick, room=room, user="bob")) == "ok"
    assert keyed(town, room, "key-1", "hello", by="bob") == first
    with pytest.raises(ChatError, match="no_such_room"):
        keyed(town, room, "key-2", "hello", by="bob")


# --- reads -----------------------------------------------------------------------------------------------------------


def test_history_while_the_store_is_away_is_refused_as_retryable_and_harms_nobody() -> None:
    town, ann, _, room = pair()
    town.hosts["a"].store.break_down()
    answer = pull(town, ann, room)
    assert isinstance(answer, e.Failed)
    assert (answer.code, answer.retry) == ("store_unavailable", True)
    assert town.hosts["a"].reports == []
    town.hosts["a"].store.mend()
    assert seqs(pull(town, ann, room)) == [1]


def test_a_page_that_cannot_be_read_any_more_is_refused_for_good_and_told_to_operators() -> None:
    town, ann, _, room = pair()
    town.hosts["a"].store.break_down(Unreadable("a sealed value does not open"))
    answer = pull(town, ann, room)
    assert isinstance(answer, e.Failed)
    assert (answer.code, answer.retry, answer.retry_after) == ("damaged", False, None)
    assert [what for what, *_ in town.hosts["a"].reports] == ["damaged"]
    town.hosts["a"].store.mend()
    assert seqs(pull(town, ann, room)) == [1]


def test_posts_to_a_room_that_cannot_be_loaded_are_refused_for_good_and_nothing_is_written_over_it() -> None:
    town, ann, _, room = pair()
    town.settle(400.0)  # the room retires
    town.hosts["a"].store.break_down(Unreadable("a sealed value does not open"))
    post(ann, room, 1)
    town.settle()
    answer = refused(ann, room, 1)
    assert (answer.code, answer.retry) == ("damaged", False)
    with pytest.raises(ChatError, match="damaged"):
        keyed(town, room, "key-1", "hello")
    with pytest.raises(ChatError, match="damaged"):
        town.ask(actor_id("room", room), OpenDirect("ann", "bob"))
    town.hosts["a"].store.mend()
    post(ann, room, 1)
    town.settle()
    assert answered(ann, room, 1) == 2


def test_a_page_never_names_a_head_before_its_own_entries() -> None:
    """The store may show a commit whose room has not heard of it yet."""
    town, ann, bob, room = pair()
    store = town.hosts["a"].store
    store.hold()
    post(ann, room, 1)
    town.clock.run()
    town.disk.apply(store.waiting()[0])
    page = pull(town, bob, room)
    assert isinstance(page, e.Page)
    assert (seqs(page), page.head) == ([1, 2], 2)


def test_posts_go_on_while_pages_are_read() -> None:
    town = Town(["a", "b"])
    ann_name = user_on(town, "a", "ann")
    town.register(ann_name)
    ann = town.connect(ann_name, "a")
    room = make_room(town, ann, key=key_on(town, "b", ann_name))
    for q in range(1, 5):
        ann.say(c.Pull(q, room))
    post(ann, room, 1)
    town.settle()
    assert answered(ann, room, 1) == 2
    assert len(ann.of(e.Page, room)) == 4
    assert host_of(town, "room", room).cell.life == "b"
