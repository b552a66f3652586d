import subprocess
import sys
from pathlib import Path

import pytest
from serving import serving
from signing import SECRET, status_body


def run(*words, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "smsanalytics", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"COLUMNS": "200", **environment},
    )


@pytest.mark.parametrize("command", [[], ["serve"], ["maintain"], ["files"], ["simulate"], ["demo"]], ids=str)
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
