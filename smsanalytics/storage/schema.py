"""
The columns of every table: their types, and the SQL that makes them from the texts of the journal.

No content can stop a flush: a value that does not convert becomes NULL, and its text goes to ``extra``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from smsanalytics.codes import HLR_TYPE

VERSION = 3  #: of the Parquet files; written into each as the key `smsanalytics`

PLAUSIBLE = "BETWEEN received_at - INTERVAL 30 DAY AND received_at + INTERVAL 1 HOUR"
STALE = "INTERVAL 15 MINUTE"
HLR_FIELDS = ("imsi", "msc", "cn", "net", "rcn", "rnet")

TABLE_OF_KIND = {
    "status": "statuses",
    "incoming": "incoming",
    "confirmation": "confirmations",
    "call": "call_events",
    "send": "sends",
    "confirmation_request": "confirmation_requests",
    "rejected": "rejected",
}
KIND_OF_TABLE = {table: kind for kind, table in TABLE_OF_KIND.items()}

COLUMNS: dict[str, dict[str, str]] = {
    "statuses": {
        "account": "VARCHAR",
        "message_id": "BIGINT",
        "phone": "VARCHAR",
        "status": "SMALLINT",
        "err": "INTEGER",
        "status_at": "TIMESTAMPTZ",
        "received_at": "TIMESTAMPTZ",
        "time_source": "VARCHAR",
        "type": "SMALLINT",
        "parts": "INTEGER",
        "cost": "DECIMAL(12,4)",
        "sender": "VARCHAR",
        "operator": "VARCHAR",
        "mcc": "VARCHAR",
        "mnc": "VARCHAR",
        "country": "VARCHAR",
        "region": "VARCHAR",
        "flag": "INTEGER",
        "signed_by": "VARCHAR",
        "key": "VARCHAR",
        "copies": "INTEGER",
        "extra": "MAP(VARCHAR, VARCHAR)",
    },
    "incoming": {
        "account": "VARCHAR",
        "incoming_id": "BIGINT",
        "phone": "VARCHAR",
        "to_number": "VARCHAR",
        "text": "VARCHAR",
        "sent_at": "TIMESTAMPTZ",
        "received_at": "TIMESTAMPTZ",
        "signed_by": "VARCHAR",
        "key": "VARCHAR",
        "copies": "INTEGER",
        "extra": "MAP(VARCHAR, VARCHAR)",
    },
    "confirmations": {
        "account": "VARCHAR",
        "phone": "VARCHAR",
        "called_at": "TIMESTAMPTZ",
        "received_at": "TIMESTAMPTZ",
        "stale": "BOOLEAN",
        "signed_by": "VARCHAR",
        "key": "VARCHAR",
        "copies": "INTEGER",
        "extra": "MAP(VARCHAR, VARCHAR)",
    },
    "call_events": {
        "account": "VARCHAR",
        "message_id": "BIGINT",
        "phone": "VARCHAR",
        "keys": "VARCHAR",
        "received_at": "TIMESTAMPTZ",
        "signed_by": "VARCHAR",
        "extra": "MAP(VARCHAR, VARCHAR)",
    },
    "sends": {
        "account": "VARCHAR",
        "message_id": "BIGINT",
        "phone": "VARCHAR",
        "sent_at": "TIMESTAMPTZ",
        "tag": "VARCHAR",
        "purpose": "VARCHAR",
        "cost": "DECIMAL(12,4)",
        "parts": "INTEGER",
        "sender": "VARCHAR",
        "source": "VARCHAR",
    },
    "confirmation_requests": {
        "account": "VARCHAR",
        "phone": "VARCHAR",
        "requested_at": "TIMESTAMPTZ",
        "number_to_call": "VARCHAR",
        "purpose": "VARCHAR",
        "request_id": "VARCHAR",
    },
    "rejected": {
        "account": "VARCHAR",
        "received_at": "TIMESTAMPTZ",
        "reason": "VARCHAR",
        "remote": "VARCHAR",
        "body": "BLOB",
    },
}
EVENT_TABLES = tuple(COLUMNS)
CLAIMED = {"claimed_at": "TIMESTAMPTZ"}  # the time that came as text only and was not believed
REPEATED = {"repeated_at": "TIMESTAMPTZ[]"}  # receipts of the copies that were merged into a row, after its own
HIDDEN: dict[str, dict[str, str]] = {  # stored and not handed out: for the fold, for `as_of`, for merging files
    "statuses": {"hlr": "BOOLEAN", **CLAIMED, **REPEATED},
    "incoming": {**CLAIMED, **REPEATED},
    "confirmations": REPEATED,
    "call_events": {"copies": "INTEGER", **REPEATED},
    "sends": {"received_at": "TIMESTAMPTZ"},
    "confirmation_requests": {"received_at": "TIMESTAMPTZ"},
}

_CLAIMED = "(epoch_us(claimed_at) // 1000000)::VARCHAR"
_STATUS_AT = f"""coalesce(extra['status_at'], CASE WHEN time_source <> 'received'
    THEN (epoch_us(status_at) // 1000000)::VARCHAR END, {_CLAIMED}, extra['status_time'], '')"""
_SENT_AT = f"""coalesce(extra['sent_at'], (epoch_us(sent_at) // 1000000)::VARCHAR, {_CLAIMED}, extra['sent_time'],
    'id ' || incoming_id, '')"""
_CALLED_AT = "coalesce(extra['called_at'], epoch_us(called_at)::VARCHAR)"
CLAIMED_AT = """coalesce(TRY(make_timestamptz(TRY_CAST(extra['status_at'] AS BIGINT) * 1000000)), claimed_at,
    CASE WHEN time_source <> 'received' THEN status_at END)"""  #: the time that came with a status, believed or not
STATUS = "coalesce(status::VARCHAR, extra['status'])"  #: of a status as it was signed, also beyond the type's range
IDENTITY: dict[str, tuple[str, ...]] = {
    # two rows are copies of one event where these are equal: what is signed, and the time that came with it, believed
    # or not. The receipt is no part of it: an event that came without a time is the same whenever it comes again.
    "statuses": ("account", "message_id", "phone", STATUS, _STATUS_AT),
    "incoming": ("account", "phone", "to_number", "coalesce(text, extra['text_digest'])", _SENT_AT),
    "confirmations": ("account", "phone", _CALLED_AT),
    "call_events": ("account", "message_id", "phone", "keys", "extra"),
    "sends": tuple(name for name in COLUMNS["sends"] if name != "source"),
    "confirmation_requests": tuple(COLUMNS["confirmation_requests"]),
}

MESSAGES: dict[str, str] = {  # as stored; the handed-out columns are made of these by metrics/messages.py
    "account": "VARCHAR",
    "message_id": "BIGINT",
    "phone": "VARCHAR",
    "first_seen_at": "TIMESTAMPTZ",
    "received_at": "TIMESTAMPTZ",
    "sent_at": "TIMESTAMPTZ",
    "last_sent_at": "TIMESTAMPTZ",
    "first_status_at": "TIMESTAMPTZ",
    "last_status_at": "TIMESTAMPTZ",
    "opened_at": "TIMESTAMPTZ",
    "accepted_at": "TIMESTAMPTZ",
    "delivered_at": "TIMESTAMPTZ",
    "read_at": "TIMESTAMPTZ",
    "clicked_at": "TIMESTAMPTZ",
    "failed_at": "TIMESTAMPTZ",
    "delivered_code": "BIGINT",
    "failed_code": "BIGINT",
    "unknown_code": "BIGINT",
    "open_code": "BIGINT",
    "hlr": "BOOLEAN",
    "test_mode": "BOOLEAN",
    "untimed": "BOOLEAN",
    "terms_at": "BIGINT",
    "type": "SMALLINT",
    "sender": "VARCHAR",
    "price_at": "BIGINT",
    "parts": "INTEGER",
    "cost": "DECIMAL(12,4)",
    "network_at": "BIGINT",
    "mcc": "VARCHAR",
    "mnc": "VARCHAR",
    "operator": "VARCHAR",
    "country": "VARCHAR",
    "region": "VARCHAR",
    "tag": "VARCHAR",
    "delivery_seconds": "BIGINT",
}

SORTED_BY = {
    "statuses": "message_id, phone, status_at, received_at",
    "incoming": "phone, received_at",
    "confirmations": "phone, received_at",
    "call_events": "message_id, phone, received_at",
    "sends": "message_id, phone, sent_at",
    "confirmation_requests": "phone, requested_at",
    "rejected": "received_at",
    "messages": "first_seen_at, message_id, phone, account",  # times in order take half of the room
}

FIELDS = (  # of the journal's lines, of all kinds; a name that is absent is read as NULL
    "message_id", "phone", "status", "err", "status_at", "status_time", "type", "parts", "cost", "sender", "operator",
    "mcc", "mnc", "country", "region", "flag", "incoming_id", "to_number", "text", "sent_at", "sent_time", "called_at",
    "keys", "tag", "purpose", "source", "requested_at", "number_to_call", "request_id", "reason", "remote", "body",
)  # fmt: skip
JOURNAL = {
    "v": "INTEGER",
    "received_at": "BIGINT",
    "account": "VARCHAR",
    "kind": "VARCHAR",
    "signed_by": "VARCHAR",
    "key": "VARCHAR",
    "fields": f"STRUCT({', '.join(f'{name} VARCHAR' for name in FIELDS)})",  # three times quicker than a MAP
    "extra": "MAP(VARCHAR, VARCHAR)",
    "crc": "VARCHAR",
}

COPIES = "1::INTEGER AS copies, NULL::TIMESTAMPTZ[] AS repeated_at"
PHONE = """CASE WHEN regexp_full_match(fields['phone'], '[+]?[0-9]+') THEN ltrim(fields['phone'], '+')
    ELSE lower(fields['phone']) END"""  # digits of a number; addresses and names in lower case


def typed(table: str, source: str, zones: Mapping[str, str]) -> str:
    """
    The query that makes rows of a table from journal lines of its kind.

    Parameters
    ----------
    table : str
        One of `EVENT_TABLES`.
    source : str
        A relation with the columns of `JOURNAL`.
    zones : mapping of str to str
        Account to the zone of its text times.
    """
    lines = f"SELECT * REPLACE (make_timestamptz(received_at) AS received_at), {_zone(zones)} AS zone FROM {source}"
    return _TYPED[table](lines)


def _statuses(lines: str) -> str:
    return f"""
        WITH lines AS ({lines}), times AS (
            SELECT *, {_unix("status_at")} AS ts_at, {_local("status_time")} AS time_at FROM lines
        ), typed AS (
            SELECT account, TRY_CAST(fields['message_id'] AS BIGINT) AS message_id, {PHONE} AS phone,
                {_integer("status", "SMALLINT", -128, 127)} AS status,
                {_integer("err", "INTEGER", 0, 65534)} AS err,
                CASE WHEN ts_at {PLAUSIBLE} THEN 'ts' WHEN time_at {
        PLAUSIBLE
    } THEN 'time' ELSE 'received' END AS time_source,
                CASE time_source WHEN 'ts' THEN ts_at WHEN 'time' THEN time_at ELSE received_at END AS status_at,
                {_integer("type", "SMALLINT", 0, 32767)} AS type,
                {_integer("parts", "INTEGER", 0, 2**31 - 1)} AS parts,
                {_money("cost")} AS cost,
                fields['sender'] AS sender, fields['operator'] AS operator, fields['mcc'] AS mcc, fields['mnc'] AS mnc,
                fields['country'] AS country, fields['region'] AS region,
                {_integer("flag", "INTEGER", 0, 2**31 - 1)} AS flag,
                list_has_any(map_keys(extra), {list(HLR_FIELDS)}) OR coalesce(type = {HLR_TYPE}, false) AS hlr,
                CASE WHEN fields['status_at'] IS NULL AND time_source = 'received' THEN time_at END AS claimed_at,
                received_at, signed_by, key, fields, extra, time_at
            FROM times
        )
        SELECT account, message_id, phone, status, err, status_at, received_at, time_source, type, parts, cost, sender,
            operator, mcc, mnc, country, region, flag, hlr, claimed_at, signed_by, key, {COPIES},
            {
        _with_rest(
            {
                "phone": "phone IS DISTINCT FROM fields['phone']",
                "message_id": "message_id IS NULL",
                "status": "status IS NULL",
                "err": "err IS NULL",
                "status_at": "time_source <> 'ts'",
                "status_time": "time_at IS DISTINCT FROM status_at",
                "type": "type IS NULL",
                "parts": "parts IS NULL",
                "cost": "cost IS NULL",
                "flag": "flag IS NULL",
            }
        )
    } AS extra
        FROM typed"""


def _incoming(lines: str) -> str:
    return f"""
        WITH lines AS ({lines}), typed AS (
            SELECT account, {_integer("incoming_id", "BIGINT", 0, 2**63 - 1)} AS incoming_id, {PHONE} AS phone,
                regexp_replace(fields['to_number'], '[^0-9]', '', 'g') AS to_number, fields['text'] AS text,
                {_unix("sent_at")} AS ts_at, {_local("sent_time")} AS time_at,
                CASE WHEN ts_at {PLAUSIBLE} THEN ts_at WHEN time_at {PLAUSIBLE} THEN time_at END AS sent_at,
                CASE WHEN fields['sent_at'] IS NULL AND sent_at IS NULL THEN time_at END AS claimed_at,
                received_at, signed_by, key, fields, extra
            FROM lines
        )
        SELECT account, incoming_id, phone, to_number, text, sent_at, claimed_at, received_at, signed_by, key, {COPIES},
            {
        _with_rest(
            {
                "phone": "phone IS DISTINCT FROM fields['phone']",
                "to_number": "to_number IS DISTINCT FROM fields['to_number']",
                "incoming_id": "incoming_id IS NULL",
                "sent_at": "sent_at IS NULL OR ts_at IS DISTINCT FROM sent_at",
                "sent_time": "sent_at IS NULL OR time_at IS DISTINCT FROM sent_at",
            }
        )
    } AS extra
        FROM typed"""


def _confirmations(lines: str) -> str:
    return f"""
        WITH lines AS ({lines}), typed AS (
            SELECT account, {PHONE} AS phone, {_unix("called_at")} AS called_at,
                received_at, signed_by, key, fields, extra
            FROM lines
        )
        SELECT account, phone, called_at, received_at,
            coalesce(called_at NOT BETWEEN received_at - {STALE} AND received_at + {STALE}, true) AS stale,
            signed_by, key, {COPIES},
            {_with_rest({"phone": "phone IS DISTINCT FROM fields['phone']", "called_at": "called_at IS NULL"})} AS extra
        FROM typed"""


def _call_events(lines: str) -> str:
    lost = {"phone": "phone IS DISTINCT FROM fields['phone']", "message_id": "message_id IS NULL"}
    return f"""
        WITH lines AS ({lines}), typed AS (
            SELECT account, {_integer("message_id", "BIGINT", 0, 2**31 - 1)} AS message_id, {PHONE} AS phone,
                fields['keys'] AS keys, received_at, signed_by, fields, extra
            FROM lines
        )
        SELECT account, message_id, phone, keys, received_at, signed_by, {COPIES},
            {_with_rest(lost)} AS extra
        FROM typed"""


def _sends(lines: str) -> str:
    typed = f"""
        SELECT account, {_integer("message_id", "BIGINT", 1, 2**31 - 1)} AS message_id, {PHONE} AS phone,
            {_microseconds("sent_at")} AS sent_at, fields['tag'] AS tag, fields['purpose'] AS purpose,
            {_money("cost")} AS cost, {_integer("parts", "INTEGER", 1, 2**31 - 1)} AS parts,
            fields['sender'] AS sender, fields['source'] AS source, received_at, fields
        FROM ({lines})"""
    return _whole(typed, required=("message_id", "phone", "sent_at"), optional=("cost", "parts"))


def _confirmation_requests(lines: str) -> str:
    typed = f"""
        SELECT account, {PHONE} AS phone, {_microseconds("requested_at")} AS requested_at,
            fields['number_to_call'] AS number_to_call, fields['purpose'] AS purpose,
            fields['request_id'] AS request_id, received_at, fields
        FROM ({lines})"""
    return _whole(typed, required=("phone", "requested_at"))


def _whole(typed: str, *, required: Sequence[str], optional: Sequence[str] = ()) -> str:
    """Rows of which every value converted; `records` lets no other pass, so a line that gives none is unreadable."""
    there = [f"{name} IS NOT NULL" for name in required]
    there += [f"({name} IS NULL) = (fields['{name}'] IS NULL)" for name in optional]
    return f"SELECT * EXCLUDE (fields) FROM ({typed}) WHERE {' AND '.join(there)}"


def _rejected(lines: str) -> str:
    return f"""
        WITH lines AS ({lines})
        SELECT account, received_at, fields['reason'] AS reason, fields['remote'] AS remote,
            TRY(from_base64(fields['body'])) AS body
        FROM lines"""


def _integer(name: str, sql_type: str, low: int, high: int) -> str:
    text = f"fields['{name}']"
    fits = f"regexp_full_match({text}, '-?[0-9]{{1,10}}') AND TRY_CAST({text} AS BIGINT) BETWEEN {low} AND {high}"
    return f"CASE WHEN {fits} THEN TRY_CAST({text} AS {sql_type}) END"


def _money(name: str) -> str:
    text = f"fields['{name}']"
    fits = f"regexp_full_match({text}, '[0-9]{{1,8}}([.][0-9]{{1,4}})?')"
    return f"CASE WHEN {fits} THEN TRY_CAST({text} AS DECIMAL(12,4)) END"


def _unix(name: str) -> str:
    text = f"fields['{name}']"
    seconds = f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,10}}') THEN TRY_CAST({text} AS BIGINT) END"
    return f"TRY(make_timestamptz({seconds} * 1000000))"


