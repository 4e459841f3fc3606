"""The web client's files: a list made once, so that no path of a request ever touches the disk.

What is not in the list does not exist; there is nothing to traverse. Files under ``assets/`` carry a hash in their
names and are kept by browsers for good; the page itself is asked for again each time (answered by 304 mostly).
A path without a dot that nobody else serves gets the page: the client's own routes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import Request
from starlette.responses import FileResponse, Response

from actors.errors import ChatError

MAX_FILES = 5_000
PAGE = "index.html"
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""`'self'` covers the WebSocket of the same host and port."""
FOR_GOOD = "public, max-age=31536000, immutable"
AN_HOUR = "public, max-age=3600"
ASK_AGAIN = "no-cache"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mp3": "audio/mpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Ready-made compressed forms beside a file, best first."""
NOT_BUILT = "The web client is not built on this server: run `make web`, then start again.\n"


class WebFile(NamedTuple):
    """One file that is served."""

    path: Path
    tag: str
    media_type: str
    cache: str
    encodings: tuple[str, ...]
    """Those of `ENCODINGS` that lie beside it."""


class WebFiles:
    """The files under one folder, by their URL path without the first slash."""

    def __init__(self, root: Path | None, sources: Callable[[], Sequence[str]] = list) -> None:
        """`sources`: where the page may connect besides its own origin."""
        self._sources = sources
        self._files = _listed(root) if root is not None and root.is_dir() else {}

    async def answer(self, request: Request) -> Response:
        """Answer a GET or HEAD. Raises `not_found`."""
        path = request.path_params["path"]
        file = self._files.get(path or PAGE)
        if file is None and _is_route(path):
            file = self._files.get(PAGE)
            if file is None:
                return Response(NOT_BUILT, status_code=503, media_type="text/plain")
        if file is None:
            raise ChatError("not_found")
        return _answer(file, request, self._sources())


def file_answer(path: Path, request: Request) -> Response:
    """Answer with one file that is asked for again each time."""
    return _answer(_described(path, path.name), request)


def _answer(file: WebFile, request: Request, sources: Sequence[str] = ()) -> Response:
    accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
    encoding = next((name for name in file.encodings if name in accepted), "")
    policy = PAGE_POLICY.replace("connect-src 'self'", " ".join(("connect-src 'self'", *sources)))
    # A browser that has the file keeps the policy that came with it: another policy is another answer.
    mark = sha256(" ".join(sources).encode()).hexdigest()[:8] if sources and file.cache == ASK_AGAIN else ""
    tag = '"' + "-".join(filter(None, (file.tag, mark, encoding))) + '"'
    headers = {"ETag": tag, "Cache-Control": file.cache, "Content-Security-Policy": policy, "Vary": "Accept-Encoding"}
    if tag in {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    path = file.path
    if encoding:
        headers["Content-Encoding"] = encoding
        path = path.with_name(path.name + ENCODINGS[encoding])
    return FileResponse(path, headers=headers, media_type=file.media_type)


def _is_route(path: str) -> bool:
    return not path.startswith(("api/", "docs/")) and path != "api" and "." not in path and "\\" not in path


def _listed(root: Path) -> dict[str, WebFile]:
    top = root.resolve()
    files: dict[str, WebFile] = {}
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))
        # A link that leads out of the folder is not followed.
        if hidden or path.suffix in ENCODINGS.values() or not path.is_file() or not path.resolve().is_relative_to(top):
            continue
        if len(files) >= MAX_FILES:
            raise ValueError(f"more than {MAX_FILES} files in {root}")
        files[name] = _described(path, name)
    return files


def _described(path: Path, name: str) -> WebFile:
    tag = sha256(path.read_bytes()).hexdigest()[:20]
    cache = FOR_GOOD if name.startswith("assets/") else ASK_AGAIN if path.suffix == ".html" else AN_HOUR
    there = tuple(encoding for encoding, suffix in ENCODINGS.items() if path.with_name(path.name + suffix).is_file())
    return WebFile(path, tag, TYPES.get(path.suffix, "application/octet-stream"), cache, there)
