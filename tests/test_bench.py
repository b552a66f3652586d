"""The benchmark of the collector in its smallest form: what it measures is there, and what it may not believe it says."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.collector.disk import in_memory
from benchmarks.collector.picture import picture
from benchmarks.collector.result import doubts
from benchmarks.collector.tally import Tally

ROOT = Path(__file__).parents[1]
SMALL = ["--rounds", "1", "--seconds", "0.7", "--open-seconds", "0", "--memory", "0"]
OF_THE_MACHINE = ("other programs took", "the generator held it back", "servers and generator shared a core")

NO_SYNC = """
import os
os.fsync = os.fdatasync = lambda descriptor: None
"""


def bench(folder, *options, out, **environment):
    command = [sys.executable, "-m", "benchmarks.collector", "--folder", str(folder), "--out", str(out), *options]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    if in_memory(folder):
        pytest.skip("the temporary directory lies in memory")
    return folder


@pytest.fixture(scope="module")
def run(on_disk):
    out = on_disk / "collector.json"
    done = bench(on_disk, *SMALL, "--only", "starlette_noop", "collector", out=out)
    assert done.returncode in (0, 1), done.stderr
    return done, json.loads(out.read_text("utf-8"))


def test_what_was_acknowledged_is_what_is_stored(run):
    _, result = run
    stored = result["stored"]
    assert stored["acknowledged"] == stored["stored"] >= 2_000  # those that warm it up are counted as well
    assert stored["missing"] == stored["twice"] == stored["unasked"] == 0
    assert [doubt for doubt in result["doubts"] if not any(known in doubt for known in OF_THE_MACHINE)] == []


def test_the_servers_are_compared(run):
    done, result = run
    [one] = result["rounds"]
    assert one.keys() == {"starlette_noop", "collector"}
    for row in one.values():
        assert row["answers"].keys() == {"200"}
        assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]
        assert row["rate"] * row["cpu_us_per_request"] <= 1.1e6  # one core has no more
    assert result["ratios"] == {"durable_vs_starlette_noop": result["targets"]["durable_vs_starlette_noop"]["is"]}
    assert result["ratios"]["durable_vs_starlette_noop"] == pytest.approx(
        one["collector"]["rate"] / one["starlette_noop"]["rate"], abs=1e-3
    )
    assert "durable_vs_starlette_noop: " in done.stdout


def test_the_conditions_are_told_and_nothing_of_whose_machine_it_is(run, on_disk):
    _, result = run
    assert result["conditions"]["disk"].keys() >= {"file_system", "device", "raw_sync_us"}
    assert result["conditions"]["versions"].keys() >= {"python", "uvicorn", "uvloop"}
    assert result["generator"]["ceiling"] > result["medians"]["collector"]["rate"]
    text = json.dumps(result)
    assert str(on_disk) not in text
    assert str(ROOT) not in text
    assert platform.node() not in text.replace(platform.machine(), "")


def test_a_picture_is_drawn_of_it(run, tmp_path):
    _, result = run
    picture(result).save(tmp_path / "speed.svg")
    assert "smsanalytics" in (tmp_path / "speed.svg").read_text("utf-8")


def test_nothing_is_left_behind(run, on_disk):
    assert [path.name for path in on_disk.iterdir()] == ["collector.json"]


def test_a_run_without_syncs_is_invalid(on_disk, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_SYNC)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = bench(on_disk, *SMALL, "--only", "collector", out=tmp_path / "out.json", PYTHONPATH=path)
    assert done.returncode == 1, done.stderr
    result = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert not result["valid"]
    assert result["doubts"][0] == "a sync took no time: it is switched off, or the disk is none"
    assert "INVALID: a sync took no time" in done.stdout


def test_a_disk_in_memory_is_refused(tmp_path):
    memory = Path("/dev/shm")
    if not memory.is_dir() or not in_memory(memory):
        pytest.skip("there is no file system in memory")
    done = bench(memory / f"bench-{os.getpid()}", *SMALL, out=tmp_path / "out.json")
    assert done.returncode == 2
    assert done.stderr.endswith("lies in memory, where a sync means nothing; choose another --folder\n")
    assert not (tmp_path / "out.json").exists()
    assert not (memory / f"bench-{os.getpid()}").exists()


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        pytest.param({}, None, id="sound"),
        pytest.param({"flushes": 15}, "1000 callbacks were acknowledged with 15 flushes of the disk", id="lazy"),
        pytest.param({"generator_busy": 0.95}, "the generator held it back", id="slow-generator"),
        pytest.param({"others_busy": 0.5}, "other programs took 50% of the cores", id="busy-machine"),
        pytest.param({"answers": {"200": 999, "503": 1}}, "answers were {'200': 999, '503': 1}", id="refusals"),
        pytest.param({"stored": Tally().judged([1])}, "what was acknowledged is not what is stored", id="invented"),
    ],
)
def test_each_doubt_is_told(run, change, doubt):
    _, result = run
    calm = {"generator_busy": 0.3, "others_busy": 0.0, "events": 1000, "flushes": 16}
    row = result["rounds"][0]["collector"] | calm | change
    cores = {"core_of_servers": 0, "core_of_generator_and_maintenance": 1}
    told = result | {"conditions": cores, "rounds": [{"collector": row}]}
    assert doubts(told, syncs=True) == ([f"round 1, collector: {doubt}"] if doubt else [])
