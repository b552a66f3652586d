"""The demo, run as a user runs it; and its page, opened in a real browser without network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pictures import colours
from programs import need

from smsanalytics import demo, open_store, provider
from smsanalytics.provider.simulator import World
from smsanalytics.provider.truth import Truth

CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars"]  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    (folder / "smsanalytics.toml").write_text(
        'port = 1\n[accounts.default]\nalgorithms = ["sha1"]\n'
    )  # of the user, not for the demo
    command = [sys.executable, "-m", "smsanalytics", "demo", "--data", "data", "--messages", "1500"]
    settings = {"COLUMNS": "200", "SMSANALYTICS_ACCOUNTS__DEFAULT__CHARSET": "utf-8", "SMSANALYTICS_HOST": "192.0.2.1"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | settings, cwd=folder)
    return folder, done


def test_the_demo_ends_with_0_and_says_what_it_did(ran):
    folder, done = ran
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "1,500 messages", "All counts and quantiles of 17 questions equal the truth: delivery_rate, latency, inbound_volume, reply_rate, confirmation_success.",
        "callback lag, are artificial here", str(folder / "data" / "demo" / "report.html"), "open_store(",
    ):  # fmt: skip
        assert words in done.stdout


def test_what_it_suggests_to_try_works(ran):
    _, done = ran
    command = re.search(r'Try: +\S+ -c "(.*)"', done.stdout)[1]
    shown = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    assert re.search(r"SHOP +\d+ +0\.9", shown)


def test_the_page_shows_its_charts_in_a_browser_without_network(ran):
    folder, _ = ran
    page = folder / "data" / "demo" / "report.html"
    text = page.read_text()
    assert not re.findall(r'src=|href="[^#]|url\(|@import', text)
    browser = need("chromium", "the page is not opened in a browser")
    picture = folder / "page.png"
    subprocess.run(
        [browser, *CHROMIUM, f"--user-data-dir={folder / 'profile'}", "--window-size=900,1800", f"--screenshot={picture}", page.as_uri()],
        capture_output=True, check=True, timeout=120, env=os.environ | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    found = colours(picture)
    assert found[0x00, 0x72, 0xB2] > 300, "the lines and dots of the charts were not drawn"


def test_a_false_count_ends_with_1(ran, monkeypatch):
    folder, _ = ran
    store = open_store(folder / "data", tz=demo.ZONE)
    wrong = World.make(  # four times as many: not even the few key presses can agree by chance
        6000, seed=2, until=datetime.now(UTC), asking=demo.RUSH
    )
    differences = demo.compare(store, Truth(wrong, int(store.as_of.timestamp()), 72 * 3600))
    for question in demo.QUESTIONS:
        assert f"{question} by nothing" in differences
    assert "key presses" in differences
    monkeypatch.setattr(demo, "compare", lambda store, truth: ["delivery_rate by day"])
    assert demo.run(folder / "second" / "data", messages=100, seed=1) is False


def test_the_demo_wants_a_store_of_its_own(ran):
    folder, _ = ran
    again = subprocess.run(
        [sys.executable, "-m", "smsanalytics", "demo", "--data", str(folder / "data")], capture_output=True, text=True
    )
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "is not empty" in again.stderr


def test_the_simulator_shares_no_code_with_what_it_judges():
    for path in Path(provider.__file__).parent.glob("*.py"):
        assert not re.search(r"smsanalytics\.(store|metrics|api|wire)", path.read_text())
