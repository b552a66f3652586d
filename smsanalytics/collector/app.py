"""The collector as an ASGI application: its routes, its journals and its maintenance, from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from smsanalytics.collector.child import Child
from smsanalytics.collector.commit import GroupCommit
from smsanalytics.collector.endpoint import PATH, CallbackEndpoint
from smsanalytics.collector.intake import KINDS, Intake
from smsanalytics.settings import Settings
from smsanalytics.store.journal import Journal
from smsanalytics.store.layout import Layout
from smsanalytics.wire.call import CallFields
from smsanalytics.wire.callback import Terms

WRITER, REJECTED = "w0", "r0"
PATIENCE = 5.0  #: how long to wait for a slot that a maintenance is just sealing [s]

log = logging.getLogger("smsanalytics.collector")


def open_journals(settings: Settings) -> tuple[Journal, Journal]:
    """Open the journal of events, and the lazy one of refused callbacks; what was left over in them is sealed."""
    layout, seconds, network = Layout(settings.data), settings.flush_seconds, settings.allow_network_journal
    events = Journal(layout, WRITER, seconds=seconds, allow_network=network, patience=PATIENCE)
    return events, Journal(layout, REJECTED, seconds=seconds, allow_network=network, patience=PATIENCE, lazy=True)


def create_app(
    settings: Settings,
    events_journal: Journal,
    rejected_journal: Journal,
    *,
    admin_port: int | None = None,
    maintain: Sequence[str] | None = None,
) -> ASGIApp:
    """
    Make the collector's application, with nothing global.

    Parameters
    ----------
    settings : Settings
        Fit for serving.
    events_journal, rejected_journal : Journal
        As `open_journals` gives them; closed when the application stops.
    admin_port : int, optional
        Requests that come in at this port get the admin pages, and no others do.
    maintain : sequence of str, optional
        Command of the maintenance process to start and keep running beside the collector.
    """
    events = GroupCommit(events_journal, max_waiting=settings.max_waiting)
    rejected = GroupCommit(rejected_journal, max_waiting=settings.max_waiting)
    endpoint = CallbackEndpoint(terms_of(settings), events, rejected, max_body_bytes=settings.max_body_bytes)
    token = settings.admin_token.get_secret_value().encode() if settings.admin_token else None
    intake = Intake(frozenset(settings.accounts), token, events)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as closing:  # from the last to the first, whatever fails
            if maintain:
                closing.push_async_callback(Child(maintain).stop)
            closing.push_async_callback(rejected.close)
            closing.push_async_callback(events.close)
            closing.callback(asyncio.create_task(_seal_regularly([events, rejected], settings.flush_seconds)).cancel)
            yield

    pages = Starlette(routes=[Route("/healthz", healthz)], lifespan=lifespan)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await pages(scope, receive, send)
        elif scope["server"][1] == admin_port:
            await (intake if scope["path"] in KINDS else pages)(scope, receive, send)
        elif _is_callback(scope["path"]):
            await endpoint(scope, receive, send)
        else:
            await pages(scope, receive, send)

    return application


def terms_of(settings: Settings) -> Mapping[str, Terms]:
    """What each account demands of a callback."""
    return {
        name: Terms(
            secrets={label: secret.get_secret_value().encode() for label, secret in account.secrets.items()},
            algorithms=account.algorithms,
            charset=account.charset,
            inbound_numbers=frozenset(number.encode() for number in account.inbound_numbers),
            call_events=CallFields(**account.call_events.model_dump()) if account.call_events else None,
        )
        for name, account in settings.accounts.items()
    }


async def healthz(_: Request) -> PlainTextResponse:
    """The event loop turns; whether the disk writes is another question."""
    return PlainTextResponse("OK")


def _is_callback(path: str) -> bool:
    return path == PATH or path.startswith(PATH + "/")


async def _seal_regularly(journals: Sequence[GroupCommit], seconds: float) -> None:
    while True:
        await asyncio.sleep(min(1.0, seconds / 4))
        for journal in journals:
            try:
                await journal.seal_if_due()
            except Exception as error:
                log.error("a segment could not be sealed: %s; it is tried again", type(error).__name__)
