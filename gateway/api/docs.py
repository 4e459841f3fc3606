"""The page at `/docs`: reads `/openapi.json` and shows it, with a form to try each route. All files are our own."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response

from gateway.api.static import file_answer

FOLDER = Path(__file__).parent / "page"


def add_docs(app: FastAPI) -> None:
    """Add the page and its two files."""
    app.add_route("/docs", _page, include_in_schema=False)
    app.add_route("/docs/docs.js", _script, include_in_schema=False)
    app.add_route("/docs/docs.css", _style, include_in_schema=False)


async def _page(request: Request) -> Response:
    return file_answer(FOLDER / "docs.html", request)


async def _script(request: Request) -> Response:
    return file_answer(FOLDER / "docs.js", request)


async def _style(request: Request) -> Response:
    return file_answer(FOLDER / "docs.css", request)
