"""What crosses to other cells for a post: who wrote it hears by what is handed out there anyway, and nobody is sent his own."""

from __future__ import annotations

from actors import events as e
from actors.runtime.link import LINK_VERSION
from actors.runtime.remote import ANSWERS_VERSION
from tests.kit.chat import Device, Town
from tests.kit.scene import answered, key_on, make_room, post, say, user_on


def scene(ann_on: str, bob_on: str, **options: dict[str, int]) -> tuple[Town, Device, Device, str]:
    """A quiet room of two on cell ``a``, where both accounts live too."""
    town = Town(["a", "b"], **options)  # type: ignore[arg-type]
    names = user_on(town, "a", "ann"), user_on(town, "a", "bob")
    town.register(*names, devices=("d1",))
    ann, bob = town.connect(names[0], ann_on), town.connect(names[1], bob_on)
    room = make_room(town, ann, names[1], key=key_on(town, "a", names[0]))
    say(town, bob, room, 1)
    town.settle(5.0)
    ann.forget()
    bob.forget()
    return town, ann, bob, room


def crossed(town: Town) -> int:
    """Items that went from the room's cell to the other one so far."""
    link = town.hosts["a"].links.link("b")
    assert link is not None
    return link.counters["items"]


def test_the_answer_rides_with_what_a_reader_at_the_same_edge_is_handed() -> None:
    town, ann, bob, room = scene("b", "b")
    before = crossed(town)
    assert say(town, ann, room, 1) == [3]
    assert crossed(town) == before + 1
    assert (ann.pushed(room), bob.pushed(room)) == ([], [3])
    assert ann.last(e.Sent).at == bob.last(e.Entry).at


def test_posts_of_one_commit_are_answered_by_one_item_each_with_its_seq() -> None:
    town, ann, bob, room = scene("b", "b")
    before = crossed(town)
    post(bob, room, 2)
    assert say(town, ann, room, 1, 2, 3) == [4, 5, 6]
    assert answered(bob, room, 2) == 3
    assert crossed(town) == before + 1
    assert (ann.pushed(room), bob.pushed(room)) == ([3], [4, 5, 6])


def test_a_writer_alone_at_its_edge_gets_the_answer_and_not_its_own_post() -> None:
    town, ann, bob, room = scene("b", "a")
    before = crossed(town)
    assert say(town, ann, room, 1) == [3]
    assert crossed(town) == before + 1
    assert (ann.pushed(room), bob.pushed(room)) == ([], [3])


def test_a_writer_at_another_edge_than_its_reader_is_answered_by_itself() -> None:
    town, ann, bob, room = scene("a", "b")
    before = crossed(town)
    assert say(town, ann, room, 1) == [3]
    assert (crossed(town), bob.pushed(room)) == (before + 1, [3])


def test_an_edge_of_the_version_before_is_told_the_answer_by_itself() -> None:
    town, ann, bob, room = scene("b", "b", link_versions={"b": ANSWERS_VERSION - 1})
    assert ANSWERS_VERSION - 1 >= LINK_VERSION - 1
    before = crossed(town)
    assert say(town, ann, room, 1) == [3]
    assert crossed(town) == before + 2
    assert (ann.pushed(room), bob.pushed(room)) == ([], [3])


def test_answers_do_not_wait_for_posts_that_are_not_yet_stored() -> None:
    town, ann, bob, room = scene("b", "b")
    store = town.hosts["a"].store
    store.hold()
    post(ann, room, 1)
    town.settle(0.1)
    post(ann, room, 2)
    town.settle(0.1)
    store.settle(1)
    town.settle(0.1)
    assert answered(ann, room, 1) == 3
    assert not [x for x in ann.of(e.Sent, room) if x.n == 2]
    store.flow()
    town.settle(0.1)
    assert (answered(ann, room, 2), bob.pushed(room)) == (4, [3, 4])
