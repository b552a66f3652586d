"""A path is taken as it is written: no pattern, template, home directory or scheme, whatever signs are in it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pandas as pd
from serving import serving
from signing import incoming_body, status_body

from smsanalytics import open_store
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance

OTHERS = str.maketrans({"*": "zz", "?": "z", "[": "", "]": ""})  #: what fits a name that is taken for a pattern
ABOVE = "date=" + "n" * 195
NAME = """~ [a] *.parquet? {b,c} {0} {x} it's "so" %s 100% %(data)s $HOME #1;& Данные"""
CELL = """
import smsanalytics as sms
print(sms.open_store(data).statuses().count("*").fetchall(), "rows")
"""


def run(*words):
    done = subprocess.run(
        [sys.executable, "-m", "smsanalytics", *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
    )
    problems = [line for line in done.stderr.splitlines() if '"level": "info"' not in line]
    assert (done.returncode, problems) == (0, []), (words, done.stdout, done.stderr)
    return done.stdout


def another_store(data):
    """A store whose files are called as those of a new collector."""
    fields = {"message_id": "77", "phone": "79001230077", "status": "1", "err": "0"}
    journal = Journal(Layout(data), "w0")
    journal.write([entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={})])
    journal.close()
    with Maintenance(Layout(data), {}) as maintenance:
        maintenance.run()


def rows_of(data, table):
    return sum(len(pd.read_parquet(io.BytesIO(path.read_bytes()))) for path in open_store(data).files(table))


def test_a_path_with_odd_signs_is_as_good_as_any(tmp_path, monkeypatch):
    """Each command with all signs at once: to draw a report and to start a kernel takes seconds."""
    (tmp_path / ABOVE).mkdir()
    monkeypatch.chdir(tmp_path / ABOVE)
    name, data, other = NAME, Path(NAME), Path(NAME.translate(OTHERS))
    another_store(other)
    bodies = [status_body(number, f"7900123000{number}", err=0) for number in (1, 2, 3)]
    with serving(data, "--data", f"{name}/", "--no-maintain") as collector:
        assert [collector.post(body) for body in (*bodies, incoming_body("79001230001", "Да"))] == [200] * 4
        assert collector.post(b"id=1&phone=79001230001&status=1&md5=" + b"0" * 32) == 403
        assert collector.stop() == 0
    said = run("maintain", "--data", f"{name}/")
    assert said == "published 1 incoming, 1 rejected, 3 statuses; messages brought up to date\n"

    sends = Path("sends", name) / f"{name[:70]}.parquet"
    sends.parent.mkdir(parents=True)
    frame = pd.DataFrame({"message_id": [1, 2], "phone": ["79001230001", "79001230002"], "sent_at": datetime.now(UTC)})
    sends.write_bytes(frame.to_parquet())
    assert run("import", "sends", sends, "--data", data) == f"stored 2 sends in {data}\npublished\n"

    listed = [
        Path(line)
        for table in ("statuses", "messages")
        for line in run("files", table, "--data", data).split("\n")[:-1]
    ]
    store = open_store(f"{name}/")
    assert listed == [*store.files("statuses"), *store.files("messages")]
    assert all(path.is_relative_to(data) and path.is_file() for path in listed)
    assert (rows_of(data, "statuses"), rows_of(data, "messages")) == (3, 3)
    for relation in (store.statuses(), store.messages()):
        assert relation.count("*").fetchall() == [(3,)]

    [row] = json.loads(run("metric", "delivery-rate", "--by", "", "--format", "json", "--data", data))["rows"]
    assert (row["submitted"], row["delivered"]) == (3, 3)
    assert run("check", "--data", data).endswith("; nothing found\n")
    tables = {one["table"]: one for one in json.loads(run("status", "--format", "json", "--data", data))["tables"]}
    assert {table: tables[table]["rows"] for table in ("statuses", "sends", "messages")} == {
        "statuses": 3, "sends": 2, "messages": 3}  # fmt: skip

    book = Path("books", name) / f"{name[:70]}.ipynb"
    book.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)]), book)
    made = []
    for options in ([], ["--notebook", book]):
        out = Path("book-reports" if options else "reports", name)
        made.append(Path(run("report", "--period", "today", "--out", f"{out}/", *options, "--data", data)[:-1]))
        assert [*out.iterdir()] == [made[-1]]
    assert "[(3,)] rows" in made[1].read_text()

    backup = Path("backups", name)
    assert run("backup", f"{backup}/", "--data", data).startswith(f"{backup} is a complete copy: ")
    assert [path.relative_to(backup) for path in open_store(backup).files("statuses")] == [
        path.relative_to(data) for path in store.files("statuses")
    ]
    assert run("check", "--data", backup).endswith("; nothing found\n")

    run("forget", "79001230003", "--yes", "--data", data)
    left = (rows_of(data, "statuses"), rows_of(data, "messages"), rows_of(backup, "statuses"))
    assert left == (2, 2, 3)
    assert (rows_of(other, "statuses"), rows_of(other, "messages")) == (1, 1)
    top = {path.name for path in Path().iterdir()}
    assert top == {name, other.name, "sends", "books", "book-reports", "reports", "backups", "collector.log"}
