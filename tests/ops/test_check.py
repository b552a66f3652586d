"""Each damage is done to a real store, and `smsanalytics check` says which file it is and what to do, in these words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from serving import serving
from signing import status_body

from smsanalytics import load_sample
from smsanalytics.ops.check import check
from smsanalytics.ops.check.files import Files
from smsanalytics.ops.check.finding import unwatched
from smsanalytics.storage import atomic, state_file
from smsanalytics.storage.catalog import EventFile, Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.manifest import Live
from smsanalytics.storage.publish import flush
from smsanalytics.storage.reader import connect
from smsanalytics.storage.schema import VERSION

DAY = date(2026, 11, 21)
NOON = 1_795_262_400  # of that day
BACKUP = "put it back from a backup, or move it out of the store: while it is there, its table answers nothing"
REBUILT = "`smsanalytics maintain --rebuild` makes messages anew from the events"
UNSWEPT = "it may be removed; if more of them come, see the lines of smsanalytics.maintenance in the log"


def said(layout, **how):
    """The findings, with the data directory as ``data``."""
    return [str(one).replace(f"{layout.data}", "data") for one in check(layout, **how).findings]


@pytest.fixture
def layout(own_store):
    found = Layout(own_store)
    assert said(found) == []  # so only the damage can be found below
    return found


def statuses(layout, seq=1, last=None, day=DAY):
    return layout.event_file("statuses", day, EventFile("w0", seq, last or seq))


def message_file(layout):
    [path] = Live.read(layout).files(layout)
    return path


def rewrite(path, query, *, version=VERSION, target=None):
    """Another content for a file: `query` of the table ``old``."""
    target = target or path
    target.parent.mkdir(exist_ok=True)
    new = target.with_suffix(".new")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW old AS FROM '{path}'")
    connection.execute(f"COPY ({query}) TO '{new}' (FORMAT parquet, KV_METADATA {{smsanalytics: '{version}'}})")
    new.rename(target)


def write(layout, *, segments=1, writer="w0", at=NOON):
    """Sealed segments of one status each, in the journal."""
    for number in range(segments):
        journal = Journal(layout, writer, now=lambda: at * 10**9)
        fields = {"message_id": str(2000 + number), "phone": "79001230001", "status": "1", "status_at": str(at)}
        journal.write([entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={})])
        journal.close()


def segment(layout, seq):
    [path] = layout.slot("w0").glob(f"{seq:010}.*")
    return path


def publish(layout):
    """Without a fold."""
    with connect(layout) as connection:
        assert [one.seq for one in flush(connection, layout, "w0", {})]


def age(*paths, seconds=3600):
    for path in paths:
        os.utime(path, (time.time() - seconds,) * 2)


# Files


def cut(layout):
    path = statuses(layout)
    path.write_bytes(path.read_bytes()[:-9])


def other(layout):
    statuses(layout).write_text("message_id,phone\n")


def holed(layout):
    path = statuses(layout)
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 400 + content[404:])


def holed_in_one_column(layout):
    path = statuses(layout)
    column = "SELECT data_page_offset, total_compressed_size FROM parquet_metadata(?) WHERE path_in_schema = 'phone'"
    [(first, size)] = duckdb.connect().execute(column, [str(path)]).fetchall()
    content = path.read_bytes()
    path.write_bytes(content[:first] + b"\xff" * size + content[first + size :])


def of_tomorrow(layout):
    rewrite(statuses(layout), "FROM old", version=VERSION + 1)


def in_another_partition(layout):
    statuses(layout).parent.rename(layout.data / "statuses" / "date=2026-11-20")


def one_row_of_another_date(layout):
    rewrite(
        statuses(layout),
        "SELECT * REPLACE (CASE WHEN err = 1 THEN received_at + INTERVAL 1 DAY ELSE received_at END AS received_at) FROM old",
    )


def overlapping(layout):
    statuses(layout).rename(statuses(layout, 1, 2))
    shutil.copy(statuses(layout, 1, 2), statuses(layout, 2, 3))
    for name in ("published", "counter"):
        (layout.slot("w0") / name).write_text("3\n")


def superseded(layout):
    shutil.copy(statuses(layout), statuses(layout, 1, 2))
    for name in ("published", "counter"):
        (layout.slot("w0") / name).write_text("2\n")
    age(statuses(layout), statuses(layout, 1, 2))
    layout.last_pass.touch()


def generation(layout):
    shutil.copy(message_file(layout), layout.message_file(DAY, 77))
    age(layout.message_file(DAY, 77))
    layout.last_pass.touch()


def unfinished(layout):
    (layout.tmp / "statuses-w0").write_bytes(b"PAR1")


# The journal


def a_bad_line(layout):
    write(layout)
    path = segment(layout, 2)
    path.write_bytes(path.read_bytes() + b'{"v":1,"received_at":1}\n')


def a_torn_line(layout):
    write(layout)
    path = segment(layout, 2)
    path.write_bytes(path.read_bytes() + path.read_bytes()[:30])


def a_newer_line(layout):
    write(layout)
    path = segment(layout, 2)
    content = path.read_bytes().replace(b'{"v":1', b'{"v":7').rpartition(b',"crc"')[0]
    path.write_bytes(content + b',"crc":"%08x"}\n' % zlib.crc32(content))


def quarantined(layout):
    (layout.slot("w0") / "quarantine").mkdir()
    (layout.slot("w0") / "quarantine" / "0000000002.lines").write_bytes(b"\0\0\n\0\n")
    (layout.slot("w0") / "counter").write_text("2\n")


def removed_from_within(layout):
    write(layout, segments=4)
    segment(layout, 3).unlink()
    segment(layout, 4).unlink()


def removed_altogether(layout):
    write(layout, segments=2)
    segment(layout, 2).unlink()
    segment(layout, 3).unlink()


def published_is(text):
    def damage(layout):
        (layout.slot("w0") / "published").write_text(text)

    return damage


def published_before_it_was(layout):
    write(layout)
    published_is("2\n")(layout)


# Messages


def live_json(layout, **changes):
    content = state_file.decoded(layout.live_messages.read_bytes()) | changes
    [span, *_] = content["spans"].values()
    content["spans"] = dict.fromkeys(content["generations"], span)
    layout.live_messages.write_bytes(state_file.encoded(content))


def live_cut(layout):
    layout.live_messages.write_bytes(layout.live_messages.read_bytes()[:20])


def live_gone(layout):
    layout.live_messages.unlink()


def generation_gone(layout):
    message_file(layout).rename(layout.data / "elsewhere.parquet")


def folded_beyond(layout):
    live_json(layout, folded={"w0": 5}, ahead={"w0": 5})


def messages_elsewhere(layout):
    path, day = message_file(layout), DAY + timedelta(1)
    target = layout.message_file(day, int(path.stem))
    target.parent.mkdir()
    path.rename(target)
    live_json(layout, generations={str(day): int(path.stem)})


def later_row(layout):
    path, day = message_file(layout), DAY + timedelta(9)
    query = "SELECT * REPLACE (first_seen_at + INTERVAL 9 DAY AS first_seen_at) FROM old WHERE message_id = 1042"
    rewrite(path, query, target=layout.message_file(day, 50))
    live_json(layout, generations={str(DAY): int(path.stem), str(day): 50})


DAMAGES = [
    (cut, [f"data/statuses/date=2026-11-21/w0-0000000001-0000000001.parquet: is no whole Parquet file; {BACKUP}"]),
    (other, [f"data/statuses/date=2026-11-21/w0-0000000001-0000000001.parquet: is no whole Parquet file; {BACKUP}"]),
    (holed, [f"data/statuses/date=2026-11-21/w0-0000000001-0000000001.parquet: is damaged: DuckDB cannot read it; {BACKUP}"]),
    (holed_in_one_column, [f"data/statuses/date=2026-11-21/w0-0000000001-0000000001.parquet: is damaged: DuckDB cannot read it; {BACKUP}"]),
    (of_tomorrow, [
        "data/statuses/date=2026-11-21/w0-0000000001-0000000001.parquet: was written by a newer smsanalytics, in schema "
        f"{VERSION + 1} where this one reads up to {VERSION}; use the newer one"]),
    (in_another_partition, [
        "data/statuses/date=2026-11-20/w0-0000000001-0000000001.parquet: 3 rows of 3 have received_at of another date than "
        "its directory; move it to the date of its received_at"]),
    (one_row_of_another_date, [
        "data/statuses/date=2026-11-21/w0-0000000001-0000000001.parquet: 1 row of 3 have received_at of another date than "
        "its directory; move it to the date of its received_at"]),
    (overlapping, [
        "data/statuses/date=2026-11-21: files w0-0000000001-0000000002.parquet and w0-0000000002-0000000003.parquet overlap; "
        "move one of them out of the store; compare them, and keep one that holds the events of both"]),
    (superseded, [
        "data/statuses/date=2026-11-21/w0-0000000001-0000000001.parquet: is superseded by "
        f"w0-0000000001-0000000002.parquet, and was not swept; {UNSWEPT}"]),
    (generation, [f"data/messages/date=2026-11-21/0000000077.parquet: is a generation that does not count, and was not swept; {UNSWEPT}"]),
    (unfinished, ["data/tmp/statuses-w0: is unfinished, and no maintenance runs; `smsanalytics maintain` removes it; a crash leaves such"]),
    (a_bad_line, [
        "data/journal/w0/0000000002.2026-11-21.sealed: 1 line of it cannot be read; check the disk; the maintenance keeps "
        "them in `rejected`, reason journal"]),
    (a_torn_line, [
        "data/journal/w0/0000000002.2026-11-21.sealed: 1 line of it cannot be read; check the disk; the maintenance keeps "
        "them in `rejected`, reason journal"]),
    (a_newer_line, [
        "data/journal/w0/0000000002.2026-11-21.sealed: was written in format 7 by a newer smsanalytics, where this one reads "
        "up to 1; run the newer one: it will publish it"]),
    (quarantined, [
        "data/journal/w0/quarantine/0000000002.lines: 2 lines that could not be read after a crash; look whether they were "
        "answered, check the disk (`smartctl -a`), and move it out of the store"]),
    (removed_from_within, [
        "data/journal/w0: segments 3–4 are neither published nor here; put them back from a backup, unless a crash or a full "
        "disk came before an event was in them"]),
    (removed_altogether, [
        "data/journal/w0: segments 2–3 are neither published nor here; put them back from a backup, unless a crash or a full "
        "disk came before an event was in them"]),
    (published_is("one\n"), [
        "data/journal/w0/published: holds no number, or one that its checksum contradicts; remove it while nothing runs: "
        "what is published is found by the files"]),
    (published_is("0\n"), [
        "data/journal/w0/published: says 0, and confirmation_requests, confirmations, incoming, statuses has "
        "w0-0000000001-0000000001.parquet: messages do not know its events; remove it while nothing runs: what is published "
        "is found by the files",
        f"data/messages/live.json: says that messages hold w0 up to segment 1, and 0 is published; {REBUILT}"]),
    (published_is("5\n"), [
        "data/journal/w0/published: says 5, and no table has a file of that segment: the last is 1; put the files back from "
        "a backup, unless their date was moved away"]),
    (published_before_it_was, []),  # the next pass publishes what is in the journal
    (live_cut, ["data/messages/live.json: is damaged, so no question about messages is answered; `smsanalytics maintain` makes it anew"]),
    (live_gone, ["data/messages/live.json: is gone, so no question about messages is answered; `smsanalytics maintain` makes it anew"]),
    (generation_gone, [
        f"data/messages/live.json: names data/messages/date=2026-11-21/0000000001.parquet, which is gone; {REBUILT}"]),
    (folded_beyond, [f"data/messages/live.json: says that messages hold w0 up to segment 5, and 1 is published; {REBUILT}"]),
    (messages_elsewhere, [
        "data/messages/date=2026-11-22/0000000001.parquet: 2 rows of 2 have first_seen_at of another date than its "
        f"directory; {REBUILT}"]),
    (later_row, [
        "data/messages: 1 message has rows on several dates, at most 30 days apart; "
        "`smsanalytics maintain --rebuild` joins them; please report it"]),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "words"), DAMAGES, ids=[f"{damage.__name__}-{n}" for n, (damage, _) in enumerate(DAMAGES)])  # fmt: skip
def test_each_damage_is_found_and_nothing_else(layout, damage, words):
    damage(layout)
    assert said(layout, days=0) == words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("SELECT * REPLACE (NULL::BIGINT AS delivered_code) FROM old", "delivered 0 where events give 1, open 1 where events give 0"),
        ("SELECT * REPLACE (failed_code - failed_code AS unknown_code, NULL::BIGINT AS failed_code) FROM old",
         "failed 0 where events give 1, of an unknown code 1 where events give 0"),
        ("SELECT * REPLACE (CAST(cost * 2 AS DECIMAL(12,4)) AS cost) FROM old", "cost 12.4000 where events give 6.2000"),
        ("SELECT * REPLACE (NULL::INTEGER AS parts) FROM old", "parts nothing where events give 2"),
        ("FROM old WHERE message_id = 1042", "messages 1 where events give 2, failed 0 where events give 1, "),
        ("SELECT * REPLACE (phone || '0' AS phone) FROM old UNION ALL FROM old", "messages 4 where events give 2, delivered 2 "),
        ("SELECT * REPLACE (delivered_at + INTERVAL 1 SECOND AS delivered_at) FROM old", "the sum of delivered_at "),
        ("SELECT * REPLACE (delivery_seconds + 1 AS delivery_seconds) FROM old", "the sum of delivery_seconds "),
        ("SELECT * REPLACE (first_status_at - INTERVAL 1 SECOND AS first_status_at) FROM old", "the sum of first_status_at "),
        ("SELECT * REPLACE (last_status_at + INTERVAL 1 SECOND AS last_status_at) FROM old", "the sum of last_status_at "),
        ("SELECT * REPLACE (first_status_at AS sent_at) FROM old", "the sum of sent_at "),
    ],
)  # fmt: skip
def test_messages_that_differ_from_a_recount_are_found(layout, change, words):
    rewrite(message_file(layout), change)
    [found] = said(layout)
    assert found.startswith(f"data/messages/date=2026-11-21: differs from a recount: {words}")
    assert found.endswith(f"; {REBUILT}; please report it")


def test_a_recount_of_every_kind_of_message_agrees_and_its_days_are_chosen_by_chance(sample_cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(sample_cache))
    layout = Layout(load_sample().path)
    first, second, again = (check(layout, days=days, seed=seed) for days, seed in ((5, 1), (3, 2), (3, 2)))
    assert first.findings == second.findings == []
    assert second == again
    assert first.looked.count("2026-10-") == 5
    assert first.looked.endswith(", 2026-10-31")
    assert second.looked.endswith(", 2026-10-31")


def test_what_is_not_folded_yet_is_left_out_of_the_recount(layout):
    write(layout, segments=2)
    publish(layout)
    assert Live.read(layout).folded == {"w0": 1}
    report = check(layout)
    assert (report.findings, report.looked[-10:]) == ([], "2026-11-21")
    statuses(layout, 2, 2).rename(statuses(layout, 1, 2))  # as a merged file would hold both
    assert check(layout).looked.endswith("recounted no day")


def test_the_first_days_are_not_recounted_where_older_ones_were_moved_away(layout):
    for day in range(1, 36):
        write(layout, at=NOON + day * 86400)
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    shutil.rmtree(statuses(layout).parent)
    report = check(layout, days=50)
    assert report.findings == []
    assert report.looked.endswith("recounted 2026-12-24, 2026-12-25, 2026-12-26")


def test_what_only_open_dates_hold_is_compared_with_them(layout):
    write(layout, at=NOON + 600)
    write(layout, at=NOON + 86400)
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    live_json(layout, folded={"w0": 1}, ahead={"w0": 1})  # which is less than there is
    assert check(layout).looked.endswith("recounted 2026-11-21")
    assert said(layout)[0].startswith(
        "data/messages/date=2026-11-21: differs from a recount: messages 3 where events give 2"
    )
    live_json(layout, ahead={"w0": 3})  # in the dates that are open
    assert said(layout) == []


def test_a_message_on_two_dates_is_left_out_of_the_recount(layout):
    later_row(layout)
    assert said(layout) == said(layout, days=0)


class Merged(Files):
    """Sweeps a file between its listing and its opening, as a merge does whose grace is over."""

    def _listed(self, table, day):
        found, narrow = super()._listed(table, day), statuses(self.layout)
        if table == "statuses" and narrow.exists():
            narrow.rename(statuses(self.layout, 1, 2))
        return found


def test_a_file_that_is_swept_before_it_is_opened_is_no_finding(layout):
    with connect(layout) as connection:
        files = Merged(layout, connection)
        assert list(files.look("statuses", unwatched)) == []
    assert not statuses(layout).exists()
    assert (files.files, files.rows) == (1, 3)


def of_a_crash_after_a_segment_was_published(layout):
    write(layout)
    content, path = segment(layout, 2).read_bytes(), segment(layout, 2)
    publish(layout)
    path.write_bytes(content)


def of_a_crash_before_it_was_said(layout):
    of_a_crash_after_a_segment_was_published(layout)
    published_is("1\n")(layout)


def of_a_segment_without_an_event_long_ago(layout):
    write(layout, segments=2)
    segment(layout, 2).unlink()
    publish(layout)


def of_a_writer_in_the_middle_of_a_line(layout):
    write(layout)
    path = segment(layout, 2)
    path.write_bytes(path.read_bytes() + path.read_bytes()[:30])
    path.rename(path.with_suffix(".open"))


def of_a_fold_a_moment_ago(layout):
    generation(layout)
    age(layout.message_file(DAY, 77), seconds=30)


def of_a_slot_whose_journal_is_gone(layout):
    shutil.rmtree(layout.slot("w0"))


@pytest.mark.parametrize(
    "state",
    [of_a_crash_after_a_segment_was_published, of_a_crash_before_it_was_said, of_a_segment_without_an_event_long_ago,
     of_a_writer_in_the_middle_of_a_line, of_a_fold_a_moment_ago, of_a_slot_whose_journal_is_gone],
)  # fmt: skip
def test_what_is_as_it_may_be_is_no_finding(layout, state):
    state(layout)
    assert said(layout) == []


def test_unfinished_files_of_a_running_maintenance_are_no_finding(layout):
    unfinished(layout)
    with atomic.locked(layout.data, "maintenance of this store"):
        assert said(layout) == []


def run(*words, cwd, **how):
    return subprocess.run(
        [sys.executable, "-m", "smsanalytics", "check", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        **how,
    )


def test_the_exit_code_tells(own_store, tmp_path):
    done = run("--data", own_store, cwd=tmp_path)
    looked = "looked at 5 files of 8 rows, and recounted 2026-11-21"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{looked}; nothing found\n", "")
    unfinished(Layout(own_store))
    done = run("--data", own_store, "--days", "0", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        1,
        "looked at 5 files of 8 rows, and recounted no day; 1 found",
    )
    done = run("--data", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2, "smsanalytics: there is no store at nowhere; `smsanalytics serve --data nowhere` makes one\n"
    )  # fmt: skip


def everything(data):
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in [data, *data.rglob("*")]}


def test_it_writes_nothing_and_runs_beside_a_collector(tmp_path):
    with serving(tmp_path / "data", "--flush-seconds", "0.2") as collector:
        deadline = time.monotonic() + 4
        number = 0
        while time.monotonic() < deadline:
            for _ in range(20):
                number += 1
                assert collector.post(status_body(number)) == 200
            report = check(Layout(tmp_path / "data"))
            assert report.findings == []
        collector.stop()
    before = everything(tmp_path / "data")
    assert check(Layout(tmp_path / "data")).findings == []
    assert everything(tmp_path / "data") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_who_may_read_may_check_and_is_told_what_may_not_be_read(own_store):
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        data = shutil.copytree(own_store, Path(place) / "data")
        for path in [data, *data.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        code = (  # everything is imported before, for the other may not be let in where this Python is
            "import os; import smsanalytics.ops.check; from smsanalytics.cli import main; from smsanalytics.settings import load; "
            "load(None); os.setgroups([]); os.setgid(65534); os.setuid(65534); main()"
        )

        def checked():
            command = [sys.executable, "-c", code, "check", "--data", "data"]
            return subprocess.run(command, capture_output=True, text=True, cwd=place)

        done = checked()
        assert (done.returncode, done.stdout) == (
            0,
            "looked at 5 files of 8 rows, and recounted 2026-11-21; nothing found\n",
        ), done.stderr
        [path] = (data / "statuses").glob("*/*.parquet")
        path.chmod(0)
        (data / "journal").chmod(0o700)
        done = checked()
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"data/{path.relative_to(data)}: may not be read; let uid 65534 read it, or check as its owner",
        "data/journal: cannot be looked at: Permission denied; let uid 65534 read it, or check as the user of the collector",
        "looked at 4 files of 5 rows, and recounted nothing, for not all of it can be read; 2 found",
    ]
