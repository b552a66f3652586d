"""The documentation is true: its blocks run and print what they show, its reference is that of the code, its links lead."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pages import blocks_of, printed
from programs import need
from serving import SECRET, serving

from smsanalytics import load_sample
from smsanalytics.settings import Settings, load

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINKING = [*PAGES, ROOT / "README.md", ROOT / "data/README.md", ROOT / "notebooks/README.md"]
TEXT = {path: path.read_text("utf-8") for path in LINKING}
BLOCKS = {path: blocks_of(TEXT[path]) for path in PAGES}


def name_of(path):
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else None


def script(name):
    """A script of docs/, as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(language):
    return [
        pytest.param(path, block, id=f"{name_of(path)}:{block.line}")
        for path in PAGES
        for block in BLOCKS[path]
        if block.language == language
    ]


def anchors_of(page):
    """As a code host makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "path", [path for path in PAGES if {"python", "console"} & {block.language for block in BLOCKS[path]}], ids=name_of
)
def test_a_page_runs_from_top_to_bottom_and_prints_what_it_shows(path, example_store, sample_cache, tmp_path):
    shutil.copytree(example_store, tmp_path / "data")
    [sample] = (sample_cache / "smsanalytics").iterdir()
    (tmp_path / "sample").symlink_to(sample)
    command = tmp_path / "bin" / "smsanalytics"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m smsanalytics "$@"\n')
    command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSANALYTICS_")}
    environment |= {"XDG_CACHE_HOME": str(sample_cache), "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}
    outputs = printed(BLOCKS[path], tmp_path, environment)
    for block, output in zip(BLOCKS[path], outputs, strict=True):
        if block.said is not None:
            assert lines_of(output) == lines_of(block.said), f"line {block.line}"


def lines_of(text):
    return [line.rstrip() for line in text.strip("\n").splitlines()]


@pytest.mark.parametrize(("path", "block"), blocks("toml"))
def test_settings_load(path, block, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SMSANALYTICS_")]:
        monkeypatch.delenv(name)
    if missing := tomllib.loads(block.text).keys() - Settings.model_fields.keys():
        pytest.skip(f"there is no setting {', '.join(sorted(missing))} yet")
    for file in ("secret.txt", "mail-password.txt"):
        (tmp_path / file).write_text("a-secret-of-an-example")
    (tmp_path / "smsanalytics.toml").write_text(block.text)
    monkeypatch.chdir(tmp_path)
    settings = load()
    if settings.accounts:
        settings.for_serving()


@pytest.mark.parametrize(("path", "block"), blocks("sh"))
def test_commands_are_written_as_a_shell_reads_them(path, block):
    assert subprocess.run(["bash", "-n", "-c", block.text], capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize("page", ["connect-the-provider", "rotate-a-secret"])
def test_the_test_callbacks_are_answered_as_the_page_says(page, tmp_path):
    need("curl", "the callbacks of the page cannot be sent")
    path = DOCS / "how-to" / f"{page}.md"
    for name in ("secret.txt", "secret-2026.txt"):
        (tmp_path / name).write_text(SECRET + "\n")
    sent = "\n".join(
        block.text
        for block in BLOCKS[path]
        if "http://127.0.0.1:8025/callback" in block.text and block.language == "sh"
    )
    with serving(tmp_path / "data") as collector:
        done = subprocess.run(
            ["bash", "-c", sent.replace("http://127.0.0.1:8025", collector.base)],
            capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
    answers = re.findall(r"HTTP/1.1 (\d+)", done.stdout)
    assert answers == {"connect-the-provider": ["200", "403"], "rotate-a-secret": ["200"]}[page], done.stderr


@pytest.mark.parametrize("path", LINKING, ids=name_of)
def test_links_lead_somewhere(path):
    prose = re.sub(r"^ *```.*?^ *```", "", TEXT[path], flags=re.DOTALL | re.MULTILINE)
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", prose):
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), target
        if anchor:
            assert anchor in anchors_of(file.read_text("utf-8")), f"{target}#{anchor}"


def test_every_command_that_is_named_exists():
    shown = script("reference").pages()["cli.md"]
    commands = set(re.findall(r"^## smsanalytics (\w+)", shown, re.MULTILINE))
    for path in LINKING:
        named = re.findall(r"(?:`|^(?:\$ )?|/|; |&& )smsanalytics ([a-z]\w*)", TEXT[path], re.MULTILINE)
        assert set(named) <= commands, name_of(path)


@pytest.mark.parametrize("name", ["cli.md", "codes.md", "python.md", "settings.md", "tables.md"])
def test_the_reference_is_that_of_the_code(name):
    pages = script("reference").pages()
    assert {path.name for path in (DOCS / "reference").iterdir()} == pages.keys()
    assert (DOCS / "reference" / name).read_text("utf-8") == pages[name], "run python docs/reference.py"


def test_every_page_is_in_the_index():
    index = TEXT[DOCS / "README.md"]
    for path in PAGES:
        assert path.name == "README.md" or f"({path.relative_to(DOCS)})" in index, path.name


def test_pictures_are_drawn_by_script_and_each_that_is_shown_is_there(sample_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(sample_cache))
    drawn = {path.name for path in script("pictures").draw(load_sample(), tmp_path)}
    shown = set(re.findall(r"!\[[^\]]+\]\([^)]*?([^)/]+\.svg)\)", "".join(TEXT.values())))
    measured = {"collector_speed.svg"}  # drawn by benchmarks.collector.picture from its committed result
    assert drawn | measured == shown == {path.name for path in (DOCS / "pictures").iterdir()}
    for path in [*tmp_path.iterdir(), *(DOCS / "pictures").iterdir()]:
        assert path.read_text("utf-8").startswith("<svg")
        assert path.stat().st_size < 60_000, path.name
