"""A thousand clicks where half a pixel decides, and objects where an edge does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet, pixels
from seminar.clicks.readers.found_clicks import FoundClick
from seminar.clicks.writers.exported import ExportImage
from seminar.labels import ClassNames

SIZES = ((23, 31), (9, 8), (257, 129), (64, 64), (33, 1001))
"""(height, width): odd, small, wide."""

EACH = 200
Shown = list[tuple[str, int, int, str]]
"""Image id, row, column, class name."""


@pytest.fixture(scope="session")
def classes() -> ClassNames:
    """Names with blanks and signs that XML and file names mind."""
    return ClassNames.of("background", "cell nucleus", 'a<b>&"c"/d', "Zellkern ß")


@pytest.fixture(scope="session")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> list[ExportImage]:
    """1,000 clicks on five images: the corners, the middles of edges, halves, anything."""
    rng = np.random.default_rng(7)
    folder = tmp_path_factory.mktemp("clicked") / "JPEGImages"
    folder.mkdir()
    images = []
    for number, (height, width) in enumerate(SIZES):
        file = folder / f"field {number}.ome.png"
        Image.fromarray(rng.integers(0, 255, (height, width), dtype=np.uint8)).save(file)
        last = np.array([height - 1, width - 1])
        corners = last * [(0, 0), (0, 1), (1, 0), (1, 1)]
        rounded = rng.integers(0, 2 * last, (EACH // 2, 2)) / 2
        points = np.concatenate(
            [
                corners,
                corners - 0.5,
                corners + 0.4999,
                rounded,
                rng.uniform(-0.5, last + 0.4999, (EACH - 12 - len(rounded), 2)),
            ]
        )
        clicks = ClickSet(height, width, points, rng.integers(0, 4, EACH))
        assert clicks.inside().all()
        images.append(ExportImage(file.stem, file, height, width, clicks))
    return images


@pytest.fixture(scope="session")
def objects(thousand: list[ExportImage]) -> list[ExportImage]:
    """Objects of all shapes in the same images: blobs, rings, single pixels, in two pieces."""
    rng = np.random.default_rng(8)
    images = []
    for image in thousand:
        numbers = rng.integers(0, 3, ((image.height + 2) // 3, (image.width + 2) // 3))
        numbers = numbers.repeat(3, 0).repeat(3, 1)[: image.height, : image.width].astype(np.int32)
        numbers[numbers > 0] += 3 * (np.indices(numbers.shape)[1] // 40)[numbers > 0]
        numbers[40:], numbers[:, 200:] = 0, 0  # a few hundred pieces are enough
        numbers[2:7, 2:7] = 900
        numbers[4, 4] = 0  # a hole
        numbers[-1, -1] = 901  # one pixel
        present = np.unique(numbers[numbers > 0])
        numbers = (np.searchsorted(present, numbers) + 1).astype(np.int32) * (numbers > 0)
        classes = {number: 1 + number % 3 for number in range(1, len(present) + 1)}
        lookup = np.array([0, *classes.values()], dtype=np.uint8)
        images.append(
            ExportImage(
                image.image_id,
                image.file,
                image.height,
                image.width,
                None,
                numbers,
                classes,
                lookup[numbers],
            )
        )
    return images


@pytest.fixture
def expected(thousand: list[ExportImage], classes: ClassNames) -> Shown:
    """On which pixel each click is, sorted."""
    return sorted(
        (image.image_id, row, col, classes.names[class_id])
        for image in thousand
        if image.clicks is not None
        for (row, col), class_id in zip(
            pixels(image.clicks.points).tolist(), image.clicks.class_ids.tolist(), strict=True
        )
    )


@pytest.fixture
def shown() -> Callable[[Sequence[FoundClick], str], Shown]:
    """On which pixel each click of a reader is, sorted; `image_id` where the file names none."""

    def of(clicks: Sequence[FoundClick], image_id: str = "") -> Shown:
        places = pixels(np.array([click[:2] for click in clicks]).reshape(-1, 2)).tolist()
        return sorted(
            (Path(click.image).stem if click.image else image_id, row, col, str(click.label))
            for click, (row, col) in zip(clicks, places, strict=True)
        )

    return of
