"""
The roll-up held against a recount: some days, counted from the raw events in another way.

Nothing of `storage.rollup` is used, so that a mistake in it would be seen: what is there a chain of minima and maxima
is here a query over the events themselves, and a message begins with an event that no other precedes by 30 days or
less.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from smsanalytics.codes import DELIVERED, FAILED, OPEN
from smsanalytics.ops.check.finding import Finding
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.reader import FOLDED, Tables
from smsanalytics.storage.schema import IDENTITY

KEY = "account, message_id, phone"
SAME = " AND ".join(f"earlier.{name} = event.{name}" for name in KEY.split(", "))
GAP = "INTERVAL 30 DAY"
BEGINNING = timedelta(days=31)  #: of a store whose first dates were moved away; messages of it began before
AGAIN = 3  #: so often it is counted, when messages are folded meanwhile

FIGURES = {  # name: over one row for each message
    "messages": "count(*)",
    "delivered": "count(*) FILTER (state = 'delivered')",
    "failed": "count(*) FILTER (state = 'failed')",
    "of an unknown code": "count(*) FILTER (state = 'unknown')",
    "open": "count(*) FILTER (state = 'open')",
    "the sum of sent_at": "sum(epoch_us(sent_at))",
    "the sum of first_status_at": "sum(epoch_us(first_status_at))",
    "the sum of last_status_at": "sum(epoch_us(last_status_at))",
    "the sum of delivered_at": "sum(epoch_us(delivered_at))",
    "the sum of delivery_seconds": "sum(delivery_seconds)::BIGINT",
    "parts": "sum(parts)",
    "cost": "sum(cost)",
}
STATE = "CASE WHEN {} THEN 'delivered' WHEN {} THEN 'failed' WHEN {} THEN 'unknown' ELSE 'open' END AS state"


@dataclass(frozen=True)
class Recount:
    """Counts days of one store; ``twice`` of the connection holds keys that are left out."""

    layout: Layout
    connection: duckdb.DuckDBPyConnection

    def days(self, number: int, seed: int) -> list[date]:
        """So many days with events that are folded, the newest among them, the others by chance; or none."""
        live = Live.read(self.layout)
        reached = self._reached(live)
        if number < 1 or live.ahead not in reached:
            return []
        if live.folded not in reached:
            number = 1  # what messages of older dates hold cannot be told
        there = sorted(
            day
            for day, files in self.layout.event_files("statuses").items()
            if any(file.last <= live.ahead.get(file.writer, 0) for file in files)
        )
        kept_from = self.layout.kept_from()
        if given_up := [kept_from[table] for table in FOLDED if table in kept_from]:
            there = [day for day in there if day > max(given_up) + BEGINNING]
        if not self._whole():
            there = [day for day in there if day > there[0] + BEGINNING]
        others = random.Random(seed).sample(there[:-1], min(number - 1, len(there) - 1)) if there[1:] else []  # noqa: S311
        return sorted([*others, *there[-1:]])

    def look(self, day: date) -> Iterator[Finding]:
        """Compare a day."""
        for attempt in range(AGAIN):
            try:
                yield from self._compared(day)
                return
            except duckdb.IOException:  # superseded and swept meanwhile
                if attempt == AGAIN - 1:
                    raise

    def _reached(self, live: Live) -> list[Mapping[str, int]]:
        """
        Up to which segments all messages hold the events, and those of open dates, which may be ahead.

        Left out is what cannot be told: where one file holds events up to there beside later ones.
        """
        files = {file for table in FOLDED for found in self.layout.event_files(table).values() for file in found}
        return [
            upto
            for upto in ([live.folded] if live.ahead == live.folded else [live.folded, live.ahead])
            if not any(file.first <= upto.get(file.writer, 0) < file.last for file in files)
        ]

    def _whole(self) -> bool:
        """Whether events are there from the first on."""
        first: dict[str, int] = {}
        for table in FOLDED:
            for files in self.layout.event_files(table).values():
                for file in files:
                    first[file.writer] = min(file.first, first.get(file.writer, file.first))
        return all(number == 1 for number in first.values())

    def _compared(self, day: date) -> Iterator[Finding]:
        live = Live.read(self.layout)
        nothing: list[Any] = [0 if name.startswith("count") else None for name in FIGURES.values()]
        stored = counted = nothing
        for upto in self._reached(live):
            self._gather(live, day, upto)
            stored = self._stored(live, day) if day in live.generations else nothing
            counted = self._counted(day)
            if counted == stored:
                return
        if counted == stored:
            return
        wrong = [
            f"{name} {_said(says)} where events give {_said(gives)}"
            for name, says, gives in zip(FIGURES, stored, counted, strict=True)
            if says != gives
        ]
        where = self.layout.messages / f"date={day}"
        todo = "`smsanalytics maintain --rebuild` makes messages anew from the events; please report it"
        yield Finding(str(where), f"differs from a recount: {', '.join(wrong)}", todo)

    def _stored(self, live: Live, day: date) -> list[Any]:
        file = self.layout.message_file(day, live.generations[day])
        messages = Tables(self.layout, self.connection).of_messages([file]).sql_query()
        state = STATE.format("delivered_code IS NOT NULL", "failed_code IS NOT NULL", "unknown_code IS NOT NULL")
        return self._figures(f"SELECT *, {state} FROM ({messages}) ANTI JOIN uncertain USING ({KEY})")

    def _counted(self, day: date) -> list[Any]:
        known = ", ".join(str(code) for code in (*DELIVERED, *FAILED, *OPEN))
        events = f"""
            SELECT {KEY}, happened_at, NULL::TIMESTAMPTZ AS sent_at, happened_at AS status_at,
                coalesce(status IN ({_list(DELIVERED)}), false) AS delivered,
                coalesce(status IN ({_list(FAILED)}), false) AS failed,
                coalesce(status NOT IN ({known}), true) AS unknown,
                coalesce(status IN ({_list(OPEN)}), false) AS waiting, {_price(of_send=False)}
            FROM recounted_statuses
            UNION ALL
            SELECT {KEY}, sent_at, sent_at, NULL, false, false, false, false, {_price(of_send=True)}
            FROM recounted_sends"""
        begins = f"""
            SELECT {KEY}, event.happened_at AS begun_at, lead(event.happened_at) OVER of_key AS next_at
            FROM (SELECT DISTINCT {KEY}, happened_at FROM events) AS event WHERE NOT EXISTS (
                FROM events AS earlier WHERE {SAME} AND earlier.happened_at < event.happened_at
                    AND earlier.happened_at >= event.happened_at - {GAP}
            ) WINDOW of_key AS (PARTITION BY {KEY} ORDER BY event.happened_at)"""
        state = STATE.format("bool_or(delivered)", "bool_or(failed)", "bool_or(unknown)")
        counted = f"""
            SELECT min(sent_at) AS sent_at, min(status_at) AS first_status_at, max(status_at) AS last_status_at,
                min(status_at) FILTER (delivered) AS delivered_at, {state},
                min(status_at) FILTER (waiting) AS opened_at,
                nullif((min(price)).parts, '')::INTEGER AS parts, nullif((min(price)).cost, '')::DECIMAL(12,4) AS cost
            FROM events JOIN begins USING ({KEY})
            WHERE begun_at::DATE = DATE '{day}' AND happened_at >= begun_at AND coalesce(happened_at < next_at, true)
            GROUP BY {KEY}, begun_at"""
        seconds = "floor(epoch(delivered_at)) - floor(epoch(coalesce(sent_at, opened_at)))"
        return self._figures(f"""
            WITH events AS MATERIALIZED ({events}), begins AS ({begins}), counted AS ({counted})
            SELECT *, CASE WHEN {seconds} >= 0 THEN {seconds} END AS delivery_seconds FROM counted""")

    def _gather(self, live: Live, day: date, upto: Mapping[str, int]) -> None:
        """Make tables of all events of messages that may have begun on a day, as far as that is certain."""
        tables = Tables(self.layout, self.connection)
        for table in FOLDED:
            tables.events(table, published=upto).create_view(f"all_{table}")
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE uncertain AS {self._uncertain(tables, live, day)};
            CREATE OR REPLACE TEMP TABLE recounted AS
                SELECT DISTINCT {KEY} FROM (
                    SELECT {KEY} FROM all_statuses WHERE status_at::DATE = DATE '{day}' AND message_id IS NOT NULL
                    UNION ALL SELECT {KEY} FROM all_sends WHERE sent_at::DATE = DATE '{day}'
                ) ANTI JOIN uncertain USING ({KEY});
            CREATE OR REPLACE TEMP TABLE recounted_sends AS FROM all_sends SEMI JOIN recounted USING ({KEY});
            CREATE OR REPLACE TEMP TABLE recounted_statuses AS
                SELECT *, first_value(status_at) OVER (
                    PARTITION BY {", ".join(IDENTITY["statuses"])} ORDER BY received_at, status_at
                ) AS happened_at FROM all_statuses SEMI JOIN recounted USING ({KEY})""")

    def _uncertain(self, tables: Tables, live: Live, day: date) -> str:
        """The query for keys whose messages may rightly begin on another day than the events that there are say."""
        found = ["FROM twice"]
        if given_up := tables.given_up(live):
            found.append(f"SELECT {KEY} FROM {given_up}")
        if live.folded != live.ahead or "messages" in self.layout.kept_from():
            before = f"< TIMESTAMPTZ '{day} 00:00:00+00' AND {{0}} >= TIMESTAMPTZ '{day} 00:00:00+00' - {GAP}"
            found += [
                f"SELECT {KEY} FROM all_{table} WHERE {at} {before.format(at)}"
                for table, at in (("statuses", "status_at"), ("sends", "sent_at"))
            ]
        return " UNION ".join(found)

    def _figures(self, messages: str) -> list[Any]:
        [row] = self.connection.execute(f"SELECT {', '.join(FIGURES.values())} FROM ({messages})").fetchall()
        return list(row)


def _price(*, of_send: bool) -> str:
    """Parts and cost of an event, in the order in which they are believed: of a status first, then the earliest."""
    said = "'parts': coalesce(parts::VARCHAR, ''), 'cost': coalesce(cost::VARCHAR, '')"
    some = f"{{'of_send': {of_send}, 'at': received_at, {said}}}"
    return f"CASE WHEN parts IS NOT NULL OR cost IS NOT NULL THEN {some} END AS price"


def _list(codes: tuple[int, ...]) -> str:
    return ", ".join(map(str, codes))


def _said(value: Any) -> str:
    return "nothing" if value is None else f"{value:,}"
