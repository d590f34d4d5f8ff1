"""Images of a bright square on dark noise, and clicks on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seminar.clicks.click_set import ClickSet
from seminar.labels import LabelMap
from seminar.probe.probe import Probe
from seminar.project.project import Project

HEIGHT, WIDTH = 61, 83

Click = tuple[float, float, int]
"""Row, column, class."""

MakeProbe = Callable[..., Probe]

OUTSIDE: Click = (5.0, 6.0, 0)
"""In no image's square."""


def picture(number: int, channels: int = 3, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """(H, W, C), or (H, W) of one channel; the square is at another place in each."""
    image = np.random.default_rng(number).normal(60, 8, (*size, channels))
    image[square(number)] += 120
    pixels = image.clip(0, 255).astype(np.uint8)
    return pixels[:, :, 0] if channels == 1 else pixels


def square(number: int) -> tuple[slice, slice]:
    return slice(15, 45), slice(10 + 8 * number, 45 + 8 * number)


def inside(number: int) -> Click:
    """A click in the middle of the square."""
    return 30.0, 27.0 + 8 * number, 1


def agreement(labels: LabelMap, number: int) -> float:
    """IoU of class 1 with the square."""
    truth = np.zeros(labels.shape, dtype=bool)
    truth[square(number)] = True
    return float(((labels == 1) & truth).sum() / ((labels == 1) | truth).sum())


def write(project: Project, image_id: str, *clicks: Click) -> None:
    """These are the image's clicks from now on."""
    points, class_ids = [click[:2] for click in clicks], [click[2] for click in clicks]
    size = project.image_size(image_id)
    project.write_clicks(image_id, ClickSet(*size, np.array(points), np.array(class_ids)))
