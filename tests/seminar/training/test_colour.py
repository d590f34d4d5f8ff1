"""Colour tells classes apart where clicks of different classes differ more than those of one."""

from __future__ import annotations

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.training.colour import colour_tells

SIGMA = 15.0


class Clicked:
    """Images and clicks, in place of a `ClickDataset`."""

    def __init__(self, images: list[np.ndarray], class_ids: list[list[int]]) -> None:
        self._images = {f"image{number}": image for number, image in enumerate(images)}
        self.clicks = {}
        for (image_id, image), ids in zip(self._images.items(), class_ids, strict=True):
            places = [[2 * number, number] for number in range(len(ids))]
            self.clicks[image_id] = ClickSet(
                *image.shape[1:], np.array(places, float), np.array(ids)
            )

    def image(self, image_id: str) -> np.ndarray:
        return self._images[image_id]


def painted(values: list[float]) -> np.ndarray:
    """(1, 40, 20) float16: click number n, at row 2 n and column n, sees the value n."""
    image = np.zeros((1, 40, 20), dtype=np.float16)
    for number, value in enumerate(values):
        image[0, 2 * number : 2 * number + 2, number : number + 2] = value
    return image


def tells(*of_images: tuple[list[float], list[int]]) -> float:
    images = [painted(values) for values, _ in of_images]
    return colour_tells(Clicked(images, [ids for _, ids in of_images]), SIGMA)  # type: ignore[arg-type]


def test_different_colours_tell_all_and_the_same_colour_nothing() -> None:
    assert tells(([200, 200, 10, 10], [1, 1, 0, 0])) == pytest.approx(1)
    assert tells(([50, 50, 50, 50], [1, 1, 0, 0])) == pytest.approx(0)


def test_it_is_one_minus_the_quotient_of_the_mean_affinities() -> None:
    """Clicks at 10, 30 | 25: affinities by hand."""
    same = np.exp(-(20**2) / (2 * SIGMA**2))
    different = (np.exp(-(15**2) / (2 * SIGMA**2)) + np.exp(-(5**2) / (2 * SIGMA**2))) / 2
    assert different > same  # colour misleads
    assert tells(([10, 30, 25], [0, 0, 1])) == 0
    same = np.exp(-(5**2) / (2 * SIGMA**2))
    different = (np.exp(-(30**2) / (2 * SIGMA**2)) + np.exp(-(25**2) / (2 * SIGMA**2))) / 2
    assert tells(([10, 15, 40], [0, 0, 1])) == pytest.approx(1 - different / same, rel=1e-3)


def test_classes_count_alike_however_many_clicks_they_have() -> None:
    spread = np.exp(-(30**2) / (2 * SIGMA**2))
    across = (np.exp(-(50**2) / (2 * SIGMA**2)) + np.exp(-(20**2) / (2 * SIGMA**2))) / 2
    expected = pytest.approx(1 - across / ((spread + 1) / 2), rel=1e-3)
    assert tells(([10, 40, 60, 60], [0, 0, 1, 1])) == expected
    assert tells(([10, 40, *[60] * 8], [0, 0, *[1] * 8])) == expected


def test_images_of_one_class_say_nothing() -> None:
    assert tells(([10, 10], [0, 0])) == 1
    one = tells(([10, 15, 40], [0, 0, 1]))
    assert tells(([10, 15, 40], [0, 0, 1]), ([9, 200], [1, 1])) == one
