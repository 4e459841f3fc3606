"""Logs are events with fields; secrets never reach them; what repeats is counted and not repeated."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from gateway.auth.tokens import Lifetimes, issue
from gateway.logs import BLANK, OURS, configure, event_log, scrub
from tests.kit.api import KEY, PASSWORD, Api, run
from tests.kit.clock import Clock


class Sink:
    """All that was logged, as text and as objects."""

    def __init__(self, form: Any = "json", level: int = logging.DEBUG) -> None:
        self.stream = io.StringIO()
        self.clock = Clock()
        configure(self.stream, form=form, level=level, now=self.clock.now)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Put the process's logging back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_an_event_is_one_json_object_with_its_fields() -> None:
    sink = Sink()
    event_log("gateway.test").info("started", port=8080, hosts=["a", "b"], ok=True)
    (event,) = sink.events
    assert event.pop("time").endswith("Z")
    assert event == {"level": "info", "log": "gateway.test", "event": "started", "port": 8080, "hosts": ["a", "b"], "ok": True}


def test_levels_below_the_chosen_one_are_not_written() -> None:
    sink = Sink(level=logging.INFO)
    log = event_log("gateway.test")
    log.debug("step")
    log.message("posted", "r1", 7)
    log.warning("slow")
    assert [event["event"] for event in sink.events] == ["slow"]
    assert not log.debugging


def test_other_libraries_never_write_below_info() -> None:
    sink = Sink()
    for name in ("websockets.server", "asyncio", "gateway.test"):
        logging.getLogger(name).debug("a frame, perhaps with a body")
        logging.getLogger(name).info("started")
    assert [(event["log"], event["level"]) for event in sink.events] == [
        ("websockets.server", "info"),
        ("asyncio", "info"),
        ("gateway.test", "debug"),
        ("gateway.test", "info"),
    ]


def test_a_message_is_traced_by_room_and_seq() -> None:
    sink = Sink()
    event_log("gateway.a").message("posted", "r1", 7, user="ann")
    event_log("cluster.b").message("delivered", "r1", 7)
    way = [(event["log"], event["step"]) for event in sink.events if (event.get("room"), event.get("seq")) == ("r1", 7)]
    assert way == [("gateway.a", "posted"), ("cluster.b", "delivered")]


def test_fields_of_secret_names_are_blanked_at_any_depth() -> None:
    sink = Sink()
    event_log("t").info("x", body="hello", password="pw", Token="t", nested={"refresh": "r", "fine": 1}, listed=[{"authorization": "a"}])
    (event,) = sink.events
    assert event["body"] == event["password"] == event["Token"] == BLANK
    assert event["nested"] == {"refresh": BLANK, "fine": 1} and event["listed"] == [{"authorization": BLANK}]


def test_tokens_are_cut_out_of_every_text() -> None:
    issued = issue("ann", "device01", "", 0.0, Lifetimes())
    for text in (issued.token, issued.refresh, issued.token.replace(":", "%3a"), f"Bearer {issued.token}", "Bearer abc.def"):
        assert scrub(f"GET /x?{text} done") in (f"GET /x?{BLANK} done", f"GET /x?Bearer {BLANK} done")
    assert "c29tZXNhbHQ" not in scrub("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$aGFzaA")


def test_other_libraries_records_are_cleaned_too() -> None:
    sink = Sink()
    token = issue("ann", "device01", "", 0.0, Lifetimes()).token
    logging.getLogger("another.library").info('%s - "GET /?t=%s"', "127.0.0.1", token)
    assert token not in sink.text and sink.events[0]["log"] == "another.library"


def test_an_exception_is_told_with_its_traceback_but_not_with_what_it_quotes() -> None:
    class Model(BaseModel):
        number: int

    sink = Sink()
    # Put together here, since a traceback shows the lines of the source.
    sent = "hunter" + str(2)
    try:
        Model.model_validate({"number": sent})
    except ValidationError as error:
        cause = RuntimeError("while reading wbl:ann:secret")
        cause.__cause__ = error
        event_log("t").error("failed", error=cause)
    (event,) = sink.events
    assert "ValidationError" in event["exception"] and "RuntimeError: while reading" in event["exception"]
    assert "test_logs.py" in event["exception"]
    assert "hunter2" not in sink.text and "secret" not in sink.text


def test_objects_are_named_and_not_shown() -> None:
    class Post:
        def __repr__(self) -> str:
            return "Post(body='hello')"

    sink = Sink()
    event_log("t").info("x", post=Post(), data=b"hello")
    assert (sink.events[0]["post"], sink.events[0]["data"]) == ("Post", "bytes")


def test_no_text_breaks_a_line_or_forges_another() -> None:
    for form in ("json", "console"):
        sink = Sink(form)
        event_log("t").info("x", user="ann\nforged level=error\x1b[31m\u2028", half="\ud800", level="forged", huge="y" * 100_000)
        assert len(sink.text.splitlines()) == 1 and "\x1b" not in sink.text and len(sink.text) < 5_000


def test_the_console_form_is_for_eyes() -> None:
    sink = Sink("console")
    event_log("gateway.test").warning("slow", took_ms=7, why="disk is full")
    assert sink.text.rstrip().endswith('warning slow took_ms=7 why="disk is full" (gateway.test)')


def test_what_repeats_is_left_out_and_counted() -> None:
    sink = Sink()
    log, other = event_log("a"), event_log("b")
    for _ in range(100):
        log.warning("link_broken", to="c2")
    other.warning("link_broken")
    for _ in range(10):
        log.info("not_limited")
    assert [event["event"] for event in sink.events] == ["link_broken"] * 6 + ["not_limited"] * 10
    sink.clock.advance(10.0)
    log.warning("link_broken", to="c2")
    assert sink.events[-1]["left_out"] == 95
    log.warning("link_broken")
    assert "left_out" not in sink.events[-1]


def test_kinds_that_are_remembered_are_bounded() -> None:
    sink = Sink()
    for number in range(2_000):
        event_log("t").warning(f"kind{number}")
    assert len(sink.events) == 2_000


def test_a_whole_day_of_an_account_leaves_no_secret_in_the_log_at_any_level() -> None:
    sink = Sink()
    secrets = [PASSWORD, "another good one", "wrong guess!", "deeply private words"]

    async def story() -> None:
        api = Api()
        login = await api.registered("ann")
        await api.registered("bob")
        client = api.client(token=login["token"])
        await client.post("/api/v1/login", json={"name": "ann", "password": "wrong guess!"})
        room = (await client.post("/api/v1/rooms", json={"name": "R"}, headers={"Idempotency-Key": KEY})).json()["room"]
        posted = await client.post(
            f"/api/v1/rooms/{room}/messages", json={"body": "deeply private words"}, headers={"Idempotency-Key": KEY}
        )
        assert posted.status_code == 201
        await client.get(f"/api/v1/me?token={login['token']}")
        again = await client.post("/api/v1/refresh", json={"refresh": login["refresh"]})
        new = again.json()
        client = api.client(token=new["token"])
        changed = await client.patch("/api/v1/me", json={"password": "another good one", "old_password": PASSWORD})
        for answer in (login, new, changed.json()["login"]):
            secrets.extend((answer["token"], answer["refresh"], answer["token"].split(":")[2]))

    run(story())
    assert {"account_registered", "login_failed", "password_changed", "message", "request"} <= {event["event"] for event in sink.events}
    assert [secret for secret in secrets if secret in sink.text] == []
