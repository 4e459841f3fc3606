"""Processes with a plan tell what they are asked to tell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cluster.places import ROOT
from tests.kit.fault_plan import disturbed, frozen

OPENS = """
from types import SimpleNamespace
from actors.chat_cell import ChatCell
ChatCell.open_slots(SimpleNamespace(cell=SimpleNamespace(open_slots=lambda slots: None), _look_after=lambda *what: None,
                                    store=SimpleNamespace(active=None, untold=None, sagas=None)), [1])
"""


def said_by_one_that_opens_slots(markers: Path) -> str:
    """What a process says that opens slots."""
    environment = {**os.environ, **disturbed(markers)}
    done = subprocess.run([sys.executable, "-c", OPENS], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stderr


def test_slots_that_are_opened_while_their_frozen_owner_lives_are_told_of(tmp_path: Path) -> None:
    frozen(tmp_path).write_text(str(os.getpid()))
    assert "opened_beside_frozen" in said_by_one_that_opens_slots(tmp_path)


def test_slots_whose_owner_is_gone_are_opened_without_a_word(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    frozen(tmp_path).write_text(str(gone.pid))
    assert said_by_one_that_opens_slots(tmp_path) == ""
