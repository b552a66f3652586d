"""Each report once: over downtimes, clock changes, wrong clocks, mail servers that fail, and kills at any moment."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from mailing import PASSWORD, Box, authority, mail_server

from smsanalytics.analysis import periods
from smsanalytics.errors import SettingsError, StoreBusy, StoreError
from smsanalytics.scheduler import job as job_module
from smsanalytics.scheduler.email import Server
from smsanalytics.scheduler.job import Plan
from smsanalytics.scheduler.job_state import Ledger, Owed
from smsanalytics.scheduler.scheduler import Schedule, overview
from smsanalytics.storage import atomic

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 11, 16, 12, tzinfo=UTC)
BOSS, DESK = "boss@example.org", "desk@example.org"


@dataclass(frozen=True)
class Written:
    path: Path
    title: str
    lines: tuple[str, ...]


@pytest.fixture
def made(monkeypatch):
    """The days that reports were made for, by name: in place of the real report, which other tests are about."""
    calls = []

    def write(store, out, *, period, lang, format, notebook, name, today):  # noqa: A002
        first, after = periods.period(period, today=today)
        path = out / f"{name}-{first}--{after - DAY}.{lang}.{format}"
        atomic.replace(path, f"{store.tz} {first}".encode())
        calls.append((name, today))
        return Written(path, f"SMS {name} {first}", (f"of {first}: 123456789 messages",))

    monkeypatch.setattr(job_module, "write", write)
    return calls


@pytest.fixture
def plan(tmp_path):
    return Plan("daily", cron="0 8 * * *", period="yesterday", out=tmp_path / "reports")


@pytest.fixture
def box():
    return Box()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(box, ca):
    with mail_server(box, certificate=ca[0].issue_cert("localhost")) as port:
        yield Server("localhost", "reports@example.org", port, ca_file=ca[1])


def tick(data, plan, now, server=None):
    """One process that does what is due, and ends."""
    with Schedule(data, [plan], server) as scheduler:
        return scheduler.tick(now)


def through(schedule, start, end, step):
    now = start
    while now < end:
        schedule.tick(now)
        now += step


def test_the_first_run_ever_only_counts_from_then_on(example_store, plan, made):
    assert tick(example_store, plan, START)
    assert made == []
    assert tick(example_store, plan, START + 19 * HOUR)
    assert made == []
    assert tick(example_store, plan, START + 20 * HOUR)
    assert made == [("daily", date(2026, 11, 17))]


def test_a_month_of_ticks_makes_each_report_once(example_store, plan, made):
    with Schedule(example_store, [plan]) as scheduler:
        through(scheduler, START, START + 30 * DAY, 20 * MINUTE)
    assert made == [("daily", date(2026, 11, 17) + DAY * number) for number in range(30)]


def test_a_month_of_single_runs_makes_each_report_once(example_store, plan, made):
    for number in range(30 * 8):
        tick(example_store, plan, START + 3 * HOUR * number)
    assert made == [("daily", date(2026, 11, 17) + DAY * number) for number in range(30)]


@pytest.mark.parametrize(
    ("cron", "period", "today", "file"),
    [
        ("0 8 * * *", "yesterday", date(2026, 12, 16), "daily-2026-12-15--2026-12-15.en.html"),
        ("0 8 * * mon", "last-week", date(2026, 12, 14), "daily-2026-12-07--2026-12-13.en.html"),
        ("30 6 1 * *", "last-month", date(2026, 12, 1), "daily-2026-11-01--2026-11-30.en.html"),
    ],
)
def test_a_month_of_downtime_is_made_up_for_once_with_the_newest(example_store, plan, made, cron, period, today, file):
    plan = replace(plan, cron=cron, period=period)
    tick(example_store, plan, START)
    back = datetime(2026, 12, 16, 11, tzinfo=UTC)
    for number in range(50):
        assert tick(example_store, plan, back + number * MINUTE)
    assert made == [("daily", today)]
    assert [path.name for path in plan.out.glob("*.html")] == [file]


def test_the_day_of_a_report_is_that_of_its_zone_and_of_the_time_that_was_missed(example_store, plan, made):
    plan = replace(plan, cron="30 0 * * *", zone="Asia/Vladivostok")  # 14:30 UTC on the day before
    tick(example_store, plan, START)
    tick(example_store, plan, datetime(2026, 11, 18, 14, 29, tzinfo=UTC))
    assert made == [("daily", date(2026, 11, 18))]
    tick(example_store, plan, datetime(2026, 11, 18, 14, 30, tzinfo=UTC))
    assert made[1:] == [("daily", date(2026, 11, 19))]
    assert (plan.out / "daily-2026-11-18--2026-11-18.en.html").read_text().startswith("Asia/Vladivostok")


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("America/New_York", {date(2026, 3, 8): 60, date(2026, 11, 1): -60}),
        ("Europe/Berlin", {date(2026, 3, 29): 60, date(2026, 10, 25): -60}),
        ("Australia/Lord_Howe", {date(2026, 10, 4): 30, date(2026, 4, 5): -30}),
    ],
)
@pytest.mark.parametrize("cron", ["0 1 * * *", "15 1 * * *", "45 1 * * *", "0 2 * * *", "15 2 * * *", "59 2 * * *"])
def test_clock_changes_neither_repeat_nor_skip_a_report(example_store, plan, made, zone, changes, cron):
    for day, minutes in changes.items():
        plan = replace(plan, zone=zone, cron=cron, out=plan.out / str(day))
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        offsets = [(midnight + hours * HOUR).astimezone(ZoneInfo(zone)).utcoffset() for hours in (0, 6)]
        assert offsets[1] - offsets[0] == minutes * MINUTE  # the clocks do change then
        made.clear()
        tick(example_store, plan, midnight - 12 * HOUR)
        with Schedule(example_store, [plan]) as scheduler:
            through(scheduler, midnight - 12 * HOUR, midnight + 36 * HOUR, 5 * MINUTE)
        assert made == [("daily", day), ("daily", day + DAY)]


def test_a_time_that_is_skipped_comes_right_after(example_store, plan, made):
    plan = replace(plan, zone="Europe/Berlin", cron="30 2 * * *")
    tick(example_store, plan, datetime(2026, 3, 28, 12, tzinfo=UTC))
    tick(example_store, plan, datetime(2026, 3, 29, 0, 59, tzinfo=UTC))  # 01:59
    assert made == []
    tick(example_store, plan, datetime(2026, 3, 29, 1, 0, tzinfo=UTC))  # 03:00
    assert made == [("daily", date(2026, 3, 29))]


@pytest.mark.parametrize("back", [2 * MINUTE, HOUR, 5 * HOUR, 23 * HOUR])
def test_a_clock_that_is_set_back_repeats_nothing(example_store, plan, made, back):
    tick(example_store, plan, START)
    tick(example_store, plan, START + DAY)
    with Schedule(example_store, [plan]) as scheduler:
        through(scheduler, START + DAY - back, START + 3 * DAY, 10 * MINUTE)
    assert made == [("daily", date(2026, 11, 17)), ("daily", date(2026, 11, 18)), ("daily", date(2026, 11, 19))]


def test_a_clock_that_was_years_ahead_does_not_silence_the_schedule(example_store, plan, made, caplog):
    tick(example_store, plan, START + 4000 * DAY)
    tick(example_store, plan, START + 4001 * DAY)
    tick(example_store, plan, START)
    assert "so the clock was wrong; from now on" in caplog.text
    with Schedule(example_store, [plan]) as scheduler:
        through(scheduler, START, START + 2 * DAY, HOUR)
    assert made[1:] == [("daily", date(2026, 11, 17)), ("daily", date(2026, 11, 18))]


def test_a_clock_that_was_wrong_for_a_while_repeats_nothing(example_store, plan, made):
    tick(example_store, plan, START)
    tick(example_store, plan, START + DAY)
    tick(example_store, plan, datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
    assert tick(example_store, plan, START + DAY + MINUTE)
    assert made == [("daily", date(2026, 11, 17))]
    assert Ledger.read(plan.ledger).done == datetime.fromisoformat("2026-11-17T08:00")


def test_a_pause_noted_by_a_wrong_clock_does_not_last(example_store, plan, made, box, server):
    plan = replace(plan, to=(BOSS,))
    tick(example_store, plan, START, server)
    box.answers = {"DATA": "451 later"}
    tick(example_store, plan, START + DAY, server)
    ledger = Ledger.read(plan.ledger)
    ledger.made[0].owed["mail"].retry_at += 4000 * DAY
    ledger.save()
    box.answers = {}
    assert tick(example_store, plan, START + DAY + MINUTE, server)
    assert len(box.messages) == 1


def test_changed_times_count_from_then_on(example_store, plan, made):
    tick(example_store, plan, START)
    tick(example_store, plan, START + DAY)
    for changed in (replace(plan, cron="0 11 * * *"), replace(plan, zone="Pacific/Auckland")):
        assert tick(example_store, changed, START + 2 * DAY)
    assert made == [("daily", date(2026, 11, 17))]


def test_each_report_is_sent_once_to_all(example_store, plan, made, box, server):
    plan = replace(plan, to=(BOSS, DESK))
    with Schedule(example_store, [plan], server) as scheduler:
        through(scheduler, START, START + 3 * DAY, 10 * MINUTE)
    assert [recipients for recipients, _ in box.messages] == [[BOSS, DESK]] * 3
    assert len(set(box.sent())) == 3
    subjects = [message["Subject"] for _, message in box.messages]
    assert subjects == [f"SMS daily 2026-11-{day}" for day in (16, 17, 18)]
    [attached] = box.messages[0][1].iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == (
        "daily-2026-11-16--2026-11-16.en.html",
        "UTC 2026-11-16",
    )


@pytest.mark.parametrize("trouble", ["temporary", "unreachable", "password"])
def test_a_mail_server_that_fails_for_days_gets_every_report_once_and_in_order(
    example_store, plan, made, box, ca, server, trouble, caplog
):
    plan = replace(plan, to=(BOSS,))
    caplog.set_level(logging.INFO)
    wrong = {
        "temporary": server,
        "unreachable": replace(server, port=1),
        "password": replace(server, user="reports", password="hush-hush-hush"),
    }[trouble]
    tick(example_store, plan, START, server)
    box.answers = {"DATA": f"451 {BOSS} later"} if trouble == "temporary" else {}
    with Schedule(example_store, [plan], wrong) as scheduler:
        through(scheduler, START, START + 4 * DAY, 10 * MINUTE)
    assert len(made) == 4
    assert box.messages == []
    tries = caplog.text.count("mail failed")
    assert 4 * 24 - 20 - 10 < tries < 4 * 24  # once an hour, and not each later report beside the first
    box.answers = {}
    with Schedule(example_store, [plan], server) as scheduler:
        through(scheduler, START + 4 * DAY, START + 4 * DAY + 2 * HOUR, MINUTE)
    subjects = [message["Subject"] for _, message in box.messages]
    assert subjects == [f"SMS daily 2026-11-{day}" for day in (16, 17, 18, 19)]
    assert len(set(box.sent())) == 4
    said = "\n".join(record.getMessage() for record in caplog.records if record.name == "smsanalytics.reports")
    assert not re.search(r"example\.org|hush|123456789|later", said)


def test_pauses_grow_from_a_minute_to_an_hour(example_store, plan, made, box, server):
    plan = replace(plan, to=(BOSS,))
    tick(example_store, plan, START, server)
    box.answers = {"DATA": "451 later"}
    due, tried = datetime(2026, 11, 17, 8, tzinfo=UTC), []
    for minute in range(60 * 5):
        before = box.links
        assert not tick(example_store, plan, due + minute * MINUTE, server)
        tried += [minute] if box.links > before else []
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]


def test_who_was_refused_is_tried_again_alone(example_store, plan, made, box, server):
    plan = replace(plan, to=(BOSS, DESK))
    tick(example_store, plan, START, server)
    box.refused = {DESK}
    assert not tick(example_store, plan, START + DAY, server)
    assert not tick(example_store, plan, START + 2 * DAY, server)  # the next report is not held back by it
    box.refused = set()
    assert tick(example_store, plan, START + 2 * DAY + HOUR, server)
    assert [recipients for recipients, _ in box.messages] == [[BOSS], [BOSS], [DESK], [DESK]]
    assert len(set(box.sent())) == 2
    assert box.sent()[:2] == box.sent()[2:]


def test_a_recipient_who_left_the_settings_is_owed_nothing(example_store, plan, made, box, server):
    plan = replace(plan, to=(BOSS, DESK))
    tick(example_store, plan, START, server)
    box.refused = {DESK}
    tick(example_store, plan, START + DAY, server)
    box.refused = set()
    assert tick(example_store, replace(plan, to=(BOSS,)), START + DAY + HOUR, server)
    assert [recipients for recipients, _ in box.messages] == [[BOSS]]


def test_a_message_that_is_refused_for_good_does_not_hold_back_the_next(example_store, plan, made, box, server):
    plan = replace(plan, to=(BOSS,))
    tick(example_store, plan, START, server)
    box.answers = {"DATA": "552 too large"}
    tick(example_store, plan, START + DAY, server)
    ledger = Ledger.read(plan.ledger)
    ledger.made[0].owed["mail"].retry_at = START + 2 * DAY + 30 * MINUTE
    ledger.save()
    box.answers = {}
    assert not tick(example_store, plan, START + 2 * DAY, server)
    assert [message["Subject"] for _, message in box.messages] == ["SMS daily 2026-11-17"]


NOTE = "import os, sys; open(sys.argv[1], 'a').write(os.environ['SMSREPORT_TITLE'] + ' ' + os.path.basename(sys.argv[2]) + '\\n')"


def test_a_command_gets_each_report_once_and_in_order(example_store, plan, made, tmp_path):
    noted = tmp_path / "noted"
    plan = replace(plan, hook=("false",))
    with Schedule(example_store, [plan]) as scheduler:
        through(scheduler, START, START + 2 * DAY, HOUR)
    plan = replace(plan, hook=(sys.executable, "-c", NOTE, str(noted)))
    with Schedule(example_store, [plan]) as scheduler:
        through(scheduler, START + 2 * DAY, START + 3 * DAY, HOUR)
    assert noted.read_text().splitlines() == [
        f"SMS daily 2026-11-{day} daily-2026-11-{day}--2026-11-{day}.en.html" for day in (16, 17, 18)
    ]


def test_one_channel_does_not_wait_for_the_other(example_store, plan, made, box, server, tmp_path):
    noted = tmp_path / "noted"
    plan = replace(plan, to=(BOSS,), hook=(sys.executable, "-c", NOTE, str(noted)))
    tick(example_store, plan, START, server)
    box.answers = {"DATA": "451 later"}
    assert not tick(example_store, plan, START + DAY, server)
    box.answers = {}
    assert tick(example_store, plan, START + DAY + HOUR, server)
    assert len(noted.read_text().splitlines()) == len(box.messages) == 1


def test_the_newest_are_kept_and_nothing_of_others_is_touched(example_store, plan, made, caplog, tmp_path):
    plan = replace(plan, keep=3, hook=("false",))
    tick(example_store, plan, START)
    others = ["daily-2026-11-01--2026-11-01.en.html", "daily-x.html", "weekly-2026-11-16--2026-11-16.en.html", "notes"]
    for name in others:
        (plan.out / name).write_text("mine")
    with Schedule(example_store, [plan]) as scheduler:
        through(scheduler, START, START + 6 * DAY, HOUR)
    kept = [f"daily-2026-11-{day}--2026-11-{day}.en.html" for day in (19, 20, 21)]
    assert {path.name for path in plan.out.iterdir()} == {*others, *kept, "daily.schedule.json"}
    assert [one.file for one in Ledger.read(plan.ledger).made] == kept
    noted = tmp_path / "noted"
    tick(example_store, replace(plan, hook=(sys.executable, "-c", NOTE, str(noted))), START + 6 * DAY)
    assert [line.split()[3] for line in noted.read_text().splitlines()] == kept
    assert caplog.text.count("removed before hook was done") == 3


def test_a_report_whose_file_is_gone_is_owed_to_nobody(example_store, plan, made, caplog):
    plan = replace(plan, hook=("false",))
    tick(example_store, plan, START)
    assert not tick(example_store, plan, START + DAY)
    for path in plan.out.glob("*.html"):
        path.unlink()
    assert tick(example_store, plan, START + DAY + HOUR)
    assert "not sent by hook: its file is gone" in caplog.text


def test_a_newer_report_in_the_place_of_an_older_is_sent_once(example_store, plan, made, box, server):
    plan = replace(plan, period="this-month", to=(BOSS,))
    tick(example_store, plan, START, server)
    box.answers = {"DATA": "451 later"}
    for number in (1, 2, 3):
        tick(example_store, plan, START + number * DAY, server)
    box.answers = {}
    assert tick(example_store, plan, START + 3 * DAY + HOUR, server)
    assert len(box.messages) == 1
    assert ".20261119T0800." in box.sent()[0]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (lambda: StoreError("there is no store at data"), "there is no store at data"),
        (lambda: OSError(28, "No space left on device", "/reports"), "OSError: No space left on device"),
        (lambda: ValueError("79001230001"), "ValueError"),
    ],
    ids=["store", "disk", "defect"],
)
def test_a_report_that_cannot_be_made_is_tried_again_and_stops_no_other(
    example_store, plan, made, monkeypatch, caplog, trouble, said
):
    writing, tries = job_module.write, []

    def failing(store, out, *, name, **rest):
        if name == "daily":
            tries.append(name)
            raise trouble()
        return writing(store, out, name=name, **rest)

    monkeypatch.setattr(job_module, "write", failing)
    other = replace(plan, name="other")
    with Schedule(example_store, [plan, other]) as scheduler:
        assert scheduler.tick(START)
        assert not scheduler.tick(START + DAY)
        for minute in range(30):
            scheduler.tick(START + DAY + minute * MINUTE)
        assert made == [("other", date(2026, 11, 17))]
        assert len(tries) == 5
        assert f"report daily of 2026-11-17 08:00:00: not made: {said}\n" in caplog.text
        assert "7900" not in caplog.text
        monkeypatch.setattr(job_module, "write", writing)
        assert scheduler.tick(START + DAY + HOUR)
    assert made == [("other", date(2026, 11, 17)), ("daily", date(2026, 11, 17))]


def test_a_store_that_comes_later_is_waited_for(example_store, plan, made, tmp_path):
    data = tmp_path / "data"
    tick(data, plan, START)
    assert not tick(data, plan, START + DAY)
    data.symlink_to(example_store)
    assert tick(data, plan, START + DAY + MINUTE)
    assert made == [("daily", date(2026, 11, 17))]


@pytest.fixture
def full_disk(monkeypatch):
    """Switches whether the ledger can be written."""
    replacing, full = atomic.replace, []

    def replace_or_fail(path, content):
        if full and path.suffix == ".json":
            raise OSError(28, "No space left on device", str(path))
        replacing(path, content)

    monkeypatch.setattr(atomic, "replace", replace_or_fail)
    return full


def test_where_nothing_can_be_noted_nothing_is_sent(example_store, plan, made, box, server, full_disk, caplog):
    plan = replace(plan, to=(BOSS,))
    tick(example_store, plan, START, server)
    full_disk.append(True)
    with Schedule(example_store, [plan], server) as scheduler:
        for minute in range(30):
            assert not scheduler.tick(START + DAY + minute * MINUTE)
        assert (made, box.messages) == ([], [])
        assert caplog.text.count("report daily: OSError: No space left on device") == 1
        full_disk.clear()
        assert scheduler.tick(START + DAY + 30 * MINUTE)
    assert len(box.messages) == 1


def test_a_try_that_cannot_be_noted_is_not_made(example_store, plan, made, box, server, full_disk):
    plan = replace(plan, to=(BOSS,))
    tick(example_store, plan, START, server)
    box.answers = {"DATA": "451 later"}
    tick(example_store, plan, START + DAY, server)
    box.answers = {}
    full_disk.append(True)
    for hours in (1, 2, 3):
        assert not tick(example_store, plan, START + DAY + hours * HOUR, server)
    assert box.messages == []
    full_disk.clear()
    assert tick(example_store, plan, START + DAY + 4 * HOUR, server)
    assert len(box.messages) == 1


def test_what_was_sent_is_not_sent_again_when_the_disk_was_full_just_then(
    example_store, plan, made, box, server, full_disk, monkeypatch
):
    plan = replace(plan, to=(BOSS,))
    tick(example_store, plan, START, server)
    sending = Server.send
    monkeypatch.setattr(Server, "send", lambda *given: (sending(*given), full_disk.append(True))[0])
    with Schedule(example_store, [plan], server) as scheduler:
        assert not scheduler.tick(START + DAY)
        for minute in range(120):
            assert not scheduler.tick(START + DAY + minute * MINUTE)
        full_disk.clear()
        assert scheduler.tick(START + DAY + 2 * HOUR)
    assert tick(example_store, plan, START + DAY + 3 * HOUR, server)
    assert len(box.messages) == 1


def test_two_schedules_never_work_at_once(example_store, plan, made, tmp_path):
    (tmp_path / "link").symlink_to(plan.out)
    twin = replace(plan, name="other", out=tmp_path / "link")
    with (
        Schedule(example_store, [plan]),
        pytest.raises(StoreBusy, match="the schedule of these reports is in use by another process"),
    ):
        tick(example_store, twin, START)
    tick(example_store, twin, START)
    with Schedule(example_store, [plan, twin]) as both:
        assert both.tick(START)


def test_a_state_that_cannot_be_read_is_an_error_in_words(example_store, plan):
    tick(example_store, plan, START)
    good = json.loads(plan.ledger.read_text())
    for bad in ("", "[]", "{}", json.dumps(good | {"done": "x"}), json.dumps(good | {"made": [{}]})):
        plan.ledger.write_text(bad)
        with pytest.raises(StoreError, match="is no state of a schedule; move it away"):
            tick(example_store, plan, START)


def test_a_ledger_reads_as_it_was_written(plan, tmp_path):
    owed = Owed(to=[BOSS], tries=2, retry_at=START, why="SMTPDataError 451", alone=True)
    made = job_module.Made(
        datetime.fromisoformat("2026-11-16T08:00"), "daily.html", "Отчёт", ["a", "b"], {"mail": owed, "hook": Owed()}
    )
    ledger = Ledger(
        tmp_path / "x.json", "0 8 * * * UTC", datetime.fromisoformat("2026-11-16T08:00"), making=owed, made=[made]
    )
    ledger.save()
    assert Ledger.read(tmp_path / "x.json") == replace(ledger, _saved=(tmp_path / "x.json").read_bytes())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cron": "0 8 13 * fri"}, "reports.daily.cron: .* make two reports of it"),
        ({"cron": "0 8 * * 8"}, r"reports.daily.cron: '0 8 \* \* 8': the day of week is not one"),
        ({"zone": "Moscow"}, "reports.daily.zone: there is no time zone 'Moscow'"),
        ({"period": "last-wek"}, "reports.daily.period: 'last-wek' is no period; there are today,"),
    ],
)
def test_a_plan_that_means_nothing_is_refused(plan, wrong, words):
    with pytest.raises(SettingsError, match=words):
        replace(plan, **wrong)


def test_the_overview_says_when_and_what_became_of_it(example_store, plan, made, box, server):
    plan = replace(plan, to=(BOSS,), zone="Europe/Moscow")
    assert [*overview([plan], START)] == ["daily: not started yet; would be next 2026-11-17 08:00 Europe/Moscow"]
    tick(example_store, plan, START, server)
    assert [*overview([plan], START)] == ["daily: next 2026-11-17 08:00 Europe/Moscow; last none yet"]
    assert [*overview([plan], START + DAY)] == ["daily: due since 2026-11-17 08:00 Europe/Moscow; last none yet"]
    box.answers = {"DATA": "451 later"}
    tick(example_store, plan, START + DAY, server)
    said = "daily: next 2026-11-18 08:00 Europe/Moscow; last 2026-11-17 08:00 daily-2026-11-16--2026-11-16.en.html"
    assert [*overview([plan], START + DAY)] == [f"{said}, mail owed, tried 1 times: SMTPDataError 451"]
    box.answers = {}
    tick(example_store, plan, START + DAY + HOUR, server)
    assert [*overview([plan], START + DAY)] == [f"{said}, done"]


KILLED = """
import os, signal, smtplib, sys
from datetime import datetime, timedelta
from pathlib import Path
from smsanalytics.scheduler import hook, job, email
from smsanalytics.scheduler.scheduler import Schedule
from smsanalytics.storage import atomic
from types import SimpleNamespace

