"""A route of Starlette that reads the body and answers 200."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def callback(request: Request) -> PlainTextResponse:
    """Answer one request."""
    await request.body()
    return PlainTextResponse("OK")


application = Starlette(routes=[Route("/callback", callback, methods=["POST"])])
