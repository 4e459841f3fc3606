"""What the connections of a listener share."""

from __future__ import annotations

from gateway.hub import Hub
from tests.kit.clock import Clock
from tests.kit.wire_ends import RecordedSessions


class Writer:
    def __init__(self, fails: bool = False) -> None:
        self.flushed = 0
        self.aborted = False
        self._fails = fails

    def flush(self) -> None:
        self.flushed += 1
        if self._fails:
            raise RuntimeError("broken")

    def abort(self) -> None:
        self.aborted = True


def test_all_who_have_something_to_write_do_so_in_one_wake_up() -> None:
    clock = Clock()
    hub, writers = Hub(RecordedSessions(), clock), [Writer() for _ in range(5)]
    for writer in writers:
        hub.soon(writer)
    assert clock.run() == 1
    assert [writer.flushed for writer in writers] == [1] * 5


def test_one_that_fails_is_ended_and_keeps_nobody_from_writing() -> None:
    clock = Clock()
    hub, bad, good = Hub(RecordedSessions(), clock), Writer(fails=True), Writer()
    hub.soon(bad)
    hub.soon(good)
    clock.run()
    assert (bad.aborted, good.flushed, good.aborted) == (True, 1, False)


def test_the_last_one_to_leave_is_told() -> None:
    hub, told = Hub(RecordedSessions(), Clock()), []
    hub.on_empty = lambda: told.append("empty")
    for address in ("192.0.2.1", "192.0.2.1"):
        assert hub.admission.enter()
        assert hub.admission.enter_from(address)
    hub.leave("192.0.2.1")
    assert told == []
    hub.leave("192.0.2.1")
    assert told == ["empty"]
