"""An ASGI application of a few lines, for tests of what serves it."""

from __future__ import annotations

from typing import Any


async def plain_app(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that says whom and how it was asked."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = f"{scope['client'][0]} {scope['scheme']} {scope['method']} {scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
