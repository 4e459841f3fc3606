"""The web client's files and nothing else; caches and headers as the page needs them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.kit.api import Api, code_of, run


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    root = tmp_path / "dist"
    (root / "assets").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html><title>Warbler</title>")
    (root / "icon.svg").write_text("<svg/>")
    (root / "assets" / "app-1a2b3c.js").write_text("let a = 1;")
    (root / "assets" / "app-1a2b3c.js.gz").write_bytes(b"\x1f\x8bgz")
    (root / ".env").write_text("SECRET=1")
    (tmp_path / "secret.txt").write_text("SECRET=2")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    return root


def test_the_page_is_asked_for_again_and_its_hashed_files_are_kept_for_good(dist: Path) -> None:
    async def story() -> None:
        client = Api(web_dist=dist).client()
        page = await client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8" and "Warbler" in page.text
        assert page.headers["cache-control"] == "no-cache"
        script = await client.get("/assets/app-1a2b3c.js", headers={"Accept-Encoding": "identity"})
        assert script.headers["content-type"] == "text/javascript; charset=utf-8" and script.text == "let a = 1;"
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await client.get("/icon.svg")).headers["cache-control"] == "public, max-age=3600"

    run(story())


def test_the_page_runs_only_what_is_ours(dist: Path) -> None:
    async def story() -> None:
        page = await Api(web_dist=dist).client().get("/")
        policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"

    run(story())


def test_a_file_that_the_browser_has_is_not_sent_again(dist: Path) -> None:
    async def story() -> None:
        client = Api(web_dist=dist).client()
        tag = (await client.get("/")).headers["etag"]
        again = await client.get("/", headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        (dist / "index.html").write_text("<!doctype html><title>New</title>")
        fresh = await Api(web_dist=dist).client().get("/", headers={"If-None-Match": tag})
        assert fresh.status_code == 200 and "New" in fresh.text

    run(story())


def test_the_page_may_connect_to_the_edges_and_a_browser_that_has_it_hears_of_new_ones(dist: Path) -> None:
    async def story() -> None:
        edges = ["ws://10.0.0.1:*"]
        client = Api(web_dist=dist, page_sources=lambda: edges).client()
        page = await client.get("/")
        assert "; connect-src 'self' ws://10.0.0.1:*; " in page.headers["content-security-policy"]
        seen = {"If-None-Match": page.headers["etag"]}
        assert (await client.get("/", headers=seen)).status_code == 304
        edges.append("ws://10.0.0.2:*")
        fresh = await client.get("/", headers=seen)
        assert fresh.status_code == 200
        assert "ws://10.0.0.2:*" in fresh.headers["content-security-policy"]

    run(story())


def test_a_compressed_form_is_sent_to_who_can_read_it(dist: Path) -> None:
    async def story() -> None:
        client = Api(web_dist=dist).client()
        async with client.stream("GET", "/assets/app-1a2b3c.js", headers={"Accept-Encoding": "br, gzip;q=0.5"}) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
            assert (answer.headers["content-encoding"], raw) == ("gzip", b"\x1f\x8bgz")
            assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
            assert answer.headers["vary"] == "Accept-Encoding"

    run(story())


def test_routes_of_the_page_get_the_page_and_missing_files_do_not(dist: Path) -> None:
    async def story() -> None:
        client = Api(web_dist=dist).client()
        assert "Warbler" in (await client.get("/rooms/r2345")).text
        head = await client.head("/")
        assert (head.status_code, head.content) == (200, b"")
        for path in ("/assets/missing.js", "/favicon.ico", "/api/v1/nothing", "/api", "/docs/other"):
            assert code_of(await client.get(path)) == (404, "not_found")
        assert code_of(await client.post("/rooms")) == (405, "bad_method")

    run(story())


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "//secret.txt",
        "/%00/../secret.txt",
        "/.env",
        "/%2eenv",
        "/assets/",
        "/out.txt",
        "/assets/app-1a2b3c.js.gz",
        "/index.html%00.js",
        "/etc/passwd",
        "/%2fetc%2fpasswd",
    ],
)
def test_no_path_leads_out_of_the_folder(dist: Path, path: str) -> None:
    async def story() -> None:
        app = Api(web_dist=dist).app
        sent: list[dict[str, object]] = []
        question = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, object]:
            if not question:
                await asyncio.Event().wait()
            return question.pop()

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        # Past any client, which would tidy the path up: as the HTTP server hands it over.

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"chat.example")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await app(scope, receive, send)  # type: ignore[arg-type]
        body = b"".join(message.get("body", b"") for message in sent)  # type: ignore[misc]
        assert b"SECRET" not in body and b"root:" not in body
        assert sent[0]["status"] == 404 or b"<title>Warbler</title>" in body

    run(story())


def test_without_a_built_client_a_person_is_told_what_to_do() -> None:
    async def story() -> None:
        for missing in (None, Path("/nonexistent/dist")):
            answer = await Api(web_dist=missing).client().get("/")
            assert answer.status_code == 503 and "make web" in answer.text

    run(story())
