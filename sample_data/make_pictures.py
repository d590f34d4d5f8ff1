"""Draws the sample: `python sample_data/make_pictures.py`, from a checkout.

Nuclei as a fluorescence microscope shows them, by a seeded program and not from a microscope:
single and touching, bright and dim, on uneven light, with haze from out of focus and bright specks
that are none. So every mask and every object is known, and the pictures belong to nobody else.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from seminar.clicks.simulate import ClickStyle, simulate_clicks
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames

HERE = Path(__file__).parent
CLASSES = "background\nnucleus #f0c808\n"
SIDE = 256
CLICKED, UNCLICKED, SCORED = 6, 2, 4
STYLE = ClickStyle(background=6)


class Field(NamedTuple):
    """A picture: (SIDE, SIDE) uint8 grey, and the object of each pixel, 0 for none."""

    image: np.ndarray
    objects: np.ndarray


def smooth(rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Smooth noise over the picture with mean 0 and deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), sigma, mode="wrap")
    return noise / noise.std()


def nearness(rng: np.random.Generator, middle: np.ndarray, radius: float) -> np.ndarray:
    """How deep each pixel lies in a nucleus: 1 in its middle, 0 on its edge, below outside."""
    rows, cols = np.mgrid[:SIDE, :SIDE]
    down, right = rows - middle[0], cols - middle[1]
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.5)
    along = (np.cos(turn) * right + np.sin(turn) * down) / np.sqrt(stretch)
    across = (np.cos(turn) * down - np.sin(turn) * right) * np.sqrt(stretch)
    angle = np.arctan2(across, along)
    rim = radius * sum(
        (
            share * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
            for order, share in ((2, 0.05), (3, 0.05), (4, 0.03))
        ),
        start=1.0,
    )
    return 1 - np.hypot(along, across) / rim


def middles(rng: np.random.Generator, count: int, radius: float) -> list[np.ndarray]:
    """Middles of nuclei, a third of which touch another."""
    places: list[np.ndarray] = []
    for _ in range(1000):
        if len(places) == count:
            break
        if places and rng.random() < 0.35:
            turn = rng.uniform(0, 2 * np.pi)
            step = 1.75 * radius * np.array([np.sin(turn), np.cos(turn)])
            place, gap = places[rng.integers(len(places))] + step, 1.6 * radius
        else:
            place, gap = rng.uniform(0, SIDE, 2), 2.7 * radius
        inside = (place > -0.3 * radius).all() and (place < SIDE + 0.3 * radius).all()
        if inside and all(np.hypot(*(place - other)) > gap for other in places):
            places.append(place)
    return places


def draw(seed: int) -> Field:
    """A field of some twenty nuclei."""
    rng = np.random.default_rng(seed)
    radius = rng.uniform(9, 14)
    deepest = np.zeros((SIDE, SIDE))
    objects = np.zeros((SIDE, SIDE), dtype=np.uint8)
    light = np.zeros((SIDE, SIDE))
    texture = 1 + 0.16 * smooth(rng, 2.5) + 0.08 * smooth(rng, 1.0)
    for number, place in enumerate(middles(rng, int(rng.integers(16, 26)), radius), start=1):
        depth = nearness(rng, place, radius * rng.lognormal(0, 0.12))
        mine = depth > deepest
        objects[mine], deepest[mine] = number, depth[mine]
        dome = np.clip(3 * depth, 0, 1) ** 0.6  # thinner towards the rim
        light = np.maximum(light, rng.lognormal(0, 0.3) * dome * texture)
    haze = sum(
        np.exp(
            -(np.hypot(*(np.mgrid[:SIDE, :SIDE] - rng.uniform(0, SIDE, (2, 1, 1)))) ** 2)
            / (2 * rng.uniform(18, 34) ** 2)
        )
        for _ in range(4)
    )
    specks = np.zeros((SIDE, SIDE))
    for row, col in rng.integers(4, SIDE - 4, (5, 2)):
        specks[row, col] = rng.uniform(10, 30)
    specks[objects > 0] = 0
    lamp = np.exp(0.15 * smooth(rng, 60))
    scene = (light + 0.28 * haze + ndimage.gaussian_filter(specks, 1.1) + 0.18) * lamp
    scene = ndimage.gaussian_filter(scene, 1.1)
    photons = rng.choice([30, 60, 120])
    seen = rng.poisson(np.clip(scene, 0, None) * photons) / photons + rng.normal(
        0, 0.02, scene.shape
    )
    brightness = rng.choice([40, 80, 130])
    image = np.clip(12 + brightness * seen, 0, 255).astype(np.uint8)
    kept = [each for each in np.unique(objects)[1:] if (objects == each).sum() >= 30]
    numbers = np.zeros(256, dtype=np.uint8)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return Field(image, numbers[objects])


def main() -> None:
    """Write images, masks, objects, clicks and splits."""
    classes = ClassNames.parse(CLASSES)
    (HERE / "classes.txt").write_text(CLASSES)
    folders = (
        "JPEGImages",
        "SegmentationClass",
        "SegmentationObject",
        "Clicks",
        "ImageSets/Segmentation",
    )
    for folder in folders:
        (HERE / folder).mkdir(parents=True, exist_ok=True)
    ids = [f"nuclei_{number:02}" for number in range(1, CLICKED + UNCLICKED + SCORED + 1)]
    for seed, image_id in enumerate(ids):
        field = draw(seed)
        Image.fromarray(field.image).save(HERE / "JPEGImages" / f"{image_id}.png", optimize=True)
        labels = (field.objects > 0).astype(np.uint8)
        write_label_png(HERE / "SegmentationClass" / f"{image_id}.png", labels, classes)
        write_label_png(HERE / "SegmentationObject" / f"{image_id}.png", field.objects, classes)
        if seed < CLICKED:
            rng = np.random.default_rng(100 + seed)
            clicks = simulate_clicks(labels, field.objects, rng, style=STYLE)
            (HERE / "Clicks" / f"{image_id}.json").write_text(clicks.to_json())
    train, val = ids[:-SCORED], ids[-SCORED:]
    for split, chosen in (("train", train), ("val", val)):
        (HERE / "ImageSets/Segmentation" / f"{split}.txt").write_text("\n".join(chosen) + "\n")


if __name__ == "__main__":
    main()
