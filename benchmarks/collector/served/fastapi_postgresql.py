"""FastAPI, and one INSERT into PostgreSQL for each request, over a pool of connections."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

import asyncpg
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from benchmarks.collector.served.form import COLUMNS, TABLE, is_signed, row_of

INSERT = f"INSERT INTO callbacks VALUES ({', '.join(f'${number}' for number in range(1, len(COLUMNS) + 1))})"


@contextlib.asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    """Keep a pool of ten while the application runs."""
    async with asyncpg.create_pool(os.environ["BENCH_DATABASE"]) as pool:
        await pool.execute(TABLE)
        application.state.pool = pool
        yield


application = FastAPI(lifespan=lifespan)


async def callback(request: Request) -> PlainTextResponse:
    """Read, verify, insert, answer."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    if not is_signed(form):
        return PlainTextResponse("not authentic", 403)
    await application.state.pool.execute(INSERT, *row_of(form))
    return PlainTextResponse("OK")


application.add_api_route("/callback", callback, methods=["POST"], response_class=PlainTextResponse)
