"""Two people in two browsers talk to each other, one-to-one and in a room."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Meet

pytestmark = pytest.mark.slow


def test_two_people_sign_up_and_talk_one_to_one(meet: Meet) -> None:
    ada, ben = meet().sign_up("ada", "Ada Lovelace"), meet().sign_up("ben", "Ben")
    ada.start_chat("ben")
    ada.say("Hello Ben!")
    ada.stands("Hello Ben!")
    expect(ben.listed("Ada Lovelace")).to_have_attribute("data-unread", "1")
    ben.open("Ada Lovelace")
    ben.hears("Hello Ben!")
    expect(ada.message("Hello Ben!")).to_have_attribute("data-state", "read")
    ben.say("你好，Ada\nsecond line")
    ada.hears("你好，Ada\nsecond line")
    assert ada.lines() == ben.lines()
    assert [(line.user, line.text) for line in ada.lines()] == [("ada", "Hello Ben!"), ("ben", "你好，Ada\nsecond line")]


def test_a_room_has_its_members_and_each_hears_the_others_in_one_order(meet: Meet) -> None:
    cleo, dan, eve = meet().sign_up("cleo", "Cleo"), meet().sign_up("dan", "Dan"), meet().sign_up("eve", "Eve")
    cleo.make_room("Bird watchers", "dan")
    dan.open("Bird watchers")
    cleo.see("members-button").click()
    cleo.see("invite-user").fill("eve")
    cleo.see("invite-submit").click()
    expect(cleo.see("member")).to_have_count(3)
    expect(cleo.see("member").first).to_have_attribute("data-role", "owner")
    eve.open("Bird watchers")
    people = [cleo, dan, eve]
    for count in range(4):
        for person in people:
            person.say(f"{count}")
    for person in people:
        expect(person.see("message")).to_have_count(12)
        expect(person.page.locator("[data-testid=message][data-state=pending]")).to_have_count(0)
    expect(dan.see("message-author").first).to_be_visible()
    assert cleo.lines() == dan.lines() == eve.lines()
    for user in ("cleo", "dan", "eve"):
        assert [line.text for line in cleo.lines() if line.user == user] == ["0", "1", "2", "3"]


def test_what_was_not_read_is_counted_until_it_is_read(meet: Meet) -> None:
    finn, gita = meet().sign_up("finn", "Finn"), meet().sign_up("gita", "Gita")
    finn.start_chat("gita")
    for text in ("one", "two", "three"):
        finn.say(text)
        finn.stands(text)
    listed = gita.listed("Finn")
    expect(listed).to_have_attribute("data-unread", "3")
    expect(listed.get_by_test_id("unread-badge")).to_have_text("3")
    expect(listed.get_by_test_id("room-item-line")).to_have_text("three")
    expect(gita.page).to_have_title("(3) Warbler")
    gita.open("Finn")
    gita.hears("three")
    expect(listed).to_have_attribute("data-unread", "0")
    expect(gita.page).to_have_title("Warbler")
    gita.page.reload()
    expect(gita.listed("Finn")).to_have_attribute("data-unread", "0")


def test_a_second_device_sees_what_the_first_has_sent_and_read(meet: Meet) -> None:
    hana, ivo = meet().sign_up("hana", "Hana"), meet().sign_up("ivo", "Ivo")
    hana.start_chat("ivo")
    hana.say("before the phone")
    hana.stands("before the phone")
    phone = meet(viewport={"width": 390, "height": 780}).log_in("hana")
    phone.open("Ivo")
    expect(phone.message("before the phone")).to_have_attribute("data-state", re.compile("^(sent|read)$"))
    phone.say("from the phone")
    hana.stands("from the phone")
    phone.see("back").click()
    ivo.open("Hana")
    hana.see("room-item").first.press("Escape")
    ivo.say("to both")
    hana.hears("to both")
    expect(phone.listed("Ivo").get_by_test_id("room-item-line")).to_have_text("to both")
    expect(phone.listed("Ivo")).to_have_attribute("data-unread", "0")
    phone.open("Ivo")
    assert phone.lines() == hana.lines() == ivo.lines()


def test_who_logs_out_leaves_nothing_behind_and_finds_everything_again(meet: Meet) -> None:
    jo, kim = meet().sign_up("jo", "Jo"), meet().sign_up("kim", "Kim")
    other = meet().log_in("jo")
    jo.start_chat("kim")
    jo.say("see you")
    jo.stands("see you")
    jo.log_out()
    jo.page.reload()
    expect(jo.see("login-form")).to_be_visible()
    jo.page.wait_for_function("async () => (await indexedDB.databases()).length === 0")
    assert jo.page.evaluate("Object.keys(localStorage).filter((key) => key.includes('jo'))") == []
    kim.open("Jo")
    kim.say("gone already?")
    other.open("Kim")
    other.hears("gone already?")
    jo.log_in("jo")
    expect(jo.listed("Kim")).to_have_attribute("data-unread", re.compile(r"^\d$"))
    jo.open("Kim")
    jo.hears("gone already?")
    assert jo.lines() == other.lines() == kim.lines()
