"""The hot path: a callback is verified, put into the journal, and answered when it is durable; in this order."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from smsanalytics.collector.accounts import Account
from smsanalytics.collector.collector import Collector
from smsanalytics.collector.responses import NOT_ALLOWED, NOT_AUTHENTIC, NOT_STORED, STORED, UNREADABLE, Answer
from smsanalytics.collector.sender import Address, is_among
from smsanalytics.errors import BadSignature, CallbackRefused, JournalError, StoreError
from smsanalytics.smsc import callback
from smsanalytics.smsc.callback import Callback
from smsanalytics.storage.journal import OF_A_LINE, entry, in_batch

QUIET_SECONDS = 60.0  #: between two lines of the log that say the same

log = logging.getLogger("smsanalytics.collector")


class Post(NamedTuple):
    """A body that came; `sender` says who sent it, where that is asked."""

    account: Account
    body: bytes
    sender: Callable[[], Address | None]
    answer: asyncio.Future[Answer]


class Callbacks:
    """
    Takes the bodies of callbacks.

    Parameters
    ----------
    collector : Collector
        Whose journal has an event before it is answered.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector, self._monitor = collector, collector.monitor
        self._posts: list[Post] = []
        self._logged: dict[str, tuple[float, int]] = {}

    def take(self, account: Account, body: bytes, sender: Callable[[], Address | None]) -> asyncio.Future[Answer]:
        """
        Answer a body, when it is refused or what it holds is durable.

        All bodies that came in a turn of the loop are taken together, which costs a fifth less than each in its turn:
        the processor still has at hand what that needs.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        if not self._posts:
            loop.call_soon(self._take_all)
        self._posts.append(Post(account, body, sender, answer))
        return answer

    def _take_all(self) -> None:
        posts, self._posts = self._posts, []
        for post in posts:
            if (refusal := self._take(post)) and not post.answer.done():
                post.answer.set_result(refusal)

    def _take(self, post: Post) -> Answer | None:
        """Verify a body, and hand on what it holds; or say why not."""
        account = post.account
        try:
            if account.networks and not ((sender := post.sender()) and is_among(sender, account.networks)):
                return self._refuse(NOT_ALLOWED, post, "address")
            callbacks = callback.read(post.body, account.terms)
            events = in_batch([_entry(account, event) for event in callbacks])
        except BadSignature as refusal:
            return self._refuse(NOT_AUTHENTIC, post, refusal.reason, shaped=True)
        except CallbackRefused as refusal:
            return self._refuse(UNREADABLE, post, refusal.reason)
        except Exception as fault:  # of ours: what was sent must not be lost by it
            self._complain(f"answered 503: {type(fault).__name__}")
            return self._refuse(NOT_STORED, post, "fault", shaped=True)

        def done(failure: JournalError | None) -> None:
            for event in callbacks if failure is None else ():
                self._monitor.accept(account.name, event.kind)
            if not post.answer.done():  # who waited for it may be gone
                post.answer.set_result(STORED if failure is None else self._not_stored(failure))

        try:
            self._collector.ensure_open()
            self._collector.events.put(events, done)
        except StoreError as failure:
            return self._not_stored(failure)
        return None

    def _not_stored(self, failure: StoreError) -> Answer:
        self._complain(f"answered 503: {failure}")
        return NOT_STORED

    def _refuse(self, answer: Answer, post: Post, reason: str, *, shaped: bool = False) -> Answer:
        """Keep what is refused, within its quota and without waiting for the disk."""
        account, body = post.account, post.body
        self._monitor.reject(account.name, reason)
        remote = str(post.sender() or "")
        event = _refused(account, reason, remote, body)
        size = len(event) + OF_A_LINE
        if not self._collector.quota.admits(account.name, size, shaped=shaped, now=time.monotonic()):
            self._complain(f"refused callbacks of account {account.name} are beyond what is kept of them")
            return answer
        masked = account.terms.masked(body)
        if masked != body:
            event = _refused(account, reason, remote, masked)
        try:
            self._collector.ensure_open()
            self._collector.rejected.put([event], self._kept)
        except StoreError as failure:
            self._kept(failure)
        return answer

    def _kept(self, failure: StoreError | None) -> None:
        if failure is not None:
            self._complain(f"refused callbacks were not kept: {failure}")

    def _complain(self, what: str) -> None:
        """Log it once in a while, with how often it was so."""
        at, times = self._logged.get(what, (-QUIET_SECONDS, 0))
        if time.monotonic() - at >= QUIET_SECONDS:
            log.error(what + (f" ({times} times more since it was logged last)" if times else ""))
            at, times = time.monotonic(), 0
        else:
            times += 1
        self._logged[what] = (at, times)


def _refused(account: Account, reason: str, remote: str, body: bytes) -> bytes:
    fields = {"reason": reason, "remote": remote, "body": base64.b64encode(body).decode("ascii")}
    return entry(account=account.name, kind="rejected", signed_by="none", key="", fields=fields, extra={})


def _entry(account: Account, event: Callback) -> bytes:
    by, key = event.signed_by, event.key
    return entry(account=account.name, kind=event.kind, signed_by=by, key=key, fields=event.fields, extra=event.extra)
