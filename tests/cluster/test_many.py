"""Cells in processes of their own, without Ray and without a supervisor: they look after themselves."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

from cluster.cell_process import OUT_STATUS
from tests.kit.many import Many

pytestmark = pytest.mark.slow


def account(many: Many, name: str) -> dict[str, str]:
    """A new account; the headers with which it speaks."""
    person = {"name": name, "password": "correct horse", "display": name}
    made = httpx.post(f"{many.urls['cell-1']}/api/v1/accounts", json=person, timeout=20.0)
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json()['token']}"}


def test_cells_share_the_groups_and_a_killed_one_is_replaced_by_the_others_with_all_that_it_stored(tmp_path: Path) -> None:
    with Many(tmp_path) as many:
        many.start("cell-1", "cell-2")
        many.until(lambda: many.is_shared("cell-1", "cell-2"))
        people = [account(many, f"user-{number}") for number in range(8)]
        dead = many.cell("cell-1").life
        many.kill("cell-1")
        many.until(lambda: many.is_shared("cell-2"))
        assert dead not in many.membership.unsealed()
        assert many.coordinator == "cell-2"
        for person in people:
            assert httpx.get(f"{many.urls['cell-2']}/api/v1/me", headers=person, timeout=20.0).status_code == 200
        many.start("cell-1")
        many.until(lambda: many.is_shared("cell-1", "cell-2"))
        many.until(lambda: many.serves("cell-1", "cell-2"))
        assert many.is_healthy("cell-1")
        assert many.is_healthy("cell-2")


def test_the_coordinator_and_another_one_killed_at_once(tmp_path: Path) -> None:
    with Many(tmp_path, shards=6) as many:
        many.start("cell-1", "cell-2", "cell-3")
        many.until(lambda: many.is_shared("cell-1", "cell-2", "cell-3"))
        coordinator = many.coordinator
        other, last = sorted({"cell-1", "cell-2", "cell-3"} - {coordinator})
        many.kill(coordinator, other)
        many.until(lambda: many.is_shared(last))
        assert many.coordinator == last
        many.until(lambda: many.serves(last))
        assert many.is_healthy(last)


def test_a_frozen_cell_is_killed_before_its_shards_are_opened(tmp_path: Path) -> None:
    with Many(tmp_path) as many:
        many.start("cell-1", "cell-2")
        many.until(lambda: many.is_shared("cell-1", "cell-2"))
        frozen = many.coordinator
        (other,) = {"cell-1", "cell-2"} - {frozen}
        many.signal(frozen, signal.SIGSTOP)
        many.until(lambda: many.is_shared(other))
        assert many.processes[frozen].wait(10) == -signal.SIGKILL
        assert many.events(other, "life_ends")[0]["why"].startswith("no beat for")
        many.until(lambda: many.serves(other))
        assert many.is_healthy(other)


def test_a_cell_whose_life_is_sealed_ends_itself(tmp_path: Path) -> None:
    with Many(tmp_path) as many:
        many.start("cell-1", "cell-2")
        many.until(lambda: many.is_shared("cell-1", "cell-2"))
        life = many.cell("cell-2").life
        many.membership.seal(life)
        many.membership.leave(life)
        assert many.processes["cell-2"].wait(20) == OUT_STATUS
        many.until(lambda: many.is_shared("cell-1"))
        many.until(lambda: many.serves("cell-1"))
        assert many.is_healthy("cell-1")


def test_a_cell_that_ends_in_good_order_is_out_at_once(tmp_path: Path) -> None:
    with Many(tmp_path) as many:
        many.start("cell-1", "cell-2")
        many.until(lambda: many.is_shared("cell-1", "cell-2"))
        many.signal("cell-1", signal.SIGTERM)
        assert many.processes["cell-1"].wait(20) == 0
        many.until(lambda: many.is_shared("cell-2"))
        many.until(lambda: many.serves("cell-2"))
        assert many.is_healthy("cell-2")


def test_one_scrape_of_any_cell_shows_all_of_them(tmp_path: Path) -> None:
    with Many(tmp_path, shards=6) as many:
        many.start("cell-1", "cell-2", "cell-3")
        many.until(lambda: many.is_shared("cell-1", "cell-2", "cell-3"))
        many.until(lambda: many.serves("cell-1", "cell-2", "cell-3"))
        text = httpx.get(f"{many.urls['cell-2']}/metrics", timeout=10.0).text
        for name in ("cell-1", "cell-2", "cell-3"):
            assert f'warbler_cell_up{{cell="{name}"}} 1.0' in text
            assert f'warbler_slots{{cell="{name}"}}' in text
        health = httpx.get(f"{many.urls['cell-2']}/healthz?scope=all", timeout=10.0)
        assert (health.status_code, set(health.json()["cells"])) == (200, {"cell-1", "cell-2", "cell-3"})


def test_whoever_tries_at_every_cell_gets_no_more_accounts_than_at_one_and_the_same_tokens_from_each(tmp_path: Path) -> None:
    with Many(tmp_path, shards=6) as many:
        many.start("cell-1", "cell-2", "cell-3")
        many.until(lambda: many.is_shared("cell-1", "cell-2", "cell-3"))
        many.until(lambda: many.serves("cell-1", "cell-2", "cell-3"))
        urls = [many.urls[name] for name in sorted(many.names())]
        old = account_at(urls[0], "first").json()["refresh"]
        refreshed = [httpx.post(f"{url}/api/v1/refresh", json={"refresh": old}, timeout=20.0).json() for url in urls]
        assert len({answer["token"] for answer in refreshed}) == 1
        statuses = [account_at(urls[number % 3], f"more-{number}").status_code for number in range(30)]
        assert set(statuses) == {201, 429}  # one cell lets twenty in at once, three that count by themselves would let in sixty


def account_at(url: str, name: str) -> httpx.Response:
    """Try to register at one cell."""
    return httpx.post(f"{url}/api/v1/accounts", json={"name": name, "password": "correct horse"}, timeout=20.0)
