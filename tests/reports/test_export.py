"""A report as a file: its name, its figures for programs, a notebook instead, and what the command line says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime

import nbformat
import pandas as pd
import pytest

from smsanalytics import reports
from smsanalytics.errors import ReportError, UnknownName
from smsanalytics.reports.data import ASKED


def test_json_has_every_answer_of_both_periods_as_the_api_gives_it(sample, tmp_path):
    told = json.loads(reports.write(sample, tmp_path, period="2026-10-20", format="json").path.read_text("utf-8"))
    assert set(told["answers"]) == set(ASKED)
    assert set(told["earlier_answers"]) == {name for name, question in ASKED.items() if question.compared}
    for name, question in ASKED.items():
        frame = getattr(sample, question.metric)([*question.by], start="2026-10-20", end="2026-10-21")
        rows = told["answers"][name]["rows"]
        assert len(rows) == len(frame)
        for column in frame.select_dtypes("number").columns:
            found = [row[column] for row in rows]
            assert pd.Series(found, dtype="float64").tolist() == pytest.approx(
                frame[column].astype("float64").tolist(), nan_ok=True
            ), (name, column)


def test_csv_has_the_same_figures_one_a_line(sample, tmp_path):
    frame = pd.read_csv(reports.write(sample, tmp_path, period="2026-10-20", format="csv").path, dtype=str)
    assert list(frame.columns) == ["answer", "period", "by", "group", "figure", "value"]
    one = frame.query("answer == 'operators' and period == 'before' and group == 'MTS' and figure == 'delivered'")
    rates = sample.delivery_rate(["operator"], start="2026-10-19", end="2026-10-20").set_index("operator")
    assert one["value"].tolist() == [str(rates.loc["MTS", "delivered"])]


def test_a_second_report_of_the_period_replaces_the_first_and_nothing_else_is_left(sample, tmp_path):
    for _ in range(2):
        written = reports.write(
            sample, tmp_path / "new", period="last-week", today=date(2026, 10, 26), name="weekly", format="json"
        )
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["weekly-2026-10-19--2026-10-25.en.json"]
    assert written.title == "SMS report: 19–25 October 2026"
    assert written.lines[0].startswith("Delivery rate: 88.7\u202f% (−3.6 pp")


def test_a_running_period_is_compared_with_as_much_of_the_one_before(sample, tmp_path):
    told = json.loads(
        reports.write(
            sample,
            tmp_path,
            period="this-week",
            today=date(2026, 10, 29),
            generated_at=datetime(2026, 10, 29, 9, tzinfo=UTC),
            format="json",
        ).path.read_text("utf-8")
    )
    assert told["period"]["end"] == "2026-10-31T23:59:25"
    assert told["compared_with"]["end"] == "2026-10-24T23:59:25"
    before = sample.delivery_rate([], start="2026-10-19", end="2026-10-24T23:59:25")["submitted"].item()
    assert told["earlier_answers"]["delivery"]["rows"][0]["submitted"] == before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"period": "soon"}, "is no period"), ({"lang": "de"}, "unknown language"), ({"format": "pdf"}, "unknown format"),
     ({"format": "csv", "notebook": "x.ipynb"}, "published as html")],
    ids=lambda one: str(one),
)  # fmt: skip
def test_what_cannot_be_is_said_in_words_and_leaves_nothing(sample, tmp_path, wrong, words):
    with pytest.raises(UnknownName, match=words):
        reports.write(sample, tmp_path / "out", **{"period": "2026-10", **wrong})
    assert not (tmp_path / "out").exists()


def notebook(path, *cells):
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)
    return path


def test_a_notebook_gets_the_period_and_is_published_without_its_code_and_harmless(sample, tmp_path):
    defaults = nbformat.v4.new_code_cell("data, tz, start, end, lang = [None] * 5", metadata={"tags": ["parameters"]})
    hostile = "from IPython.display import HTML, SVG, display\ndisplay(HTML('<meta http-equiv=refresh content=0><b onclick=x()>bold</b><script>1</script>'))"
    path = notebook(
        tmp_path / "own.ipynb", nbformat.v4.new_markdown_cell("# My week"), defaults,
        nbformat.v4.new_code_cell("print(tz, start, end, lang)"), nbformat.v4.new_code_cell(hostile),
    )  # fmt: skip
    before = path.read_bytes()
    text = reports.write(sample, tmp_path, period="2026-10-20", lang="ru", notebook=path).path.read_text("utf-8")
    assert "Europe/Moscow 2026-10-20 2026-10-21 ru" in text
    assert "<title>My week</title>" in text
    assert "<b>bold</b>" in text
    for sign in ("onclick", "refresh", "<script", "print(", "IPython"):
        assert sign not in text
    assert path.read_bytes() == before


def test_a_notebook_that_fails_says_where_and_quotes_nothing(sample, tmp_path):
    path = notebook(tmp_path / "bad.ipynb", nbformat.v4.new_code_cell("1"), nbformat.v4.new_code_cell("raise ValueError('79001230001')"))  # fmt: skip
    with pytest.raises(ReportError, match=r"bad\.ipynb fails in code cell 2 with ValueError") as failed:
        reports.write(sample, tmp_path / "out", period="2026-10-20", notebook=path)
    assert "79001230001" not in str(failed.value)
    with pytest.raises(ReportError, match="cannot be read as a notebook"):
        reports.write(sample, tmp_path / "out", period="2026-10-20", notebook=tmp_path / "none.ipynb")
    assert not (tmp_path / "out").exists()


def test_the_command_prints_where_the_report_is(sample_cache, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "smsanalytics", "report", "--sample", "--period", "2026-10-20", "--lang", "ru"],
        capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"XDG_CACHE_HOME": str(sample_cache)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "reports/report-2026-10-20--2026-10-20.ru.html\n"
    assert (tmp_path / done.stdout.strip()).stat().st_mode & 0o777 == 0o600