def _microseconds(name: str) -> str:
    text = f"fields['{name}']"
    return f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,16}}') THEN make_timestamptz(TRY_CAST({text} AS BIGINT)) END"


def _local(name: str) -> str:
    formats = ["%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]
    return f"TRY(timezone(zone, try_strptime(fields['{name}'], {formats})))"


def _zone(zones: Mapping[str, str]) -> str:
    cases = " ".join(f"WHEN '{account}' THEN '{zone}'" for account, zone in zones.items())
    return f"CASE account {cases} ELSE 'Europe/Moscow' END" if cases else "'Europe/Moscow'"


def _with_rest(lost: Mapping[str, str]) -> str:
    """`extra`, joined by the text of every field that is there while the condition says its column does not hold it."""
    some = " OR ".join(f"(fields['{name}'] IS NOT NULL AND ({condition}))" for name, condition in lost.items())
    entries = ", ".join(
        f"{{'k': '{name}', 'v': CASE WHEN {condition} THEN fields['{name}'] END}}" for name, condition in lost.items()
    )
    rest = f"map_from_entries(list_filter([{entries}], lambda entry: entry.v IS NOT NULL))"
    return f"CASE WHEN {some} THEN map_concat(extra, {rest}) ELSE extra END"


_TYPED: dict[str, Callable[[str], str]] = {
    "statuses": _statuses,
    "incoming": _incoming,
    "confirmations": _confirmations,
    "call_events": _call_events,
    "sends": _sends,
    "confirmation_requests": _confirmation_requests,
    "rejected": _rejected,
}
