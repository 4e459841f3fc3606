"""The OpenAPI page works in a browser, without anything from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Request, async_playwright

from tests.kit.api import PASSWORD, Api, run
from tests.kit.http_server import serving

CHROMIUM = "/usr/bin/chromium"


def openapi() -> dict[str, Any]:
    described: dict[str, Any] = Api().app.openapi()
    return described


def test_every_route_is_described_with_the_one_shape_of_errors() -> None:
    described = openapi()
    routes = [(path, method, route) for path, methods in described["paths"].items() for method, route in methods.items()]
    assert len(routes) == 29
    for path, _, route in routes:
        assert route["responses"]["default"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")
        assert "422" not in route["responses"]
        assert route["description"]
        open_to_all = path.split("/")[-1] in ("accounts", "login", "{ticket}", "refresh", "connect", "healthz", "metrics")
        assert ("security" in route) == (not open_to_all or "/admin/" in path), path


def test_requests_are_described_as_closed_and_bounded() -> None:
    schemas = openapi()["components"]["schemas"]
    for name in ("NewAccount", "Credentials", "NewRoom", "NewMessage", "AdminAccount"):
        assert schemas[name]["additionalProperties"] is False
    assert schemas["NewMessage"]["properties"]["body"]["maxLength"] == 16_384


def test_posting_needs_an_idempotency_key_by_its_description() -> None:
    route = openapi()["paths"]["/api/v1/rooms/{room}/messages"]["post"]
    (key,) = [parameter for parameter in route["parameters"] if parameter["name"] == "Idempotency-Key"]
    assert key["required"] and key["in"] == "header"


@pytest.mark.slow
def test_the_page_shows_and_tries_routes_and_asks_nobody_else(tmp_path: Path) -> None:
    asked: list[str] = []
    said: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    def hear(message: ConsoleMessage) -> None:
        said.append(message.text)

    async def story() -> None:
        api = Api()
        token = (await api.registered("ann"))["token"]
        async with serving(api.app) as port, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = await browser.new_page()
            page.on("request", note)
            page.on("console", hear)
            page.on("pageerror", lambda error: said.append(str(error)))
            await page.goto(f"http://127.0.0.1:{port}/docs")
            await page.wait_for_selector("main:not([aria-busy])")
            assert await page.locator("details.route").count() == 29
            await page.fill("#token", token)
            await page.locator("summary", has_text="/api/v1/me").first.click()
            await page.locator("details.route[open] button").click()
            await page.locator("details[open] pre", has_text='"user": "ann"').wait_for()
            await page.locator("summary", has_text="/api/v1/login").first.click()
            form = page.locator("details[open]").nth(0)
            await page.screenshot(path=str(tmp_path / "docs.png"), full_page=True)
            assert "Credentials" in await form.inner_text()
            await browser.close()
            here = f"http://127.0.0.1:{port}/"
            assert asked and all(url.startswith(here) for url in asked)
            assert said == []
            assert PASSWORD not in "".join(asked) and token not in "".join(asked)

    run(story())
