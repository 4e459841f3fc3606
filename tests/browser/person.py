"""Somebody who uses the page: what they do, and what they see. Elements are found by their test ids (gateway/web/README.md)."""

from __future__ import annotations

import re
from typing import NamedTuple

from playwright.sync_api import BrowserContext, Locator, expect

PASSWORD = "correct horse battery"
STORED = re.compile(r"^(sent|read)$")
"""The states of an own message that the server has acknowledged."""


class Line(NamedTuple):
    """One message as it is shown."""

    seq: int
    user: str
    text: str


class Person:
    """One browser with one page."""

    def __init__(self, context: BrowserContext, wait_ms: int) -> None:
        self.context = context
        context.set_default_timeout(wait_ms)
        self.page = context.new_page()
        self.faults: list[str] = []
        """What no page may ever have: an error that nobody caught, a dialog that some text opened."""
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", self._dialog)

    def _dialog(self, dialog: object) -> None:
        self.faults.append(f"dialog: {dialog}")

    def see(self, testid: str) -> Locator:
        """The elements of a test id."""
        return self.page.get_by_test_id(testid)

    # --- the account -------------------------------------------------------------------------------------------------

    def sign_up(self, name: str, display: str = "") -> Person:
        """Make an account; the list of conversations is there."""
        self.page.goto("/")
        self.see("switch-form").click()
        self.see("signup-name").fill(name)
        self.see("signup-display").fill(display)
        self.see("signup-password").fill(PASSWORD)
        self.see("signup-submit").click()
        return self._inside(name)

    def log_in(self, name: str) -> Person:
        """Another device of an account."""
        self.page.goto("/")
        self.see("login-name").fill(name)
        self.see("login-password").fill(PASSWORD)
        self.see("login-submit").click()
        return self._inside(name)

    def _inside(self, name: str) -> Person:
        expect(self.see("my-name")).to_have_text(f"@{name}")
        return self

    def log_out(self) -> None:
        """By the account's menu."""
        self.see("account-button").click()
        self.see("logout").click()
        expect(self.see("login-form")).to_be_visible()

    # --- conversations -----------------------------------------------------------------------------------------------

    def start_chat(self, user: str) -> None:
        """A direct chat, which opens."""
        self.see("new-conversation").click()
        self.see("direct-user").fill(user)
        self.see("direct-submit").click()
        expect(self.see("room-topic")).to_have_text(f"@{user}")

    def make_room(self, name: str, *members: str) -> None:
        """A room, which opens."""
        self.see("new-conversation").click()
        self.see("tab-room").click()
        self.see("new-room-name").fill(name)
        self.see("new-room-members").fill(", ".join(members))
        self.see("new-room-submit").click()
        expect(self.see("room-title")).to_have_text(name)

    def listed(self, title: str) -> Locator:
        """A conversation in the list."""
        return self.see("room-item").filter(has=self.page.get_by_test_id("room-item-title").get_by_text(title, exact=True))

    def open(self, title: str) -> None:
        """Choose a conversation in the list."""
        self.listed(title).click()
        expect(self.see("room-title")).to_have_text(title)

    # --- messages ----------------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Write it and press Enter."""
        self.see("composer").fill(text)
        self.see("composer").press("Enter")

    def message(self, text: str) -> Locator:
        """The message of exactly this text."""
        return self.see("message").filter(has=self.page.get_by_test_id("message-text").get_by_text(text, exact=True))

    def hears(self, text: str) -> None:
        """Somebody else's message is shown."""
        expect(self.message(text)).to_have_attribute("data-state", "received")

    def stands(self, text: str) -> None:
        """An own message is shown as stored."""
        expect(self.message(text)).to_have_attribute("data-state", STORED)

    def waits(self, text: str) -> None:
        """An own message is shown as not stored yet."""
        expect(self.message(text)).to_have_attribute("data-state", "pending")

    def lines(self) -> list[Line]:
        """All messages on the page that are stored, from top to bottom."""
        rows = self.see("message").evaluate_all(
            "rows => rows.map((row) => [row.dataset.seq, row.dataset.user, row.querySelector('[data-testid=message-text]').textContent])"
        )
        return [Line(int(seq), user, text) for seq, user, text in rows if seq]
