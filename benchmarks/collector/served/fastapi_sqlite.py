"""FastAPI, and one INSERT into SQLite for each request."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from benchmarks.collector.served.form import is_signed, row_of
from benchmarks.collector.served.sqlite import Table

table = Table()
application = FastAPI()


async def callback(request: Request) -> PlainTextResponse:
    """Read, verify, insert, answer."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    if not is_signed(form):
        return PlainTextResponse("not authentic", 403)
    table.insert(row_of(form))
    return PlainTextResponse("OK")


application.add_api_route("/callback", callback, methods=["POST"], response_class=PlainTextResponse)