data, out, port, ca, last, now = sys.argv[1:7]
passed = []

def point(name):
    passed.append(name)
    if len(passed) == int(last):
        os.write(1, name.encode())
        os.kill(os.getpid(), signal.SIGKILL)

def watched(owner, name):
    doing = getattr(owner, name)
    def wrapped(*given, **named):
        point(f"before {name}")
        done = doing(*given, **named)
        point(f"after {name}")
        return done
    setattr(owner, name, wrapped)

def write(store, out, *, name, today, **rest):
    day = today - timedelta(days=1)
    path = out / f"{name}-{day}--{day}.en.html"
    atomic.replace(path, b"x")
    return SimpleNamespace(path=path, title=f"SMS {name} {day}", lines=())

job.write = write
for owner, name in ((atomic, "replace"), (job, "write"), (smtplib.SMTP, "send_message"), (hook, "call"), (Path, "unlink")):
    watched(owner, name)
plan = job.Plan("daily", cron="0 8 * * *", period="yesterday", out=Path(out), to=("boss@example.org",),
                hook=tuple(sys.argv[7:]), keep=2)
with Schedule(Path(data), [plan], email.Server("localhost", "reports@example.org", int(port), ca_file=Path(ca))) as running:
    running.tick(datetime.fromisoformat(now))
