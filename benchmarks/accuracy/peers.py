"""What else can be made of the same clicks: a random forest on filter responses, and Otsu's
threshold.

Needs scikit-learn: pip install -e '.[bench]'
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage.feature import multiscale_basic_features
from skimage.filters import threshold_otsu

from seminar.clicks.click_set import pixels
from seminar.config.settings import TrainConfig
from seminar.io.intensities import to_float
from seminar.io.label_png import write_label_png
from seminar.project.project import Project
from seminar.project.splits import training_ids

TREES = 100
"""As many as ilastik's forest has."""

SIGMAS = (0.7, 16.0)
"""Finest and coarsest scale of the features in pixels."""


def forest_masks(path: Path, folder: Path, *, limit: int, seed: int) -> None:
    """Pixel classification as ilastik, Labkit and convpaint do it: intensity, edges and texture
    at several scales, a forest on the clicked pixels.
    """
    from sklearn.ensemble import RandomForestClassifier

    project = Project.open(path)
    rows, classes = [], []
    for image_id in training_ids(project, "train", limit):
        clicks = project.read_clicks(image_id)
        assert clicks is not None  # simulated
        inside = clicks.inside()
        places = pixels(clicks.points[inside])
        rows.append(_features(project, image_id)[places[:, 0], places[:, 1]])
        classes.append(clicks.class_ids[inside])
    forest = RandomForestClassifier(n_estimators=TREES, random_state=seed)
    forest.fit(np.concatenate(rows), np.concatenate(classes))
    for image_id in project.split("val") or ():
        features = _features(project, image_id)
        labels = forest.predict(features.reshape(-1, features.shape[-1])).reshape(
            features.shape[:2]
        )
        write_label_png(folder / f"{image_id}.png", labels, project.classes, durable=False)


def otsu_masks(path: Path, folder: Path) -> None:
    """Bright is foreground: Otsu's threshold of each val image, without any click."""
    project = Project.open(path)
    for image_id in project.split("val") or ():
        grey = _stretched(project, image_id).mean(axis=2)
        labels = (grey > threshold_otsu(grey)).astype(np.uint8)
        write_label_png(folder / f"{image_id}.png", labels, project.classes, durable=False)


def _stretched(project: Project, image_id: str) -> npt.NDArray[np.float32]:
    """(H, W, C) on 0..255, stretched as the networks' images are by default."""
    image = to_float(project.read_image(image_id), channels=(), stretch=TrainConfig().stretch)
    return np.moveaxis(image, 0, -1)


def _features(project: Project, image_id: str) -> npt.NDArray[np.float32]:
    """(H, W, F)"""
    low, high = SIGMAS
    features: npt.NDArray[np.float32] = multiscale_basic_features(
        _stretched(project, image_id) / 255, sigma_min=low, sigma_max=high, channel_axis=-1
    )
    return features
