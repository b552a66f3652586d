"""A store copied by the command or by hand, while callbacks come, holds what was answered before."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from pages import blocks_of
from programs import need
from serving import maintain, serving
from signing import status_body
from torture.load import Load

from smsanalytics import open_store
from smsanalytics.storage import backup
from smsanalytics.storage.catalog import Layout

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "operate-the-collector.md").read_text("utf-8")
[BY_HAND] = [block.text for block in blocks_of(PAGE) if "rsync" in block.text]


def held(data):
    """How often each message is in the store."""
    return Counter(number for (number,) in open_store(data).statuses().select("message_id").fetchall())


def test_a_copy_of_a_running_store_has_all_that_was_answered_before_it_and_can_be_collected_into(tmp_path):
    need("rsync", "no copy can be made")
    answered: list[int] = []
    stop = threading.Event()

    def call(collector):
        while not stop.is_set():
            number = len(answered) + 1
            if collector.post(status_body(number)) == 200:
                answered.append(number)

    with serving(tmp_path / "data", "--flush-seconds", "0.2") as collector:
        calling = threading.Thread(target=call, args=[collector])
        calling.start()
        for _ in range(2):  # the second over the first
            begun = len(answered)
            while len(answered) < begun + 100:
                stop.wait(0.05)
            before = set(answered)
            done = subprocess.run(["bash", "-ec", BY_HAND], capture_output=True, text=True, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
        stop.set()
        calling.join()
        assert collector.stop() == 0
    backup = tmp_path / "backup"
    maintain(backup)
    found = held(backup)
    assert before <= set(map(int, found))
    assert set(found.values()) == {1}
    assert len(open_store(backup).messages().df()) == len(found)
    with serving(backup) as collector:
        assert collector.post(status_body(10**6)) == 200
        assert collector.stop() == 0
    assert held(backup) == found + Counter({10**6: 1})
    assert set(map(int, held(tmp_path / "data"))) == set(answered)  # the original took no harm


def back_up(data, directory):
    command = [sys.executable, "-m", "smsanalytics", "backup", str(directory), "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, cwd=data.parent)


def restored(directory, at):
    """How often each message is in a copy put back, whose every file can be read; it is folded like any store."""
    for path in directory.rglob("*.parquet"):
        duckdb.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()
    folded = [int(number) for (number,) in open_store(directory).messages().select("message_id").fetchall()]
    data = shutil.copytree(directory, at)
    maintain(data)
    found = held(data)
    assert set(folded) <= set(map(int, found))
    assert len(open_store(data).messages().df()) == len(found)
    return found


def test_a_backup_of_a_running_store_has_all_that_was_answered_before_it_also_where_one_was_killed(tmp_path):
    directory = tmp_path / "backup"
    with (
        serving(tmp_path / "data", "--flush-seconds", "0.2") as collector,
        Load(collector.url, itertools.count(1), connections=3, pause=0.005) as load,
    ):
        for number, dies_after in enumerate((None, 0.5, None)):
            assert load.flows(20)
            before = set(load.acknowledged)
            if dies_after:
                command = [
                    sys.executable,
                    "-m",
                    "smsanalytics",
                    "backup",
                    str(directory),
                    "--data",
                    str(collector.data),
                ]
                killed = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                time.sleep(dies_after)
                killed.send_signal(signal.SIGKILL)
                killed.wait()
                continue
            done = back_up(collector.data, directory)
            assert done.returncode == 0, done.stderr
            assert b'"complete":true' in (directory / "backup.json").read_bytes()
            found = restored(directory, tmp_path / f"restored{number}" / "data")
            assert before <= set(map(int, found))
            assert set(found.values()) == {1}
    with serving(tmp_path / "restored2" / "data") as collector:
        assert collector.post(status_body(10**6)) == 200
        assert collector.stop() == 0
    assert held(collector.data) == found + Counter({10**6: 1})


def test_a_backup_killed_between_any_two_files_says_so_and_is_completed(own_store, tmp_path):
    need("strace", "it cannot be killed at a chosen call")
    for nth in (1, 5):
        directory = tmp_path / str(nth)
        command = [sys.executable, "-m", "smsanalytics", "backup", str(directory), "--data", str(own_store)]
        killing = [
            "strace",
            "-f",
            "-o",
            "/dev/null",
            "-e",
            f"inject=rename:signal=SIGKILL:when={nth + 1}",
            "-e",
            "trace=rename",
        ]
        assert subprocess.run([*killing, *command], capture_output=True).returncode != 0
        assert b'"complete":true' not in b"".join(path.read_bytes() for path in directory.glob("backup.json"))
        done = back_up(own_store, directory)
        assert done.returncode == 0, done.stderr
        assert restored(directory, tmp_path / f"{nth}-restored") == held(own_store)
        assert not list(directory.rglob("*.new"))


def test_a_backup_is_brought_up_to_date_without_what_is_gone_and_shares_no_file_with_the_store(own_store, tmp_path):
    directory = tmp_path / "backup"
    first = backup.back_up(Layout(own_store), directory, patience=1)
    files = {path: path.stat() for path in directory.rglob("*") if path.is_file()}
    assert (first.kept, first.removed, first.copied) == (0, 0, len(files) - 1)
    assert all(stat.st_nlink == 1 for stat in files.values())
    gone = open_store(own_store).files("incoming")[0]
    gone.unlink()
    [changed] = open_store(own_store).files("confirmations")
    os.utime(changed, (0, 0))
    second = backup.back_up(Layout(own_store), directory, patience=1)
    assert second.removed == 1
    assert not (directory / gone.relative_to(own_store)).exists()
    copied = {path for path in files if path.exists() and path.stat().st_ino != files[path].st_ino}
    assert directory / changed.relative_to(own_store) in copied
    assert not any("statuses" in path.parts for path in copied)
    assert list((own_store / "tmp" / "backup").iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda to: (to / "letter").write_text("mine"), "is not empty, and no backup", id="something-else"),
        pytest.param(
            lambda to: (to / "backup.json").write_text('{"store": "x"}'), "of another store", id="another-store"
        ),
        pytest.param(lambda to: (to / "backup.json").write_text("{"), "damaged", id="damaged-note"),
    ],
)
def test_a_directory_that_holds_something_else_is_left_alone(own_store, tmp_path, spoil, said):
    directory = tmp_path / "backup"
    directory.mkdir()
    spoil(directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    done = back_up(own_store, directory)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_a_backup_that_became_a_store_of_its_own_is_not_written_over(own_store, tmp_path):
    assert back_up(own_store, tmp_path / "backup").returncode == 0
    maintain(tmp_path / "backup")
    done = back_up(own_store, tmp_path / "backup")
    assert (done.returncode, "was used as a store" in done.stderr) == (2, True)


@pytest.mark.parametrize("inside", ["tmp/backup", "../data", ".."])
def test_a_store_and_its_backup_do_not_lie_within_each_other(own_store, inside):
    done = back_up(own_store, own_store / inside)
    assert (done.returncode, "lie within each other" in done.stderr) == (2, True)
