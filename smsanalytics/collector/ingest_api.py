"""Where your own systems send what they sent, and asked to be confirmed: on the admin listener, with a token."""

from __future__ import annotations

import asyncio
import json
import logging

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from smsanalytics.codes.numbering import Phones
from smsanalytics.collector.accounts import path_of
from smsanalytics.collector.collector import Collector
from smsanalytics.collector.gate import is_known
from smsanalytics.collector.responses import NOT_KNOWN, NOT_STORED, Answer
from smsanalytics.errors import MalformedRecord, StoreError
from smsanalytics.settings import DEFAULT_ACCOUNT
from smsanalytics.storage.ingest import encode, of_lines

KINDS = {"/sends": "send", "/confirmation-requests": "confirmation_request"}
MAX_BODY_BYTES = 4 * 2**20

log = logging.getLogger("smsanalytics.collector")


class Intake:
    """
    Takes ``POST /sends`` and ``POST /confirmation-requests``.

    Parameters
    ----------
    collector : Collector
        Whose journal has a record before it is answered.
    token : bytes or None
        What a caller must know; None keeps it closed.
    """

    def __init__(self, collector: Collector, token: bytes | None) -> None:
        self._collector, self._token = collector, token
        self._accounts, self._numberings = collector.settings.accounts, collector.settings.numberings

    async def receive(self, request: Request) -> Response | Answer:
        """Answer a request."""
        if self._token is None:
            return Answer(403, "closed: set admin_token_file, or SMSANALYTICS_ADMIN_TOKEN, to open it\n")
        if not is_known(request, self._token):
            return NOT_KNOWN
        query = request.query_params.multi_items() or [("account", DEFAULT_ACCOUNT)]
        account = query[0][1]
        if [name for name, _ in query] != ["account"] or account not in self._accounts:
            return Answer(400, "the query may say ?account=NAME, an account of the settings, and nothing else\n")
        try:
            body = await _read(request)
            if body is None:
                return Answer(413, f"larger than {MAX_BODY_BYTES} bytes; send it in parts\n", closes=True)
            if not body.strip():
                return Answer(400, "the body is empty; send a JSON object on each line\n")
            return await self._keep(KINDS[path_of(request.scope)], account, body)
        except ClientDisconnect:
            return Answer(400, "the connection ended before the body did\n")  # and nobody is there to read it

    async def _keep(self, kind: str, account: str, body: bytes) -> Response | Answer:
        phones = Phones(self._numberings)
        try:
            events = await asyncio.to_thread(self._encode, kind, account, body, phones)  # callbacks do not wait for it
            if events:
                self._collector.ensure_open()
                await self._collector.events.append(events)
        except MalformedRecord as wrong:
            return Answer(400, f"{wrong}\n")
        except StoreError as error:
            log.error("answered 503: %s", error)
            return NOT_STORED
        answer: dict[str, object] = {"stored": len(events)}
        if notices := [*phones.done(), *phones.undone()]:
            answer["notices"] = notices
        return Response(json.dumps(answer) + "\n", media_type="application/json")

    def _encode(self, kind: str, account: str, body: bytes, phones: Phones) -> list[bytes]:
        rows = of_lines(body)
        return encode(kind, rows, account=account, source="http", accounts=self._accounts, called="line", phones=phones)


async def _read(request: Request) -> bytes | None:
    """Read the body; None as soon as it is certain that it is too large."""
    parts, size = [], int(request.headers.get("content-length", "0")[:12])
    if size <= MAX_BODY_BYTES:
        size = 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > MAX_BODY_BYTES:
                break
    return b"".join(parts) if size <= MAX_BODY_BYTES else None
