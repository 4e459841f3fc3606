"""The page in Chinese, rooms whose making was refused at first, and rooms whose messages take their time."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import WebSocketRoute, expect

from tests.browser.conftest import Meet

pytestmark = pytest.mark.slow


def test_a_browser_in_chinese_sees_the_page_in_chinese_and_can_change_that(meet: Meet) -> None:
    tao = meet(locale="zh-CN")
    tao.page.goto("/")
    expect(tao.see("login-submit")).to_have_text("登录")
    tao.sign_up("tao", "陶然")
    expect(tao.see("my-display")).to_have_text("陶然")
    expect(tao.see("list-empty")).to_contain_text("还没有会话。")
    tao.make_room("观鸟小组")
    expect(tao.see("happening").first).to_have_text("陶然 创建了“观鸟小组”")
    tao.see("account-button").click()
    tao.see("language-en").click()
    expect(tao.page.locator("html")).to_have_attribute("lang", "en")
    expect(tao.see("happening").first).to_have_text("陶然 created “观鸟小组”")
    tao.page.reload()
    expect(tao.see("composer")).to_have_attribute("placeholder", "Write a message")


def test_a_room_that_was_refused_for_a_name_is_made_when_the_name_is_right(meet: Meet) -> None:
    uma = meet().sign_up("uma", "Uma")
    for count in range(5):
        uma.see("new-conversation").click()
        uma.see("tab-room").click()
        uma.see("new-room-name").fill(f"Room {count}")
        uma.see("new-room-members").fill(f"uma nobody{count}")
        uma.see("new-room-submit").click()
        expect(uma.see("new-dialog").get_by_test_id("error")).to_contain_text(f"nobody{count}")
        uma.see("new-room-members").fill("")
        uma.see("new-room-submit").click()
        expect(uma.see("room-title")).to_have_text(f"Room {count}")
        expect(uma.see("new-dialog")).to_be_hidden()
    expect(uma.see("room-item")).to_have_count(5)


class Dam:
    """Stands between a page and the server, and holds back what a room says until it is opened."""

    def __init__(self) -> None:
        self._page: WebSocketRoute | None = None
        self._held: list[str | bytes] = []
        self._is_open = False

    def between(self, page: WebSocketRoute) -> None:
        """Everything of the page's connection passes here."""
        self._page = page
        page.connect_to_server().on_message(self._hear)

    def _hear(self, frame: str | bytes) -> None:
        assert self._page is not None
        if self._is_open or json.loads(frame)["t"] not in ("msg", "page"):
            self._page.send(frame)
        else:
            self._held.append(frame)

    def open(self) -> None:
        """Let everything pass, in order."""
        assert self._page is not None
        self._is_open = True
        for frame in self._held:
            self._page.send(frame)


def test_a_room_can_be_used_before_any_of_its_messages_has_come(meet: Meet) -> None:
    vera, dam = meet(), Dam()
    vera.page.route_web_socket("**/ws", dam.between)
    vera.sign_up("vera", "Vera")
    vera.make_room("Slow")
    expect(vera.see("happening")).to_have_count(0)
    vera.say("first")
    vera.stands("first")
    dam.open()
    expect(vera.see("happening")).to_have_count(1)
    assert [line.text for line in vera.lines()] == ["first"]
