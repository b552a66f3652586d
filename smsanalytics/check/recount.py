"""
The roll-up held against a recount: some days, counted from the raw events in another way.

Nothing of `store.rollup` is used, so that a mistake in it would be seen: what is there a chain of minima and maxima is
here a query over the events themselves.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from smsanalytics.check.finding import Finding
from smsanalytics.codes import DELIVERED, FAILED, OPEN
from smsanalytics.store.flush import quoted
from smsanalytics.store.layout import Layout
from smsanalytics.store.live import Live
from smsanalytics.store.tables import FOLDED, Tables

KEY = "account, message_id, phone"
BEGINNING = timedelta(days=7)  #: of a store whose first dates were moved away; messages of it began before
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
    """Counts days of one store; ``twice`` of the connection holds the messages that are left out."""

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
        if day not in live.generations:
            stored: list[Any] = [0 if name.startswith("count") else None for name in FIGURES.values()]
        else:
            stored = self._stored(live, day)
        counted: list[Any] = stored
        for upto in self._reached(live):
            counted = self._counted(live, day, upto)
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
        return self._figures(f"SELECT *, {state} FROM ({messages}) ANTI JOIN twice USING ({KEY})")

    def _counted(self, live: Live, day: date, upto: Mapping[str, int]) -> list[Any]:
        tables = Tables(self.layout, self.connection)
        statuses, sends = (tables.events(table, published=upto) for table in FOLDED)
        statuses.create_view("recounted_statuses")
        sends.create_view("recounted_sends")
        others = [quoted(self.layout.message_file(at, one)) for at, one in live.generations.items() if at != day]
        elsewhere = (
            f"ANTI JOIN read_parquet([{', '.join(others)}], union_by_name = true) USING ({KEY})" if others else ""
        )
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE recounted AS
            SELECT {KEY} FROM (
                SELECT DISTINCT {KEY} FROM recounted_statuses
                WHERE received_at >= TIMESTAMPTZ '{day} 00:00:00+00' AND message_id IS NOT NULL
                    AND received_at < TIMESTAMPTZ '{day + timedelta(1)} 00:00:00+00'
                UNION SELECT DISTINCT {KEY} FROM recounted_sends WHERE sent_at::DATE = DATE '{day}'
            ) {elsewhere}""")
        known = ", ".join(str(code) for code in (*DELIVERED, *FAILED, *OPEN))
        told = f"""
            SELECT {KEY}, received_at AS seen_at, NULL::TIMESTAMPTZ AS sent_at, status_at,
                coalesce(status IN ({_list(DELIVERED)}), false) AS delivered,
                coalesce(status IN ({_list(FAILED)}), false) AS failed,
                coalesce(status NOT IN ({known}), true) AS unknown,
                coalesce(status IN ({_list(OPEN)}), false) AS waiting, {_price(of_send=False)}
            FROM recounted_statuses SEMI JOIN recounted USING ({KEY})
            UNION ALL
            SELECT {KEY}, sent_at, sent_at, NULL, false, false, false, false, {_price(of_send=True)}
            FROM recounted_sends SEMI JOIN recounted USING ({KEY})"""
        state = STATE.format("bool_or(delivered)", "bool_or(failed)", "bool_or(unknown)")
        counted = f"""
            SELECT min(sent_at) AS sent_at, min(status_at) AS first_status_at, max(status_at) AS last_status_at,
                min(status_at) FILTER (delivered) AS delivered_at, {state},
                min(status_at) FILTER (waiting) AS opened_at,
                nullif((min(price)).parts, '')::INTEGER AS parts, nullif((min(price)).cost, '')::DECIMAL(12,4) AS cost
            FROM ({told}) GROUP BY {KEY} HAVING min(seen_at)::DATE = DATE '{day}'"""
        seconds = "floor(epoch(delivered_at)) - floor(epoch(coalesce(sent_at, opened_at)))"
        return self._figures(
            f"SELECT *, CASE WHEN {seconds} >= 0 THEN {seconds} END AS delivery_seconds FROM ({counted})"
        )

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
