"""Where your own systems tell of sends and of confirmation requests: on the admin listener, with a token."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from smsanalytics.collector.answer import NOT_STORED
from smsanalytics.errors import JournalError, MalformedRecord
from smsanalytics.numbering import Numbering, Phones
from smsanalytics.serving.gate import is_known
from smsanalytics.settings import DEFAULT_ACCOUNT
from smsanalytics.store.commit import GroupCommit
from smsanalytics.store.records import encode, of_lines

KINDS = {"/sends": "send", "/confirmation-requests": "confirmation_request"}
MAX_BODY_BYTES = 4 * 2**20

log = logging.getLogger("smsanalytics.collector")


class Intake:
    """
    Takes ``POST /sends`` and ``POST /confirmation-requests``.

    Parameters
    ----------
    accounts : collection of str
        Those there are.
    numberings : mapping of str to Numbering
        Account to how its national numbers become international ones.
    token : bytes or None
        What a caller must know; None keeps it closed.
    events : GroupCommit
        Where records go before they are answered.
    """

    def __init__(
        self,
        accounts: Collection[str],
        numberings: Mapping[str, Numbering],
        token: bytes | None,
        events: GroupCommit,
    ) -> None:
        self._accounts, self._numberings, self._token, self._events = accounts, numberings, token, events

    async def receive(self, request: Request) -> Response:
        """Answer one request."""
        if self._token is None:
            return _said(403, "closed: set admin_token_file, or SMSANALYTICS_ADMIN_TOKEN, to open it")
        if not is_known(request, self._token):
            return NOT_KNOWN
        said = request.query_params.multi_items() or [("account", DEFAULT_ACCOUNT)]
        account = said[0][1]
        if [name for name, _ in said] != ["account"] or account not in self._accounts:
            return _said(400, "the query may say ?account=NAME, an account of the settings, and nothing else")
        try:
            body = await _read(request)
            if body is None:
                return _said(413, f"larger than {MAX_BODY_BYTES} bytes; send it in parts")
            return await self._keep(KINDS[request.url.path], account, body)
        except ClientDisconnect:
            return _said(400, "the connection ended before the body did")  # and nobody is there to read it
        except asyncio.CancelledError:  # the collector stops, and the body was still on its way
            return _not_stored()

    async def _keep(self, kind: str, account: str, body: bytes) -> Response:
        phones = Phones(self._numberings)
        try:
            events = await asyncio.to_thread(self._encode, kind, account, body, phones)  # callbacks do not wait for it
            if events:
                await self._events.append(events)
        except MalformedRecord as wrong:
            return _said(400, str(wrong))
        except JournalError as error:
            log.error("answered 503: %s", error)
            return _not_stored()
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


def _said(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(text + "\n", status, headers)


def _not_stored() -> Response:
    return PlainTextResponse(NOT_STORED.text, NOT_STORED.status, dict(NOT_STORED.headers))


NOT_KNOWN = _said(401, "send the admin token as Authorization: Bearer TOKEN", {"www-authenticate": "Bearer"})
