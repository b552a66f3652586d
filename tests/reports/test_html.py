"""The report in a real browser, on every kind of screen and on paper; its figures held against the API's."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pandas as pd
import pytest
from browsing import opened, serious

from smsanalytics import open_store
from smsanalytics.charts.drawing import Drawing
from smsanalytics.reports.data import ask
from smsanalytics.reports.html import render

WEEK = {"start": "2026-10-19", "end": "2026-10-26"}
BEFORE = {"start": "2026-10-12", "end": "2026-10-19"}


@pytest.fixture(scope="module", params=["en", "ru"])
def path(request, week, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / f"report.{request.param}.html"
    with Drawing() as drawing:
        path.write_text(render(week, drawing, lang=request.param), "utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "laptop"])
def test_it_asks_for_nothing_says_nothing_and_hinders_nobody(browser, path, size, scheme):
    with opened(browser, path, size=size, scheme=scheme) as (page, seen):
        assert seen.said == []
        assert seen.asked_for == [path.as_uri()]
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, (
            "it scrolls sideways"
        )
        assert page.locator("script, img, iframe, link, object").count() == 0
        shown = page.locator(".chart:visible svg")
        assert shown.count() == 6
        for number in range(6):
            box = shown.nth(number).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= page.viewport_size["width"]


def test_dark_charts_are_light_on_dark(browser, path):
    colour = "getComputedStyle(document.querySelector('.chart.wide text')).fill"
    ground = "getComputedStyle(document.body).backgroundColor"
    found = {}
    for scheme in ("light", "dark"):
        with opened(browser, path, scheme=scheme) as (page, _):
            found[scheme] = [sum(map(int, re.findall(r"\d+", page.evaluate(one))[:3])) for one in (colour, ground)]
    assert found["light"][0] + 400 < found["light"][1]
    assert found["dark"][0] > 400 + found["dark"][1]


def test_no_picture_or_tile_is_cut_by_a_page_of_paper(browser, path, tmp_path):
    with opened(browser, path) as (page, _):
        page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
        page.emulate_media(media="print")
        kept = page.evaluate(
            "[...document.querySelectorAll('figure, .tiles li, tr')].map(one => getComputedStyle(one).breakInside)"
        )
        colour = page.evaluate("getComputedStyle(document.body).printColorAdjust")
    assert set(kept) == {"avoid"}
    assert colour == "exact"
    assert (tmp_path / "report.pdf").read_bytes().count(b"/Type /Page\n") in range(5, 12)


def test_it_is_small_and_says_its_language(path):
    text = path.read_text("utf-8")
    assert len(text.encode()) < 2_000_000
    assert f'<html lang="{path.name.split(".")[1]}">' in text
    assert "default-src 'none'" in text


def figures_of(page, answer):
    """The figures of each row, as the page tells them to programs."""
    rows = page.locator(f"table[data-answer={answer}] tbody tr")
    found = [
        rows.nth(number).locator("data").evaluate_all("all => all.map(one => one.value)")
        for number in range(rows.count())
    ]
    return [[float(value) for value in row] for row in found]


def figures_in(page, answer):
    """The same by what stands in front of the row."""
    names = page.locator(f"table[data-answer={answer}] tbody th").all_inner_texts()
    return dict(zip(names, figures_of(page, answer), strict=True))


def test_every_figure_equals_the_api(browser, path, sample):
    with opened(browser, path) as (page, _):
        for name, by in (("operators", "operator"), ("senders", "sender")):
            now, before = sample.delivery_rate([by], **WEEK), sample.delivery_rate([by], **BEFORE).set_index(by)
            shown = figures_in(page, name)
            assert len(shown) == len(now)
            for row in now.dropna(subset=[by]).to_dict("records"):
                counts = [row[count] for count in ("submitted", "delivered", "failed", "pending")]
                change = row["delivery_rate"] - before.loc[row[by], "delivery_rate"]
                assert shown[row[by]] == pytest.approx([*counts, row["delivery_rate"], change])
        shown = figures_in(page, "latency_by_operator")
        for row in sample.latency(["operator"], **WEEK).dropna(subset=["operator"]).to_dict("records"):
            assert shown[row["operator"]] == pytest.approx(
                [row[name] for name in ("n_timed", "p50", "p90", "p95", "p99", "within_30s")]
            )
        columns = ["submitted", "parts_per_message", "cost", "cost_per_delivered", "n_cost_unknown"]
        rows = sample.cost(["sender"], **WEEK).sort_values("submitted", ascending=False)[columns].to_numpy().tolist()
        assert figures_of(page, "cost_by_sender") == [pytest.approx(row) for row in rows]
        shown = figures_of(page, "health")
        checks = sample.data_health(**WEEK)[["n", "of", "share"]].to_numpy().tolist()
        assert shown == [pytest.approx([one for one in row if not pd.isna(one)]) for row in checks]
        shown = figures_in(page, "confirmations_by_purpose")
        for row in sample.confirmation_success(["purpose"], **WEEK).query("requests > 0").to_dict("records"):
            assert shown[row["purpose"]] == pytest.approx(
                [row["requests"], row["confirmed"], row["confirmation_success"]]
            )
        shown = page.locator("[data-answer=failures] li")
        causes = sample.failure_mix(**WEEK).to_dict("records")
        for number in range(shown.count()):
            values = shown.nth(number).locator("data").evaluate_all("all => all.map(one => one.value)")
            assert [float(value) for value in values] == pytest.approx(
                [causes[number]["n"], causes[number]["failure_share"]]
            )


def test_the_headline_equals_the_api(browser, path, sample):
    with opened(browser, path) as (page, _):
        shown = [
            float(value)
            for value in page.locator(".tiles .value data").evaluate_all("all => all.map(one => one.value)")
        ]
        changes = [
            float(value)
            for value in page.locator(".tiles .change data").evaluate_all("all => all.map(one => one.value)")
        ]
    [now], [before] = (sample.delivery_rate([], **span).to_dict("records") for span in (WEEK, BEFORE))
    coverage = sample.data_health(**WEEK).set_index("check").loc["coverage", "share"]
    one = {
        name: getattr(sample, name)([], **WEEK).iloc[0]
        for name in ("latency", "inbound_volume", "confirmation_success", "cost")
    }
    assert shown == pytest.approx([
        now["delivery_rate"], now["submitted"], one["latency"]["within_30s"], one["inbound_volume"]["incoming"],
        one["confirmation_success"]["confirmation_success"], one["cost"]["cost_per_delivered"], coverage,
    ])  # fmt: skip
    assert changes[0] == pytest.approx(now["delivery_rate"] - before["delivery_rate"])
    assert changes[1] == pytest.approx(now["submitted"] / before["submitted"] - 1)


def test_it_says_what_stands_out_in_that_week(week):
    with Drawing() as drawing:
        page = render(week, drawing)
    assert "“spam filter · 23/253” makes 49.7 per thousand submitted messages fail, 1.9 before." in page
    assert "On 20 October 2026 only 64.7" in page
    assert "change its wording and links" in page


def test_a_page_of_nothing_says_so(example_store, browser, tmp_path):
    nothing = ask(
        open_store(example_store), date(2020, 1, 1), date(2020, 1, 2), generated_at=datetime(2026, 11, 2, tzinfo=UTC)
    )
    path = tmp_path / "nothing.html"
    with Drawing() as drawing:
        path.write_text(render(nothing, drawing), "utf-8")
    with opened(browser, path) as (page, seen):
        assert seen.said == []
        assert serious(page) == []
        assert page.get_by_text("Nothing of this kind in the period.").count() >= 7
        assert "nan" not in page.inner_text("body").lower().split()
