"""Names that want to be markup, formulas or somebody's number stay words in every form of a report."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from browsing import opened, serious

from smsanalytics import open_store, reports
from smsanalytics.reports.masking import Names
from smsanalytics.storage import journal
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance

DAY = "2026-11-21"
NAMES = ["=HYPERLINK(\"http://192.0.2.1\";\"x\")", "+1+1", "@SUM(A1)", "\u202egnirts", "x" * 5000, "call 79001239999 now", "+7 (900) 123-88-88",
         "7\u00a0900\u00a0123\u00a077\u00a077", "7900\u200b1236666", "7_900_123_55_55", "７９００１２３４４４４"]  # fmt: skip


@pytest.fixture(scope="module")
def store(hostile_store, tmp_path_factory):
    """The hostile example, with senders and operators of yet other kinds."""
    layout = Layout(hostile_store)
    writer = journal.Journal(layout, "w2", now=lambda: 1795338000 * 10**9)
    for number, name in enumerate(NAMES):
        fields = {"message_id": str(2000 + number), "phone": f"7900123100{number}", "status": "1", "status_at": "1795251600", "sender": name, "operator": name}  # fmt: skip
        writer.write(
            [journal.entry(account="default", kind="status", signed_by="md5", key="2026", fields=fields, extra={})]
        )
    writer.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    return open_store(hostile_store, tz="Europe/Moscow")


def test_a_page_runs_nothing_of_theirs(store, browser, tmp_path):
    written = reports.write(store, tmp_path, period=DAY)
    text = written.path.read_text("utf-8")
    assert "&lt;/script&gt;&lt;img src=x" in text, "the names are not there at all"
    assert "<img" not in text
    assert "\u202e" not in text
    assert "x" * 100 not in text
    with opened(browser, written.path) as (page, seen):
        assert (seen.said, seen.asked_for) == ([], [written.path.as_uri()])
        assert page.locator("img, script, a[href^=http]").count() == 0
        assert serious(page) == []


@pytest.mark.parametrize("form", ["html", "json", "csv"])
def test_no_form_shows_a_phone(store, tmp_path, form):
    text = reports.write(store, tmp_path, period=DAY, format=form, lang="ru").path.read_text("utf-8")
    assert "•••9999" in text
    assert "79001239999" not in text
    assert "123-88-88" not in text
    assert "7900123000" not in text
    for hidden in ("7777", "6666", "5555", "4444"):
        assert f"•••{hidden}" in text
    assert not re.search(r"900\W{0,3}123|７９", text)


def test_no_cell_of_a_spreadsheet_is_a_formula(store, tmp_path):
    text = reports.write(store, tmp_path, period=DAY, format="csv").path.read_text("utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    assert any("HYPERLINK" in cell for row in rows for cell in row), "the names are not there at all"
    for row in rows:
        assert not [cell for cell in row if cell[:1] in set("=+@\t\r") or (cell[:1] == "-" and not cell[1:2].isdigit())]


def test_json_is_whole_and_keeps_the_names_apart(store, tmp_path):
    told = json.loads(reports.write(store, tmp_path, period=DAY, format="json").path.read_text("utf-8"))
    senders = [row["sender"] for row in told["answers"]["senders"]["rows"]]
    assert len(senders) == len(set(senders)) == len(NAMES) + 2


def test_names_that_look_alike_when_masked_stay_apart():
    names = Names()
    assert [names.shown(name) for name in ("+7 900 123-00-00", "79009990000", "7900123000", "12345")] == [
        "•••0000", "•••0000 (2)", "•••3000", "12345",
    ]  # fmt: skip
    assert names.shown("79009990000") == "•••0000 (2)"
