"""
One piece of work in a process of its own, so that its time and memory are its own.

Run as a program it takes what to do as JSON from its command line, and tells as JSON what came of it.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.collector import processes
from benchmarks.collector.server import ROOT
from benchmarks.store.lines import WRITER
from benchmarks.store.questions import QUESTIONS, Period
from smsanalytics.analysis.store import open_store
from smsanalytics.storage import compaction
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.compaction import jobs, superseded
from smsanalytics.storage.maintenance import MEMORY
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.publish import flush
from smsanalytics.storage.reader import connect
from smsanalytics.storage.rollup_update import fold

ZONES = {"default": "Europe/Moscow"}
LATER = 2 * 3_600.0  #: so long after a date is over its files are merged [s]

Told = dict[str, Any]
Run = Callable[..., Told]


def run(do: str, **given: object) -> Told:
    """
    Let a process do a piece of work.

    Returns
    -------
    dict
        What it told, and:

        ``peak_bytes`` : the most memory it ever held.
        ``others_busy`` : share of all cores that went to other programs meanwhile. [0..1]
    """
    cores = os.sched_getaffinity(0)
    command = [sys.executable, "-m", __name__, json.dumps({"do": do} | given, default=str)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    before, started = processes.busy_seconds(cores) - time.process_time(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    if done.returncode:
        raise RuntimeError(f"{do} failed:\n{done.stderr}")
    passed = time.perf_counter() - started
    told: Told = json.loads(done.stdout)
    busy = processes.busy_seconds(cores) - time.process_time() - before - told.pop("cpu_seconds")
    return told | {"others_busy": round(max(busy, 0.0) / passed / len(cores), 3)}


def _flush(data: Path) -> Told:
    """Publish every sealed segment."""
    layout = Layout(data)
    layout.tmp.mkdir(exist_ok=True)
    waiting = [layout.slot(WRITER) / segment.name for segment in layout.segments(WRITER)]
    size = sum(path.stat().st_size for path in waiting)
    with connect(layout, memory=MEMORY) as connection:
        started = time.perf_counter()
        done = list(flush(connection, layout, WRITER, ZONES))
        seconds = time.perf_counter() - started
    events = sum(one.rows["statuses"] for one in done)
    unreadable = sum(one.unreadable for one in done)
    return {
        "seconds": seconds,
        "segments": len(done),
        "events": events,
        "unreadable": unreadable,
        "journal_bytes": size,
    }


def _fold(data: Path, until: str) -> Told:
    """Bring the messages up to what is published, as if it were a moment."""
    layout = Layout(data)
    with connect(layout, memory=MEMORY) as connection:
        started = time.perf_counter()
        fold(connection, layout, now=datetime.fromisoformat(until))
        seconds = time.perf_counter() - started
    live = Live.read(layout)
    for day, generations in layout.generations().items():
        for generation in generations:
            if live.generations.get(day) != generation:
                layout.message_file(day, generation).unlink()  # as the sweep does when readers have gone
    return {"seconds": seconds, "messages_bytes": _bytes(live.files(layout)), "dates": len(live.generations)}


def _compact(data: Path, until: str) -> Told:
    """Merge the files of the dates that are over, and delete what that supersedes."""
    layout = Layout(data)
    now = max(time.time(), datetime.fromisoformat(until).timestamp()) + LATER
    with connect(layout, memory=compaction.MEMORY) as connection:
        started = time.perf_counter()
        merged = [job.merge(connection) for job in jobs(layout, Live.read(layout).folded, now=now)]
        seconds = time.perf_counter() - started
    for path in list(superseded(layout, before=now)):
        path.unlink()
    return {"seconds": seconds, "files": len(merged), "bytes": _bytes(merged)}


def _size(data: Path) -> Told:
    """How much there is, and how large it is."""
    layout = Layout(data)
    told: Told = {"as_of": open_store(data).as_of}
    with connect(layout) as connection:
        for table, paths in (("events", layout.live_files("statuses")), ("messages", Live.read(layout).files(layout))):
            source = connection.read_parquet([str(path) for path in paths])
            rows = source.shape[0]
            told |= {table: rows, f"{table}_bytes": _bytes(paths), f"{table}_files": len(paths)}
            if table == "events":
                told["repetitions"] = int(source.sum("copies").fetchall()[0][0]) - rows
    return told


def _ask(data: Path, way: str, question: str, days: int, times: int, answer: Path) -> Told:
    """Ask a question in one way, the first time to warm up if it is asked several times, and keep the answer."""
    started = time.perf_counter()
    asked = _ways(data, question, days)[way]()
    told: Told = {"load_seconds": time.perf_counter() - started, "all_seconds": []}
    for _ in range(times):
        started = time.perf_counter()
        found = asked()
        told["all_seconds"].append(time.perf_counter() - started)
    counted = sorted(told["all_seconds"][1:] or told["all_seconds"])
    found.to_parquet(answer)
    return told | {"first_seconds": told["all_seconds"][0], "seconds": counted[len(counted) // 2]}


def _ways(data: Path, name: str, days: int) -> dict[str, Callable[[], Callable[[], pd.DataFrame]]]:
    """Each way to an answer: what makes it ready, and then what is measured."""
    question, store, layout = QUESTIONS[name], open_store(data), Layout(data)
    if store.as_of is None:
        raise RuntimeError("the store holds no messages")
    period = Period(days, store.as_of)
    messages, events = store.files("messages"), store.files("statuses")

    def api() -> Callable[[], pd.DataFrame]:
        def asked() -> pd.DataFrame:
            found = question.ask(store, period)
            found = found.assign(excluded_n=found.attrs["excluded_n"])
            found.attrs = {}
            return found

        return asked

    def by_sql(query: str) -> Callable[[], Callable[[], pd.DataFrame]]:
        def ready() -> Callable[[], pd.DataFrame]:
            connection = connect(layout)
            return lambda: connection.sql(query).df()

        return ready

    def in_memory(engine: str) -> Callable[[], Callable[[], pd.DataFrame]]:
        def ready() -> Callable[[], pd.DataFrame]:
            frames = _frames()
            loaded = getattr(frames, f"load_{engine.lower()}")(messages)
            return lambda: getattr(frames, engine)[name](loaded, period.as_of)

        return ready

    def pandas_raw() -> Callable[[], pd.DataFrame]:
        frames = _frames()
        return lambda: frames.pandas_from_events(events, period.as_of)

    return {
        "api": api,
        "sql": by_sql(question.of_rollup(messages, period)),
        "raw": by_sql(question.of_events(events, period)),
        "scan": by_sql(question.scan(messages, period)),
        "pandas_raw": pandas_raw,
        "pandas_memory": in_memory("PANDAS"),
        "polars_memory": in_memory("POLARS"),
    }


def _frames() -> Any:
    """Imported where it is needed: Polars takes memory, which is not to be counted where it is not used."""
    return importlib.import_module("benchmarks.store.frames")


def _bytes(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _peak_bytes() -> int:
    """The most memory this program held: not what getrusage tells, which knows that of the parent as well."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


WORKS: dict[str, Run] = {"flush": _flush, "fold": _fold, "compact": _compact, "size": _size, "ask": _ask}


def here(do: str, **given: object) -> Told:
    """Do a piece of work in this process: sooner, but its memory is that of all that was done before."""
    given = json.loads(json.dumps(given, default=str))
    paths = {name: Path(str(given[name])) for name in ("data", "answer") if name in given}
    told = WORKS[do](**given | paths) | {"peak_bytes": _peak_bytes(), "others_busy": 0.0}
    found: Told = json.loads(json.dumps(told, default=str))
    return found


def main() -> None:
    """Do what the command line says."""
    print(json.dumps(here(**json.loads(sys.argv[1])) | {"cpu_seconds": time.process_time()}))


if __name__ == "__main__":
    main()
