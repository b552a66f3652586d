"""What your own systems call: pages about the collector, and where they send what they know."""

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

from smsanalytics.collector.collector import Collector
from smsanalytics.collector.gate import Gate, is_known
from smsanalytics.collector.ingest_api import KINDS, Intake
from smsanalytics.collector.metrics import Metrics
from smsanalytics.collector.responses import ALIVE, NOT_KNOWN, Answer
from smsanalytics.errors import StoreError

READY_SECONDS = 10.0  #: so long a durable write speaks for the next one

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class Admin:
    """
    The pages of the admin listener.

    Parameters
    ----------
    collector : Collector
        Whose figures they show, and whose journal takes what is sent to them. With the token of its settings a caller
        may send something, and read ``/metrics``.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector, settings = collector, collector.settings
        self._token = settings.admin_token.get_secret_value().encode() if settings.admin_token else None
        self._metrics = Metrics(collector)
        self._proof: asyncio.Task[None] | None = None

    def app(self, lifespan: Lifespan | None) -> Starlette:
        """Make the application; `lifespan` opens the collector, unless another application does."""
        intake = Intake(self._collector, self._token)
        sent = [Route(path, intake.receive, methods=["POST"]) for path in KINDS]
        asked = [Route(f"/{page.__name__}", page) for page in (self.healthz, self.readyz, self.metrics)]
        return Starlette(
            routes=[*asked, *sent],
            lifespan=lifespan,
            middleware=[Middleware(Gate, token=self._token, trusted=self._collector.settings.trusted_proxies)],
            exception_handlers={405: _not_allowed},
        )

    async def healthz(self, _: Request) -> Answer:
        """The event loop turns; whether the disk writes is another question."""
        return ALIVE

    async def readyz(self, _: Request) -> Answer:
        """A durable write succeeded just now, and the disk has room for more; it is proved once for all who ask."""
        try:
            self._collector.ensure_open()
            if self._proof is None or self._proof.done():
                self._proof = asyncio.create_task(self._collector.events.prove(READY_SECONDS))
            await asyncio.shield(self._proof)
        except StoreError as failure:
            return Answer(503, f"not ready: {failure}\n", {"retry-after": "10"})
        return Answer(200, "ready\n")

    async def metrics(self, request: Request) -> Response | Answer:
        """Figures for Prometheus."""
        if self._token is not None and not is_known(request, self._token):
            return NOT_KNOWN
        self._metrics.monitor.settle()
        return Response(await run_in_threadpool(self._metrics.page), headers={"content-type": CONTENT_TYPE_LATEST})


async def _not_allowed(_: Request, error: Exception) -> Response:
    headers = dict(getattr(error, "headers", None) or {})
    return PlainTextResponse(f"check the method: this page takes {headers.get('Allow', 'another')}\n", 405, headers)
