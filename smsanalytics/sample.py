"""A made-up month to try things on: October 2026 in Moscow, with everything a collector gets, and three incidents."""

from __future__ import annotations

import base64
import gc
import heapq
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path
from rich.console import Console

from smsanalytics import __version__
from smsanalytics.errors import CallbackRefused, StoreError
from smsanalytics.simulator.incident import Incident, Outage, Pumping, SpamFilter
from smsanalytics.simulator.profile import ZONE
from smsanalytics.simulator.world import Record, World
from smsanalytics.smsc.call import CallFields
from smsanalytics.smsc.callback import Terms, read
from smsanalytics.storage.atomic import make_directory
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.ingest import encode
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.publish import flush
from smsanalytics.storage.reader import connect

if TYPE_CHECKING:
    from smsanalytics.analysis.store import Store  # what collects does not carry it about

DAYS, END = 31, datetime(2026, 11, 1, tzinfo=ZONE)
MESSAGES, SEED = 59_000, 2026
FORMATS = 0.02  #: share of bodies that are XML or JSON
INCIDENTS: tuple[Incident, ...] = (
    Outage(datetime(2026, 10, 14, 10, tzinfo=ZONE), datetime(2026, 10, 14, 16, tzinfo=ZONE), "MegaFon"),
    SpamFilter(datetime(2026, 10, 20, tzinfo=ZONE), datetime(2026, 10, 21, tzinfo=ZONE), "SHOP", "campaign"),
    Pumping(
        datetime(2026, 10, 24, 1, tzinfo=ZONE), datetime(2026, 10, 24, 5, tzinfo=ZONE), "Ucell",
        numbers=80, messages=1000, requests=300,
    ),
)  # fmt: skip
ACCOUNT = "default"
ZONES = {ACCOUNT: ZONE.key}
SECRET = "a-secret-for-the-sample"  # noqa: S105
TERMS = Terms({"sample": SECRET.encode()}, call_events=CallFields("digits"))
PARTS, DAY, SECOND = 2, 86_400_000_000, 1_000_000  # microseconds
NAME = f"sample-{__version__}"
MARK = "SAMPLE"  #: the file that tells a whole sample, and of which version, from any other directory

Timed = tuple[int, list[bytes]]  # received, in microseconds since 1970, and what the journal writes then


def load_sample(path: str | Path | None = None) -> Store:
    """
    Open the sample month; it is made on first use, which takes about 20 seconds.

    About 60,000 messages of October 2026 with their statuses, texts of subscribers, calls that confirm numbers, keys
    pressed in voice menus, and what the customer's system recorded. On the 14th MegaFon is out of order from 10 to
    16 h, on the 20th campaigns of SHOP are taken for spam, and in the night to the 24th codes are pumped to Ucell.

    Parameters
    ----------
    path : str or Path, optional
        A new or empty directory to make it in, or one in which it was made. By default it is kept in
        the user's cache directory, such as ``~/.cache/smsanalytics``; delete it there at any time.

    Returns
    -------
    Store
        In the zone Europe/Moscow.

    Raises
    ------
    StoreError
        If `path` holds something else, or cannot be written.

    Examples
    --------
    >>> import smsanalytics as sms
    >>> store = sms.load_sample()  # doctest: +SKIP
    >>> store.delivery_rate(["operator"])  # doctest: +SKIP
    """
    target = Path(path) if path is not None else user_cache_path("smsanalytics") / NAME
    if not _is_whole(target):
        _make(target)
    from smsanalytics.analysis.store import open_store

    return open_store(target, tz=ZONE.key)


def world() -> World:
    """What really happened in that month."""
    return World.make(MESSAGES, seed=SEED, until=END, days=DAYS, incidents=INCIDENTS)


def _is_whole(target: Path) -> bool:
    """Whether it is there; raises StoreError if something else is."""
    mark = target / MARK
    if mark.is_file() and mark.read_text("utf-8") == NAME:
        return True
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise StoreError(f"{target} holds something else than {NAME}; name a new or empty directory")
    return False


