"""The rule of `n` and id: what one device sends to a room is stored once, in its order, whatever is repeated."""

from __future__ import annotations

from functools import partial

from actors import commands as c
from actors import events as e
from actors.numbers import Numbers
from actors.runtime.actor import actor_id
from actors.store.rows import CheckpointRow, EntryRow
from tests.kit import scene
from tests.kit.chat import Device, Town
from tests.kit.scene import (
    active_room,
    answered,
    code,
    host_of,
    key_on,
    lose,
    make_room,
    post,
    refused,
    request,
    rows,
    say,
    user_on,
)

pair = partial(scene.pair, "cat")


def reconnect(town: Town, device: Device, life: str | None = None) -> Device:
    """The same device on a new connection."""
    device.hang_up()
    return town.connect(device.user, life, device.device.removeprefix(device.user))


def texts(town: Town, room: str) -> list[str]:
    return [row.body for row in rows(town, EntryRow, room) if row.kind == "text"]


def restart(town: Town, room: str) -> None:
    """The room's instance goes, and the next message loads it from the store."""
    cell = host_of(town, "room", room).cell
    activation = cell.activation(actor_id("room", room))
    assert activation is not None
    activation.stop()
    town.settle()
    assert cell.activation(actor_id("room", room)) is None


def test_posts_get_the_next_numbers_of_the_room() -> None:
    town, ann, bob, room = pair()
    assert say(town, ann, room, 1, 2) == [2, 3]
    assert say(town, bob, room, 1) == [4]
    assert say(town, ann, room, 3) == [5]


def test_a_repeat_with_the_same_id_gets_the_same_seq_and_is_stored_once() -> None:
    town, ann, bob, room = pair()
    say(town, ann, room, 1)
    ann.forget()
    assert say(town, ann, room, 1) == [2]
    assert texts(town, room) == ["text 1 of ann"]
    assert bob.pushed(room) == [2]


def test_another_id_under_a_used_number_is_refused_with_the_last_one() -> None:
    town, ann, _, room = pair()
    say(town, ann, room, 1, 2)
    ann.forget()
    post(ann, room, 1, ident="another-id")
    town.settle()
    answer = refused(ann, room, 1)
    assert (answer.code, answer.fields, answer.retry) == ("number_used", {"last": 2}, False)


def test_a_hole_is_refused_and_says_which_number_is_expected() -> None:
    town, ann, _, room = pair()
    say(town, ann, room, 1)
    post(ann, room, 3)
    town.settle()
    answer = refused(ann, room, 3)
    assert (answer.code, answer.fields, answer.retry) == ("expected", {"n": 2}, True)
    assert say(town, ann, room, 2) == [3]


def test_two_devices_of_one_person_count_for_themselves() -> None:
    town, ann, _, room = pair()
    other = town.connect("ann", device="d2")
    assert say(town, ann, room, 1) == [2]
    assert say(town, other, room, 1) == [3]


def test_each_room_is_counted_for_itself() -> None:
    town, ann, _, room = pair()
    second = make_room(town, ann, "bob")
    assert say(town, ann, room, 1) == [2]
    assert say(town, ann, second, 1) == [2]


def test_of_one_number_sent_twice_before_its_answer_one_answer_comes() -> None:
    town, ann, _, room = pair()
    post(ann, room, 1)
    post(ann, room, 1)
    town.settle()
    assert answered(ann, room, 1) == 2


def test_another_id_for_a_number_without_an_answer_is_refused() -> None:
    town, ann, _, room = pair()
    post(ann, room, 1)
    post(ann, room, 1, ident="another-id")
    town.settle()
    assert answered(ann, room, 1) == 2
    assert refused(ann, room, 1).code == "number_used"


def test_64_posts_may_be_unanswered_and_the_next_is_refused_with_a_time() -> None:
    town, ann, _, room = pair()
    town.hosts["a"].store.hold()
    for n in range(1, 66):
        post(ann, room, n)
    town.settle()
    answer = refused(ann, room, 65)
    assert (answer.code, answer.retry) == ("too_many_unanswered", True)
    town.hosts["a"].store.flow()
    town.settle()
    assert [answered(ann, room, n) for n in range(1, 65)] == list(range(2, 66))
    ann.forget()
    assert say(town, ann, room, 65) == [66]


def test_after_a_restart_of_the_room_a_repeat_gets_the_same_seq() -> None:
    town, ann, _, room = pair()
    say(town, ann, room, 1, 2)
    restart(town, room)
    ann = reconnect(town, ann)
    assert say(town, ann, room, 1, 2, 3) == [2, 3, 4]
    assert len(texts(town, room)) == 3


def test_where_only_the_checkpoint_knows_the_number_the_id_is_read_from_the_log() -> None:
    town, ann, _, room = pair()
    say(town, ann, room, 1, 2)
    restart(town, room)
    (checkpoint,) = rows(town, CheckpointRow, room)
    assert checkpoint.seq == 3
    ann = reconnect(town, ann)
    assert say(town, ann, room, 1) == [2]
    post(ann, room, 2, ident="another-id")
    town.settle()
    assert refused(ann, room, 2).code == "number_used"


