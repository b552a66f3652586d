"""The demo, run as a user runs it; and its page, opened in a real browser without network."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pictures import colours
from programs import need
from receiving import Receiver
from rich.console import Console
from signing import SECRET

from smsanalytics import Store, demo, open_store, simulator
from smsanalytics.demo.difference import Difference, differences, in_words
from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.simulator.client import World
from smsanalytics.simulator.truth import Truth
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance

CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars"]  # fmt: skip


SUMMARY = "All counts and quantiles of 17 questions equal the truth"
END = datetime(2026, 11, 22, 9, tzinfo=UTC)
RECEIVED = int(END.timestamp())


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / """Мои данные 100%s 'a' "b" $HOME `x` [c] *?"""
    folder.mkdir()
    (folder / "smsanalytics.toml").write_text(
        'port = 1\n[accounts.default]\nalgorithms = ["sha1"]\n'
    )  # of the user, not for the demo
    nice = ["nice", "-n", "19"]
    command = [*nice, sys.executable, "-m", "smsanalytics", "demo", "--data", "data", "--messages", "1500"]
    settings = {"COLUMNS": "200", "SMSANALYTICS_ACCOUNTS__DEFAULT__CHARSET": "utf-8", "SMSANALYTICS_HOST": "192.0.2.1"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | settings, cwd=folder)
    return folder, done


def test_the_demo_ends_with_0_and_says_what_it_did(ran):
    folder, done = ran
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "1,500 messages", f"{SUMMARY}: delivery_rate, latency, inbound_volume, reply_rate, confirmation_success.",
        "callback lag, are artificial here", str(folder / "data" / "demo" / "report.html"), "open_store(",
    ):  # fmt: skip
        assert words in done.stdout


def test_what_it_suggests_to_try_works(ran):
    _, done = ran
    for line, shown in (("Try", r"SHOP +\d+ +0\.9"), ("Ask", r"MTS .*\d")):
        command = re.search(f"^{line}: +(.*)", done.stdout, re.MULTILINE)[1]
        assert re.search(shown, subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout)


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
    found = demo.compare(store, Truth(wrong, int(store.as_of.timestamp()), 72 * 3600))
    assert {one.question for one in found if not one.group} == {*demo.QUESTIONS, "call_events"}
    monkeypatch.setattr(demo, "compare", lambda store, truth: [Difference("delivery_rate", {}, {"n": 1}, {"n": 2})])
    assert demo.run(folder / "second" / "data", messages=100, seed=1) is False


def test_the_demo_wants_a_store_of_its_own(ran):
    folder, _ = ran
    again = subprocess.run(
        [sys.executable, "-m", "smsanalytics", "demo", "--data", str(folder / "data")], capture_output=True, text=True
    )
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "is not empty" in again.stderr


def test_the_simulator_shares_no_code_with_what_it_judges():
    for path in Path(simulator.__file__).parent.glob("*.py"):
        assert not re.search(r"smsanalytics\.(store|metrics|api|wire)", path.read_text())


def requests_of(world: World) -> tuple[list, list]:
    """Every request that tells a collector of a world, as (path on the admin listener or "", body): sends and callbacks."""
    told = [("/sends", json.dumps(send).encode()) for send in world.sends()]
    told += [("/confirmation-requests", json.dumps(request).encode()) for request in world.requests()]
    bodies = [*world.posts(SECRET, formats=0.1), *(press.body for press in world.key_presses())]
    return told, [("", body) for body in bodies]


def request(collector: Receiver, path: str, body: bytes, at: int) -> None:
    status = collector.tell(path, body, at=at) if path else collector.post(body, at=at)
    assert status == 200 or (status == 403 and not path)


def collected(data: Path, world: World, *, calls_at: int = RECEIVED) -> Store:
    """The store of a world, all of it received at its end and folded once; its calls possibly later."""
    told, posts = requests_of(world)
    with Receiver(data, default={"call_events": {"keys": "digits"}}) as collector:
        for path, body in sorted(told + posts, key=lambda one: b"waitcall" in one[1]):
            request(collector, path, body, calls_at if b"waitcall" in body else RECEIVED)
    return open_store(data, tz=demo.ZONE)


def truth_of(world: World, store: Store) -> Truth:
    return Truth(world, int(store.as_of.timestamp()), int(store.horizon.total_seconds()))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small world, and a store that heard everything of it."""
    world = World.make(60, seed=1, until=END, asking=demo.RUSH)
    return world, collected(tmp_path_factory.mktemp("small") / "data", world)


