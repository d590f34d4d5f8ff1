"""The real ImageJ reads our selections, and we read its own.

*Measure* on an image whose pixels count from 0 tells on which pixel ImageJ sees a point.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seminar.clicks.click_set import pixels
from seminar.clicks.readers.format_table import read_clicks
from seminar.clicks.readers.found_clicks import Answers
from seminar.clicks.writers.exported import ExportImage
from seminar.clicks.writers.format_table import WRITERS
from seminar.labels import ClassNames

JAR = Path(os.environ.get("SEMINAR_IMAGEJ_JAR", "/usr/share/java/ij.jar"))
Shown = list[tuple[str, int, int, str]]
ImageJ = Callable[[list[tuple[object, ...]]], list[list[list[str]]]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def imagej(tmp_path_factory: pytest.TempPathFactory) -> ImageJ:
    """Runs commands of RealImageJ.java; of each, the words of the lines that it prints."""
    for program in ("java", "javac", "xvfb-run"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}; apt install default-jdk xvfb")
    if not JAR.exists():
        pytest.skip(f"no ImageJ at {JAR}; apt install imagej, or set SEMINAR_IMAGEJ_JAR")
    folder = tmp_path_factory.mktemp("java")
    source = Path(__file__).with_name("RealImageJ.java")
    subprocess.run(["javac", "-cp", JAR, "-d", folder, source], check=True)

    def run(commands: list[tuple[object, ...]]) -> list[list[list[str]]]:
        lines = ["\t".join(map(str, words)) for words in commands]
        (folder / "commands").write_text("\n".join(lines), encoding="utf-8")
        done = subprocess.run(
            [
                *("xvfb-run", "-a", "java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"),
                *("-cp", f"{JAR}:{folder}", "RealImageJ", str(folder / "commands")),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: list[list[list[str]]] = []
        for line in done.stdout.splitlines():
            if line.startswith("= "):
                found.append([])
            else:
                found[-1].append(line.split("\t"))
        assert len(found) == len(commands)
        return found

    return run


def test_imagej_measures_our_clicks_on_their_pixels(
    tmp_path: Path,
    thousand: list[ExportImage],
    classes: ClassNames,
    expected: Shown,
    imagej: ImageJ,
) -> None:
    deque(WRITERS["imagej"].writers["clicks"](tmp_path, thousand, classes), maxlen=0)
    commands: list[tuple[object, ...]] = [
        ("measure", image.width, image.height, tmp_path / f"{image.image_id}.zip")
        for image in thousand
    ]
    found = []
    for image, lines in zip(thousand, imagej(commands), strict=True):
        for name, value in lines:
            row, col = divmod(int(value), image.width)
            found.append((image.image_id, row, col, name))
    assert sorted(found) == expected


def test_we_read_imagej_s_multi_points_and_results(
    tmp_path: Path, thousand: list[ExportImage], imagej: ImageJ, shown: Callable[..., Shown]
) -> None:
    commands: list[tuple[object, ...]] = []
    for number, image in enumerate(thousand):
        assert image.clicks is not None
        inside = np.minimum(image.clicks.points, pixels(image.clicks.points) + 0.49)
        lines = [
            f"{label} {col!r} {row!r}"
            for (row, col), label in zip(inside.tolist(), image.clicks.class_ids, strict=True)
        ]
        text = tmp_path / f"{number}.txt"
        text.write_text("\n".join(lines))
        commands.append(("write", image.width, image.height, text, tmp_path / f"{number}.roi"))
    imagej(commands)
    for number, image in enumerate(thousand):
        clicks = image.clicks
        assert clicks is not None
        want = sorted(
            ("", row, col, f"counter {label}")
            for (row, col), label in zip(
                pixels(clicks.points).tolist(), clicks.class_ids, strict=True
            )
        )
        roi = tmp_path / f"{number}.roi"
        assert shown(read_clicks(roi, answers=Answers(origin="centre")).clicks) == want
        table = read_clicks(roi.with_suffix(".csv"), answers=Answers(pixel_size=1))
        assert shown(table.clicks) == want


def test_we_read_the_planes_of_a_hyperstack(tmp_path: Path, imagej: ImageJ) -> None:
    roi = tmp_path / "stack.roi"
    imagej([("stack", 31, 23, roi)])
    reading = read_clicks(roi)
    assert reading.with_channels
    # 2 channels, the second was shown: every other plane of the linear index
    assert [(click.plane, *click[:2]) for click in reading.clicks] == [
        (2 * (3 * frame + slice_) + 1, frame + 1, slice_ + 1)
        for frame in range(2)
        for slice_ in range(3)
    ]
    table = read_clicks(roi.with_suffix(".csv"), answers=Answers(pixel_size=1, slices=3))
    assert [click.plane for click in table.clicks] == [0, 1, 2, 3, 4, 5]


def test_imagej_fills_our_objects_to_the_same_pixels(
    tmp_path: Path, objects: list[ExportImage], classes: ClassNames, imagej: ImageJ
) -> None:
    deque(WRITERS["imagej"].writers["objects"](tmp_path, objects, classes), maxlen=0)
    commands: list[tuple[object, ...]] = [
        ("fill", image.width, image.height, tmp_path / f"{image.image_id}.zip") for image in objects
    ]
    for image, lines in zip(objects, imagej(commands), strict=True):
        assert image.objects is not None
        assert len(lines) == len(image.object_classes)
        for name, *values in lines:
            class_name, _, number_there = name.rpartition(" ")
            number = int(number_there)
            assert class_name == classes.names[image.object_classes[number]]
            pixels_there = np.flatnonzero(image.objects == number).tolist()
            assert sorted(map(int, values)) == pixels_there
