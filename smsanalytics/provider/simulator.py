"""Sends a world's callbacks to a collector, as the provider would."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.provider.world import World

__all__ = ["World", "send", "tell"]

LINES = 5_000  #: in one body


def send(url: str, posts: Sequence[bytes], *, connections: int = 16, progress: bool = False) -> Counter[int]:
    """
    Post bodies over kept-alive connections, in order as far as several connections allow.

    Parameters
    ----------
    url : str
        ``http://host:port/callback``.
    posts : sequence of bytes
        Form bodies.
    connections : int, default 16
        How many are used at once.
    progress : bool
        Draw a bar on stderr.

    Returns
    -------
    Counter of int
        How often each HTTP status was answered.

    Raises
    ------
    SmsAnalyticsError
        If nobody listens there.
    """
    target = urlsplit(url)
    waiting = iter(posts)
    taking = threading.Lock()
    answers: Counter[int] = Counter()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, disable=not progress, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("sending callbacks", total=len(posts))

        def bodies() -> Iterator[bytes]:
            while True:
                with taking:
                    body = next(waiting, None)
                if body is None:
                    return
                yield body

        def connection() -> Counter[int]:
            connect = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
            link = connect(target.hostname or "", target.port, timeout=30)
            answered: Counter[int] = Counter()
            for body in bodies():
                link.request("POST", target.path, body, {"Content-Type": "application/x-www-form-urlencoded"})
                response = link.getresponse()
                response.read()
                answered[response.status] += 1
                bar.advance(task)
            link.close()
            return answered

        try:
            with ThreadPoolExecutor(connections) as pool:
                for one in [pool.submit(connection) for _ in range(connections)]:
                    answers += one.result()
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise SmsAnalyticsError(f"no answer from {target.netloc}: {why}") from None
    return answers


def tell(url: str, records: Sequence[Mapping[str, object]], token: str) -> int:
    """
    Tell a collector's admin listener of sends or of confirmation requests, as the customer's system would.

    Parameters
    ----------
    url : str
        ``http://host:port/sends`` or ``…/confirmation-requests``.
    records : sequence of mappings
        As `World.sends` or `World.requests` give them.
    token : str
        The admin token.

    Returns
    -------
    int
        How many the collector says it stored.

    Raises
    ------
    SmsAnalyticsError
        If it refuses them.
    """
    target = urlsplit(url)
    link = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
    stored = 0
    for first in range(0, len(records), LINES):
        lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records[first : first + LINES])
        link.request("POST", target.path, lines.encode(), {"Authorization": f"Bearer {token}"})
        response = link.getresponse()
        said = response.read()
        if response.status != 200:
            raise SmsAnalyticsError(f"{target.path} answered {response.status}: {said.decode().strip()}")
        stored += json.loads(said)["stored"]
    link.close()
    return stored
