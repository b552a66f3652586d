"""
Mutated callbacks of every kind, format and charset, half of them signed again, judged by an independent decoder.

What was answered and what the store holds, field by field and with its rejects, is what the judge says. Rounds are bodies.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
from serving import Collector, counting, maintain

from torture.judge import Account, Unsure, Verdict, judge
from torture.link import Link, post
from torture.mutant import ACCOUNTS, SECRETS, Mutant, settings
from torture.outcome import Outcome

SHORT, FULL = 3_000, 1_000_000
SEED = 20261124
CHUNK = 50_000  #: bodies of one collector
CONNECTIONS = 32
SHOWN = 3  #: of what is wrong, for each chunk
TABLES = ("statuses", "incoming", "confirmations", "call_events")
Judged = tuple[Account, bytes, Verdict]
REST = ("received_at", "repeated_at", "copies")  #: columns that are looked at, and not compared


def run(folder: Path, rounds: int) -> Outcome:
    outcome = Outcome()
    statuses: Counter[int] = Counter()
    started = time.monotonic()
    chunks = [(SEED + done // CHUNK, min(CHUNK, rounds - done)) for done in range(0, rounds, CHUNK)]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        coming = pool.submit(judged, *chunks[0])
        for following, (seed, _) in zip([*chunks[1:], None], chunks, strict=True):
            now, mutants = coming.result()
            coming = pool.submit(judged, *following) if following else coming  # while these are sent
            origin = f"seed {seed} at {now}"
            print(f"mutations: {origin}", flush=True)
            _chunk(folder / str(seed), origin, mutants, outcome, statuses)
    seconds = time.monotonic() - started
    answered = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
    outcome.note = f"seeds from {SEED}; {answered}; {rounds / seconds:.0f} bodies a second, all in all"
    return outcome


def _chunk(folder: Path, origin: str, mutants: list[Judged], outcome: Outcome, statuses: Counter[int]) -> None:
    folder.mkdir()
    (folder / "smsanalytics.toml").write_text(settings(ACCOUNTS))
    collector = Collector(folder / "data", "--no-maintain", SMSANALYTICS_SECRET=SECRETS["2026"])
    try:
        sent = asyncio.run(_send(urlsplit(collector.url), iter(mutants)))
        stopped = collector.stop()
    finally:
        collector.kill()
    maintain(folder / "data")
    expected, stored = Counter(), stored_rows(folder / "data")
    for account, body, verdict, status in sent:
        statuses[status] += 1
        outcome.unintended += status >= 500
        outcome.acknowledged += status == 200
        if status != verdict.status:
            _wrong(outcome, origin, f"answered {status}, not {verdict.status} {verdict.reason}", account, body)
        for table, row in verdict.rows if status == 200 else ():
            expected[table, _key(row)] += 1
        if verdict.reason and status in (400, 403):
            shown = b"***" if any(secret.encode() in body for secret in SECRETS.values()) else body
            expected["rejected", (account.name, verdict.reason, shown)] += 1
    outcome.rounds += len(sent)
    outcome.missing += (expected - stored).total()
    outcome.forged += (stored - expected).total()
    for what, rows in (("missing", expected - stored), ("not expected", stored - expected)):
        outcome.wrong += [f"{origin}: {what} in {table}: {row}" for table, row in list(rows)[:SHOWN]]
    if stopped:
        outcome.wrong.append(f"{origin}: the collector ended with {stopped}")


def _wrong(outcome: Outcome, origin: str, what: str, account: Account, body: bytes) -> None:
    if sum(one.startswith(f"{origin}: answered") for one in outcome.wrong) < SHOWN:
        outcome.wrong.append(f"{origin}: {what}: account {account.name}: {body[:2000]!r}")


def judged(seed: int, bodies: int) -> tuple[int, list[Judged]]:
    """The time, and so many mutants that the judge is sure of: the same ones for the same seed at the same time."""
    now, found = int(time.time()), []
    mutant = Mutant(seed, now)
    while len(found) < bodies:
        account, body = mutant.body()
        with contextlib.suppress(Unsure):
            found.append((account, body, judge(body, account, now)))
    return now, found


async def _send(url, mutants: Iterator[Judged]) -> list[tuple[Account, bytes, Verdict, int]]:
    """One after another on each of several connections; a body whose connection ends unanswered has the status 0."""
    sent = []

    async def keep_sending() -> None:
        while mutant := next(mutants, None):
            ended = asyncio.get_running_loop().create_future()

            def answered(link: Link, mutant: object, status: int) -> None:
                sent.append((*mutant, status))
                following = None if link.closing else next(mutants, None)
                if following:
                    link.send(request(following), following)
                else:
                    link.transport.close()

            def lost(link: Link, ended: asyncio.Future = ended) -> None:
                sent.extend((*mutant, 0) for mutant in link.waiting)
                ended.set_result(None)

            _, link = await asyncio.get_running_loop().create_connection(
                functools.partial(Link, answered, lost), url.hostname, url.port
            )
            link.send(request(mutant), mutant)
            await ended

    def request(mutant: Judged) -> bytes:
        return post(mutant[1], f"/callback/{mutant[0].name}")

    await asyncio.gather(*(keep_sending() for _ in range(CONNECTIONS)))
    return sent


def stored_rows(data: Path) -> Counter:
    """What the files hold, as pairs of table and comparable row."""
    found: Counter = Counter()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in (*TABLES, "rejected"):
        if not (files := counting(data, table)):
            continue
        read = connection.execute(f"FROM read_parquet({files}, hive_partitioning = false)")
        names = [column[0] for column in read.description]
        for values in iter(read.fetchone, None):
            row = dict(zip(names, values, strict=True))
            if table == "rejected":
                body = b"***" if b"***" in row["body"] else row["body"]
                found[table, (row["account"], row["reason"], body)] += 1
                continue
            if row.get("time_source") == "received" and row["status_at"] == row["received_at"]:
                row["status_at"] = None
            found[table, _key(row)] += row["copies"]
    return found


def _key(row: Mapping[str, object]) -> tuple:
    return tuple((name, _comparable(value)) for name, value in sorted(row.items()) if name not in REST)


def _comparable(value: object) -> object:
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return value.normalize() if isinstance(value, Decimal) else value
