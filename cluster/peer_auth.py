"""How two cells prove to each other that both know the cluster's secret. No sockets.

    dialer                                     acceptor
      hello: version, life, to, nonce     ->
                                          <-   challenge: version agreed, nonce, proof
      proof                               ->
                                          <-   welcome

A proof is HMAC-SHA256 under the secret over the role, both versions, both lives and both nonces: it fits one
connection in one direction, so that none can be replayed, reflected, or moved to another pair of lives, and the
version cannot be talked down. The secret itself never travels. Without TLS this authenticates the connection when it
is made and does not protect it afterwards: on a network that others can write to, hand in a TLS context.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TypeVar

from actors.runtime.codec import CodecError, pack, unpack
from actors.runtime.link import LINK_VERSION, agree_version
from actors.runtime.plain import Plain

MAGIC = "warbler link"
NONCE_BYTES = 32
MIN_SECRET_BYTES = 16
"""Shorter secrets can be guessed from one recorded handshake."""

# WebSocket close codes of this protocol.
BAD_FRAME = 4400
NOT_TRUSTED = 4401
OTHER_LIFE = 4404
TOO_SLOW = 4408
OTHER_VERSION = 4426

T = TypeVar("T", bound=Plain)


class Hello(Plain, frozen=True, gc=False, array_like=True):
    """The dialer's first message."""

    magic: str
    version: int
    life: str
    to: str
    """The life that it wants: an address may have been taken over by another."""
    nonce: bytes


class Challenge(Plain, frozen=True, gc=False, array_like=True):
    """The acceptor's answer, with its proof."""

    version: int
    nonce: bytes
    proof: bytes


class Proof(Plain, frozen=True, gc=False, array_like=True):
    """The dialer's proof."""

    proof: bytes


class Welcome(Plain, frozen=True, gc=False, array_like=True):
    """The acceptor trusts the dialer: frames of the link follow."""

    version: int


class Refused(Exception):
    """The other side is not who it must be; `code` and `reason` go into the close frame."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{reason} ({code})")


class DialerHandshake:
    """The dialing side, one use."""

    def __init__(self, secret: bytes, life: str, to: str, version: int = LINK_VERSION) -> None:
        self._secret = checked(secret)
        self._hello = Hello(MAGIC, version, life, to, secrets.token_bytes(NONCE_BYTES))
        self.agreed = 0
        """The link version agreed on; 0 until then."""

    def hello(self) -> bytes:
        """The first message."""
        return pack(self._hello)

    def challenged(self, data: bytes) -> bytes:
        """Check the acceptor's proof; returns ours. Raises `Refused`."""
        challenge = _read(Challenge, data)
        agreed = agree_version(challenge.version, self._hello.version)
        # The acceptor has already taken the lower of the two versions.
        if agreed != challenge.version:
            raise Refused(OTHER_VERSION, f"link version {challenge.version} is not spoken here")
        if len(challenge.nonce) != NONCE_BYTES:
            raise Refused(BAD_FRAME, "no nonce")
        if not hmac.compare_digest(challenge.proof, proof_of(self._secret, "acceptor", self._hello, agreed, challenge.nonce)):
            raise Refused(NOT_TRUSTED, "the secret is another one")
        self.agreed = agreed
        return pack(Proof(proof_of(self._secret, "dialer", self._hello, agreed, challenge.nonce)))

    def welcomed(self, data: bytes) -> None:
        """The acceptor trusts us. Raises `Refused` for anything else."""
        welcome = _read(Welcome, data)
        if not self.agreed or welcome.version != self.agreed:
            raise Refused(OTHER_VERSION, "welcomed to another version")


class AcceptorHandshake:
    """The accepting side, one use."""

    def __init__(self, secret: bytes, life: str, version: int = LINK_VERSION) -> None:
        self._secret = checked(secret)
        self._life = life
        self._mine = version
        self._nonce = secrets.token_bytes(NONCE_BYTES)
        self._hello: Hello | None = None
        self.agreed = 0
        """The link version agreed on; 0 until then."""

    def greeted(self, data: bytes) -> bytes:
        """The challenge for a hello. Raises `Refused`."""
        hello = _read(Hello, data)
        agreed = agree_version(hello.version, self._mine)
        if hello.magic != MAGIC or len(hello.nonce) != NONCE_BYTES or not 0 < len(hello.life) <= 200:
            raise Refused(BAD_FRAME, "no hello")
        if agreed is None:
            raise Refused(OTHER_VERSION, f"link version {hello.version} is not spoken here, {self._mine} is")
        if hello.to != self._life or hello.life == self._life:
            raise Refused(OTHER_LIFE, "another life is here")
        self._hello, self.agreed = hello, agreed
        return pack(Challenge(agreed, self._nonce, proof_of(self._secret, "acceptor", hello, agreed, self._nonce)))

    def proved(self, data: bytes) -> tuple[str, bytes]:
        """The dialer's life and our welcome. Raises `Refused`."""
        hello = self._hello
        if hello is None:
            raise Refused(BAD_FRAME, "a proof before hello")
        expected = proof_of(self._secret, "dialer", hello, self.agreed, self._nonce)
        if not hmac.compare_digest(_read(Proof, data).proof, expected):
            raise Refused(NOT_TRUSTED, "the secret is another one")
        return hello.life, pack(Welcome(self.agreed))


def proof_of(secret: bytes, role: str, hello: Hello, agreed: int, nonce: bytes) -> bytes:
    """What only a holder of the secret can make."""
    return hmac.digest(secret, pack((role, hello, agreed, nonce)), "sha256")


def checked(secret: bytes) -> bytes:
    """The secret; `ValueError` where it is too short to be one."""
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"the cluster secret needs at least {MIN_SECRET_BYTES} bytes")
    return secret


def _read(kind: type[T], data: bytes) -> T:
    try:
        return unpack(kind, data)
    except CodecError as error:
        raise Refused(BAD_FRAME, f"no {kind.__name__.lower()}") from error
