"""The doctor asks a running server whether it delivers, and says what it heard."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cluster import checks
from cluster.check_delivery import ask_health
from cluster.ray_environment import Instance, write_url
from cluster.settings import Settings

STUCK = {"ok": False, "took_ms": 1500.0, "code": "timeout", "step": "commit"}


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """A server that says this to everybody; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a server that runs, as far as its data folder tells."""
    monkeypatch.setattr(checks, "running", lambda _: Instance("127.0.0.1:1", 1, "x"))
    return Settings(data=tmp_path)


def at(settings: Settings, port: int) -> Settings:
    return settings.model_copy(update={"port": port})


@pytest.mark.parametrize(
    ("status", "told", "state", "text"),
    [
        (200, {"ok": True, "took_ms": 3.4}, "ok", "a post came back in 3.4 ms"),
        (
            200,
            {"ok": True, "took_ms": 3.4, "supervision": ["cell-2 is left alone"]},
            "warning",
            "a post came back in 3.4 ms; cell-2 is left alone",
        ),
        (503, STUCK, "wrong", "a post does not come back: stuck at commit: timeout"),
        (503, {"ok": False, "took_ms": 1.0, "code": "internal"}, "wrong", "a post does not come back: internal"),
    ],
)
def test_what_the_server_says_is_told(running: Settings, status: int, told: dict[str, object], state: str, text: str) -> None:
    with answering(status, json.dumps(told).encode()) as port:
        found = checks.check_delivery(at(running, port))
    assert (found.state, found.text, bool(found.mend)) == (state, text, state != "ok")


def test_a_server_on_another_port_is_found_by_its_data_folder(running: Settings) -> None:
    with answering(200, json.dumps({"ok": True, "took_ms": 2.5}).encode()) as port:
        (running.data / "run").mkdir(parents=True, exist_ok=True)
        write_url(running, f"http://127.0.0.1:{port}/")
        for said in (0, port + 1):
            assert checks.check_delivery(at(running, said)).text == "a post came back in 2.5 ms"


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]", b'{"status": "up"}', b"\xff"])
def test_another_program_on_the_port_is_not_taken_for_the_server(running: Settings, body: bytes) -> None:
    with answering(200, body) as port:
        with pytest.raises(OSError, match=r"speak as|another program"):
            ask_health(f"http://127.0.0.1:{port}/")
        assert checks.check_delivery(at(running, port)).state == "wrong"


def test_a_server_that_does_not_answer_is_wrong_and_one_that_is_down_is_not(running: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = checks.check_delivery(at(running, port))
    assert found.state == "wrong" and "refused" in found.text.lower()
    assert checks.check_delivery(at(running, 0)).state == "warning"
    monkeypatch.setattr(checks, "running", lambda _: None)
    assert checks.check_delivery(at(running, port)).state == "ok"
