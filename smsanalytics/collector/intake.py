"""Where your own systems tell of sends and of confirmation requests: on the admin listener, with a token."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Collection
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from smsanalytics.collector.commit import GroupCommit
from smsanalytics.collector.exchange import NOT_STORED, Answer, TooLarge, read_body
from smsanalytics.errors import JournalError, MalformedRecord
from smsanalytics.settings import DEFAULT_ACCOUNT
from smsanalytics.store.records import encode, of_lines

KINDS = {"/sends": "send", "/confirmation-requests": "confirmation_request"}
MAX_BODY_BYTES = 4 * 2**20

log = logging.getLogger("smsanalytics.collector")

NO_TOKEN = Answer(403, "closed: set admin_token_file, or SMSANALYTICS_ADMIN_TOKEN, to open it\n")
NOT_ALLOWED = Answer(401, "send the admin token as Authorization: Bearer TOKEN\n", ((b"www-authenticate", b"Bearer"),))
NOT_POST = Answer(405, "this is sent by POST, as JSON lines\n", ((b"allow", b"POST"),))
TOO_LARGE = Answer(413, f"larger than {MAX_BODY_BYTES} bytes; send it in parts\n")
NO_ACCOUNT = Answer(400, "the query may say ?account=NAME, an account of the settings, and nothing else\n")


class Intake:
    """
    An ASGI application for ``POST /sends`` and ``POST /confirmation-requests``.

    Parameters
    ----------
    accounts : collection of str
        Those there are.
    token : bytes or None
        What a caller must know; None keeps it closed.
    events : GroupCommit
        Where records go before they are answered.
    """

    def __init__(self, accounts: Collection[str], token: bytes | None, events: GroupCommit) -> None:
        self._accounts, self._token, self._events = accounts, token, events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if refusal := self._refusal(scope):
            return await refusal.send(send)
        account = _account(scope["query_string"])
        if account is None or account not in self._accounts:
            return await NO_ACCOUNT.send(send)
        try:
            body = await read_body(scope, receive, MAX_BODY_BYTES)
            answer = None if body is None else await self._keep(KINDS[scope["path"]], account, body)
        except TooLarge:
            answer = TOO_LARGE
        except asyncio.CancelledError:  # the collector stops, and the body was still on its way
            answer = NOT_STORED
        return await answer.send(send) if answer else None

    def _refusal(self, scope: Scope) -> Answer | None:
        if scope["method"] != "POST":
            return NOT_POST
        if self._token is None:
            return NO_TOKEN
        said = [value for name, value in scope["headers"] if name == b"authorization"]
        known = len(said) == 1 and hmac.compare_digest(said[0], b"Bearer " + self._token)
        return None if known else NOT_ALLOWED

    async def _keep(self, kind: str, account: str, body: bytes) -> Answer:
        try:
            events = await asyncio.to_thread(self._encode, kind, account, body)  # callbacks do not wait for it
            if events:
                await self._events.append(events)
        except MalformedRecord as wrong:
            return Answer(400, f"{wrong}\n")
        except JournalError as error:
            log.error("answered 503: %s", error)
            return NOT_STORED
        return Answer(200, f'{{"stored": {len(events)}}}\n', content_type=b"application/json")

    def _encode(self, kind: str, account: str, body: bytes) -> list[bytes]:
        rows = of_lines(body)
        return encode(kind, rows, account=account, source="http", accounts=self._accounts, called="line")


def _account(query: bytes) -> str | None:
    """The account a query names; None if it says anything else."""
    said = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if not said:
        return DEFAULT_ACCOUNT
    return said[0][1] if len(said) == 1 and said[0][0] == "account" else None
