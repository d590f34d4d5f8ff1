"""How small objects are, and when two parts are one, is learnt from clicked images, once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.inference.instances.divide import instances_from_clicks, instances_from_shape
from seminar.inference.instances.learnt_rules import FEWEST, learn_rules, rules_of
from seminar.inference.instances.rules import Rules
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
    assert rules_of(run) == Rules()
    assert learn_rules(run, predict) == Rules(60)  # .15 of 400
    assert ASKED == ["a"]
    assert rules_of(run) == learn_rules(run, predict) == Rules(60)
    assert ASKED == ["a"]
    copied = shutil.copytree(run, tmp_path / "elsewhere")
    assert learn_rules(copied, predict) == Rules(60)


def test_a_newer_model_learns_again(run: Path) -> None:
    learn_rules(run, predict)
    later = (run / "objects.json").stat().st_mtime + 10
    os.utime(run / "model.pt", (later, later))
    assert rules_of(run) == Rules()
    assert learn_rules(run, predict) == Rules(60)
    assert len(ASKED) == 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1]",
        '{"version": 1, "usual_area": 400.0}',
        '{"version": 2, "min_area": -1}',
        '{"version": 2, "min_area": 9, "weights": [1, 2], "bias": 0}',
        '{"version": 2, "min_area": 9, "weights": [NaN, 0, 0, 0, 0, 0, 0], "bias": 0}',
    ],
)
def test_a_damaged_note_is_learnt_again(run: Path, content: str) -> None:
    (run / "objects.json").write_text(content)
    assert rules_of(run) == Rules()
    assert learn_rules(run, predict) == Rules(60)


def test_when_two_parts_are_one_is_learnt_and_kept(run: Path) -> None:
    """Beans with one click each and dumbbells with two: by its waist a bean would be two objects
    where nobody clicked.
    """
    rows, cols = np.indices((600, 560))
    image, points = np.zeros(rows.shape, np.uint8), []
    for number in range(48):
        row, col = 40 + 70 * (number // 7), 30 + 75 * (number % 7)
        apart = 11 if number % 2 else 17
        for step in (0, apart):
            image[np.hypot(rows - row, cols - col - step) < 10] = 100
        points += [(row, col)] if number % 2 else [(row, col), (row, col + apart)]
    project = Project.open(run.parent.parent)
    Image.fromarray(image).save(project.image_path("a"))
    project.write_clicks("a", ClickSet(600, 560, np.array(points), np.ones(len(points), int)))
    labels = predict(image[:, :, None], "b")
    assert instances_from_shape(labels, Rules(60)).max() == 96
    rules = learn_rules(run, predict)
    assert rules_of(run) == rules
    assert rules.joining is not None
    found = instances_from_shape(labels, rules)
    assert found.max() == 72
    np.testing.assert_array_equal(found > 0, labels > 0)
    by_clicks = instances_from_clicks(labels, ClickSet(600, 560, np.array(points), np.ones(72)))
    assert len(np.unique(np.stack([found, by_clicks])[:, labels > 0], axis=1).T) == 72


def test_nothing_is_learnt_from_few_clicks_or_without_a_project(run: Path, tmp_path: Path) -> None:
    assert learn_rules(run / "model.pt", predict) == Rules()
    assert learn_rules(tmp_path, predict) == Rules()
    project = Project.open(run.parent.parent)
    project.write_clicks("a", ClickSet(80, 300, np.array([[15, 15], [15, 55]]), np.array([1, 1])))
    assert learn_rules(run, predict) == Rules()
    assert not (run / "objects.json").exists()
