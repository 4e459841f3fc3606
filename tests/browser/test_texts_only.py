"""Whatever people write is text: nothing of it runs, nothing of it is markup."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Meet

pytestmark = pytest.mark.slow
NAME = "<script>window.harm=1</script><b>Mallory"
TEXTS = (
    "<script>window.harm=2</script>",
    "<img src=x onerror='window.harm=3'>",
    "<svg onload=alert(1)><a href='javascript:window.harm=4'>click</a>",
    'javascript:window.harm=5 http://127.0.0.1:9/?q="><script>window.harm=6</script>',
)
FOREIGN = ":is(script:not([src]), img:not([src$='warbler.svg']), svg[onload], b, iframe, a[href^='javascript'])"


def test_names_and_messages_with_markup_are_shown_as_they_were_written(meet: Meet) -> None:
    rosa, mallory = meet().sign_up("rosa", "Rosa"), meet().sign_up("mallory", NAME)
    complaints: list[str] = []
    rosa.page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    expect(mallory.see("my-display")).to_have_text(NAME)
    mallory.make_room(TEXTS[1], "rosa")
    rosa.open(TEXTS[1])
    for text in TEXTS:
        mallory.say(text)
        mallory.stands(text)
        rosa.hears(text)
    expect(rosa.see("message-author").first).to_have_text(NAME)
    rosa.see("members-button").click()
    expect(rosa.see("member").filter(has_text=NAME)).to_have_attribute("data-role", "owner")
    mallory.start_chat("rosa")
    mallory.say(TEXTS[0])
    rosa.open(NAME)
    rosa.hears(TEXTS[0])
    for person in (rosa, mallory):
        expect(person.see("app").locator(FOREIGN)).to_have_count(0)
        assert person.page.evaluate("() => window.harm") is None
    assert complaints == []


def test_only_web_addresses_become_links(meet: Meet) -> None:
    sam = meet().sign_up("sam", "Sam")
    sam.make_room("Links")
    sam.say("https://example.org/a?b=1 javascript:alert(1) data:text/html,x")
    sam.stands("https://example.org/a?b=1 javascript:alert(1) data:text/html,x")
    links = sam.see("message-text").locator("a")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.org/a?b=1")
    expect(links).to_have_attribute("rel", "noopener noreferrer nofollow")
