"""Every notebook runs from top to bottom, on the sample month and on a store, and is committed without outputs."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
pytestmark = pytest.mark.filterwarnings("ignore")  # of the kernel's libraries, not of ours


def executed(path, **parameters):
    """A notebook after it ran, its parameters set as a scheduler would: in a cell after the one tagged so."""
    notebook = nbformat.read(path, as_version=4)
    [place] = [number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    lines = [f"{name} = {value!r}" for name, value in parameters.items()]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("\n".join(lines)))
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}})
    client.execute()
    return notebook


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_sample_month_and_draws_pictures_without_script(path, sample_cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(sample_cache))
    found = outputs(executed(path, data="no store is here"))
    pictures = [output.data["image/svg+xml"] for output in found if "image/svg+xml" in output.get("data", {})]
    assert len(pictures) >= 5
    for picture in pictures:
        assert "<script" not in picture
        assert "1 October 2026 to 31 October 2026" in picture.replace("\xa0", " ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_asks_the_users_store_where_there_is_one_in_russian_too(path, example_store):
    found = outputs(executed(path, data=str(example_store), start="2026-11-21", end="2026-11-22", lang="ru"))
    assert any(str(example_store) in output.get("text", "") for output in found)
    assert any("21 ноября 2026" in output["data"].get("image/svg+xml", "") for output in found if "data" in output)
