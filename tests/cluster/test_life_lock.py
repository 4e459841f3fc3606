"""A life is alive as long as its process is, seen through the data folder alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from cluster.life_lock import OLD_S, forget_old, hold_life, is_held, wait_free

HOLD = """
import sys
from pathlib import Path
from cluster.life_lock import hold_life
held = hold_life(Path(sys.argv[1]), "cell-1-a")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_life_is_alive_until_its_process_is_gone_also_while_it_is_frozen(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert not is_held(tmp_path, "cell-1-a")
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert is_held(tmp_path, "cell-1-a")
        process.send_signal(signal.SIGSTOP)
        assert is_held(tmp_path, "cell-1-a")
        assert not wait_free(tmp_path, "cell-1-a", limit_s=0.05)
        process.kill()
        assert wait_free(tmp_path, "cell-1-a")
    assert list((tmp_path / "run" / "lives").iterdir()) == []


def test_looking_takes_nothing_and_lives_are_apart(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with hold_life(tmp_path, "cell-1-a"):
        assert is_held(tmp_path, "cell-1-a")
        assert is_held(tmp_path, "cell-1-a")
        assert not is_held(tmp_path, "cell-1-b")
    assert not is_held(tmp_path, "cell-1-a")


def test_locks_of_lives_that_ended_long_ago_are_taken_away_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    hold_life(tmp_path, "cell-1-new").close()
    hold_life(tmp_path, "cell-1-old").close()
    with hold_life(tmp_path, "cell-1-living"):
        for life in ("old", "living"):
            path = tmp_path / "run" / "lives" / f"cell-1-{life}.lock"
            os.utime(path, (path.stat().st_mtime - 2 * OLD_S,) * 2)
        forget_old(tmp_path)
    assert {path.name for path in (tmp_path / "run" / "lives").iterdir()} == {"cell-1-new.lock", "cell-1-living.lock"}
