"""Passwords are hashed off the loop, within bounds, and nobody's absence shows in the time."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2.exceptions import VerificationError

from actors.errors import Overloaded
from gateway.auth.passwords import Argon2Hasher, Cost, Passwords
from tests.kit.api import CheapHasher, run

CHEAP = Cost(memory_kib=64, passes=1)


class GatedHasher:
    """Hashes only when the test opens the gate; notes the threads and how many ran at once."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.began = threading.Event()
        self.threads: set[str] = set()
        self.started = 0

    def hash(self, password: str) -> str:
        self.threads.add(threading.current_thread().name)
        self.started += 1
        self.began.set()
        assert self.gate.wait(5)
        return password

    def matches(self, stored: str, password: str) -> bool:
        return self.hash(password) == stored

    def is_stale(self, stored: str) -> bool:
        return False

    def decoy(self) -> str:
        return "decoy"


def test_a_password_matches_its_own_text_and_no_other() -> None:
    hasher = Argon2Hasher(CHEAP)
    text = hasher.hash("correct horse")
    assert text.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert hasher.matches(text, "correct horse")
    assert not hasher.matches(text, "correct horsf")
    assert hasher.hash("correct horse") != text


def test_the_usual_cost_lies_within_sane_memory() -> None:
    assert 19 * 1024 <= Cost().memory_kib <= 64 * 1024
    assert Cost().passes >= 2


def test_a_damaged_text_is_an_error_and_not_a_wrong_password() -> None:
    with pytest.raises(VerificationError, match="Decoding"):
        Argon2Hasher(CHEAP).matches("$argon2id$garbage", "correct horse")


def test_the_decoy_is_checked_with_the_cost_of_a_real_text_and_never_matches() -> None:
    hasher = Argon2Hasher(CHEAP)
    decoy, real = hasher.decoy(), hasher.hash("correct horse")
    assert not hasher.matches(decoy, "correct horse")
    assert not hasher.is_stale(decoy)
    assert [len(part) for part in decoy.split("$")] == [len(part) for part in real.split("$")]


def test_a_text_of_other_parameters_is_stale_only_when_the_password_is_right() -> None:
    old = Argon2Hasher(CHEAP).hash("correct horse")
    passwords = Passwords(Argon2Hasher(Cost(memory_kib=128, passes=1)))
    assert run(passwords.verify(old, "correct horse")) == (True, True)
    assert run(passwords.verify(old, "wrong")) == (False, False)
    passwords.close()


def test_without_an_account_the_decoy_is_checked() -> None:
    hasher = CheapHasher()
    passwords = Passwords(hasher)
    assert run(passwords.verify(None, "anything")) == (False, False)
    assert run(passwords.verify("", "anything")) == (False, False)
    assert hasher.checked == [hasher.decoy()] * 2
    passwords.close()


def test_the_same_characters_match_however_they_were_composed() -> None:
    passwords = Passwords(Argon2Hasher(CHEAP))

    async def story() -> None:
        text = await passwords.hash("pass\u00e9word")
        assert (await passwords.verify(text, "passe\u0301word")).ok

    run(story())
    passwords.close()


def test_beyond_the_bound_requests_are_refused_and_the_loop_stays_free() -> None:
    hasher = GatedHasher()
    passwords = Passwords(hasher, threads=1, queue=3)

    async def story() -> None:
        tasks = [asyncio.create_task(passwords.hash(f"p{number}")) for number in range(5)]
        refused, _ = await asyncio.wait(tasks[3:])
        errors = [task.exception() for task in refused]
        assert len(errors) == 2 and all(isinstance(error, Overloaded) and error.retry_after for error in errors)
        assert passwords.waiting == 3
        hasher.gate.set()
        assert await asyncio.gather(*tasks[:3]) == ["p0", "p1", "p2"]

    run(story())
    assert (passwords.waiting, passwords.refused) == (0, 2)
    assert {name.startswith("passwords") for name in hasher.threads} == {True}
    passwords.close()


def test_a_request_that_is_given_up_makes_room_again() -> None:
    hasher = GatedHasher()
    passwords = Passwords(hasher, threads=1, queue=2)

    async def story() -> None:
        first = asyncio.create_task(passwords.hash("first"))
        second = asyncio.create_task(passwords.hash("second"))
        await asyncio.to_thread(hasher.began.wait, 5)
        second.cancel()
        await asyncio.wait([second])
        assert passwords.waiting == 1
        third = asyncio.create_task(passwords.hash("third"))
        hasher.gate.set()
        assert list(await asyncio.gather(first, third)) == ["first", "third"]
        assert hasher.started == 2

    run(story())
    passwords.close()
