"""Each step of a message's way is one line of log, with the names that the page of the trace says."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from actors.runtime.actor import ActorId
from gateway.trace import LogTrace
from gateway.trace import __doc__ as page
from tests.kit.logged import logged


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    with logged() as stream:
        yield stream


def test_each_step_is_a_line_with_its_fields(lines: io.StringIO) -> None:
    trace, session = LogTrace(), ActorId("session:L~1")
    trace.welcomed(session, "ann", "d1")
    trace.received("r", 3, "d1", session)
    trace.committed("r", 9, 3, "d1")
    trace.fanned_out("r", 9, 2)
    trace.relayed("r", 9)
    trace.delivered("r", 9, session, True)
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    for line in told:
        del line["time"], line["level"], line["log"]
    assert told == [
        {"event": "session_welcomed", "session": session, "user": "ann", "device": "d1"},
        {"event": "message", "room": "r", "step": "received", "n": 3, "device": "d1", "session": session},
        {"event": "message", "room": "r", "seq": 9, "step": "committed", "n": 3, "device": "d1"},
        {"event": "message", "room": "r", "seq": 9, "step": "fanned_out", "edges": 2},
        {"event": "message", "room": "r", "seq": 9, "step": "relayed"},
        {"event": "message", "room": "r", "seq": 9, "step": "delivered", "session": session, "pushed": True},
    ]
    assert page is not None
    assert all(line["step"] in page for line in told[1:])
