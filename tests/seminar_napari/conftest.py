"""Fixtures of the plugin's tests: a small project with a run, made through the real folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar.run.folder import RunFolder


@pytest.fixture
def three_fields(tmp_path: Path) -> Project:
    """Three grey images of 40 x 60 with a bright square of class 1 at rows and columns 10 to 20;
    truth of all, clicks in the first.
    """
    folder = tmp_path / "three"
    (folder / "JPEGImages").mkdir(parents=True)
    (folder / "classes.txt").write_text("background\ncell #ff8000\nfibre\n")
    truth = np.zeros((40, 60), dtype=np.uint8)
    truth[10:20, 10:20] = 1
    for image_id in ("a", "b", "c"):
        Image.fromarray(truth * 150 + 50).save(folder / "JPEGImages" / f"{image_id}.png")
        write_label_png(
            folder / "SegmentationClass" / f"{image_id}.png",
            truth,
            ClassNames.of("background", "cell", "fibre"),
        )
    project = Project.open(folder)
    project.write_clicks(
        "a", ClickSet(40, 60, np.array([[15.0, 15.0], [30.0, 40.0]]), np.array([1, 0]))
    )
    return project


@pytest.fixture
def followed_run(three_fields: Project) -> RunFolder:
    """The folder of a run of `three_fields` without any preview yet."""
    run = RunFolder.of(three_fields.path, "first")
    run.path.mkdir(parents=True)
    return run


@pytest.fixture
def plugins() -> None:
    """napari's own plugin and ours, as a window finds them."""
    from npe2 import PluginManager

    PluginManager.instance().discover(include_npe1=False)


@pytest.fixture(autouse=True)
def user_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the plugin keeps the sample and its list of recent projects, in this test; the
    user's own stay untouched.
    """
    folder = tmp_path / "user"
    monkeypatch.setattr("seminar_napari.dock.sample.sample_folder", lambda: folder / "sample")
    monkeypatch.setattr("seminar_napari.dock.recent._file", lambda: folder / "recent.txt")
    weights = folder / "weights.json"
    monkeypatch.setattr("seminar_napari.session.start_weights._file", lambda: weights)
    monkeypatch.setattr(
        "seminar_napari.dock.reader_rules._written", lambda: folder / "reader_rules_written"
    )
    return folder


@pytest.fixture(autouse=True)
def no_live_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """No probe is started by a project of two clicked classes; its own tests ask for one."""
    monkeypatch.setattr("seminar_napari.annotate.live_mask.NEEDED_CLASSES", 1000)
