"""The hot path: one callback is verified, put into the journal, and answered when it is durable; in this order."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable

from smsanalytics.collector.accounts import Account, Address, is_among
from smsanalytics.collector.answer import NOT_ALLOWED, NOT_AUTHENTIC, NOT_STORED, STORED, UNREADABLE, Answer
from smsanalytics.collector.monitor import Monitor
from smsanalytics.collector.quota import Quota
from smsanalytics.errors import BadSignature, CallbackRefused, JournalError
from smsanalytics.store.commit import GroupCommit
from smsanalytics.store.journal import OF_A_LINE, entry, in_batch
from smsanalytics.wire import callback
from smsanalytics.wire.callback import Callback

log = logging.getLogger("smsanalytics.collector")

QUIET_SECONDS = 60.0  #: between two lines of the log that say the same


class Callbacks:
    """
    Takes the bodies of callbacks.

    Parameters
    ----------
    events : GroupCommit
        Where verified callbacks go before they are answered.
    rejected : GroupCommit
        Where refused ones go; of a lazy journal, for a refusal must not cost a sync.
    quota : Quota
        How much of an account's refused callbacks is kept.
    monitor : Monitor
        Counts all of it.
    """

    def __init__(self, events: GroupCommit, rejected: GroupCommit, quota: Quota, monitor: Monitor) -> None:
        self._events, self._rejected, self._quota, self._monitor = events, rejected, quota, monitor
        self._said: dict[str, tuple[float, int]] = {}

    def take(
        self, account: Account, body: bytes, client: Callable[[], Address | None], reply: Callable[[Answer], None]
    ) -> None:
        """Reply to one body, now or when what it tells is durable; `client` says who sent it, where that is asked."""
        try:
            if account.networks and not ((sender := client()) and is_among(sender, account.networks)):
                self._reject(account, body, client, "address", shaped=False)
                return reply(NOT_ALLOWED)
            callbacks = callback.read(body, account.terms)
            events = in_batch([_entry(account, one) for one in callbacks])
        except CallbackRefused as refusal:
            authentic = not isinstance(refusal, BadSignature)
            self._reject(account, body, client, refusal.reason, shaped=not authentic)
            return reply(UNREADABLE if authentic else NOT_AUTHENTIC)
        except Exception as fault:  # of ours: what was sent must not be lost by it
            self._reject(account, body, client, "fault", shaped=True)
            self._complain(f"answered 503: {type(fault).__name__}")
            return reply(NOT_STORED)

        def done(failure: JournalError | None) -> None:
            if failure is None:
                for one in callbacks:
                    self._monitor.accept(account.name, one.kind)
                reply(STORED)
            else:
                self._complain(f"answered 503: {failure}")
                reply(NOT_STORED)

        try:
            self._events.put(events, done)
        except JournalError as failure:
            done(failure)
        return None

    def _reject(
        self, account: Account, body: bytes, client: Callable[[], Address | None], reason: str, *, shaped: bool
    ) -> None:
        self._monitor.reject(account.name, reason)
        remote = str(client() or "")
        event = _refused(account, reason, remote, body)
        if not self._quota.admits(account.name, len(event) + OF_A_LINE, shaped=shaped, now=time.monotonic()):
            return self._complain(f"refused callbacks of account {account.name} are beyond what is kept of them")
        masked = account.terms.masked(body)
        if masked != body:
            event = _refused(account, reason, remote, masked)
        try:
            self._rejected.put([event], self._kept)
        except JournalError as error:
            self._kept(error)

    def _kept(self, failure: JournalError | None) -> None:
        if failure is not None:
            self._complain(f"refused callbacks were not kept: {failure}")

    def _complain(self, what: str) -> None:
        """Log it once in a while, with how often it was so."""
        at, times = self._said.get(what, (-QUIET_SECONDS, 0))
        if time.monotonic() - at >= QUIET_SECONDS:
            log.error(what + (f" ({times} times more since it was said last)" if times else ""))
            at, times = time.monotonic(), 0
        else:
            times += 1
        self._said[what] = (at, times)


def _refused(account: Account, reason: str, remote: str, body: bytes) -> bytes:
    fields = {"reason": reason, "remote": remote, "body": base64.b64encode(body).decode("ascii")}
    return entry(account=account.name, kind="rejected", signed_by="none", key="", fields=fields, extra={})


def _entry(account: Account, one: Callback) -> bytes:
    return entry(
        account=account.name, kind=one.kind, signed_by=one.signed_by, key=one.key, fields=one.fields, extra=one.extra
    )
