"""The hot path: one POST is read, verified, made durable, answered; in this order, and in front of every framework."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from smsanalytics.collector.commit import GroupCommit
from smsanalytics.collector.exchange import NOT_STORED, Answer, TooLarge, read_body
from smsanalytics.errors import BadSignature, CallbackRefused, JournalError
from smsanalytics.settings import DEFAULT_ACCOUNT
from smsanalytics.store.journal import entry, in_batch
from smsanalytics.wire import callback
from smsanalytics.wire.callback import Terms

PATH = "/callback"
log = logging.getLogger("smsanalytics.collector")


STORED = Answer(200, "OK")
UNREADABLE = Answer(400, "not a callback: a field is missing, repeated, or not of the shape the provider sends\n")
NOT_AUTHENTIC = Answer(403, "not authentic: check that the secret in the handler address is the configured one\n")
NO_ACCOUNT = Answer(404, "no such account: check the path of the handler address\n")
NOT_POST = Answer(405, "callbacks are sent by POST\n", ((b"allow", b"POST"),))
TOO_LARGE = Answer(413, "too large for a callback\n", ((b"connection", b"close"),))


class CallbackEndpoint:
    """
    An ASGI application for ``POST /callback`` and ``POST /callback/<account>``.

    Parameters
    ----------
    accounts : mapping of str to Terms
        What each account demands.
    events : GroupCommit
        Where verified callbacks go before they are answered.
    rejected : GroupCommit
        Where refused ones go; of a lazy journal, for a refusal must not cost a sync.
    max_body_bytes : int
        A larger body is not read to its end.
    """

    def __init__(
        self, accounts: Mapping[str, Terms], events: GroupCommit, rejected: GroupCommit, *, max_body_bytes: int
    ) -> None:
        self._accounts, self._events, self._rejected = accounts, events, rejected
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        account = scope["path"].removeprefix(PATH).strip("/") or DEFAULT_ACCOUNT
        if scope["method"] != "POST":
            return await NOT_POST.send(send)
        terms = self._accounts.get(account)
        if terms is None:
            return await NO_ACCOUNT.send(send)
        try:
            body = await read_body(scope, receive, self._max_body_bytes)
        except TooLarge:
            return await TOO_LARGE.send(send)
        except asyncio.CancelledError:  # the collector stops, and the body was still on its way
            return await NOT_STORED.send(send)
        if body is None:
            return None  # the client went away
        return await (await self._keep(account, terms, body, scope)).send(send)

    async def _keep(self, account: str, terms: Terms, body: bytes, scope: Scope) -> Answer:
        try:
            callbacks = callback.read(body, terms)
        except CallbackRefused as refusal:
            await self._reject(account, terms, body, scope, refusal.reason)
            return NOT_AUTHENTIC if isinstance(refusal, BadSignature) else UNREADABLE
        try:
            await self._events.append(
                in_batch(
                    [
                        entry(
                            account=account,
                            kind=one.kind,
                            signed_by=one.signed_by,
                            key=one.key,
                            fields=one.fields,
                            extra=one.extra,
                        )
                        for one in callbacks
                    ]
                )
            )
        except JournalError as error:
            log.error("answered 503: %s", error)
            return NOT_STORED
        return STORED

    async def _reject(self, account: str, terms: Terms, body: bytes, scope: Scope, reason: str) -> None:
        body = terms.masked(body)
        fields = {
            "reason": reason,
            "remote": scope["client"][0] if scope.get("client") else "",
            "body": base64.b64encode(body).decode("ascii"),
        }
        try:
            await self._rejected.append(
                [entry(account=account, kind="rejected", signed_by="none", key="", fields=fields, extra={})]
            )
        except JournalError as error:
            log.warning("a refused callback was not kept: %s", error)