def test_each_group_that_differs_is_named_with_what_was_found_and_what_is_true(small):
    world, store = small
    truth = truth_of(world, store)
    counts = truth.delivery_rate(["operator"])
    submitted, delivered = (counts["MTS",][count] for count in ("submitted", "delivered"))
    lost = next(one for one in truth._texts() if one.operator.name == "MTS" and one.outcome == "delivered")
    foreign = replace(lost, operator=replace(lost.operator, name="Yota"))

    def found(messages):
        other = replace(truth, world=replace(world, messages=tuple(messages)))
        return in_words(demo.compare(store, other, {"delivery_rate": [["operator"]]}))

    assert found(world.messages) == []
    assert found(one for one in world.messages if one != lost) == [
        f"delivery_rate by operator: operator MTS: submitted {submitted} (in truth {submitted - 1}), "
        f"delivered {delivered} (in truth {delivered - 1})"
    ]
    assert found([*world.messages, foreign]) == [
        "delivery_rate by operator: operator Yota, in the truth only: submitted 1, delivered 1"
    ]
    kcell = ", ".join(f"{count} {number}" for count, number in counts["Kcell",].items() if number)
    assert found(one for one in world.messages if one.operator is None or one.operator.name != "Kcell") == [
        f"delivery_rate by operator: operator Kcell, in the store only: {kcell}"
    ]


def test_only_some_groups_of_a_question_are_named():
    found = {(str(hour),): {"submitted": 1_000 + hour, "failed": 1} for hour in range(22)}
    lines = in_words(
        differences("delivery_rate", ["hour"], found, {group: {"submitted": 7, "failed": 1} for group in found})
    )
    assert lines[0] == "delivery_rate by hour: hour 0: submitted 1,000 (in truth 7)"
    assert (len(lines), lines[-1]) == (6, "delivery_rate by hour: and 17 more groups")
    overall = differences("latency", [], {(): {"n_timed": 0, "p50": None}}, {(): {"n_timed": 2, "p50": 31}})
    assert in_words(overall) == ["latency overall: n_timed 0 (in truth 2), p50 none (in truth 31)"]


def test_the_table_shows_what_either_side_has(small):
    world, store = small
    true = truth_of(world, store).delivery_rate(["operator"])
    mts = true["MTS",]
    true |= {("MTS",): mts | {"submitted": 1_190}, ("Yota",): mts | {"submitted": 12_345, "delivered": 10_001}}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(demo._beside_the_truth(store.delivery_rate(["operator"]), true))
    lines = {line.split()[0]: line.split()[1:] for line in console.export_text().splitlines() if line.strip()}
    assert lines["operator"] == ["submitted", "truth", "delivered", "truth", "rate", "95", "%", "interval"]
    assert lines["MTS"][:4] == [str(mts["submitted"]), "1,190", str(mts["delivered"]), str(mts["delivered"])]
    assert lines["Yota"] == ["–", "12,345", "–", "10,001", "–", "–"]


def test_a_world_in_which_nobody_writes_or_calls_is_compared_as_well(tmp_path):
    world = World.make(20, seed=1, until=END, asking=demo.RUSH)
    world = replace(world, incoming=(), asked=(), calls=(), pressed=())
    store = collected(tmp_path / "data", world)
    assert in_words(demo.compare(store, truth_of(world, store))) == []
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(demo._four_answers(store))
    shown = console.export_text()
    assert "0 texts of 0 subscribers" in shown
    assert "none of 0 requests confirmed" in shown


def test_calls_that_a_slow_machine_receives_too_late_confirm_nothing(tmp_path):
    world = World.make(60, seed=1, until=END, asking=demo.RUSH)
    store = collected(tmp_path / "data", world, calls_at=RECEIVED + 16 * 60)
    question = {"confirmation_success": [["purpose"], []]}
    assert demo.compare(store, truth_of(world, store), question) != []
    assert in_words(demo.compare(store, truth_of(demo.as_received(world, store), store), question)) == []


