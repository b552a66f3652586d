"""What a report asks: of which moment, of how much of a period, and whether it says when nothing came."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime

import pytest

from smsanalytics import open_store
from smsanalytics.charts.drawing import Drawing
from smsanalytics.reports.data import ask
from smsanalytics.reports.html import render
from smsanalytics.storage import journal
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance

DAY = (date(2026, 11, 21), date(2026, 11, 22))


def told(data, *events):
    """A store to which these events are added: kind, time of receipt, fields."""
    layout, clock = Layout(data), iter(events)
    writer = journal.Journal(layout, "w5", now=lambda: int(next(clock)[1].timestamp()) * 10**9)
    for kind, _, fields in events:
        writer.write(
            [journal.entry(account="default", kind=kind, signed_by="md5", key="2026", fields=fields, extra={})]
        )
    writer.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    return open_store(data, tz="Europe/Moscow")


@pytest.fixture
def later(example_store, tmp_path):
    """The example, and a text that came four days after the newest status."""
    text = {
        "phone": "79001230001",
        "to_number": "79001230000",
        "text": "Да",
        "incoming_id": "9",
        "sent_at": "1795600000",
    }
    return told(
        shutil.copytree(example_store, tmp_path / "data"), ("incoming", datetime(2026, 11, 25, 21, tzinfo=UTC), text)
    )


def page(figures):
    with Drawing() as drawing:
        return render(figures, drawing)


def test_every_answer_is_that_of_the_api_as_of_the_moment_that_the_page_names(later):
    figures = ask(later, *DAY, generated_at=datetime(2026, 11, 26, tzinfo=UTC))
    assert figures.as_of == datetime(2026, 11, 25, 21, tzinfo=UTC) > later.as_of
    for name in ("operators", "latency", "failures", "inbound", "replies", "confirmations", "cost", "health"):
        question = getattr(later, figures.metric(name))
        by = {"operators": ["operator"]}.get(name, [])
        wanted = question(by, start="2026-11-21", end="2026-11-22", as_of=figures.as_of)
        assert figures.answers[name].equals(wanted), name


def test_a_period_that_is_over_is_compared_whole_however_early_its_last_event_came(later):
    figures = ask(later, *DAY, generated_at=datetime(2026, 11, 22, 5, tzinfo=UTC))
    assert not figures.running
    assert figures.before.end == datetime(2026, 11, 21)  # noqa: DTZ001 - local
    assert not figures.silent
    assert "not over" not in page(figures)


def test_a_period_that_runs_says_so(example_store):
    figures = ask(open_store(example_store), *DAY, generated_at=datetime(2026, 11, 21, 9, tzinfo=UTC))
    assert figures.running
    assert "The period is not over" in page(figures)


def test_a_store_that_fell_silent_says_so_and_nothing_is_praised(example_store):
    figures = ask(
        open_store(example_store), date(2026, 12, 1), date(2026, 12, 8), generated_at=datetime(2026, 12, 9, tzinfo=UTC)
    )
    said = page(figures)
    assert "Nothing was received after 21 November 2026, 21:30: is the collector running?" in said
    assert "No message was submitted in this period." in said
    for praise in ("Nothing stands out", "every check is within its limit", "Callbacks came"):
        assert praise not in said


def test_calls_without_known_requests_are_not_called_unrequested(tmp_path):
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    store = told(
        tmp_path / "data", ("confirmation", at, {"phone": "79001230003", "called_at": str(int(at.timestamp()))})
    )
    said = page(ask(store, *DAY, generated_at=datetime(2026, 11, 22, tzinfo=UTC)))
    assert "Your systems told of no requests" in said
    assert "were not asked for" not in said


def test_money_that_bought_no_delivery_is_shown(tmp_path):
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    failed = {
        "message_id": "1",
        "phone": "79001230003",
        "status": "20",
        "err": "1",
        "cost": "3.10",
        "status_at": str(int(at.timestamp())),
    }
    said = page(
        ask(told(tmp_path / "data", ("status", at, failed)), *DAY, generated_at=datetime(2026, 11, 22, tzinfo=UTC))
    )
    assert "3.10 in all, failed messages included" in said
    assert '<data value="3.1">3.10</data>' in said