def test_checkpoints_are_made_now_and_then_while_the_room_goes_on() -> None:
    town, ann, _, room = pair()
    for start in range(1, 300, 50):
        say(town, ann, room, *range(start, start + 50))
    (checkpoint,) = rows(town, CheckpointRow, room)
    assert checkpoint.seq >= 256
    town.hosts["a"].cell.drop_slots(range(4096))  # no stop hook: the tail behind the checkpoint has to be read
    town.hosts["a"].cell.open_slots(range(4096))
    ann = reconnect(town, ann)
    assert say(town, ann, room, 300) == [301]
    assert say(town, ann, room, 299, 301) == [300, 302]


def test_a_number_from_long_ago_is_used_whatever_its_id() -> None:
    town, ann, _, room = pair()
    for start in range(1, 300, 50):
        say(town, ann, room, *range(start, start + 50))
    restart(town, room)
    ann = reconnect(town, ann)
    post(ann, room, 1)
    town.settle()
    assert refused(ann, room, 1).fields == {"last": 300}


def test_after_a_takeover_by_another_cell_a_repeat_gets_the_same_seq() -> None:
    town = Town(["a", "b"])
    ann_name, bob_name = user_on(town, "a", "ann"), user_on(town, "a", "bob")
    town.register(ann_name, bob_name)
    ann = town.connect(ann_name, "a")
    room = make_room(town, ann, bob_name, key=key_on(town, "b", ann_name))
    say(town, ann, room, *range(1, 9))
    lose(town, "b")
    ann = reconnect(town, ann, "a")
    assert say(town, ann, room, *range(1, 10)) == list(range(2, 11))
    assert len(texts(town, room)) == 9


def test_a_post_that_was_stored_before_its_cell_died_is_answered_by_the_next_owner() -> None:
    """Eight in flight, committed, not yet answered: the session repeats them and gets the seqs that they have."""
    town = Town(["a", "b"])
    ann_name, bob_name = user_on(town, "a", "ann"), user_on(town, "a", "bob")
    town.register(ann_name, bob_name)
    ann, bob = town.connect(ann_name, "a"), town.connect(bob_name, "a")
    room = make_room(town, ann, bob_name, key=key_on(town, "b", ann_name))
    store = town.hosts["b"].store
    store.hold()
    for n in range(1, 9):
        post(ann, room, n)
    town.settle()
    for change in store.waiting():
        town.disk.apply(change)
    lose(town, "b")
    town.settle(3.0)
    assert [answered(ann, room, n) for n in range(1, 9)] == list(range(2, 10))
    assert len(texts(town, room)) == 8
    assert bob.of(e.Head, room)[-1].head == 9  # it hears of them without a further post


def test_a_post_that_was_not_stored_before_its_cell_died_is_stored_by_the_next_owner() -> None:
    town = Town(["a", "b"])
    ann_name, bob_name = user_on(town, "a", "ann"), user_on(town, "a", "bob")
    town.register(ann_name, bob_name)
    ann = town.connect(ann_name, "a")
    room = make_room(town, ann, bob_name, key=key_on(town, "b", ann_name))
    town.hosts["b"].store.hold()
    for n in range(1, 9):
        post(ann, room, n)
    town.settle()
    assert ann.of(e.Sent, room) == []
    lose(town, "b")
    town.settle(3.0)
    assert [answered(ann, room, n) for n in range(1, 9)] == list(range(2, 10))


def test_after_a_kick_a_stored_post_is_still_acknowledged_and_a_new_one_refused() -> None:
    town, ann, bob, _ = pair()
    room = make_room(town, ann, "bob")
    say(town, bob, room, 1)
    assert code(request(town, ann, c.Kick, room=room, user="bob")) == "ok"
    bob.forget()
    assert say(town, bob, room, 1) == [2]
    post(bob, room, 2)
    town.settle()
    assert (refused(bob, room, 2).code, refused(bob, room, 2).retry) == ("no_such_room", False)


def test_after_joining_again_the_count_goes_on() -> None:
    town, ann, bob, _ = pair()
    room = make_room(town, ann, "bob")
    say(town, bob, room, 1)
    request(town, ann, c.Kick, room=room, user="bob")
    request(town, ann, c.Invite, room=room, user="bob")
    bob.forget()
    assert say(town, bob, room, 1, 2) == [2, 5]


def test_who_never_was_a_member_may_not_post_and_leaves_no_trace() -> None:
    town, _, _, room = pair()
    cat = town.connect("cat")
    post(cat, room, 1)
    town.settle()
    assert refused(cat, room, 1).code == "no_such_room"
    assert len(active_room(town, room).log.numbers) == 0


def test_a_post_to_a_room_that_is_not_there_is_refused_and_leaves_no_actor() -> None:
    town, ann, _, _ = pair()
    post(ann, "rnothere", 1)
    town.settle()
    assert refused(ann, "rnothere", 1).code == "no_such_room"
    assert town.hosts["a"].cell.activation(actor_id("room", "rnothere")) is None


def test_numbers_survive_their_checkpoint() -> None:
    numbers = Numbers()
    for n in range(1, 201):
        numbers.of("phone").add(n, n * 10, f"id {n}")
    kept = Numbers.decode(numbers.encode()).of("phone")
    assert kept.last == 200
    assert [kept.find(n).seq for n in (137, 200)] == [1370, 2000]  # type: ignore[union-attr]
    assert kept.find(136) is None
    assert kept.find(201) is None
