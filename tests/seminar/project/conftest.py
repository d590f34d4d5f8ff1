"""A small project of noise images to break in every way."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project

HEIGHT, WIDTH = 20, 30


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Images a, b, c of 20 x 30 pixels with three classes; a has clicks of all, b of two, c
    none; all have truth.
    """
    rng = np.random.default_rng(0)
    images = []
    for name in "abc":
        images.append(tmp_path / f"{name}.png")
        Image.fromarray(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(images[-1])
    project = Project.create(
        tmp_path / "project", images, ClassNames.of("background", "nucleus", "rim")
    )
    project.write_clicks(
        "a", ClickSet(HEIGHT, WIDTH, [(1, 2), (3.5, 4.25), (19, 29)], [0, 1, 2], 7.5)
    )
    project.write_clicks("b", ClickSet(HEIGHT, WIDTH, [(5, 6), (7, 8)], [1, 0]))
    truth = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    truth[2:9, 3:12] = 1
    truth[12:18, 15:28] = 2
    truth[0] = 255
    for name in "abc":
        write_label_png(project.truth_path(name), truth, project.classes)
    return project


@pytest.fixture
def unclicked(project: Project) -> Project:
    """The same without clicks."""
    shutil.rmtree(project.path / "Clicks")
    shutil.rmtree(project.path / "SegmentationClick")
    return project
