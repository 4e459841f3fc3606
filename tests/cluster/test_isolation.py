"""A room with a process of its own on a real Ray: named, seen, killed, restarted, and taken back, while people post."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.program import Talkers, talkers_on
from tests.kit.ray_server import LIMIT_S

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def talkers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talkers]:
    with talkers_on(tmp_path_factory.mktemp("isolation")) as found:
        yield found


def until_home_is(talkers: Talkers, room: str, prefix: str, *, not_life: str = "", posted: int) -> int:
    """Post until the room lives where it should; how many posts there are then."""
    end = time.monotonic() + LIMIT_S
    while not (life := talkers.life(room)).startswith(prefix) or life == not_life:
        assert time.monotonic() < end, life
        talkers.post(room, f"text {posted}")
        posted += 1
    return posted


def test_a_room_gets_a_named_actor_survives_its_death_and_goes_back_with_every_post(talkers: Talkers) -> None:
    room = talkers.room()
    server, value = talkers.server, talkers.program.value
    done = server.run("isolate", room)
    assert (done.returncode, done.stdout) == (0, f"room:{room} gets a process of its own.\n"), done.stderr
    posted = until_home_is(talkers, room, f"room:{room}-", posted=0)
    named = value("[row['name'] for row in ray.util.list_named_actors(all_namespaces=True)]")
    assert f"room:{room}" in named
    cell = server.cells()[f"room:{room}"]
    assert (cell["state"], cell["slots"], cell["rooms"], cell["port"]) == ("serving", 1, 1, 0)
    assert list(Path(server.settings.data).glob(f"seat-*-{room}-*.db"))
    # it is killed: others answer at once, and its next process gets it back
    first = talkers.life(room)
    os.kill(cell["pid"], signal.SIGKILL)
    posted = until_home_is(talkers, room, f"room:{room}-", not_life=first, posted=posted)
    assert server.cells()[f"room:{room}"]["restarts"] == 1
    # a new version of the code takes its place while it serves
    second = talkers.life(room)
    rolled = server.run("roll")
    assert rolled.returncode == 0, rolled.stderr
    posted = until_home_is(talkers, room, f"room:{room}-", not_life=second, posted=posted)
    # and back
    assert server.run("isolate", "--back", room).returncode == 0
    posted = until_home_is(talkers, room, "cell-", posted=posted)
    talkers.post(room, f"text {posted}")
    assert talkers.bodies(room) == [f"text {number}" for number in range(posted + 1)]
    end = time.monotonic() + LIMIT_S
    while f"room:{room}" in server.cells():
        assert time.monotonic() < end
    assert not list(Path(server.settings.data).glob(f"seat-*-{room}-*.db"))


def test_what_cannot_be_isolated_is_told_in_a_sentence(talkers: Talkers) -> None:
    for arguments, sentence in (
        (["isolate", "No room"], "warbler: 'No room' cannot be a room: 4 to 40 of a-z and 0-9.\n"),
        (["isolate", "--back", "nothing"], "warbler: room:nothing has no seat.\n"),
    ):
        done = talkers.server.run(*arguments)
        assert (done.returncode, done.stderr) == (1, sentence)
