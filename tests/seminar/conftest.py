"""A tiny project that trains in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig, preset
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project

TINY = {
    "start": "random",
    "keep_best": False,
    "backbone": "mobilenet_v2",
    "weights": "none",
    "crop_size": 64,
    "batch_size": 2,
    "iterations": 4,
    "validations": 0,
    "device": "cpu",
    "crf_landmarks": 128,
}


@pytest.fixture
def tiny_config() -> TrainConfig:
    """Settings of a run that takes seconds."""
    return preset("quick").replace(**TINY)


@pytest.fixture
def tiny_project(tmp_path: Path) -> Project:
    """Four RGB images of 80 x 72 px with a bright disc each, one click on the disc and one on
    the background, and dense truth.
    """
    rng = np.random.default_rng(0)
    paths = []
    discs = {}
    (tmp_path / "images").mkdir()
    for number in range(4):
        rows, cols = np.mgrid[:80, :72]
        row, col = rng.integers(25, 50, 2)
        disc = (rows - row) ** 2 + (cols - col) ** 2 < 15**2
        noise = rng.normal(0, 2, (80, 72, 3))
        paths.append(tmp_path / "images" / f"disc_{number}.png")
        Image.fromarray(np.clip(60 + 120 * disc[..., None] + noise, 0, 255).astype(np.uint8)).save(
            paths[-1]
        )
        discs[f"disc_{number}"] = (disc, row, col)
    project = Project.create(tmp_path / "project", paths, ClassNames.of("background", "disc"))
    for image_id, (disc, row, col) in discs.items():
        project.write_clicks(
            image_id, ClickSet(80, 72, np.array([[row, col], [3, 3]]), np.array([1, 0]))
        )
        write_label_png(project.truth_path(image_id), disc.astype(np.uint8), project.classes)
    return project
