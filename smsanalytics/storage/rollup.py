"""
Events → one row per message: a fold in which every column is a `min` or a `max`, as queries of DuckDB.

A message is a cluster in event time: two events of one `KEY` belong together if they are at most `GAP` apart, or linked
by others that are. So folding an event twice, late, or in any order gives the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from smsanalytics.codes import CODE_BITS, DELIVERED, ERR_BITS, FAILED, NO_STATUS, OPEN, TEST_MODE_ERR
from smsanalytics.storage.schema import IDENTITY, MESSAGES

KEY = ("account", "message_id", "phone")
GAP_DAYS = 30  #: the longest time between two events of a message; a time further before its receipt is not believed
GAP = f"INTERVAL {GAP_DAYS * 24} HOUR"
TOGETHER = {  # values that travel together
    "terms": ("type", "sender"),
    "price": ("parts", "cost"),
    "network": ("mcc", "mnc", "operator", "country", "region"),
}
SEPARATOR = "\x1f"
MERGE = {
    "first_seen_at": "min",
    "received_at": "min",
    "sent_at": "min",
    "last_sent_at": "max",
    "first_status_at": "min",
    "last_status_at": "max",
    "opened_at": "min",
    "accepted_at": "min",
    "delivered_at": "min",
    "read_at": "min",
    "clicked_at": "min",
    "failed_at": "max",
    "delivered_code": "max",
    "failed_code": "max",
    "unknown_code": "max",
    "open_code": "max",
    "hlr": "max",
    "test_mode": "max",
    "untimed": "max",
    "terms": "min",
    "price": "min",
    "network": "min",
    "tag": "min",
}
LAST_SEEN = "greatest(last_sent_at, last_status_at)"  #: the time of the last event of a message
WIDE = f"coalesce({LAST_SEEN} > first_seen_at + {GAP}, false)"  #: of a merged row: it may be several messages
START = "(epoch_us(coalesce(sent_at, opened_at)) // 1000000)"  #: when a message began to be under way [s]
_PASSED = f"(epoch_us(delivered_at) // 1000000 - {START})"
DELIVERY_SECONDS = f"CASE WHEN {_PASSED} >= 0 THEN {_PASSED} END"  #: of a message, made of its other columns
SENDS_YIELD = 5 * 10**15  #: µs added to the receipt of what a send says: it counts where no callback says any

_TEXTS = ("sender", "operator", "mcc", "mnc", "country", "region")
_SINCE = {  # a packed code is stored as what it is beyond this time, and a receipt likewise: small numbers take no room
    "delivered_code": "delivered_at",
    "failed_code": "failed_at",
    "unknown_code": "first_status_at",
    "open_code": "opened_at",
}


def rows_of_statuses(statuses: str) -> str:
    """
    Turn each status into a row that `merged` can fold: one event is a message of which nothing else is known.

    The latest status of each class is one integer, ``seconds·2^25 + (status + 129, or 0)·2^16 + (err + 1, or 0)``, so
    that its `max` keeps time, status and err together. Values that travel together are one text that begins with the
    time of receipt, so that its `min` is the earliest report: they are unsigned, and a later one must not overwrite it.

    Parameters
    ----------
    statuses : str
        A relation with the columns of the table, as SQL.
    """
    code = f"{_seconds('status_at')} + (code - {NO_STATUS}) * {2**ERR_BITS} + coalesce(err + 1, 0)"
    known = ", ".join(map(str, [*DELIVERED, *FAILED, *OPEN]))
    columns = {
        "first_seen_at": "status_at",
        "received_at": "received_at",
        "sent_at": "NULL::TIMESTAMPTZ",
        "last_sent_at": "NULL::TIMESTAMPTZ",
        "first_status_at": "status_at",
        "last_status_at": "status_at",
        "opened_at": _where(OPEN, "status_at"),
        "accepted_at": _where([0], "status_at"),
        "delivered_at": _where(DELIVERED, "status_at"),
        "read_at": _where([2, 4], "status_at"),
        "clicked_at": _where([4], "status_at"),
        "failed_at": _where(FAILED, "status_at"),
        "delivered_code": _where(DELIVERED, code),
        "failed_code": _where(FAILED, code),
        "unknown_code": f"CASE WHEN code NOT IN ({known}) THEN {code} END",
        "open_code": _where(OPEN, code),
        "hlr": "hlr",
        "test_mode": f"coalesce(err = {TEST_MODE_ERR}, false)",
        "untimed": "time_source = 'received'",
        "tag": "NULL::VARCHAR",
    } | {name: _together(name, "epoch_us(received_at)") for name in TOGETHER}
    coded = f"SELECT *, coalesce(status, {NO_STATUS})::BIGINT AS code FROM {statuses} WHERE message_id IS NOT NULL"
    return _rows(columns, f"({coded})")


def rows_of_sends(sends: str) -> str:
    """Turn each send into a row that `merged` can fold: a message without any callback yet."""
    receipt = f"epoch_us(received_at) + {SENDS_YIELD}"
    columns = {
        "first_seen_at": "sent_at",
        "received_at": "received_at",
        "sent_at": "sent_at",
        "last_sent_at": "sent_at",
        "hlr": "false",
        "test_mode": "false",
        "untimed": "false",
        "terms": _together("terms", receipt),
        "price": _together("price", receipt),
        "network": "NULL::VARCHAR",
        "tag": "nullif(tag, '')",
    }
    unknown = {
        name: f"NULL::{'BIGINT' if name.endswith('_code') else 'TIMESTAMPTZ'}" for name in MERGE if name not in columns
    }
    return _rows(columns | unknown, f"(SELECT *, NULL::SMALLINT AS type FROM {sends})")


def rows_of_messages(messages: str) -> str:
    """Turn messages as they are stored back into rows that `merged` can fold."""
    columns = {name: name for name in MERGE}
    columns |= {name: f"{name} + {_seconds(since)}" for name, since in _SINCE.items()}
    columns |= {
        name: f"CASE WHEN {name}_at IS NOT NULL THEN {_together(name, f'{name}_at + epoch_us(received_at)')} END"
        for name in TOGETHER
    }
    return _rows(columns, messages)


def timed_by_first_copies(statuses: str) -> str:
    """
    Give every copy of a status the time of the copy that was received first.

    They differ where a time is not believed, or is absent: then the receipt stands for it, and a repetition must not
    move the message. The statuses are all those of their messages.

    Parameters
    ----------
    statuses : str
        A relation with the columns of the table, as SQL.
    """
    same = ", ".join(IDENTITY["statuses"])
    first = f"min({{'received_at': received_at, 'status_at': status_at}}) OVER (PARTITION BY {same})"
    return f"(SELECT * REPLACE (({first}).status_at AS status_at) FROM {statuses})"


def merged(*rows: str, by: Sequence[str] = KEY) -> str:
    """Fold rows of the same message into one, whether they come from events or from earlier folds."""
    columns = [f"{how}({name}) AS {name}" for name, how in MERGE.items()]
    return f"SELECT {', '.join([*by, *columns])} FROM ({' UNION ALL '.join(rows)}) GROUP BY {', '.join(by)}"


def numbered(rows: str, *, first: str = "first_seen_at", last: str = LAST_SEEN) -> str:
    """
    Number the messages of each `KEY`, in the column ``number``: rows more than `GAP` after all before begin another.

    Parameters
    ----------
    rows : str
        A relation, as SQL.
    first, last : str
        Expressions: the times of the first and of the last event of a row.
    """
    before = f"max({last}) OVER (of_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    of_key = f"of_key AS (PARTITION BY {', '.join(KEY)} ORDER BY {first}, {last})"
    begins = f"SELECT *, coalesce({first} > {before} + {GAP}, false)::INTEGER AS begins FROM {rows} WINDOW {of_key}"
    number = "sum(begins) OVER (of_key ROWS UNBOUNDED PRECEDING)"
    return f"SELECT * EXCLUDE (begins), {number} AS number FROM ({begins}) WINDOW {of_key}"


def clustered(*rows: str) -> str:
    """
    Fold rows into one row per message.

    Nearly all keys are one message: these are merged at once, and only the rows of others are told apart by time.
    """
    return f"""WITH whole AS MATERIALIZED ({merged(*rows)})
        FROM whole WHERE NOT ({WIDE}) UNION ALL {parted(f"(FROM whole WHERE {WIDE})", *rows)}"""


def parted(keys: str, *rows: str) -> str:
    """Fold those rows that have one of some keys into one row per message, though a key may be several messages."""
    key = ", ".join(KEY)
    apart = numbered(f"(FROM ({' UNION ALL '.join(rows)}) SEMI JOIN {keys} USING ({key}))")
    return f"SELECT * EXCLUDE (number) FROM ({merged(f'FROM ({apart})', by=[*KEY, 'number'])})"


def stored(rows: str) -> str:
    """Make messages as they are stored of merged rows: values that travelled together get columns of their own."""
    columns = dict(zip(KEY, KEY, strict=True)) | {name: name for name in MERGE}
    columns |= {name: f"{name} - {_seconds(since)}" for name, since in _SINCE.items()}
    for together, names in TOGETHER.items():
        parts = f"{together}_parts"
        columns[f"{together}_at"] = f"{parts}[1]::BIGINT - epoch_us(received_at)"
        columns |= {name: f"nullif({parts}[{place}], '')" for place, name in enumerate(names, start=2)}
    columns["delivery_seconds"] = DELIVERY_SECONDS
    apart = ", ".join(f"string_split({name}, '{SEPARATOR}') AS {name}_parts" for name in TOGETHER)
    chosen = ", ".join(f"CAST({columns[name]} AS {sql_type}) AS {name}" for name, sql_type in MESSAGES.items())
    return f"SELECT {chosen} FROM (SELECT *, {apart} FROM {rows})"


def of_older_schema(messages: str) -> str:
    """
    Read messages that were stored before schema 3.

    There ``first_seen_at`` was the first receipt, a packed code had one bit less, and the seconds of a delivery may be
    absent.

    Parameters
    ----------
    messages : str
        A relation with the columns of `MESSAGES`, as SQL.
    """
    status = f"(({{0}} >> {ERR_BITS}) & 255)"
    code = f"(({{0}} >> 24) << {CODE_BITS}) + CASE {status} WHEN 0 THEN 0 ELSE {status} + 1 END * {2**ERR_BITS}"
    columns = {name: f"({code} + ({{0}} & {2**ERR_BITS - 1}))".format(name) for name in _SINCE}
    columns |= {
        "received_at": "first_seen_at",
        "first_seen_at": "least(sent_at, first_status_at)",
        "last_sent_at": "sent_at",
        "untimed": "false",
        "delivery_seconds": DELIVERY_SECONDS,
    }
    replaced = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"SELECT * REPLACE ({replaced}) FROM {messages}"


def _rows(columns: dict[str, str], source: str) -> str:
    chosen = [f"{columns[name]} AS {name}" for name in MERGE]
    return f"SELECT {', '.join([*KEY, *chosen])} FROM {source}"


def _where(statuses: Sequence[int], value: str) -> str:
    return f"CASE WHEN code IN ({', '.join(map(str, statuses))}) THEN {value} END"


def _seconds(at: str) -> str:
    return f"(epoch_us({at}) // 1000000) * {2**CODE_BITS}"


def _together(name: str, at: str) -> str:
    texts = [_text(column) for column in TOGETHER[name]]
    values = ", ".join([f"lpad(({at})::VARCHAR, 16, '0')", *texts])
    return f"CASE WHEN concat({', '.join(texts)}) <> '' THEN concat_ws('{SEPARATOR}', {values}) END"


def _text(column: str) -> str:
    text = f"coalesce({column}::VARCHAR, '')"
    return f"replace({text}, '{SEPARATOR}', ' ')" if column in _TEXTS else text
