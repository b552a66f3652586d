import os
import subprocess

import figures
from programs import need

from smsanalytics import charts

CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


def page():
    return charts.to_html(charts.delivery_rate(figures.delivery_rate(["sender"])))


def test_a_name_cannot_end_the_script():
    text = page()
    assert text.count("<script>") == text.count("</script>") == 2
    assert "<img" not in text.partition("vegaEmbed(")[2]
    assert "\\u003c/script\\u003e\\u003cimg src=x onerror=alert(1)\\u003e\\u2028\\u0026" in text


def test_the_page_draws_its_chart_in_a_browser_without_network(tmp_path):
    browser = need("chromium", "the page is not opened in a browser")
    (tmp_path / "chart.html").write_text(page(), "utf-8")
    done = subprocess.run(
        [browser, *CHROMIUM, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000", "--dump-dom",
         (tmp_path / "chart.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
        env=os.environ | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    drawn = done.stdout.partition('id="chart"')[2]
    assert "<canvas" in drawn or "<svg" in drawn
    assert "<img" not in drawn.partition("<script>")[0]
