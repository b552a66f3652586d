"""The listener for your own systems: pages that tell of the collector, and where it is told something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from smsanalytics.errors import JournalError
from smsanalytics.serving.gate import Gate, is_known
from smsanalytics.serving.intake import KINDS, NOT_KNOWN, Intake
from smsanalytics.serving.metrics import Metrics
from smsanalytics.settings import Settings
from smsanalytics.store.commit import GroupCommit

READY_SECONDS = 10.0  #: so long a durable write speaks for the next one

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class Admin:
    """
    The pages of the admin listener.

    Parameters
    ----------
    settings : Settings
        With the token that a caller must know to tell something, and to read ``/metrics``.
    events : GroupCommit
        Of the callbacks; what is told goes the same way.
    metrics : Metrics
        Of the same collector.
    """

    def __init__(self, settings: Settings, events: GroupCommit, metrics: Metrics) -> None:
        token = settings.admin_token.get_secret_value().encode() if settings.admin_token else None
        self._token, self._events, self._metrics = token, events, metrics
        self._trusted = settings.trusted_proxies
        self._proof: asyncio.Task[None] | None = None
        self._intake = Intake(frozenset(settings.accounts), settings.numberings, token, events)

    def app(self, lifespan: Lifespan) -> Starlette:
        """Make the application; `lifespan` runs what is beside it."""
        told = [Route(path, self._intake.receive, methods=["POST"]) for path in KINDS]
        asked = [Route(f"/{page.__name__}", page) for page in (self.healthz, self.readyz, self.metrics)]
        return Starlette(
            routes=[*asked, *told],
            lifespan=lifespan,
            middleware=[Middleware(Gate, token=self._token, trusted=self._trusted)],
            exception_handlers={405: _not_allowed},
        )

    async def healthz(self, _: Request) -> Response:
        """The event loop turns; whether the disk writes is another question."""
        return PlainTextResponse("OK")

    async def readyz(self, _: Request) -> Response:
        """A durable write succeeded just now, and the disk has room for more; it is proved once for all who ask."""
        if self._proof is None or self._proof.done():
            self._proof = asyncio.create_task(self._events.prove(READY_SECONDS))
        try:
            await asyncio.shield(self._proof)
        except JournalError as failure:
            return PlainTextResponse(f"not ready: {failure}\n", 503, {"retry-after": "10"})
        return PlainTextResponse("ready\n")

    async def metrics(self, request: Request) -> Response:
        """Figures for Prometheus."""
        if self._token is not None and not is_known(request, self._token):
            return NOT_KNOWN
        self._metrics.monitor.settle()
        return Response(await run_in_threadpool(self._metrics.page), headers={"content-type": CONTENT_TYPE_LATEST})


async def _not_allowed(_: Request, error: Exception) -> Response:
    headers = dict(getattr(error, "headers", None) or {})
    return PlainTextResponse(f"check the method: this page takes {headers.get('Allow', 'another')}\n", 405, headers)