"""


def test_a_kill_at_any_moment_loses_nothing_and_repeats_nothing_but_in_the_instant_before_the_note(
    example_store, made, box, server, tmp_path
):
    days, instants, number = 4, [], 0
    while True:  # every moment of the fourth day, on which an old file is removed as well
        number += 1
        place = tmp_path / str(number)
        hook = (sys.executable, "-c", NOTE, str(place / "noted"))
        plan = Plan("daily", cron="0 8 * * *", period="yesterday", out=place / "reports", to=(BOSS,), hook=hook, keep=2)
        box.messages.clear()
        for day in range(days):
            tick(example_store, plan, START + day * DAY, server)
        words = [example_store, plan.out, server.port, server.ca_file, number, START + days * DAY, *hook]
        done = subprocess.run([sys.executable, "-c", KILLED, *map(str, words)], capture_output=True, text=True)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        for minutes in (0, 2, 5):
            now = START + days * DAY + minutes * MINUTE
            owing = not tick(example_store, plan, now, server)
        assert not owing, done.stdout
        sent, noted = Counter(box.sent()), Counter((place / "noted").read_text().splitlines())
        assert len(sent) == len(noted) == days, done.stdout
        if max(*sent.values(), *noted.values()) > 1:
            instants.append(done.stdout)
        assert len(list(plan.out.glob("*.html"))) == 2
    assert number > 15  # there were moments
    assert instants == ["after send_message", "before replace", "after call", "before replace"]


REPORTS = """
data = "data"
[reports.daily]
cron = "* * * * *"
period = "2026-11-21"
zone = "Europe/Moscow"
to = ["boss@example.org"]
[mail]
host = "localhost"
sender = "reports@example.org"
user = "reports"
password_file = "password"
"""


@pytest.fixture
def place(example_store, tmp_path, ca):
    (tmp_path / "data").symlink_to(example_store)
    (tmp_path / "password").write_text(PASSWORD)
    return tmp_path


def command(place, *words, **more):
    return subprocess.run(
        [sys.executable, "-m", "smsanalytics", "schedule", *words],
        cwd=place, capture_output=True, text=True, timeout=120, env=os.environ | {"COLUMNS": "200"}, **more,
    )  # fmt: skip


def long_ago(out):
    """As if the schedule had last run in summer, and no report of this minute had been made."""
    state = out / "daily.schedule.json"
    said = json.loads(state.read_text()) | {"done": "2026-06-01T00:00:00", "made": []}
    state.write_text(json.dumps(said))


def test_the_command_makes_and_sends_what_is_due(place, box, ca):
    with mail_server(box, certificate=ca[0].issue_cert("localhost"), login=True) as port:
        (place / "smsanalytics.toml").write_text(f'{REPORTS}port = {port}\nca_file = "{ca[1]}"\n')
        assert "not started yet; would be next" in command(place, "--list").stdout
        done = command(place, "--once")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        long_ago(place / "reports")
        box.answers = {"DATA": "451 later"}
        done = command(place, "--once")
        assert done.returncode == 1
        assert 'mail failed (try 1): SMTPDataError 451"}\n' in done.stderr
        assert "mail owed, tried 1 times: SMTPDataError 451" in command(place, "--list").stdout
        box.answers = {}
        state = place / "reports" / "daily.schedule.json"
        state.write_text(re.sub(r'"retry_at": "[^"]*"', '"retry_at": null', state.read_text()))
        done = command(place, "--once")
        assert (done.returncode, "mail done" in done.stderr) == (0, True), done.stderr
    [file] = (place / "reports").glob("daily-2026-11-21--2026-11-21.en.html")
    first = box.messages[0][1]
    [attached] = first.iter_attachments()
    assert attached.get_content() == file.read_text()
    assert first["Subject"]
    assert "\n" in first.get_body(("plain",)).get_content()
    assert box.logins[0] == b"reports"


def test_the_command_rehearses_a_report_at_once_and_notes_nothing(place, box, ca):
    with mail_server(box, certificate=ca[0].issue_cert("localhost"), login=True) as port:
        (place / "smsanalytics.toml").write_text(f'{REPORTS}port = {port}\nca_file = "{ca[1]}"\n')
        done = command(place, "--now", "daily")
        assert (done.returncode, done.stderr) == (0, "")
        assert "made and delivered reports/daily-2026-11-21--2026-11-21.en.html" in done.stdout
        assert len(box.messages) == 1
        assert not list((place / "reports").glob("*.json"))
        box.answers = {"DATA": "554 no"}
        done = command(place, "--now", "daily")
        assert (done.returncode, done.stderr) == (2, "smsanalytics: SMTPDataError 554\n")
        assert "unknown report 'weekly'; there are daily" in command(place, "--now", "weekly").stderr


def test_the_command_runs_until_it_is_told_to_end(place, box, ca):
    toml = REPORTS.partition("to =")[0]
    (place / "smsanalytics.toml").write_text(toml)
    assert command(place, "--once").returncode == 0
    for number in (signal.SIGTERM, signal.SIGINT):
        for made in (place / "reports").glob("*.html"):
            made.unlink()  # so that the next one says that the process is at work, and has the lock
        long_ago(place / "reports")
        running = subprocess.Popen(
            [sys.executable, "-m", "smsanalytics", "schedule"], cwd=place, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while not list((place / "reports").glob("*.html")):
            assert time.monotonic() < deadline
            assert running.poll() is None
            time.sleep(0.05)
        assert command(place, "--once").returncode == 2  # it holds the lock
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 0, said
        assert "Traceback" not in said
        assert "Running job" not in said


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("", "smsanalytics: no report is set"),
        (REPORTS.replace("* * * * *", "* * * *"), "smsanalytics: reports.daily.cron: '* * * *' has 4 fields"),
        (
            REPORTS.replace("password_file = ", "ca_file = 'nowhere'\npassword = "),
            "smsanalytics: mail.ca_file: nowhere",
        ),
        (REPORTS.partition("[mail]")[0], "smsanalytics: reports.daily.to names recipients, but there is no [mail]"),
    ],
)
def test_wrong_settings_end_with_2_and_one_line(place, toml, words):
    (place / "smsanalytics.toml").write_text(toml)
    done = command(place, "--once")
    assert done.returncode == 2
    assert done.stderr.startswith(words)
    assert done.stderr.count("\n") == 1
    assert not (place / "reports").exists()


SET_BACK = """
import os, signal, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from smsanalytics.scheduler import scheduler

class Watched(scheduler.Schedule):
    ticks = 0
    def tick(self, now=None):
        self.ticks += 1
        scheduler.datetime = Earlier  # from now on the wall clock shows a day before
        if self.ticks == 3:
            os.kill(os.getpid(), signal.SIGTERM)

class Earlier(datetime):
    @classmethod
    def now(cls, zone=None):
        return datetime.now(zone) - timedelta(days=1)

time.time = lambda now=time.time: now() - 86400
scheduler.EVERY = timedelta(seconds=0.2)
signal.alarm(30)
Watched(Path("."), []).run()
"""


def test_a_clock_that_is_set_back_does_not_stop_the_ticks():
    done = subprocess.run([sys.executable, "-c", SET_BACK], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
