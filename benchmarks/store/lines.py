"""Events → sealed segments of the journal, byte for byte as the collector writes them, yet a million in seconds."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from benchmarks.store.traffic import SENDERS, Events, Network
from smsanalytics.storage.catalog import Layout, SegmentFile
from smsanalytics.storage.journal import VERSION

WRITER = "w0"
SEGMENTS = (
    24  #: of a date; of a million messages, each is a little smaller than one that the collector seals for its size
)
_NETWORK = ("mcc", "mnc", "operator", "country", "region")
_MOSCOW = 3 * 3_600


def seal(
    layout: Layout, day: date, events: Events, networks: Sequence[Network], *, after: int, segments: int = SEGMENTS
) -> int:
    """Write events of a date as segments whose numbers follow `after`; returns the last number."""
    slot = layout.slot(WRITER)
    slot.mkdir(parents=True, exist_ok=True)
    for number, chosen in enumerate(np.array_split(np.arange(len(events)), segments), start=after + 1):
        content = b"".join(lines(events.at(chosen), networks))
        (slot / SegmentFile(number, day, "sealed").name).write_bytes(content)
    return after + segments


def lines(events: Events, networks: Sequence[Network]) -> Iterator[bytes]:
    """The lines that `journal.line` would make."""
    texts = [_inside({name: getattr(one, name) for name in _NETWORK}) for one in networks]
    senders = [_inside({"sender": f"Sender {number + 1:02}"}) for number in range(SENDERS)]
    columns: dict[str, Any] = {name: pa.array(values) for name, values in vars(events).items()}
    columns["operator"] = _dictionary(events.operator, texts)
    columns["sender"] = _dictionary(events.sender, senders)
    with duckdb.connect() as connection:
        connection.register("events", pa.table(columns))
        told = connection.sql(f"SELECT {_CONTENT} AS content FROM events").to_arrow_table().column("content")
    for chunk in told.chunks:
        _, offsets, data = chunk.buffers()
        content, ends = data.to_pybytes(), np.frombuffer(offsets, np.int32, len(chunk) + 1, 0).tolist()
        for start, end in pairwise(ends):
            text = content[start:end]
            yield b'%s,"crc":"%08x"}\n' % (text, zlib.crc32(text))


_CONTENT = f"""concat(
    '{{"v":{VERSION},"received_at":', received_at,
    ',"account":"default","kind":"status","signed_by":"md5","key":"2026","fields":{{"message_id":"', message_id,
    '","phone":"7900', lpad(phone::VARCHAR, 7, '0'),
    '","status":"', status,
    '","err":"', err,
    '","status_at":"', status_at,
    '","status_time":"', strftime(make_timestamp((status_at + {_MOSCOW}) * 1000000), '%d.%m.%Y %H:%M:%S'),
    '","type":"0","parts":"', parts,
    '","cost":"', (cost / 10000)::DECIMAL(12,4),
    '",', sender, ',', operator, '}},"extra":{{}}'
)"""


def _inside(fields: dict[str, str]) -> str:
    return orjson.dumps(fields)[1:-1].decode()


def _dictionary(numbers: Any, texts: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), pa.array(texts))
