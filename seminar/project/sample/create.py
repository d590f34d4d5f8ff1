"""The sample project: drawn pictures of nuclei, with clicks, masks and objects; offline."""

from __future__ import annotations

import shutil
from pathlib import Path

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.io.files import write_bytes
from seminar.labels import ClassNames
from seminar.project.layout import CLASSES, CLICKS, IMAGES, OBJECTS, SPLITS, TRUTH
from seminar.project.project import Project


def sample_data_folder() -> Path:
    """The folder with the sample's files, in an installed package or a checkout.

    Raises
    ------
    SeminarError
        The folder is missing: the installation is incomplete.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "sample_data", package.parent / "sample_data"):
        if (folder / CLASSES).is_file():
            return folder
    raise SeminarError(
        f"{package / 'sample_data'}: the sample's pictures and clicks are missing; install "
        "seminar-napari again"
    )


def create_sample_project(out: Path) -> Project:
    """Make the sample project: twelve pictures of 256 px with dense truth, six of them with clicks.

    Four pictures are for scoring. The folder is made with all its files or not at all.

    Raises
    ------
    SeminarError
        `out` exists and is not an empty folder.
    """
    source = sample_data_folder()
    classes = ClassNames.parse((source / CLASSES).read_text(encoding="utf-8"))
    project = Project.create(out, sorted((source / IMAGES).iterdir()), classes)
    try:
        for part in (TRUTH, OBJECTS, SPLITS):
            for path in sorted((source / part).iterdir()):
                write_bytes(project.path / part / path.name, path.read_bytes())
        for path in sorted((source / CLICKS).glob("*.json")):
            project.write_clicks(path.stem, ClickSet.from_json(path.read_bytes(), str(path)))
    except BaseException:
        shutil.rmtree(project.path, ignore_errors=True)
        raise
    return project
