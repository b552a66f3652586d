"""
Refused callbacks as they are kept, and which of them were recovered: accepted after all.

What is recovered is written by a slot of its own, so its files alone tell what it was. Nothing else is noted.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from types import TracebackType
from typing import Any, Self

import orjson

from smsanalytics.errors import StoreError
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import sorted_out
from smsanalytics.storage.reader import Tables, connect, moment
from smsanalytics.storage.schema import TABLE_OF_KIND

WRITER = "c0"  #: the slot of what is recovered
REFUSED = re.compile(r"r[0-9]+")  #: the slots of what is refused
UNREADABLE = "journal"  #: the reason of a line of the journal that became no event

TELLING: dict[str, tuple[str, ...]] = {
    # fields that tell an event from others received in the same microsecond, and mean the same by any settings
    "status": ("message_id", "phone", "status"),
    "incoming": ("phone", "to_number", "incoming_id"),
    "confirmation": ("phone", "called_at"),
    "call": ("message_id", "phone", "keys"),
}
NUMBER = re.compile(r"-?[0-9]{1,18}")  #: where the column is one, zeros in front are lost
CALLED_AT = "coalesce((epoch_us(called_at) // 1000000)::VARCHAR, extra['called_at'])"

Key = tuple[str | int | None, ...]


@dataclass(frozen=True)
class Refused:
    """
    One refused callback.

    Attributes
    ----------
    account, reason, remote : str
        Whose it was, why it was refused, and from where it came.
    received_at : int
        Microseconds since 1970, UTC.
    body : bytes
        As received, the secrets of that time masked.
    """

    account: str
    received_at: int
    reason: str
    remote: str
    body: bytes = field(repr=False)


def key_of(account: str, received_at: int, kind: str, fields: Mapping[str, str | None]) -> Key:
    """
    What an event is known by among those that are recovered.

    Examples
    --------
    >>> key_of("shop", 1795338000000000, "status", {"message_id": "007", "phone": "+79001230001", "status": "-1"})
    ('shop', 1795338000000000, 'status', 7, '+79001230001', -1)
    """
    values = [fields.get(name) for name in TELLING[kind]]
    return (account, received_at, kind, *(int(one) if one and NUMBER.fullmatch(one) else one for one in values))


class Rejected:
    """
    The refused callbacks of a store, whether they are published or still in the journal; hold it with ``with``.

    Parameters
    ----------
    layout : Layout
        Of the data directory.

    Raises
    ------
    StoreError
        If there is no store.
    """

    def __init__(self, layout: Layout) -> None:
        if not layout.data.is_dir():
            raise StoreError(f"there is no store at {layout.data}; `smsanalytics serve --data {layout.data}` makes one")
        self._layout = layout
        self._tables = Tables(layout, connect(layout))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._tables.connection.close()

    def days(self) -> list[date]:
        """The UTC dates on which something may have been refused, in order."""
        waiting = {segment.date for writer in self._slots() for segment in self._layout.segments(writer)}
        return sorted(waiting.union(self._layout.event_files("rejected")))

    def on(self, day: date) -> list[Refused]:
        """What was refused on a UTC date, in order of receipt."""
        waiting = list(self._waiting(self._slots(), day))
        writers = {file.writer for files in self._layout.event_files("rejected").values() for file in files}
        published = {writer: self._layout.published(writer) for writer in writers.union(self._slots())}
        columns = "account, epoch_us(received_at), reason, coalesce(remote, ''), coalesce(body, ''::BLOB)"
        found = [Refused(*row) for row in self._rows("rejected", published, day, columns)]
        found += [_refused(line) for writer, seq, line in waiting if seq > published[writer]]
        return sorted(found, key=lambda one: one.received_at)

    def recovered(self, day: date) -> set[Key]:
        """The keys of the events received on a UTC date that are recovered, also of those not published yet."""
        keys = {_key(line) for _, _, line in self._waiting([WRITER], day)}
        published = {WRITER: self._layout.published(WRITER)}
        for kind, names in TELLING.items():
            texts = ", ".join(
                CALLED_AT if name == "called_at" else f"coalesce(extra['{name}'], {name}::VARCHAR)" for name in names
            )
            rows = self._rows(TABLE_OF_KIND[kind], published, day, f"account, epoch_us(received_at), {texts}")
            keys |= {key_of(account, at, kind, dict(zip(names, values, strict=True))) for account, at, *values in rows}
        for (body,) in self._rows("rejected", published, day, "body"):  # lines that became no event
            with contextlib.suppress(orjson.JSONDecodeError, KeyError):
                keys.add(_key(orjson.loads(body)))
        return keys

    def given_up(self, day: date) -> set[str]:
        """The kinds of which a UTC date is kept no longer."""
        kept_from = self._layout.kept_from()
        return {kind for kind, table in TABLE_OF_KIND.items() if day < kept_from.get(table, date.min)}

    def _slots(self) -> list[str]:
        return [writer for writer in self._layout.slots() if REFUSED.fullmatch(writer)]

    def _waiting(self, writers: Iterable[str], day: date) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """
        The lines that wait in the journal, with writer and segment.

        To be read before it is asked what is published: then what is published meanwhile is in both, and not in none.
        """
        for writer in writers:
            for segment in self._layout.segments(writer):
                path = self._layout.slot(writer) / segment.name
                sealed = path.with_suffix(".sealed")  # meanwhile, perhaps
                for name in (path, sealed) if segment.date == day else ():
                    try:
                        content = name.read_bytes()
                    except FileNotFoundError:
                        continue
                    lines, _ = sorted_out([text + b"\n" for text in content.split(b"\n")[:-1]])
                    yield from ((writer, segment.seq, orjson.loads(line)) for line in lines)
                    break

    def _rows(self, table: str, published: dict[str, int], day: date, columns: str) -> list[tuple[Any, ...]]:
        midnight = datetime.combine(day, time(), UTC)
        on_day = f"received_at >= {moment(midnight)} AND received_at < {moment(midnight + timedelta(1))}"
        return self._tables.events(table, published=published).filter(on_day).select(columns).fetchall()


def _refused(line: Mapping[str, Any]) -> Refused:
    said = line["fields"]
    return Refused(line["account"], line["received_at"], said["reason"], said["remote"], base64.b64decode(said["body"]))


def _key(line: Mapping[str, Any]) -> Key:
    return key_of(line["account"], line["received_at"], line["kind"], line["fields"])
