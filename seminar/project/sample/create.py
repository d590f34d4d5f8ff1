"""The sample project: glands in a picture of scikit-image, with clicks and masks; offline."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.io.files import write_bytes
from seminar.io.intensities import ImageArray
from seminar.labels import ClassNames
from seminar.project.layout import CLASSES, CLICKS, SPLITS, TRUTH
from seminar.project.project import Project


def sample_data_folder() -> Path:
    """The folder with clicks, masks, classes and splits, in an installed package or a checkout.

    Raises
    ------
    SeminarError
        The folder is missing: the installation is incomplete.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "sample_data", package.parent / "sample_data"):
        if (folder / "fields.toml").is_file():
            return folder
    raise SeminarError(
        f"{package / 'sample_data'}: the sample's clicks and masks are missing; install "
        "seminar-napari again"
    )


def sample_fields() -> dict[str, ImageArray]:
    """The images of the sample by image id, (H, W, 3) uint8, cut from a picture of scikit-image."""
    pictures = tomllib.loads((sample_data_folder() / "fields.toml").read_text(encoding="utf-8"))[
        "images"
    ]
    fields: dict[str, ImageArray] = {}
    for name, places in pictures.items():
        picture = np.asarray(getattr(data, name)())
        for image_id, place in places.items():
            (top, bottom), (left, right) = place["rows"], place["cols"]
            if bottom > picture.shape[0] or right > picture.shape[1]:
                raise SeminarError(
                    f"skimage.data.{name}: expected at least {bottom} x {right} pixels, got "
                    f"{picture.shape[0]} x {picture.shape[1]}; install scikit-image 0.26"
                )
            fields[image_id] = picture[top:bottom, left:right]
    return fields


def create_sample_project(out: Path) -> Project:
    """Make the sample project: nine fields of 170 px with dense truth, six of them with clicks.

    Three fields are for scoring. The folder is made with all its files or not at all.

    Raises
    ------
    SeminarError
        `out` exists and is not an empty folder.
    """
    source = sample_data_folder()
    classes = ClassNames.parse((source / CLASSES).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for image_id, field in sample_fields().items():
            paths.append(Path(folder, f"{image_id}.png"))
            Image.fromarray(field).save(paths[-1])
        project = Project.create(out, paths, classes)
    try:
        for part in (TRUTH, SPLITS):
            for path in sorted((source / part).iterdir()):
                write_bytes(project.path / part / path.name, path.read_bytes())
        for path in sorted((source / CLICKS).glob("*.json")):
            project.write_clicks(path.stem, ClickSet.from_json(path.read_bytes(), str(path)))
    except BaseException:
        shutil.rmtree(project.path, ignore_errors=True)
        raise
    return project
