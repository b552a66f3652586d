"""A disk that is full is called so, and what to do is said, by every command that writes."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from programs import need

from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry

IN_A_SMALL_DISK = """
mount -t tmpfs -o size="$1" tmpfs "$2" || exit 99
cp -r "$3" "$4" && shift 4
dd if=/dev/zero of="$1/ballast" bs=1k 2>/dev/null
shift
exec "$@"
"""
CANNOT = 99


def full(tmp_path, store, place, *command):
    """Run a command while a file system of its own at a place, with a copy of the store, has no byte left."""
    unshare = need("unshare", "no full disk can be made")
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["8m", disk, store, place, disk, sys.executable, "-m", "smsanalytics", *command]
    done = subprocess.run(
        [unshare, "--map-root-user", "--mount", "sh", "-c", IN_A_SMALL_DISK, "sh", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    if done.returncode == CANNOT or "unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    return done


@pytest.fixture
def waiting(tmp_path):
    layout = Layout(tmp_path / "store")
    writer = Journal(layout, "w0", now=lambda: 1_795_348_800 * 10**9)
    events = [
        entry(account="default", kind="status", signed_by="md5", key="", extra={},
              fields={"message_id": str(number), "phone": f"7900123{number:04}", "status": "1"})
        for number in range(2000)
    ]  # fmt: skip
    writer.write(events)
    writer.close()
    return layout.data


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["maintain"], 2, "maintenance stopped: no space is left on the device; free some, or enlarge it"),
        (["forget", "79001230001", "--yes"], None, "no space is left on the device; free some, or enlarge it"),
    ],
    ids=["maintain", "forget"],
)
def test_a_full_disk_is_called_so(tmp_path, waiting, command, code, words):
    done = full(tmp_path, waiting, tmp_path / "disk" / "data", *command, "--data", tmp_path / "disk" / "data")
    assert words in done.stdout + done.stderr
    assert not any(word in done.stdout + done.stderr for word in ("IOException", "DuckDB", "Traceback"))
    assert code in (None, done.returncode)


def test_a_backup_to_a_full_disk_says_so(tmp_path, waiting):
    copy = shutil.copytree(waiting, tmp_path / "empty")
    target = tmp_path / "disk" / "backup"
    done = full(tmp_path, copy / "journal" / "w0" / "counter", tmp_path / "disk", "backup", target, "--data", waiting)
    assert done.returncode == 2
    assert f"the backup to {target} stopped: no space is left on the device; free some" in done.stderr
