"""A small project with clicks, and probes of it on filters alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.config.probe_settings import ProbeConfig
from seminar.labels import ClassNames
from seminar.probe.probe import Probe
from seminar.probe.store import FeatureStore
from seminar.project.project import Project

HEIGHT, WIDTH = 61, 83

Click = tuple[float, float, int]
MakeProbe = Callable[..., Probe]


def picture(number: int, channels: int = 3, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """(H, W, C) or (H, W): dark noise with a bright square, at another place in each."""
    rng = np.random.default_rng(number)
    image = rng.normal(60, 8, (*size, channels))
    image[square(number)] += 120
    pixels = image.clip(0, 255).astype(np.uint8)
    return pixels[:, :, 0] if channels == 1 else pixels


def square(number: int) -> tuple[slice, slice]:
    return slice(15, 45), slice(10 + 8 * number, 45 + 8 * number)


def inside(number: int) -> Click:
    """A click in the middle of the square."""
    return 30.0, 27.0 + 8 * number, 1


OUTSIDE: Click = (5.0, 6.0, 0)


def write(project: Project, image_id: str, *clicks: Click) -> None:
    size = project.image_size(image_id)
    points, class_ids = [click[:2] for click in clicks], [click[2] for click in clicks]
    project.write_clicks(image_id, ClickSet(*size, np.array(points), np.array(class_ids)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Images f0, f1, f2 with three classes; f0 and f1 are clicked, once inside the square and once
    outside.
    """
    files = []
    for number in range(3):
        files.append(tmp_path / f"f{number}.png")
        Image.fromarray(picture(number)).save(files[-1])
    classes = ClassNames.of("background", "cell", "debris")
    made = Project.create(tmp_path / "project", files, classes)
    for number in range(2):
        write(made, f"f{number}", inside(number), OUTSIDE)
    return made


@pytest.fixture
def make_probe(project: Project, tmp_path: Path) -> MakeProbe:
    """A probe of the project on filters alone, with the features that others have kept."""

    def make(folder: str = "features", disk_bytes: int = 10**8, **settings: object) -> Probe:
        config = ProbeConfig(**({"backbone": "none"} | settings))  # type: ignore[arg-type]
        store = FeatureStore(tmp_path / folder, disk_bytes=disk_bytes)
        return Probe(Project.open(project.path), config, store=store)

    return make
