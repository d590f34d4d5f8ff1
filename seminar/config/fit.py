"""A preset that fits what is there: settings chosen from the images and their clicks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from seminar.config.settings import TrainConfig

FITTED = ("crop_size", "rotations")
"""The settings that are chosen; the zoom of few images is `transforms.auto_scale_range`.

The iterations are the preset's for any number of images and classes: from the probe, twice as many
were no better on 60 photographs of ten classes (benchmarks/training.md).
"""

SPACINGS = 8
LARGEST_CROP, STEP = 320, 32  # px
"""A crop is so many distances between neighbouring clicks wide: large things, which have few
clicks far from each other, need more around them than nuclei do.
"""

LEVEL, FEWEST = 0.03, 6.0
"""From which share of the clicks' heights that the classes explain, and from how many deviations
above what chance would explain, images have an up. The share is .000 to .001 on micrographs, .05 on
VOC, .27 on photographs of people, .49 on streets.
"""


@dataclass(frozen=True)
class Scene:
    """What the training clicks say of the images.

    Attributes
    ----------
    images, clicks, classes : int
        Images with clicks; all their clicks; classes among them.
    height, width : float
        Median size of these images in pixels.
    spacing : float
        Median distance of a click to the next one of its image in pixels; 0 where none has two.
    by_height : float
        Share of the variance of the clicks' heights in the image that their classes explain.
    """

    images: int
    clicks: int
    classes: int
    height: float
    width: float
    spacing: float
    by_height: float

    @property
    def has_up(self) -> bool:
        """Whether classes have their places: the sky is above the road, but no cell is."""
        free = max(self.classes - 1, 1)
        by_chance = free + FEWEST * (2 * free) ** 0.5
        return self.by_height >= LEVEL and self.clicks * self.by_height > by_chance


def fitted(settings: TrainConfig, scene: Scene | None, keep: Collection[str] = ()) -> TrainConfig:
    """The settings for these images, but for those to `keep`.

    Only runs that start at the probe are fitted: others repeat the paper, or version 0.1. Without
    a scene, where there are no clicks, nothing is.
    """
    if scene is None or settings.start != "probe":
        return settings
    around = STEP * round(SPACINGS * scene.spacing / STEP)
    side = STEP * int(min(scene.height, scene.width) // STEP)
    chosen = {
        "crop_size": max(settings.crop_size, min(around, side, LARGEST_CROP)),
        "rotations": settings.rotations and not scene.has_up,
    }
    return settings.replace(**{name: value for name, value in chosen.items() if name not in keep})


def told(before: TrainConfig, after: TrainConfig, scene: Scene | None) -> str:
    """One line on what was fitted, with the names of the command line; empty where nothing was."""
    words = {
        "crop_size": f"crops of {after.crop_size} px (--crop-size)",
        "rotations": "no rotations, classes have their heights (--rotations)",
    }
    changed = [words[name] for name in FITTED if getattr(before, name) != getattr(after, name)]
    if scene is None or not changed:
        return ""
    return (
        f"fitted to {scene.images} images of {scene.width:.0f} x {scene.height:.0f} px with "
        f"{scene.classes} classes: {', '.join(changed)}"
    )
