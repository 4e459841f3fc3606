"""What a client keeps between runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.client_state import FileState, MemoryState, Saved, State

SAVED = Saved("alice", "d1", 7, {"abcd": 3}, {"abcd": 12})


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_what_is_saved_is_loaded_and_nothing_else_changes_it(kind: str, tmp_path: Path) -> None:
    state: State = MemoryState() if kind == "memory" else FileState(tmp_path / "state.json")
    assert state.load() == Saved()
    state.save(SAVED)
    loaded = state.load()
    assert loaded == SAVED
    loaded.seqs["abcd"] = 99
    assert state.load() == SAVED


def test_a_crash_while_saving_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = FileState(tmp_path / "state.json")
    state.save(SAVED)

    def crash(*paths: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", crash)
    with pytest.raises(KeyboardInterrupt):
        state.save(Saved("mallory"))
    assert state.load() == SAVED


def test_a_file_of_somebody_else_is_not_taken_for_a_state(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("not ours")
    with pytest.raises(ValueError, match="malformed"):
        FileState(tmp_path / "state.json").load()
