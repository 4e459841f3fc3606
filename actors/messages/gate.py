"""Requests to ``gate:NUMBER``: what is counted once for all cells, since whoever tries chooses the cell. Rare: logins and
registrations, no messages. Keys are names of accounts and addresses of clients; each has one gate.
"""

from __future__ import annotations

from actors.runtime.actor import Request
from actors.runtime.plain import Message


class TryRegister(Request[float], frozen=True, gc=False):
    """One new account from an address. The answer: 0.0, or the seconds until there is enough, and then nothing was taken."""

    address: str


class TryLogin(Request[float], frozen=True, gc=False):
    """One try at a password or another factor, counted as failed until `LoginJudged` says otherwise. The answer: as above."""

    is_account: bool
    """Whether `key` is an account; else it is an address."""
    key: str
    address: str = ""
    """Of an account: where the try comes from. From where it logged in before, its failures do not count."""


class LoginJudged(Message, frozen=True, gc=False):
    """A try that was counted as failed was none: it succeeded, or nobody judged it."""

    is_account: bool
    key: str
    succeeded: bool
    address: str = ""


class OpenLogin(Request[str], frozen=True, gc=False):
    """Somebody's password was right, and more is to be shown. The answer: the ticket's secret. `overloaded` where too many are half way."""

    user: str
    device_name: str
    factors: list[str]
    password: bytes


class HalfLogin(Message, frozen=True, gc=False):
    """A login that is half way."""

    user: str
    device_name: str
    factors: list[str]
    """What is still to be shown, in order."""
    password: bytes
    """SHA-256 of the password text that was checked: a login begun under an old password ends with it."""


class UseLogin(Request[HalfLogin], frozen=True, gc=False):
    """The login behind a secret, with one try less. `bad_ticket` where there is none, or no longer."""

    secret: str


class CloseLogin(Request[bool], frozen=True, gc=False):
    """The login is over. False where it was over before: then it logs nobody in twice."""

    secret: str
