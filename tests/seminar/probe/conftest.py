"""A small project with clicks, and probes of it on filters alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for clicked_squares

from clicked_squares import OUTSIDE, MakeProbe, inside, picture, write

from seminar.config.probe_settings import ProbeConfig
from seminar.labels import ClassNames
from seminar.probe.probe import Probe
from seminar.probe.store import FeatureStore
from seminar.project.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Images f0, f1, f2 and three classes; f0 and f1 are clicked, once inside the square and once
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
    """A probe of the project on filters alone, which keeps nothing on disk, or in `folder`."""

    def make(folder: str = "", **settings: object) -> Probe:
        config = ProbeConfig(**({"backbone": "none"} | settings))  # type: ignore[arg-type]
        disk_bytes = 10**8 if folder else 0
        store = FeatureStore(tmp_path / (folder or "nowhere"), disk_bytes=disk_bytes)
        return Probe(Project.open(project.path), config, store=store)

    return make
