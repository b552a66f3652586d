"""
Every notebook runs from top to bottom on a month, on next to nothing and on nothing; it gives nobody's number away.

They are committed without outputs, and begin alike.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import nbclient
import nbformat
import pytest
from browsing import browser, opened, serious

from smsanalytics.reports.notebook import shown as published
from smsanalytics.simulator.network import NUMBERS_TO_CALL, OWN_NUMBERS

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PHONE = re.compile(r"(?<!\d)7\d{10}(?!\d)")
TEXTS = re.compile("Спасибо!|Когда будет заказ|Перезвоните|ok, thanks|Who is this|Call me at")  # of subscribers
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
pytestmark = pytest.mark.filterwarnings("ignore")  # of the kernel's libraries, not of ours


def parameters_of(notebook):
    [place] = [number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    return place


def executed(path, *runs):
    """
    The cells of a notebook after each of these runs, its parameters set as a scheduler would: in a cell of their own.

    One kernel does all runs, for it takes seconds to start; before each it forgets every name.
    """
    notebook = nbformat.read(path, as_version=4)
    place, cells = parameters_of(notebook), []
    for parameters in runs:
        lines = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        cells.append([nbformat.from_dict(cell) for cell in notebook.cells])
        cells[-1].insert(place + 1, nbformat.v4.new_code_cell(lines))
        cells[-1].insert(0, nbformat.v4.new_code_cell("%reset -f"))
    notebook.cells = [cell for run in cells for cell in run]
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}})
    client.execute()
    return cells


def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def pictures(cells):
    """What is drawn, one picture by each cell that is to draw one."""
    drawn = []
    cells = code(cells)
    for cell in cells:
        found = [output.data["image/svg+xml"] for output in cell.outputs if "image/svg+xml" in output.get("data", {})]
        assert len(found) == ("sms.charts." in cell.source), cell.source
        drawn += found
    assert drawn
    assert all(cell.outputs for cell in cells[4:]), "a question has no answer"  # the first four only set things
    for picture in drawn:
        assert "<script" not in picture
        assert "NaN" not in picture, "something was placed nowhere"
    return [html.unescape(picture).replace("\xa0", " ").replace("\u202f", " ") for picture in drawn]


def shown(cells):
    """Everything that a reader gets to see beside the code, as it stands in the page."""
    outputs = [output for cell in code(cells) for output in cell.outputs]
    mimes = ("image/svg+xml", "text/html", "text/plain")
    data = [
        next((output.data[mime] for mime in mimes if mime in output.data), "") for output in outputs if "data" in output
    ]
    assert not [output for output in outputs if output.get("name") == "stderr"], "a warning was printed"
    return "\n".join([*data, *(output.get("text", "") for output in outputs)])


def test_there_are_notebooks_and_the_readme_beside_them_lists_each():
    listed = re.findall(r"^\| \[(\w+\.ipynb)\]\(\1\) \|", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    assert listed == [path.name for path in NOTEBOOKS]
    assert len(NOTEBOOKS) == 7


@every_notebook
def test_a_notebook_is_committed_without_outputs_and_begins_as_all_do(path):
    notebook, first = (nbformat.read(one, as_version=4) for one in (path, NOTEBOOKS[0]))
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == [f"cell-{number:02}" for number in range(len(notebook.cells))]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
    place = parameters_of(notebook)
    assert [cell.source for cell in notebook.cells[place : place + 2]] == [
        cell.source for cell in first.cells[place : place + 2]
    ]


@every_notebook
def test_links_of_a_notebook_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)\)", "\n".join(cell.source for cell in nbformat.read(path, 4).cells)):
        assert (FOLDER / target).exists(), target


@every_notebook
def test_a_notebook_shows_the_sample_month_and_nobodys_number_or_words(path, sample_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(sample_cache))
    [cells] = executed(path, {"data": "no store is here"})
    for picture in pictures(cells):
        assert "1 October 2026 to 31 October 2026" in picture
        assert "no data" not in picture
    seen = shown(cells)
    assert "<table" in seen
    assert set(PHONE.findall(seen)) <= {*OWN_NUMBERS, *NUMBERS_TO_CALL}
    assert not TEXTS.search(seen)
    as_a_page(cells, tmp_path / f"{path.stem}.html")


def as_a_page(cells, path):
    """Published, it hinders nobody, asks for nothing and runs nothing."""
    drawn = len(pictures(cells))
    path.write_text(published(nbformat.v4.new_notebook(cells=cells), title=path.stem), "utf-8")
    with browser() as running:
        for size, scheme in (("phone", "dark"), ("laptop", "light")):
            with opened(running, path, size=size, scheme=scheme) as (page, seen):
                assert (seen.said, [one for one in seen.asked_for if not one.startswith("data:")]) == (
                    [],
                    [path.as_uri()],
                )
                assert serious(page) == []
                assert page.locator("img").count() == drawn
                assert page.evaluate("[...document.images].every(one => one.naturalWidth > 100 && one.alt)")
                assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


@every_notebook
def test_a_notebook_shows_a_tiny_store_in_russian_hostile_names_as_text_and_an_empty_period(path, hostile_store):
    tiny, empty = executed(
        path,
        {"data": str(hostile_store), "start": "2026-11-21", "end": "2026-11-22", "lang": "ru"},
        {"data": str(hostile_store), "start": "2026-12-01", "end": "2026-12-02"},
    )
    seen = shown(tiny)
    assert f"Store {hostile_store.name}: " in seen
    assert str(hostile_store) not in seen, "a page to be sent shows where the store lies"
    assert "<img" not in seen
    assert "&lt;img" in seen, "the names are not there at all"
    for picture in pictures(tiny):
        assert "21 ноября 2026" in picture
        assert "нет данных" not in picture

    for picture in pictures(empty):
        assert "no data" in picture or "none to count" in picture
    tables = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", shown(empty), flags=re.DOTALL)
    assert not re.search("nan|NaT|<NA>|None", re.sub(r"^Store.*", "", tables, flags=re.MULTILINE))
