"""What the browser tests share: the page as it is built, a server on Ray, Chromium, and people."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.person import Person
from tests.browser.server import Server

ROOT = Path(__file__).resolve().parents[2]
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
WAIT_MS = 30_000
"""How long a page may take to show something on a machine that has other things to do."""

Meet = Callable[..., Person]


@pytest.fixture(scope="package")
def built_page() -> None:
    """The web client is built from the sources that lie here."""
    done = subprocess.run([sys.executable, "tools/web.py", "build"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="package")
def server(built_page: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`warbler up` with two cells on a fresh data folder; whoever kills it starts it again."""
    server = Server(tmp_path_factory.mktemp("browser"))
    try:
        server.start()
        yield server
    finally:
        server.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium of this machine."""
    found = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
    assert found is not None, f"the browser tests need Chromium: none of {', '.join(CHROMIUMS)} is on the path"
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def meet(server: Server, browser: Browser) -> Iterator[Meet]:
    """Somebody at a browser of their own. No page may have had a fault of its own by the end."""
    people: list[Person] = []

    def make(**context: Any) -> Person:
        people.append(Person(browser.new_context(base_url=server.url, **{"locale": "en-US", **context}), WAIT_MS))
        return people[-1]

    yield make
    faults = [fault for person in people for fault in person.faults]
    for person in people:
        person.context.close()
    assert faults == []