@pytest.mark.parametrize("order", ["sends first", "statuses first", "interleaved"])
def test_a_fold_between_any_two_requests_changes_nothing(order, tmp_path):
    world = World.make(20, seed=1, until=END, asking=demo.RUSH)
    told, posts = requests_of(world)
    requests = posts + told if order == "statuses first" else told + posts
    if order == "interleaved":
        random.Random(1).shuffle(requests)
    data = tmp_path / "data"
    with (
        Receiver(data, flush_seconds=0.001, default={"call_events": {"keys": "digits"}}) as collector,
        Maintenance(Layout(data), collector.settings.zones) as maintenance,
    ):
        folds = 0
        for second, (path, body) in enumerate(requests):
            request(collector, path, body, RECEIVED + second)
            time.sleep(0.001)
            collector.seal()
            folds += maintenance.run().folded
    store = open_store(data, tz=demo.ZONE)
    assert folds > len(world.messages)
    assert in_words(demo.compare(store, truth_of(world, store))) == []


def run_demo(folder: Path, *options: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "smsanalytics", "demo", "--data", str(folder / "data"), *options]
    return subprocess.Popen(
        command, env=os.environ | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"} | environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("flush_seconds", ["0.2", "60"])
def test_however_long_the_collector_waits_the_demo_equals_the_truth(flush_seconds, tmp_path):
    demonstration = run_demo(
        tmp_path, "--messages", "2000", "--flush-seconds", flush_seconds, PYTHONIOENCODING="ascii"
    )  # as a terminal that knows neither × nor –
    said, _ = demonstration.communicate(timeout=300)
    assert SUMMARY in said, said
    assert demonstration.returncode == 0


@contextlib.contextmanager
def a_tenth_of_the_time(group: int) -> Iterator[None]:
    """Let the processes of a group run for 10 ms, then nobody for 90 ms, and so on."""
    over = threading.Event()

    def take_turns():
        with contextlib.suppress(ProcessLookupError):
            while not over.wait(0.01):
                os.killpg(group, signal.SIGSTOP)
                over.wait(0.09)
                os.killpg(group, signal.SIGCONT)

    thread = threading.Thread(target=take_turns)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_on_a_machine_a_tenth_as_fast_the_demo_equals_the_truth(tmp_path):
    demonstration = run_demo(tmp_path, "--messages", "200")
    said = []
    with demonstration.stdout as lines:
        with a_tenth_of_the_time(demonstration.pid):
            for line in lines:
                said.append(line)
                if "sends and requests" in line:  # all is published: how long questions take matters to nothing
                    break
        said += lines
    assert demonstration.wait(60) == 0, "".join(said)
    assert SUMMARY in "".join(said)


def test_the_demo_waits_for_a_slow_collector_and_not_for_a_silent_one(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "PATIENCE", 0.5)
    log, lines = tmp_path / "collector.log", iter(range(30))
    log.touch()

    def slow():
        number = next(lines, None)
        log.write_text("a line\n" * (number or 0))
        return number is None

    demo._wait(log, slow)  # for three times as long
    with pytest.raises(SmsAnalyticsError, match=f"logged nothing for .* its log is {log}"):
        demo._wait(log, lambda: False)


def test_a_collector_that_cannot_start_is_named_with_its_log(tmp_path):
    data = tmp_path / "data"
    with pytest.raises(SmsAnalyticsError, match=f"did not start; its log is {data}/demo/collector.log"):
        demo.run(data, messages=100, seed=1, flush_seconds=-1)


def test_what_the_maintenance_beside_the_collector_was_too_slow_to_publish_is_published(tmp_path):
    world, data, over = World.make(100, seed=1, asking=demo.RUSH), tmp_path / "data", threading.Event()
    (data / "demo").mkdir(parents=True)

    def end_each_maintenance():
        while not over.wait(0.01):
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    if b"maintain" in words and bytes(data) in words:
                        os.kill(int(process.name), signal.SIGKILL)

    thread = threading.Thread(target=end_each_maintenance)
    thread.start()
    try:
        demo._collect(world, data, data / "demo" / "collector.log", 600, Console(file=io.StringIO()))
    finally:
        over.set()
        thread.join()
    assert "ended with -9" in (data / "demo" / "collector.log").read_text()
    store = open_store(data, tz=demo.ZONE)
    assert store.sends().shape[0] == len(world.sends())
    assert store.delivery_rate([])["submitted"].tolist() == [len(Truth(world, 0, 0)._texts())]


def test_a_store_may_lie_in_a_directory_with_braces(tmp_path):
    folder = tmp_path / "{0} {} {data}"
    folder.mkdir()
    said, _ = run_demo(folder, "--messages", "100").communicate(timeout=300)
    assert SUMMARY in said, said
