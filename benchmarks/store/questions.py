"""What the store is asked, in its own words and in SQL written by hand; the floor: reading the columns that needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd

from benchmarks.store.traffic import FIRST
from smsanalytics.analysis.store import Store
from smsanalytics.metrics.messages import HORIZON
from smsanalytics.storage.sql_path import listed

NEAR = 7  #: days before and after a cohort whose events may speak of it
OFFSET = 3  #: of Europe/Moscow, for all of the history [h]


@dataclass(frozen=True)
class Period:
    """The days a store holds, and how it is seen."""

    days: int
    as_of: datetime

    @property
    def middle(self) -> date:
        """The day that is asked for alone."""
        return FIRST + timedelta(days=self.days // 2)


@dataclass(frozen=True)
class Question:
    """
    One question.

    Attributes
    ----------
    ask : callable
        Asks the store.
    sql : str
        The same, of a relation ``messages``; `Sql` fills in the rest.
    columns : tuple of str
        Those of the roll-up that the answer needs.
    of_one_day : bool
        Whether only the middle day is asked for.
    """

    name: str
    title: str
    ask: Callable[[Store, Period], pd.DataFrame]
    sql: str
    columns: tuple[str, ...]
    of_one_day: bool = False

    def files(self, paths: Sequence[Path], period: Period, *, before: int, after: int) -> list[Path]:
        """Those of the partitions that one who writes SQL by hand would name."""
        if not self.of_one_day:
            return [*paths]
        first, last = period.middle - timedelta(days=before), period.middle + timedelta(days=after)
        return [path for path in paths if first <= date.fromisoformat(path.parent.name.removeprefix("date=")) <= last]

    def of_rollup(self, paths: Sequence[Path], period: Period) -> str:
        """The SQL over the files of ``messages``: those of a day are kept under it, or the next one."""
        return self._filled(_ROLLUP, self.files(paths, period, before=0, after=1), period)

    def of_events(self, paths: Sequence[Path], period: Period) -> str:
        """The SQL over the files of ``statuses``: grouped by message first."""
        return self._filled(_EVENTS, self.files(paths, period, before=NEAR, after=NEAR), period)

    def scan(self, paths: Sequence[Path], period: Period) -> str:
        """Reads the columns of the roll-up that the answer needs, and does nothing with them."""
        told = ", ".join(f"count({name}) AS {name}" for name in self.columns)
        return f"SELECT {told} FROM {_source(self.files(paths, period, before=0, after=1))}"

    def _filled(self, messages: str, paths: Sequence[Path], period: Period) -> str:
        midnight = datetime(period.middle.year, period.middle.month, period.middle.day, tzinfo=period.as_of.tzinfo)
        return f"WITH messages AS ({messages}) {self.sql}".format(
            source=_source(paths),
            as_of=int(period.as_of.timestamp()),
            matured=f"TIMESTAMPTZ '{(period.as_of - HORIZON).isoformat()}'",
            start=f"TIMESTAMPTZ '{midnight.isoformat()}'",
            end=f"TIMESTAMPTZ '{(midnight + timedelta(days=1)).isoformat()}'",
            offset=OFFSET * 3_600 * 10**6,
        )


def _source(paths: Sequence[Path]) -> str:
    return f"read_parquet({listed(paths)}, hive_partitioning = false)"


_ROLLUP = """
    SELECT account, operator, parts, cost, coalesce(sent_at, first_status_at) AS cohort,
        delivered_code IS NOT NULL AS delivered, failed_code IS NOT NULL AS failed, unknown_code IS NOT NULL AS unknown,
        failed_code, epoch_us(delivered_at) // 1000000 AS done,
        epoch_us(coalesce(sent_at, opened_at)) // 1000000 AS start,
        (type IS NULL OR type BETWEEN 0 AND 3) AND NOT hlr AND NOT test_mode AS inside
    FROM {source}"""
# no sends are told of, so the first status is the cohort; what describes a message is the same in all of its events
_EVENTS = """
    SELECT account, any_value(operator) AS operator, any_value(parts) AS parts, any_value(cost) AS cost,
        min(status_at) AS cohort, bool_or(status IN (1, 2, 4)) AS delivered,
        bool_or(status IN (3, 6, 20, 22, 23, 24, 25)) AS failed,
        bool_or(status NOT IN (-2, -1, 0, 1, 2, 3, 4, 6, 20, 22, 23, 24, 25)) AS unknown,
        max((epoch_us(status_at) // 1000000) * 33554432 + (status + 129) * 65536 + coalesce(err + 1, 0))
            FILTER (status IN (3, 6, 20, 22, 23, 24, 25)) AS failed_code,
        epoch_us(min(status_at) FILTER (status IN (1, 2, 4))) // 1000000 AS done,
        epoch_us(min(status_at) FILTER (status IN (-2, -1, 0))) // 1000000 AS start,
        any_value(coalesce(type, 0)) BETWEEN 0 AND 3 AND NOT bool_or(hlr)
            AND NOT bool_or(coalesce(err, 0) = 200) AS inside
    FROM {source} GROUP BY account, message_id, phone"""

_RATE = """,
    groups AS (
        SELECT {by}, count(*) FILTER (inside) AS submitted,
            count(*) FILTER (inside AND delivered) AS delivered,
            count(*) FILTER (inside AND NOT delivered AND failed) AS failed,
            count(*) FILTER (inside AND NOT delivered AND NOT failed AND unknown) AS unknown,
            count(*) FILTER (inside AND NOT delivered AND NOT failed AND NOT unknown AND cohort > {matured}) AS pending,
            count(*) FILTER (inside AND NOT delivered AND NOT failed AND NOT unknown AND cohort <= {matured}) AS stuck,
            count(*) FILTER (inside AND cohort > {matured}) = 0 AS matured,
            count(*) FILTER (NOT inside) AS excluded
        FROM messages {where} GROUP BY ALL
    )
    SELECT {shown}, submitted, delivered, failed, pending, stuck, unknown, delivered / submitted AS delivery_rate,
        delivered / nullif(delivered + failed, 0) AS delivery_rate_final, failed / submitted AS failed_share,
        pending / submitted AS pending_share, stuck / submitted AS stuck_share, unknown / submitted AS unknown_share,
        matured, (sum(excluded) OVER ())::BIGINT AS excluded_n
    FROM groups WHERE submitted > 0 ORDER BY ALL"""
_LATENCY = """,
    seconds AS (
        SELECT operator, CASE WHEN inside AND done >= start THEN done - start END AS seconds,
            count(*) FILTER (inside) AS submitted, count(*) FILTER (NOT inside) AS excluded,
            count(*) FILTER (inside AND delivered AND start IS NULL) AS n_no_start,
            count(*) FILTER (inside AND delivered AND done < start) AS n_negative,
            count(*) FILTER (inside AND start <= {as_of} - 10) AS n_within_10s,
            count(*) FILTER (inside AND start <= {as_of} - 30) AS n_within_30s,
            count(*) FILTER (inside AND start <= {as_of} - 60) AS n_within_60s,
            count(*) FILTER (inside AND start <= {as_of} - 10 AND done - start BETWEEN 0 AND 10) AS in_10,
            count(*) FILTER (inside AND start <= {as_of} - 30 AND done - start BETWEEN 0 AND 30) AS in_30,
            count(*) FILTER (inside AND start <= {as_of} - 60 AND done - start BETWEEN 0 AND 60) AS in_60
        FROM messages GROUP BY ALL
    ),
    reached AS (
        SELECT *, sum(timed) OVER (PARTITION BY operator ORDER BY seconds) AS so_far,
            sum(timed) OVER (PARTITION BY operator) AS n
        FROM (SELECT *, CASE WHEN seconds IS NULL THEN 0 ELSE submitted END AS timed FROM seconds)
    ),
    groups AS (
        SELECT operator, sum(submitted)::BIGINT AS submitted, sum(timed)::BIGINT AS n_timed,
            sum(n_no_start)::BIGINT AS n_no_start, sum(n_negative)::BIGINT AS n_negative,
            min(seconds) FILTER (timed > 0 AND so_far * 100 >= n * 50) AS p50,
            min(seconds) FILTER (timed > 0 AND so_far * 100 >= n * 90) AS p90,
            min(seconds) FILTER (timed > 0 AND so_far * 100 >= n * 95) AS p95,
            min(seconds) FILTER (timed > 0 AND so_far * 100 >= n * 99) AS p99,
            sum(n_within_10s)::BIGINT AS n_within_10s, sum(in_10) / nullif(sum(n_within_10s), 0) AS within_10s,
            sum(n_within_30s)::BIGINT AS n_within_30s, sum(in_30) / nullif(sum(n_within_30s), 0) AS within_30s,
            sum(n_within_60s)::BIGINT AS n_within_60s, sum(in_60) / nullif(sum(n_within_60s), 0) AS within_60s,
            sum(excluded) AS excluded
        FROM reached GROUP BY ALL
    )
    SELECT * EXCLUDE (excluded), (sum(excluded) OVER ())::BIGINT AS excluded_n
    FROM groups WHERE submitted > 0 ORDER BY operator"""
_COST = """,
    groups AS (
        SELECT account, operator, count(*) FILTER (inside) AS submitted,
            coalesce(sum(parts) FILTER (inside), 0)::BIGINT AS n_parts,
            count(*) FILTER (inside AND parts IS NULL) AS n_parts_unknown,
            coalesce(sum(cost) FILTER (inside), 0)::DOUBLE AS cost,
            count(*) FILTER (inside AND cost IS NULL) AS n_cost_unknown,
            count(*) FILTER (inside AND cost IS NOT NULL AND delivered) AS n_delivered,
            count(*) FILTER (NOT inside) AS excluded
        FROM messages GROUP BY ALL
    )
    SELECT account, operator, submitted, n_parts, n_parts_unknown,
        n_parts / nullif(submitted - n_parts_unknown, 0) AS parts_per_message, cost, n_cost_unknown, n_delivered,
        cost / nullif(n_delivered, 0) AS cost_per_delivered, (sum(excluded) OVER ())::BIGINT AS excluded_n
    FROM groups WHERE submitted > 0 ORDER BY ALL"""
_FAILURES = """,
    causes AS (
        SELECT CASE WHEN inside AND NOT delivered AND failed THEN failed_code % 33554432 END AS cause,
            count(*) AS n, count(*) FILTER (NOT inside) AS excluded
        FROM messages GROUP BY ALL
    )
    SELECT cause // 65536 - 129 AS status, nullif(cause % 65536, 0) - 1 AS err, n,
        (sum(n) OVER ())::BIGINT AS failed, n / sum(n) OVER () AS failure_share,
        (SELECT sum(excluded) FROM causes)::BIGINT AS excluded_n
    FROM causes WHERE cause IS NOT NULL ORDER BY n DESC, status, err"""


def _rate(by: dict[str, str], *, where: str = "") -> str:
    """`_RATE` by expressions; a day is a whole number until there is one row for it."""
    groups = ", ".join(f"{expression} AS {name}" for name, expression in by.items())
    shown = ", ".join(f"make_timestamp({name} * {_DAY}) AS {name}" if name == "day" else name for name in by)
    return _RATE.replace("{by}", groups).replace("{shown}", shown).replace("{where}", where)


_DAY = 86_400_000_000
_POPULATION = ("type", "hlr", "test_mode")
_STATE = ("delivered_code", "failed_code", "unknown_code")
_COHORT = ("sent_at", "first_status_at")

QUESTIONS = {
    question.name: question
    for question in (
        Question(
            "rate_by_day_operator",
            "delivery rate by day and operator",
            lambda store, _: store.delivery_rate(["day", "operator"]),
            _rate({"day": f"epoch_us(cohort) // {_DAY}", "operator": "operator"}),
            (*_COHORT, *_STATE, *_POPULATION, "operator"),
        ),
        Question(
            "latency_by_operator",
            "latency by operator",
            lambda store, _: store.latency(["operator"]),
            _LATENCY,
            ("sent_at", "opened_at", "delivered_at", "delivered_code", *_POPULATION, "operator"),
        ),
        Question(
            "rate_by_local_day",
            "delivery rate by local day",
            lambda store, _: store.delivery_rate(["day"], tz="Europe/Moscow"),
            _rate({"day": f"(epoch_us(cohort) + {{offset}}) // {_DAY}"}),
            (*_COHORT, *_STATE, *_POPULATION),
        ),
        Question(
            "rate_of_one_day",
            "delivery rate of one day",
            lambda store, period: store.delivery_rate(
                ["day"], start=period.middle, end=period.middle + timedelta(days=1)
            ),
            _rate({"day": f"epoch_us(cohort) // {_DAY}"}, where="WHERE cohort >= {start} AND cohort < {end}"),
            (*_COHORT, *_STATE, *_POPULATION),
            of_one_day=True,
        ),
        Question(
            "cost_by_operator",
            "cost by operator",
            lambda store, _: store.cost(["operator"]),
            _COST,
            ("account", "operator", "parts", "cost", "delivered_code", *_POPULATION),
        ),
        Question(
            "failure_mix",
            "failures by cause",
            lambda store, _: store.failure_mix(),
            _FAILURES,
            ("delivered_code", "failed_code", *_POPULATION),
        ),
    )
}
