"""The least that uvicorn can do: read the body, answer 200."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

ANSWER = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send(ANSWER)
    await send({"type": "http.response.body", "body": b"OK"})