def _make(target: Path) -> None:
    """Make it beside its place and put it there as a whole."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            with Console(stderr=True, quiet=not sys.stderr.isatty()).status("making the sample month, once"):
                _fill(unfinished)
            (unfinished / MARK).write_text(NAME, "utf-8")
            _put(unfinished, target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"cannot make {target}: {error.strerror}; name another place: load_sample(path)") from None


def _put(unfinished: Path, target: Path) -> None:
    try:
        unfinished.rename(target)
    except OSError:
        if not _is_whole(target):  # of two processes that made it, this one came second
            raise


def _fill(data: Path) -> None:
    """Collect in two processes, every other day each, for to read the callbacks is most of the work; then fold."""
    command = [sys.executable, "-m", __name__, str(data)]
    collectors = [subprocess.Popen([*command, str(part)]) for part in range(PARTS)]
    try:
        ended = [collector.wait() for collector in collectors]
    except BaseException:
        for collector in collectors:
            collector.kill()
        raise
    if any(ended):
        raise StoreError("the sample could not be made: a process that reads its callbacks failed")
    from smsanalytics.storage.maintenance import Maintenance

    with Maintenance(Layout(data), ZONES) as maintenance:
        maintenance.run()


def _collect(data: Path, part: int) -> None:
    """Do what a collector does, on some days of the month, and publish it."""
    layout, month, writer = Layout(data), world(), f"w{part}"
    clock = [0]
    journal = Journal(layout, writer, seconds=math.inf, lazy=True, allow_network=True, now=lambda: clock[0] * 1000)
    for received_at, entries in heapq.merge(_callbacks(month, part), _records(month, part), key=itemgetter(0)):
        clock[0] = received_at
        journal.write(entries)
    journal.close()
    make_directory(layout.tmp)
    with connect(layout, threads=1) as connection:
        list(flush(connection, layout, writer, ZONES))


def _is_in(part: int, received_at: int) -> bool:
    return received_at // DAY % PARTS == part


def _callbacks(month: World, part: int) -> Iterator[Timed]:
    """Every callback as the collector keeps it, refused ones among them."""
    is_in = partial(_is_in, part)
    signed = month.arrivals(SECRET, formats=FORMATS, only=is_in)
    unsigned = (one for one in month.key_presses() if is_in(one.received_at))
    for received_at, body in heapq.merge(signed, unsigned):
        try:
            told = read(body, TERMS)
        except CallbackRefused as refusal:
            fields = {"reason": refusal.reason, "remote": "", "body": base64.b64encode(body).decode("ascii")}
            yield (
                received_at,
                [entry(account=ACCOUNT, kind="rejected", signed_by="none", key="", fields=fields, extra={})],
            )
        else:
            yield (
                received_at,
                [
                    entry(
                        account=ACCOUNT, kind=one.kind, signed_by=one.signed_by, key=one.key,
                        fields=one.fields, extra=one.extra,
                    )
                    for one in told
                ],
            )  # fmt: skip


def _records(month: World, part: int) -> Iterator[Timed]:
    """What the customer's system reports of its sends and of the confirmations it asks for, at once."""
    sends = _reported("send", month.sends(), "sent_at", part)
    requests = _reported("confirmation_request", month.requests(), "requested_at", part)
    return heapq.merge(sends, requests, key=itemgetter(0))


def _reported(kind: str, records: list[Record], when: str, part: int) -> Iterator[Timed]:
    for record in records:
        at = int(datetime.fromisoformat(str(record[when])).timestamp()) * SECOND
        if _is_in(part, at):
            yield at, encode(kind, [record], account=ACCOUNT, source="http")


if __name__ == "__main__":
    gc.disable()  # nothing here is worth looking for
    _collect(Path(sys.argv[1]), int(sys.argv[2]))
