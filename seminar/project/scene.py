"""What the clicks of a project say of its images, for settings that fit them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.spatial import cKDTree

from seminar.clicks.click_set import ClickSet
from seminar.config.fit import Scene
from seminar.project.project import Project
from seminar.project.splits import training_ids

MOST_IMAGES = 200
"""So many images, evenly chosen, tell enough."""


def scene_of_project(project: Project, split: str, limit: int = 0) -> Scene | None:
    """The scene of the images that train; None where none has clicks.

    Raises
    ------
    DatasetError
        The split or the clicks are damaged.
    """
    ids = training_ids(project, split, limit)
    step = -(-len(ids) // MOST_IMAGES) or 1
    return scene_of(clicks for image_id in ids[::step] if (clicks := project.read_clicks(image_id)))


def scene_of(click_sets: Iterable[ClickSet]) -> Scene | None:
    """The scene of images with these clicks; None where there are none."""
    sizes, distances, heights, class_ids = [], [], [], []
    for clicks in click_sets:
        inside = clicks.inside()
        points = clicks.points[inside]
        if not len(points):
            continue
        sizes.append((clicks.height, clicks.width))
        heights.append((points[:, 0] + 0.5) / clicks.height)
        class_ids.append(clicks.class_ids[inside])
        if len(points) > 1:
            distances.append(cKDTree(points).query(points, 2)[0][:, 1])
    if not sizes:
        return None
    height, width = np.median(sizes, axis=0)
    labels = np.concatenate(class_ids)
    return Scene(
        images=len(sizes),
        clicks=len(labels),
        classes=len(np.unique(labels)),
        height=float(height),
        width=float(width),
        spacing=float(np.median(np.concatenate(distances))) if distances else 0.0,
        by_height=_explained(np.concatenate(heights), labels),
    )


def _explained(values: np.ndarray, groups: np.ndarray) -> float:
    """The share of the variance of (n,) values that their groups explain (eta squared)."""
    if np.ptp(values) == 0:
        return 0.0
    _, group = np.unique(groups, return_inverse=True)
    counts = np.bincount(group)
    means = np.bincount(group, values) / counts
    between = (counts * (means - values.mean()) ** 2).sum()
    return float(between / ((values - values.mean()) ** 2).sum())
