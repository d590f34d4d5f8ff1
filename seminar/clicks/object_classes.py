"""Which class a numbered object is clicked as."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import ClickSet, pixels
from seminar.labels import BACKGROUND, IGNORE_INDEX


def clicked_classes(objects: npt.NDArray[np.integer], clicks: ClickSet | None) -> dict[int, int]:
    """The class of the last click on each object, (H, W) of the clicks' image with 0 = none.

    For objects that the mask misses, and which therefore have no class in it. Empty for clicks of
    an image of another size.
    """
    if clicks is None or (clicks.height, clicks.width) != objects.shape:
        return {}
    is_object = clicks.inside() & ~np.isin(clicks.class_ids, (BACKGROUND, IGNORE_INDEX))
    numbers = objects[tuple(pixels(clicks.points[is_object]).T)]
    return dict(zip(numbers.tolist(), clicks.class_ids[is_object].tolist(), strict=True))
