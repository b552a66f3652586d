import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from serving import serving
from signing import SECRET, status_body

from smsanalytics import open_store


def run(*words, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "smsanalytics", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"COLUMNS": "200", **environment},
    )


@pytest.mark.parametrize(
    "command",
    [[], ["serve"], ["maintain"], ["files"], ["simulate"], ["demo"], ["import"], ["schedule"], ["status"], ["check"]],
    ids=str,
)
def test_every_command_has_help(command, tmp_path):
    done = run(*command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_files_lists_each_file_of_a_table(example_store, tmp_path):
    done = run("files", "statuses", "--data", example_store, cwd=tmp_path)
    assert [Path(line).suffix for line in done.stdout.splitlines()] == [".parquet"]
    assert run("files", "rejected", "--data", example_store, cwd=tmp_path).stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("maintain", "--data", "nowhere"), "smsanalytics: there is no store at nowhere; `smsanalytics serve --data nowhere` makes one\n"),
        (("files", "statuses", "--data", "nowhere"), "smsanalytics: there is no store at nowhere; `smsanalytics serve --data nowhere` makes one\n"),
        (("import", "sends", "nowhere.csv"), "smsanalytics: nowhere.csv: No such file or directory\n"),
        (("import", "sends", "sends.xls"), "smsanalytics: unknown kind of file '.xls'; there are .csv, .json, .jsonl, .ndjson, .parquet, .tsv, .txt, .xlsm, .xlsx\n"),
        (("import", "sends", "nowhere.csv", "--column", "phone"), "smsanalytics: --column is OURS=THEIRS, each of ours once; an example is --column phone=msisdn\n"),
        (("import", "sends", "nowhere.csv", "--column", "fone=msisdn"), "smsanalytics: unknown column 'fone'; there are account, cost, message_id, parts, phone, purpose, sender, sent_at, tag\n"),
        (("import", "sends", "nowhere.csv", "--tz", "Moscow"), "smsanalytics: there is no time zone 'Moscow'; an example is 'Europe/Moscow'\n"),
        (("files", "status", "--data", "."), "smsanalytics: there is no store at .; `smsanalytics serve --data .` makes one\n"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_one_line(words, said, tmp_path):
    done = run(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, said)


def test_maintenance_runs_once_on_a_store(tmp_path):
    with serving(tmp_path / "data") as collector:
        assert collector.post(status_body(1)) == 200
        for _ in range(100):
            done = run("maintain", "--data", tmp_path / "data", cwd=tmp_path)
            if done.returncode == 2:
                break
    assert done.stderr.startswith("smsanalytics: maintenance of this store is in use by another process")


CSV = "msisdn;id;sent_at;tag\n+79001230001;1042;2026-11-21 09:59:58;login\n79001230002;1043;2026-11-21T06:59:58Z;\n"
MAPPING = ("--column", "phone=msisdn", "--column", "message_id=id")


def test_a_file_is_imported_and_published(tmp_path):
    (tmp_path / "sends.csv").write_text(CSV)
    (tmp_path / "asked.jsonl").write_text('{"phone": "79001230001", "requested_at": 1795338000}\n')
    data = ("--data", "data", "--account", "shop")
    done = run("import", "sends", "sends.csv", *MAPPING, "--tz", "Europe/Moscow", *data, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "stored 2 sends in data\npublished\n")
    done = run("import", "confirmation-requests", "asked.jsonl", *data, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "stored 1 confirmation-requests in data\npublished\n")
    store = open_store(tmp_path / "data")
    sent = datetime(2026, 11, 21, 6, 59, 58, tzinfo=UTC)
    rows = store.sends().select("account, message_id, phone, sent_at, tag, source").order("message_id").fetchall()
    assert rows == [
        ("shop", 1042, "79001230001", sent, "login", "import"),
        ("shop", 1043, "79001230002", sent, None, "import"),
    ]
    assert store.confirmation_requests().shape[0] == 1
    store.sends().write_parquet(str(tmp_path / "told.parquet"))
    done = run("import", "sends", "told.parquet", "--data", "data", cwd=tmp_path)
    left_out = "smsanalytics: left out columns that are not needed: 'source'; --strict refuses them"
    assert (done.returncode, done.stderr.splitlines()[0]) == (0, left_out)
    done = run("import", "sends", "told.parquet", "--strict", "--data", "data", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "smsanalytics: needed no columns but account, message_id, phone, sent_at, tag, purpose, cost, parts, sender, "
        "and found 'source'; leave those out\n",
    )
    assert open_store(tmp_path / "data").sends().shape[0] == 2  # what was told again is one


def test_a_file_with_one_bad_row_is_not_imported(tmp_path):
    (tmp_path / "sends.csv").write_text(CSV)
    done = run("import", "sends", "sends.csv", *MAPPING, "--data", "data", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "smsanalytics: line 2, column sent_at: needed a time with a zone; give --tz Europe/Moscow"
    )
    assert not (tmp_path / "data").exists()


def test_beside_a_collector_its_maintenance_publishes_what_was_imported(tmp_path):
    (tmp_path / "sends.csv").write_text(CSV)
    with serving(tmp_path / "data", "--flush-seconds", "60"):
        deadline = time.monotonic() + 20
        while (
            done := run("import", "sends", "sends.csv", *MAPPING, "--tz", "UTC", "--data", "data", cwd=tmp_path)
        ).stdout.endswith("published\n"):
            assert time.monotonic() < deadline  # its maintenance is still starting
        assert done.stdout == "stored 2 sends in data\nthe maintenance that is running publishes them in a moment\n"
        while open_store(tmp_path / "data").sends().shape[0] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_simulate_sends_a_world_and_writes_its_truth(tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    with serving(tmp_path / "data", "--no-maintain") as collector:
        options = [
            "--url",
            collector.url,
            "--secret-file",
            "secret",
            "--messages",
            "50",
            "--seed",
            "3",
            "--truth",
            "truth.parquet",
        ]
        done = run("simulate", *options, cwd=tmp_path)
        wrong = tmp_path / "wrong"
        wrong.write_text("another-secret")
        refused = run("simulate", "--url", collector.url, "--secret-file", "wrong", "--messages", "10", cwd=tmp_path)
    assert "answered 200" in done.stdout
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert (tmp_path / "truth.parquet").stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.json",
            '[{"message_id": 1, "phone": "79001230001", "sent_at": 1795338001, "cost": 3.10}]',
            "stored 1 sends",
        ),
        ("b.csv", "message_id, phone, sent_at\n1,79001230001,1795338001\n", "stored 1 sends"),
        ("c.csv", "", "is empty; needed a line of names"),
        (
            "d.csv",
            "79001230001,1042,1795338001\n79001230002,1043,1795338001\n",
            "needed names above the values, and found none of",
        ),
        ("e.json", '[{"message_id": 1', "begins like a list of JSON and is none"),
    ],
)
def test_a_file_is_read_whatever_its_kind_or_refused_without_showing_what_is_in_it(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "smsanalytics", "import", "sends", name, "--data", "data"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert said in done.stdout + done.stderr
    assert done.returncode == (0 if said.startswith("stored") else 2)
    assert "7900123" not in done.stdout + done.stderr


def test_an_account_that_is_none_of_the_settings_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("message_id,phone,sent_at\n1,79001230001,1795338001\n")
    (tmp_path / "smsanalytics.toml").write_text("[accounts.shop]\n")
    for account, code in (("shop", 0), ("shpo", 2), ("BAD", 2)):
        command = [
            sys.executable,
            "-m",
            "smsanalytics",
            "import",
            "sends",
            "a.csv",
            "--data",
            "data",
            "--account",
            account,
        ]
        assert subprocess.run(command, capture_output=True, cwd=tmp_path).returncode == code
