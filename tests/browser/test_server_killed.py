"""The server is killed while people write: they go on, and nothing is lost or shown twice."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Meet
from tests.browser.person import Line, Person
from tests.browser.server import Server

pytestmark = pytest.mark.slow
BACK_MS = 60_000
"""Until everything that waited is sent. The pages are back within 3 s; the server itself takes its time on a busy machine."""


def all_sent(person: Person) -> None:
    """Nothing waits any more."""
    expect(person.page.locator("[data-testid=message]:is([data-state=pending], [data-state=failed])")).to_have_count(0, timeout=BACK_MS)


def test_killed_while_one_types_both_end_with_the_same_history(meet: Meet, server: Server) -> None:
    lena, max_ = meet().sign_up("lena", "Lena"), meet().sign_up("max", "Max")
    lena.make_room("Kitchen", "max")
    max_.open("Kitchen")
    lena.say("before")
    max_.hears("before")
    expected = ["before"]
    for count in range(2):
        lena.see("composer").press_sequentially(f"half a sentence {count}")
        server.kill()
        lena.see("composer").press_sequentially(" and its end")
        lena.see("composer").press("Enter")
        max_.say(f"into the dark {count}")
        lena.waits(f"half a sentence {count} and its end")
        max_.waits(f"into the dark {count}")
        expect(lena.see("status")).to_be_visible()
        server.begin()
        lena.say(f"while it starts {count}")
        server.wait()
        for person in (lena, max_):
            all_sent(person)
            expect(person.see("status")).to_be_hidden()
        expected += [f"half a sentence {count} and its end", f"while it starts {count}", f"into the dark {count}"]
        max_.hears(f"while it starts {count}")
        lena.hears(f"into the dark {count}")
    same_history(lena, max_, meet().log_in("max"), room="Kitchen", expected=expected)


def test_killed_in_the_middle_of_many_posts_what_was_shown_as_sent_keeps_its_place(meet: Meet, server: Server) -> None:
    nora, otto = meet().sign_up("nora", "Nora"), meet().sign_up("otto", "Otto")
    nora.start_chat("otto")
    otto.open("Nora")
    texts = [f"message {count}" for count in range(24)]
    for text in texts[:12]:
        nora.say(text)
    nora.stands(texts[6])
    server.kill()
    for text in texts[12:]:
        nora.say(text)
    nora.waits(texts[-1])
    acknowledged = nora.lines()
    assert len(acknowledged) >= 7
    server.start()
    all_sent(nora)
    otto.hears(texts[-1])
    assert nora.lines()[: len(acknowledged)] == acknowledged
    same_history(nora, otto, meet().log_in("otto"), room="Nora", expected=texts)
    assert [line.text for line in nora.lines()] == texts


def test_a_page_that_was_closed_with_unsent_messages_sends_them_when_it_is_open_again(meet: Meet, server: Server) -> None:
    pia, quin = meet().sign_up("pia", "Pia"), meet().sign_up("quin", "Quin")
    pia.start_chat("quin")
    pia.say("first")
    pia.stands("first")
    server.kill()
    pia.say("written without a server")
    pia.waits("written without a server")
    pia.page.close()
    server.start()
    pia.page = pia.context.new_page()
    pia.page.goto("/")
    pia.open("Quin")
    pia.stands("written without a server")
    quin.open("Pia")
    quin.hears("written without a server")
    assert [line.text for line in quin.lines()] == ["first", "written without a server"]


def same_history(one: Person, two: Person, fresh: Person, *, room: str, expected: list[str]) -> None:
    """Both have the same messages under the same numbers, each once; so has a device that knows only what the server has stored."""
    fresh.open(room)
    expect(fresh.see("message")).to_have_count(len(expected))
    lines: list[Line] = fresh.lines()
    assert one.lines() == lines
    assert two.lines() == lines
    assert [line.seq for line in lines] == sorted({line.seq for line in lines})
    assert sorted(line.text for line in lines) == sorted(expected)
