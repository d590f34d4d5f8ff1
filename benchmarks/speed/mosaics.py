"""Projects of mosaics of dsb2018_histology, clicked as `seminar simulate-clicks` does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.layout import IMAGES, TRUTH
from seminar.project.project import Project

DISTINCT = 20
"""Of more images, the others are these, moved aside: across their borders and in on the other side.
"""

FEW = 10
"""Clicks of each class on the others, as of a person with a thousand images."""

SHIFT = 37
TILE = 256


def make_project(path: Path, shared: Path, *, side: int, images: int) -> Project:
    """A new project of `images` fields of side x side pixels, with truth and simulated clicks."""
    source = Project.open(shared / "dsb2018_histology")
    ids = source.split("train") or ()
    pictures = path.parent / f"{path.name}-pictures"
    pictures.mkdir(parents=True)
    truths = []
    for number in range(min(images, DISTINCT)):
        image, truth = _mosaic(source, ids[number:] + ids[:number], side)
        Image.fromarray(image).save(_file(pictures, number), compress_level=1)
        truths.append(truth)
    project = Project.create(
        path, sorted(pictures.iterdir()), ClassNames.of("background", "nucleus")
    )
    (path / TRUTH).mkdir()
    for image_id, truth in zip(project.image_ids(), truths, strict=True):
        write_label_png(project.truth_path(image_id), truth, project.classes, durable=False)
    command = [sys.executable, "-m", "seminar", "simulate-clicks", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for number in range(DISTINCT, images):
        _add_moved(project, number, truths[number % DISTINCT])
    return project


def _add_moved(project: Project, number: int, truth: npt.NDArray[np.uint8]) -> None:
    """Add one of the first images moved aside, with its truth and clicks."""
    original = _file(project.path / IMAGES, number % DISTINCT)
    shift = number // DISTINCT * SHIFT
    place = _file(project.path / IMAGES, number)
    moved = np.roll(np.asarray(Image.open(original)), (shift, shift), axis=(0, 1))
    Image.fromarray(moved).save(place, compress_level=1)
    truth = np.roll(truth, (shift, shift), axis=(0, 1))
    write_label_png(project.truth_path(place.stem), truth, project.classes, durable=False)
    clicks = project.read_clicks(original.stem)
    assert clicks is not None
    sides = truth.shape
    points = np.minimum((clicks.points + shift) % sides, np.array(sides) - 1)
    few = np.concatenate([np.flatnonzero(clicks.class_ids == each)[:FEW] for each in (0, 1)])
    some = ClickSet(clicks.height, clicks.width, points[few], clicks.class_ids[few])
    project.write_clicks(place.stem, some, durable=False)


def _file(folder: Path, number: int) -> Path:
    return folder / f"field_{number:04d}.png"


def _mosaic(
    source: Project, ids: tuple[str, ...], side: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Image and truth, from corners of images of at most `TILE` px, row by row."""
    images, truths, rows, step = [], [], 0, iter(ids * (side // 16))
    while rows < side:
        image_row, truth_row, cols = [], [], 0
        while cols < side:
            image_id = next(step)
            truth = source.read_truth(image_id)
            assert truth is not None
            image_row.append(source.read_image(image_id)[:TILE, :TILE, :3])
            truth_row.append(truth[:TILE, :TILE])
            cols += truth_row[-1].shape[1]
        images.append(np.concatenate(image_row, axis=1)[:, :side])
        truths.append(np.concatenate(truth_row, axis=1)[:, :side])
        rows += len(truths[-1])
    return np.concatenate(images)[:side], np.concatenate(truths)[:side]
