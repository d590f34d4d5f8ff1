"""One picture a set: images, their truth, and what each row made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from benchmarks.accuracy.measure import seminar
from benchmarks.accuracy.plan import Bench, run_name
from seminar.config.settings import TrainConfig
from seminar.io.intensities import to_float
from seminar.io.label_png import read_label_png
from seminar.project.project import Project

TILE = 176
"""Side of one picture in pixels."""

CAPTION = 16
IMAGES = 4

NETWORKS = {
    "pCE": ("pce", "ancillary"),
    "+ CRF": ("pce,crf", "ancillary"),
    "+ pCons": ("pce,pcons", "ancillary"),
    "ancillary": ("seminar", "ancillary"),
    "seminar": ("seminar", "primary"),
    "full": ("full", "full"),
    "Regularized": ("regularized", "ancillary"),
    "What's the Point": ("whats_the_point", "ancillary"),
    "ScribbleSup-like": ("scribblesup-2", "primary"),
}
MASKS = {"forest": "forest-0", "Otsu": "otsu-0"}


def contact_sheet(bench: Bench, set_name: str, path: Path) -> None:
    """Draw some val images, the rows of seed 0 beside one another; rows that were not measured
    are left out.
    """
    project = Project.open(bench.project(set_name))
    ids = project.split("val") or ()
    chosen = [ids[round((index + 0.5) * len(ids) / IMAGES - 0.5)] for index in range(IMAGES)]
    folders = {title: bench.out / "masks" / set_name / name for title, name in MASKS.items()}
    for title, (row, stage) in NETWORKS.items():
        model = project.path / "runs" / run_name(set_name, row, 0) / stage / "student.pt"
        if model.exists():
            folders[title] = bench.out / "masks" / set_name / f"{row}-{stage}"
            masks = [folders[title] / f"{image_id}.png" for image_id in chosen]
            if not all(
                mask.exists() and mask.stat().st_mtime > model.stat().st_mtime for mask in masks
            ):
                images = [project.image_path(image_id) for image_id in chosen]
                seminar("predict", model, *images, "--out", folders[title], "--overwrite")
    shown = {
        title: folder
        for title in (*NETWORKS, *MASKS)
        if (folder := folders.get(title)) and folder.is_dir()
    }
    sheet = Image.new("RGB", ((2 + len(shown)) * TILE, CAPTION + IMAGES * TILE), "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(("image", "truth", *shown)):
        draw.text((column * TILE + 2, 2), title, fill="black")
    palette = project.classes.palette()
    for line, image_id in enumerate(chosen):
        truth = project.read_truth(image_id)
        drawn = [truth, *(read_label_png(folder / f"{image_id}.png") for folder in shown.values())]
        pictures = [_visible(project, image_id), *(palette[mask] for mask in drawn)]
        for column, picture in enumerate(pictures):
            sheet.paste(_tile(picture), (column * TILE, CAPTION + line * TILE))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=85)


def _visible(project: Project, image_id: str) -> npt.NDArray[np.uint8]:
    """(H, W, 3), stretched as the networks see it."""
    image = to_float(project.read_image(image_id), channels=(), stretch=TrainConfig().stretch)
    return np.moveaxis(np.resize(image, (3, *image.shape[1:])), 0, -1).astype(np.uint8)


def _tile(picture: npt.NDArray[np.uint8]) -> Image.Image:
    """The middle square, `TILE` pixels with a white rim."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(picture[top : top + side, left : left + side]).resize(
        (TILE - 2, TILE - 2)
    )
    tile = Image.new("RGB", (TILE, TILE), "white")
    tile.paste(square, (1, 1))
    return tile
