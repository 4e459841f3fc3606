"""Two cells prove to each other that both know the secret: every way in which they must not succeed."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.codec import pack, unpack
from actors.runtime.link import LINK_VERSION
from cluster.peer_auth import (
    BAD_FRAME,
    NOT_TRUSTED,
    OTHER_LIFE,
    OTHER_VERSION,
    AcceptorHandshake,
    Challenge,
    DialerHandshake,
    Hello,
    Proof,
    Refused,
    Welcome,
)

SECRET = b"a secret of the cluster"


def sides(dialer: bytes = SECRET, acceptor: bytes = SECRET, to: str = "b.1") -> tuple[DialerHandshake, AcceptorHandshake]:
    """Life a.1 dials, life b.1 accepts."""
    return DialerHandshake(dialer, "a.1", to), AcceptorHandshake(acceptor, "b.1")


def refused_with(code: int, action: Callable[[], object]) -> None:
    """The action must be refused with this close code."""
    with pytest.raises(Refused) as caught:
        action()
    assert caught.value.code == code


def test_both_sides_with_the_secret_trust_each_other() -> None:
    dialer, acceptor = sides()
    proof = dialer.challenged(acceptor.greeted(dialer.hello()))
    life, welcome = acceptor.proved(proof)
    assert life == "a.1"
    dialer.welcomed(welcome)


def test_the_secret_never_travels() -> None:
    dialer, acceptor = sides()
    hello = dialer.hello()
    challenge = acceptor.greeted(hello)
    proof = dialer.challenged(challenge)
    _, welcome = acceptor.proved(proof)
    assert all(SECRET not in data for data in (hello, challenge, proof, welcome))


def test_a_dialer_without_the_secret_learns_it_from_the_acceptor_and_is_not_trusted() -> None:
    dialer, acceptor = sides(dialer=b"another secret, also long")
    challenge = acceptor.greeted(dialer.hello())
    refused_with(NOT_TRUSTED, lambda: dialer.challenged(challenge))
    refused_with(NOT_TRUSTED, lambda: acceptor.proved(pack(Proof(b"x" * 32))))
    refused_with(NOT_TRUSTED, lambda: acceptor.proved(pack(Proof(b""))))


def test_the_acceptors_own_proof_cannot_be_sent_back_to_it() -> None:
    dialer, acceptor = sides()
    challenge = unpack(Challenge, acceptor.greeted(dialer.hello()))
    refused_with(NOT_TRUSTED, lambda: acceptor.proved(pack(Proof(challenge.proof))))


def test_a_recorded_handshake_opens_no_second_connection() -> None:
    dialer, acceptor = sides()
    hello = dialer.hello()
    challenge = acceptor.greeted(hello)
    proof = dialer.challenged(challenge)
    later = AcceptorHandshake(SECRET, "b.1")
    later.greeted(hello)
    refused_with(NOT_TRUSTED, lambda: later.proved(proof))
    refused_with(NOT_TRUSTED, lambda: DialerHandshake(SECRET, "a.1", "b.1").challenged(challenge))


def test_a_proof_for_one_life_does_not_serve_another() -> None:
    dialer, acceptor = sides()
    hello = unpack(Hello, dialer.hello())
    proof = dialer.challenged(acceptor.greeted(dialer.hello()))
    other = AcceptorHandshake(SECRET, "b.1")
    other._nonce = acceptor._nonce
    other.greeted(pack(Hello(hello.magic, hello.version, "c.1", hello.to, hello.nonce)))
    refused_with(NOT_TRUSTED, lambda: other.proved(proof))


def test_another_life_at_the_address_and_a_life_that_dials_itself_are_refused() -> None:
    dialer, acceptor = sides(to="b.0")
    refused_with(OTHER_LIFE, lambda: acceptor.greeted(dialer.hello()))
    itself = DialerHandshake(SECRET, "b.1", "b.1")
    refused_with(OTHER_LIFE, lambda: AcceptorHandshake(SECRET, "b.1").greeted(itself.hello()))


@pytest.mark.parametrize(("dialers", "acceptors"), [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2)])
def test_neighbouring_versions_agree_on_the_lower(dialers: int, acceptors: int) -> None:
    dialer = DialerHandshake(SECRET, "a.1", "b.1", dialers)
    acceptor = AcceptorHandshake(SECRET, "b.1", acceptors)
    _, welcome = acceptor.proved(dialer.challenged(acceptor.greeted(dialer.hello())))
    dialer.welcomed(welcome)
    assert unpack(Welcome, welcome).version == min(dialers, acceptors)


@pytest.mark.parametrize(("dialers", "acceptors"), [(1, 3), (3, 1), (0, 1), (-1, 1)])
def test_versions_further_apart_are_refused(dialers: int, acceptors: int) -> None:
    dialer = DialerHandshake(SECRET, "a.1", "b.1", dialers)
    refused_with(OTHER_VERSION, lambda: AcceptorHandshake(SECRET, "b.1", acceptors).greeted(dialer.hello()))


def test_nobody_in_between_can_talk_the_version_down() -> None:
    dialer = DialerHandshake(SECRET, "a.1", "b.1", 2)
    acceptor = AcceptorHandshake(SECRET, "b.1", 2)
    hello = unpack(Hello, dialer.hello())
    challenge = acceptor.greeted(pack(Hello(hello.magic, 1, hello.life, hello.to, hello.nonce)))
    refused_with(NOT_TRUSTED, lambda: dialer.challenged(challenge))
    forged = unpack(Challenge, AcceptorHandshake(SECRET, "b.1", 2).greeted(dialer.hello()))
    refused_with(NOT_TRUSTED, lambda: dialer.challenged(pack(Challenge(1, forged.nonce, forged.proof))))


def test_steps_out_of_order_are_refused() -> None:
    dialer, acceptor = sides()
    refused_with(BAD_FRAME, lambda: acceptor.proved(pack(Proof(b"x" * 32))))
    refused_with(OTHER_VERSION, lambda: dialer.welcomed(pack(Welcome(LINK_VERSION))))
    dialer.challenged(acceptor.greeted(dialer.hello()))
    refused_with(OTHER_VERSION, lambda: dialer.welcomed(pack(Welcome(LINK_VERSION + 1))))


def test_a_hello_without_magic_nonce_or_life_is_refused() -> None:
    hello = unpack(Hello, sides()[0].hello())
    for wrong in (
        Hello("other", 1, hello.life, hello.to, hello.nonce),
        Hello(hello.magic, 1, hello.life, hello.to, b"short"),
        Hello(hello.magic, 1, "", hello.to, hello.nonce),
        Hello(hello.magic, 1, "x" * 201, hello.to, hello.nonce),
    ):
        refused_with(BAD_FRAME, lambda wrong=wrong: AcceptorHandshake(SECRET, "b.1").greeted(pack(wrong)))  # type: ignore[misc]


def test_a_challenge_with_a_short_nonce_is_refused() -> None:
    dialer, acceptor = sides()
    challenge = unpack(Challenge, acceptor.greeted(dialer.hello()))
    refused_with(BAD_FRAME, lambda: dialer.challenged(pack(Challenge(challenge.version, b"", challenge.proof))))


@given(st.binary(max_size=80))
def test_garbage_is_refused_at_every_step(data: bytes) -> None:
    dialer, acceptor = sides()
    with pytest.raises(Refused):
        acceptor.greeted(data)
    with pytest.raises(Refused):
        dialer.challenged(data)
    dialer.challenged(acceptor.greeted(dialer.hello()))
    with pytest.raises(Refused):
        acceptor.proved(data)
    with pytest.raises(Refused):
        dialer.welcomed(data)


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    for handshake in (lambda: DialerHandshake(b"short", "a.1", "b.1"), lambda: AcceptorHandshake(b"x" * 15, "b.1")):
        with pytest.raises(ValueError, match="at least 16 bytes"):
            handshake()


def test_proofs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    compare = hmac.compare_digest

    def counting(a: bytes, b: bytes) -> bool:
        compared.append(len(b))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    dialer, acceptor = sides()
    acceptor.proved(dialer.challenged(acceptor.greeted(dialer.hello())))
    assert compared == [32, 32]
