"""The plan of the house holds: what loads torch and what loads napari, the layer table, and the
public names.

Who may import whom is checked by import-linter (`make check`).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from forked import run_python

import seminar
import seminar_napari

ROOT = Path(__file__).parents[1]

PUBLIC_NAMES = [
    "ClassNames",
    "ClickSet",
    "DeepLabV3Plus",
    "IGNORE_INDEX",
    "Predictor",
    "Project",
    "RunFolder",
    "SeminarError",
    "TrainConfig",
    "build_network",
    "dense_crf",
    "evaluate",
    "partial_cross_entropy",
    "pixel_consistency",
    "preset",
    "record",
    "train",
]

TORCH_FREE = [
    *("cli.main", "clicks.click_set", "clicks.simulate", "clicks.readers.whats_the_point"),
    *("config.settings", "errors", "inference.metrics", "inference.tiles"),
    *("inference.instances.divide", "inference.instances.files", "inference.instances.score"),
    *("inference.instances.measure", "inference.instances.split"),
    *("io.files", "io.images", "io.label_png", "io.names", "io.tif", "labels"),
    *("project.project", "project.layout", "project.create", "project.splits"),
    *("project.check.project", "project.sample.create", "project.sample.picture"),
    *("probe.talk", "run.events", "run.folder", "training.schedules"),
]
"""What the window uses, or may use, of the library; and the command line, so that `seminar
--help` is quick, and the first mask.
"""

QT = {"qtpy", "PyQt5", "PyQt6", "PySide6"}


def modules_of(package: object) -> list[str]:
    """Full names of all modules of a package."""
    path, name = package.__path__, package.__name__  # type: ignore[attr-defined]
    return sorted(
        module.name
        for module in pkgutil.walk_packages(path, f"{name}.")
        if not module.name.endswith("__main__")
    )


IMPORT_STAGE = """
import sys, {modules}
print(*{{name.partition('.')[0] for name in sys.modules}})
"""


def loaded_after_importing(*stages: Iterable[str]) -> list[set[str]]:
    """Top-level packages in `sys.modules` of a fresh interpreter after it has imported the
    modules of each stage, one stage after the other.
    """
    code = "".join(IMPORT_STAGE.format(modules=", ".join(modules)) for modules in stages)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return [set(line.split()) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("package", ["seminar", "seminar_napari"])
def test_the_table_in_contributing_is_the_one_that_is_checked(package: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = (
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and contract["containers"] == [package]
    )
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition(f"## The rooms of `{package}`")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \d+ \| (.+?) \|", section, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == [
        set(re.findall(r"\w+", row)) for row in layers
    ]


@pytest.mark.parametrize("package", ["seminar", "seminar_napari"])
def test_no_folder_has_more_than_a_stranger_reads(package: str) -> None:
    folders = [path for path in (ROOT / package).rglob("*") if path.is_dir()]
    for folder in [ROOT / package, *folders]:
        entries = [
            entry
            for entry in folder.iterdir()
            if not entry.name.startswith("__") and entry.name != "py.typed"
        ]
        if folder.name != "__pycache__" and entries:
            assert 2 <= len(entries) <= 16, folder
            assert not [entry for entry in entries if entry.name.startswith("_")]


def test_the_window_never_loads_torch_and_parts_of_it_not_even_qt() -> None:
    library, session, inspect, window = loaded_after_importing(
        ("seminar", *(f"seminar.{name}" for name in TORCH_FREE)),
        ("seminar_napari.session.session",),
        (f"seminar_napari.inspect.{name}" for name in ("overlays", "next_click", "linked_grid")),
        ("seminar_napari", *modules_of(seminar_napari)),
    )
    assert "skimage" in library
    assert "seminar_napari" not in library
    assert "seminar_napari" in session
    assert "napari" not in session
    assert "napari" in inspect
    assert not inspect & QT
    assert window & QT
    assert not window & {"torch", "torchvision"}  # and so none before it


def test_the_library_never_loads_the_window() -> None:
    done = run_python(IMPORT_STAGE.format(modules=", ".join(modules_of(seminar))))
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "torch" in loaded
    assert not loaded & {"napari", "seminar_napari", "magicgui", "superqt", "vispy", *QT}


def test_the_public_names_are_these() -> None:
    assert sorted(seminar.__all__) == PUBLIC_NAMES


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_a_public_name_is_there_and_explained(name: str) -> None:
    thing = getattr(importlib.import_module("seminar"), name)
    assert name in dir(seminar)
    if callable(thing):
        assert thing.__doc__


def test_a_name_that_is_not_public_is_refused() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        seminar.no_such_name  # noqa: B018
