"""The view: who owns what, what the next view is, and that a stored one is read or refused."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.codec import pack, unpack
from actors.runtime.ring import SLOTS
from actors.runtime.view import (
    FORMAT,
    CellInfo,
    Move,
    View,
    ViewError,
    add_cells,
    begin_moves,
    drain_cell,
    end_drain,
    end_moves,
    first_view,
    remove_cell,
    remove_cells,
    replace_cell,
    set_override,
    wanted_moves,
    withdraw_moves,
)


def cell(name: str, run: int = 1, *labels: str, weight: float = 1.0) -> CellInfo:
    """A life of a cell."""
    return CellInfo(f"{name}.{run}", name, labels or ("edge", "chat"), f"ws://{name}:1", "z1", weight)


def three(groups: int = 64) -> View:
    """Cells a, b, c."""
    return first_view([cell("a"), cell("b"), cell("c")], groups)


def test_the_first_view_gives_every_slot_to_a_chat_cell() -> None:
    view = first_view([cell("a"), cell("b"), cell("front", 1, "edge"), cell("spam", 1, "gpu")])
    assert view.version == 1
    assert {view.owner(slot) for slot in range(SLOTS)} == {"a.1", "b.1"}
    assert view.lives("edge") == ("a.1", "b.1", "front.1")
    assert view.lives("chat") == ("a.1", "b.1")
    assert view.lives("gpu") == ("spam.1",)
    assert view.lives("nothing") == ()
    assert view.slots("a.1") + view.slots("b.1") != ()
    assert {view.epoch(slot) for slot in range(SLOTS)} == {1}


def test_a_view_without_chat_cells_has_slots_that_nobody_owns_until_one_comes() -> None:
    view = first_view([cell("front", 1, "edge")], 8)
    assert view.owner(0) is None
    later = add_cells(view, [cell("a")])
    assert set(later.by_slot) == {"a.1"}
    assert later.gained(view, "a.1") == tuple(range(SLOTS))
    assert later.epochs == (2,) * 8


def test_a_cell_that_joins_owns_nothing_until_moves_bring_it_its_part() -> None:
    view = three()
    joined = add_cells(view, [cell("d")])
    assert joined.slots("d.1") == ()
    assert joined.owner_lives == view.owner_lives
    wanted = wanted_moves(joined)
    assert {move.to for move in wanted} == {"d.1"}
    assert 64 / 4 / 1.25 <= len(wanted) <= 64 * (1 / 4 + 0.1)
    moved = end_moves(begin_moves(joined, wanted), {move.group for move in wanted})
    assert len(moved.slots("d.1")) == len(wanted) * SLOTS // 64
    assert wanted_moves(moved) == []
    assert max(Counter(moved.owner_lives).values()) <= 1.25 * 16


def test_while_a_group_moves_its_owner_stays_and_its_slots_are_named() -> None:
    view = three()
    owner = view.owner_lives[5]
    assert owner is not None
    target = next(life for life in view.lives("chat") if life != owner)
    moving = begin_moves(view, [Move(5, target)])
    assert moving.owner_lives[5] == owner
    assert moving.epochs[5] == 1
    assert moving.slots_moving == set(range(5 * 64, 6 * 64))
    assert (moving.gained(view, target), moving.lost(view, owner)) == ((), ())
    ended = end_moves(moving, {5})
    assert ended.owner_lives[5] == target
    assert ended.epochs[5] == ended.version == 3
    assert ended.moves == ()
    assert ended.gained(moving, target) == ended.lost(moving, owner) == tuple(range(5 * 64, 6 * 64))


def test_a_move_that_is_withdrawn_changes_no_owner_and_no_epoch() -> None:
    view = three()
    target = next(life for life in view.lives("chat") if life != view.owner_lives[5])
    back = withdraw_moves(begin_moves(view, [Move(5, target)]), {5})
    assert (back.owner_lives, back.epochs, back.moves) == (view.owner_lives, view.epochs, ())
    assert back.version == 3


@pytest.mark.parametrize("move", [Move(5, "nobody"), Move(5, "front.1"), Move(64, "a.1"), Move(-1, "a.1")])
def test_moves_that_lead_nowhere_are_refused(move: Move) -> None:
    view = add_cells(three(), [cell("front", 1, "edge")])
    with pytest.raises(ViewError):
        begin_moves(view, [move])


def test_a_group_moves_once_at_a_time_and_never_to_its_owner() -> None:
    view = three()
    owner = view.owner_lives[5]
    assert owner is not None
    others = [life for life in view.lives("chat") if life != owner]
    with pytest.raises(ViewError):
        begin_moves(view, [Move(5, owner)])
    with pytest.raises(ViewError):
        begin_moves(view, [Move(5, life) for life in others])
    with pytest.raises(ViewError):
        begin_moves(begin_moves(view, [Move(5, others[0])]), [Move(5, others[1])])
    with pytest.raises(ViewError):
        end_moves(view, {5})
    with pytest.raises(ViewError):
        withdraw_moves(view, {5})


def test_a_cell_that_leaves_gives_its_groups_to_the_others_at_once_and_waits_to_be_drained() -> None:
    view = three()
    left = remove_cell(view, "b.1")
    assert "b.1" not in left.owner_lives
    assert left.undrained == ("b.1",)
    assert left.cell("b.1") is None
    for group, (before, after) in enumerate(zip(view.owner_lives, left.owner_lives, strict=True)):
        assert (after == before) == (before != "b.1")
        assert left.epochs[group] == (2 if before == "b.1" else 1)
    assert set(left.gained(view, "a.1")) | set(left.gained(view, "c.1")) == set(view.slots("b.1")) == set(left.lost(view, "b.1"))
    drained = end_drain(left, "b.1")
    assert drained.undrained == ()
    with pytest.raises(ViewError):
        end_drain(drained, "b.1")
    with pytest.raises(ViewError):
        remove_cell(drained, "b.1")


def test_moves_from_and_to_a_cell_that_leaves_are_forgotten() -> None:
    view = three()
    of_b = view.owner_lives.index("b.1")
    of_a = view.owner_lives.index("a.1")
    other = view.owner_lives.index("c.1")
    moving = begin_moves(view, [Move(of_b, "c.1"), Move(of_a, "b.1"), Move(other, "a.1")])
    assert remove_cell(moving, "b.1").moves == (Move(other, "a.1", moving.version),)


def test_when_the_last_owner_leaves_nobody_owns_anything() -> None:
    view = remove_cell(first_view([cell("a")], 4), "a.1")
    assert set(view.by_slot) == {None}
    assert View.decode(view.encode()) == view


def test_a_restarted_cell_is_a_new_life_and_gets_the_groups_of_its_name_back() -> None:
    view = first_view([cell(name) for name in "abcdef"], 512)
    before = {group for group, life in enumerate(view.owner_lives) if life == "c.1"}
    again = add_cells(remove_cell(view, "c.1"), [cell("c", 2)])
    wanted = wanted_moves(again)
    assert {move.to for move in wanted} == {"c.2"}
    assert len({move.group for move in wanted} & before) >= 0.8 * len(before)


def settled(view: View) -> View:
    """The view once everything that is wanted has moved."""
    moves = wanted_moves(view)
    return end_moves(begin_moves(view, moves), {move.group for move in moves}) if moves else view


def changed_names(before: View, after: View) -> int:
    """How many groups belong to a cell of another name."""
    names = [[view.by_life[life].name for life in view.owner_lives if life is not None] for view in (before, after)]
    return sum(a != b for a, b in zip(*names, strict=True))


@given(st.integers(1, 10), st.sampled_from([64, 512, SLOTS]), st.data())
@settings(max_examples=40, deadline=None)
def test_adding_or_removing_one_of_n_cells_moves_few_slots(count: int, groups: int, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.integers(0, 99), min_size=count + 1, max_size=count + 1, unique=True))
    cells = [cell(f"cell-{number}") for number in names]
    before = settled(first_view(cells[:-1], groups))
    joined = settled(add_cells(before, cells[-1:]))
    assert wanted_moves(joined) == []
    assert changed_names(before, joined) <= groups * (1 / (count + 1) + 0.1)
    removed = settled(remove_cell(joined, data.draw(st.sampled_from(cells)).life))
    assert wanted_moves(removed) == []
    assert changed_names(joined, removed) <= groups * (1 / (count + 1) + 0.1)


@given(st.integers(2, 6), st.data())
@settings(max_examples=25, deadline=None)
def test_several_lives_that_leave_at_once_give_nothing_to_each_other(count: int, data: st.DataObject) -> None:
    cells = [cell(f"cell-{number}") for number in range(count)]
    view = settled(first_view(cells, 64))
    gone = data.draw(st.lists(st.sampled_from([c.life for c in cells]), min_size=1, max_size=count - 1, unique=True))
    left = remove_cells(view, gone)
    assert left.version == view.version + 1
    assert not set(left.owner_lives) & set(gone)
    assert left.undrained == tuple(gone)
    assert remove_cells(view, gone, drained=True).undrained == ()
    assert [owner for owner, before in zip(left.owner_lives, view.owner_lives, strict=True) if before not in gone] == [
        before for before in view.owner_lives if before not in gone
    ]


def test_two_living_cells_of_one_name_or_life_are_refused() -> None:
    view = three()
    with pytest.raises(ViewError):
        add_cells(view, [cell("a", 2)])
    with pytest.raises(ViewError):
        add_cells(view, [CellInfo("a.1", "other")])


def test_a_group_that_was_lost_and_regained_between_two_views_is_both() -> None:
    view = three()
    owner = view.owner_lives[5]
    assert owner is not None
    other = next(life for life in view.lives("chat") if life != owner)
    there = end_moves(begin_moves(view, [Move(5, other)]), {5})
    back = end_moves(begin_moves(there, [Move(5, owner)]), {5})
    slots = tuple(range(5 * 64, 6 * 64))
    assert back.gained(view, owner) == back.lost(view, owner) == slots
    assert back.gained(back, owner) == ()


def test_an_override_is_wanted_as_a_move_and_kept_while_its_cell_lives() -> None:
    view = three()
    group = view.owner_lives.index("a.1")
    decided = set_override(view, group, "b")
    assert wanted_moves(decided) == [Move(group, "b.1")]
    moved = end_moves(begin_moves(decided, [Move(group, "b.1")]), {group})
    assert wanted_moves(moved) == []
    joined = add_cells(moved, [cell("d")])
    assert group not in {move.group for move in wanted_moves(joined)}
    without_b = remove_cell(joined, "b.1")
    assert without_b.owner_lives[group] in ("a.1", "c.1", "d.1")
    assert set_override(moved, group, None).overrides == {}
    with pytest.raises(ViewError):
        set_override(view, 64, "b")


def test_an_override_by_hand_is_marked_until_it_is_changed_by_load_or_taken_back() -> None:
    decided = set_override(set_override(three(), 3, "b", by_hand=True), 4, "c")
    assert View.decode(decided.encode()).pinned == (3,)
    assert set_override(decided, 3, "c", by_hand=True).pinned == (3,)
    assert set_override(decided, 3, None).pinned == set_override(decided, 3, "c").pinned == ()
    assert add_cells(decided, [cell("d")]).pinned == (3,)


def test_what_moves_already_is_not_wanted_again() -> None:
    joined = add_cells(three(), [cell("d")])
    wanted = wanted_moves(joined)
    assert wanted_moves(begin_moves(joined, wanted[:3])) == wanted[3:]


def test_a_heavier_cell_owns_more() -> None:
    view = first_view([cell("a"), cell("b", weight=3.0)])
    assert len(view.slots("b.1")) == pytest.approx(0.75 * SLOTS, rel=0.1)


def test_a_stored_view_is_read_as_it_was_written_and_is_small() -> None:
    view = begin_moves(set_override(remove_cell(first_view([cell(name) for name in "abcdefgh"]), "b.1"), 7, "c"), [])
    assert View.decode(view.encode()) == view
    assert View.decode(view.encode()).by_slot == view.by_slot
    assert len(view.encode()) < 12_000
    assert len(first_view([cell("a"), cell("b")], 2).encode()) < 120


def test_a_view_of_the_format_before_or_after_is_read_and_of_another_is_refused() -> None:
    view = three()
    for format in (FORMAT - 1, FORMAT, FORMAT + 1):
        assert View.decode(pack((format, view))) == view
    for format in (FORMAT + 2, FORMAT - 2):
        with pytest.raises(ViewError, match=f"format {format}"):
            View.decode(pack((format, view)))


def test_what_the_next_format_adds_at_its_ends_is_passed_over() -> None:
    view = three()
    fields = unpack(list[object], pack(view))
    cells = [[*unpack(list[object], pack(cell)), "later"] for cell in view.cells]
    assert View.decode(pack((FORMAT + 1, [fields[0], cells, *fields[2:], "later"]))) == view
    without_draining = fields[:-1]
    assert View.decode(pack((FORMAT - 1, without_draining))) == view


def test_a_cell_that_is_to_be_emptied_loses_its_groups_to_the_others_and_may_be_kept_after_all() -> None:
    view = drain_cell(three(), "b.1")
    assert view.draining == ("b.1",)
    mine = {group for group, life in enumerate(view.owner_lives) if life == "b.1"}
    moves = wanted_moves(view)
    assert {move.group for move in moves} == mine
    assert {move.to for move in moves} == {"a.1", "c.1"}
    assert wanted_moves(end_moves(begin_moves(view, moves), mine)) == []
    assert wanted_moves(drain_cell(view, "b.1", wanted=False)) == []
    assert View.decode(view.encode()) == view


def test_nothing_moves_to_a_cell_that_is_to_be_emptied_not_even_what_was_under_way() -> None:
    view = three()
    group = view.owner_lives.index("a.1")
    moving = begin_moves(view, [Move(group, "b.1")])
    assert drain_cell(moving, "b.1").moves == ()
    with pytest.raises(ViewError):
        begin_moves(drain_cell(view, "b.1"), [Move(group, "b.1")])
    after = remove_cell(drain_cell(view, "b.1"), "c.1")
    assert {after.owner_lives[g] for g, life in enumerate(view.owner_lives) if life == "c.1"} == {"a.1"}
    with pytest.raises(ViewError):
        drain_cell(view, "gone")


def test_a_successor_of_the_same_name_takes_the_groups_of_the_life_before() -> None:
    view = replace_cell(three(), "b.1", cell("b", 2))
    assert view.version == 2
    mine = {group for group, life in enumerate(view.owner_lives) if life == "b.1"}
    moves = wanted_moves(view)
    assert {(move.group, move.to) for move in moves} == {(group, "b.2") for group in mine}
    done = remove_cell(end_moves(begin_moves(view, moves), mine), "b.1")
    assert done.draining == ()
    assert wanted_moves(done) == []
    with pytest.raises(ViewError):
        drain_cell(view, "b.1", wanted=False)
    with pytest.raises(ViewError):
        replace_cell(view, "a.1", cell("c", 2))


def test_where_all_cells_are_to_be_emptied_each_keeps_what_it_has() -> None:
    view = drain_cell(drain_cell(drain_cell(three(), "a.1"), "b.1"), "c.1")
    assert wanted_moves(view) == []
    assert None not in remove_cell(view, "a.1").owner_lives


def test_a_view_that_contradicts_itself_is_refused() -> None:
    cells = (cell("a"),)
    for view in (
        View(1, cells, (0, 1), (1, 1)),
        View(1, cells, (0, -2), (1, 1)),
        View(1, cells, (0,), (1, 1)),
        View(1, cells, (), ()),
        View(1, cells, (0,), (1,), (), (Move(0, "gone"),)),
        View(1, cells, (0,), (1,), (), (Move(1, "a.1"),)),
    ):
        with pytest.raises(ViewError):
            View.decode(view.encode())


@given(st.binary(max_size=40))
def test_garbage_is_no_view(data: bytes) -> None:
    for start in (b"", b"\x92\x01", b"\x92\x01\x94\x01\x90"):
        with pytest.raises(ViewError):
            View.decode(start + data)
