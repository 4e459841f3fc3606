"""Somebody deletes their account on the page; the others keep what was said, by a deleted user."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Meet
from tests.browser.person import PASSWORD

pytestmark = pytest.mark.slow


def test_an_account_is_deleted_with_its_password_and_what_it_wrote_stays(meet: Meet) -> None:
    olga, pete = meet().sign_up("olga", "Olga"), meet().sign_up("pete", "Pete")
    olga.start_chat("pete")
    olga.say("I am off soon")
    olga.stands("I am off soon")
    pete.open("Olga")
    pete.hears("I am off soon")
    olga.see("account-button").click()
    olga.see("delete-account").click()
    olga.see("delete-password").fill("not the password")
    olga.see("delete-submit").click()
    expect(olga.see("delete-dialog").get_by_test_id("error")).to_be_visible()
    olga.see("delete-password").fill(PASSWORD)
    olga.see("delete-submit").click()
    expect(olga.see("login-form")).to_be_visible()
    expect(pete.see("room-title")).to_have_text("Deleted user")
    expect(pete.see("composer-over")).to_be_visible()
    expect(pete.see("composer")).to_have_count(0)
    pete.hears("I am off soon")
    olga.see("login-name").fill("olga")
    olga.see("login-password").fill(PASSWORD)
    olga.see("login-submit").click()
    expect(olga.see("login-form").get_by_test_id("error")).to_be_visible()


def test_the_dialogue_speaks_chinese_too(meet: Meet) -> None:
    quan = meet(locale="zh-CN").sign_up("quan", "Quan")
    quan.see("account-button").click()
    quan.see("delete-account").click()
    expect(quan.see("delete-dialog")).to_contain_text("永久注销")
    quan.see("delete-cancel").click()
    expect(quan.see("delete-dialog")).to_have_count(0)
    expect(quan.see("my-name")).to_have_text("@quan")
