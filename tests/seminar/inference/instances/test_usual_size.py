"""How small an object may be is learnt from the clicked images of a run, once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.inference.instances.divide import MIN_AREA
from seminar.inference.instances.usual_size import FEWEST, learn_min_area, min_area_of
from seminar.labels import ClassNames
from seminar.project.project import Project

CLASSES = ClassNames.of("background", "cell", "gland")
ASKED: list[str] = []


def predict(image: np.ndarray, where: str) -> np.ndarray:
    ASKED.append(Path(where).stem)
    return (image[:, :, 0] // 100).astype(np.uint8)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Squares of 20 x 20 pixels of one class, of 30 x 30 of another; image "b" has no clicks."""
    ASKED.clear()
    image = np.zeros((80, 300), np.uint8)
    points = []
    for number in range(FEWEST):
        image[5:25, 5 + 40 * number : 25 + 40 * number] = 100
        image[35:65, 5 + 40 * number : 35 + 40 * number] = 200
        points += [(15, 15 + 40 * number), (50, 15 + 40 * number)]
    (tmp_path / "images").mkdir()
    for name in "ab":
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
    project = Project.create(tmp_path / "project", sorted((tmp_path / "images").iterdir()), CLASSES)
    clicks = ClickSet(80, 300, np.array(points), np.tile([1, 2], FEWEST))
    project.write_clicks("a", clicks)
    folder = project.path / "runs" / "june"
    folder.mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"")
    return folder


def test_it_is_a_share_of_the_smaller_class_and_kept_with_the_run(
    run: Path, tmp_path: Path
) -> None:
    assert min_area_of(run) == MIN_AREA
    assert learn_min_area(run, predict) == 60  # .15 of 400
    assert ASKED == ["a"]
    assert min_area_of(run) == learn_min_area(run, predict) == 60
    assert ASKED == ["a"]
    copied = shutil.copytree(run, tmp_path / "elsewhere")
    assert learn_min_area(copied, predict) == 60


def test_a_newer_model_learns_again(run: Path) -> None:
    learn_min_area(run, predict)
    later = (run / "objects.json").stat().st_mtime + 10
    os.utime(run / "model.pt", (later, later))
    assert min_area_of(run) == MIN_AREA
    assert learn_min_area(run, predict) == 60
    assert len(ASKED) == 2


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"usual_area": "x"}', '{"usual_area": -1}'])
def test_a_damaged_note_is_learnt_again(run: Path, content: str) -> None:
    (run / "objects.json").write_text(content)
    assert min_area_of(run) == MIN_AREA
    assert learn_min_area(run, predict) == 60


def test_nothing_is_learnt_from_few_clicks_or_without_a_project(run: Path, tmp_path: Path) -> None:
    assert learn_min_area(run / "model.pt", predict) == MIN_AREA
    assert learn_min_area(tmp_path, predict) == MIN_AREA
    project = Project.open(run.parent.parent)
    project.write_clicks("a", ClickSet(80, 300, np.array([[15, 15], [15, 55]]), np.array([1, 1])))
    assert learn_min_area(run, predict) == MIN_AREA
    assert not (run / "objects.json").exists()
