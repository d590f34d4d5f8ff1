"""Clicks spread over superpixels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seminar.clicks import ClickSet
from seminar.errors import DatasetError
from seminar.labels import IGNORE_INDEX
from seminar.propagation import Spreading, propagate, propagate_project
from seminar.voc import Project, read_label_png

HALVES = np.zeros((3, 40, 60), dtype=np.float32)
HALVES[:, :, 30:] = 200


def clicks_at(*clicks: tuple[int, int, int], size: tuple[int, int] = (40, 60)) -> ClickSet:
    rows = np.array(clicks, dtype=np.float64).reshape(-1, 3)
    return ClickSet(*size, rows[:, :2], rows[:, 2].astype(np.int64))


def test_a_click_fills_what_has_its_colour() -> None:
    labels = propagate(HALVES, clicks_at((5, 5, 0), (30, 50, 1)), 2)
    np.testing.assert_array_equal(labels[:, :28], 0)
    np.testing.assert_array_equal(labels[:, 32:], 1)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels: int) -> None:
    labels = propagate(HALVES[np.zeros(channels, dtype=int)], clicks_at((5, 5, 0), (30, 50, 1)), 2)
    np.testing.assert_array_equal(labels[:, :28], 0)
    np.testing.assert_array_equal(labels[:, 32:], 1)


def test_midway_between_two_clicks_of_equal_colour_nothing_is_sure() -> None:
    flat = np.full((3, 40, 60), 90, dtype=np.float32)
    clicks = clicks_at((20, 5, 0), (20, 54, 1))
    labels = propagate(flat, clicks, 2)
    assert (labels[:, 28:32] == IGNORE_INDEX).all()
    assert (labels[20, 5], labels[20, 54]) == (0, 1)
    everything = propagate(flat, clicks, 2, Spreading(confidence=0))
    assert (everything != IGNORE_INDEX).all()
    assert (everything[18:22, :20] == 0).all()
    assert (everything[18:22, 40:] == 1).all()


def test_a_greater_confidence_labels_fewer_pixels_and_changes_none() -> None:
    rng = np.random.default_rng(0)
    image = np.clip(HALVES + rng.normal(0, 40, HALVES.shape), 0, 255)
    clicks = clicks_at((5, 5, 0), (30, 20, 2), (30, 50, 1))
    sure, surer = (propagate(image, clicks, 3, Spreading(confidence=value)) for value in (0.5, 0.9))
    kept = surer != IGNORE_INDEX
    assert 0 < kept.sum() < (sure != IGNORE_INDEX).sum()
    np.testing.assert_array_equal(surer[kept], sure[kept])


def test_clicks_keep_their_pixels_also_where_a_superpixel_has_two() -> None:
    flat = np.full((3, 40, 60), 90, dtype=np.float32)
    labels = propagate(flat, clicks_at((20, 20, 0), (20, 21, 1)), 2, Spreading(superpixel_size=60))
    assert labels[20, 20] == 0
    assert labels[20, 21] == 1
    assert (labels == IGNORE_INDEX).sum() == labels.size - 2  # half and half is unsure


def test_one_class_reaches_everywhere_and_clicks_outside_count_for_nothing() -> None:
    np.testing.assert_array_equal(propagate(HALVES, clicks_at((5, 5, 1), (-3, 5, 0)), 2, Spreading(sigma=50)), 1)


def test_a_network_decides_where_colours_do_not() -> None:
    flat = np.full((3, 40, 60), 90, dtype=np.float32)
    clicks = clicks_at((20, 5, 0), (20, 54, 1))
    prior = np.zeros((2, 40, 60))
    prior[0, :, :40] = prior[1, :, 40:] = 1
    without, with_prior = propagate(flat, clicks, 2), propagate(flat, clicks, 2, prior=prior)
    assert (without[:, 28:30] == IGNORE_INDEX).all()
    assert (with_prior[:, :30] == 0).all()
    assert (with_prior[:, 50:] == 1).all()
    np.testing.assert_array_equal(propagate(flat, clicks, 2, Spreading(prior_weight=0), prior=prior), without)


def test_real_nuclei_are_covered_and_mostly_right(shared_data: Path) -> None:
    """Clicks of 3 images; the bar is what one click a nucleus must be worth."""
    from seminar.images import to_float
    from seminar.simulated_clicks import simulate_clicks

    project = Project.open(shared_data / "dsb2018_histology")
    right = labelled = total = 0
    for image_id in (project.split("train") or ())[:3]:
        truth = project.read_truth(image_id)
        assert truth is not None
        clicks = simulate_clicks(truth, project.read_objects(image_id), np.random.default_rng(0))
        image = to_float(project.read_image(image_id), channels=(), stretch=(0.1, 99.9))
        labels = propagate(image, clicks, 2)
        known = labels != IGNORE_INDEX
        right += int((labels == truth)[known].sum())
        labelled += int(known.sum())
        total += truth.size
    assert labelled / total > 0.8
    assert right / labelled > 0.9


def test_a_project_s_images_with_clicks_get_label_pngs(tiny_project: Project, tmp_path: Path) -> None:
    ids = tiny_project.image_ids()
    tiny_project.write_clicks(ids[3], ClickSet(80, 72))
    *_, done = propagate_project(tiny_project, tmp_path / "labels")
    assert (done.images, done.skipped) == (3, 1)
    assert sorted(path.stem for path in (tmp_path / "labels").iterdir()) == sorted(ids[:3])
    right = known = 0
    for image_id in ids[:3]:
        labels, truth = read_label_png(tmp_path / "labels" / f"{image_id}.png"), tiny_project.read_truth(image_id)
        right += int((labels == truth).sum())
        known += int((labels != IGNORE_INDEX).sum())
    assert right / known > 0.95
    assert done.labelled == pytest.approx(known / (3 * 80 * 72))


def test_without_clicks_there_is_nothing_to_spread(tiny_project: Project, tmp_path: Path) -> None:
    for image_id in tiny_project.image_ids():
        tiny_project.write_clicks(image_id, ClickSet(80, 72))
    with pytest.raises(DatasetError, match="no image of the training set has clicks"):
        list(propagate_project(tiny_project, tmp_path / "labels"))
    assert not (tmp_path / "labels").exists()


def command(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seminar", *map(str, words)], capture_output=True, text=True, check=False
    )


def test_propagate_train_propagate_again_from_the_command_line(tiny_project: Project, tmp_path: Path) -> None:
    project, first, second = tiny_project.path, tmp_path / "first", tmp_path / "second"
    done = command("propagate", project, "--out", first, "--limit", 2)
    assert done.returncode == 0, done.stderr
    assert f"{first}: 2 label maps" in done.stdout
    tiny = ["--weights", "none", "--crop-size", 64, "--batch-size", 2, "--iterations", 3, "--validations", 0]
    tiny += ["--losses", "pce,pseudo", "--pseudo-labels", first, "--run", "spread", "--device", "cpu"]
    trained = command("train", project, *tiny)
    assert trained.returncode == 0, trained.stderr
    assert "2 images" in trained.stdout
    again = command("propagate", project, "--out", second, "--model", project / "runs" / "spread", "--limit", 2)
    assert again.returncode == 0, again.stderr
    assert sorted(path.name for path in second.iterdir()) == sorted(path.name for path in first.iterdir())


def test_the_truth_of_a_project_is_never_written(tiny_project: Project) -> None:
    done = command("propagate", tiny_project.path, "--out", tiny_project.path / "SegmentationClass")
    assert done.returncode == 2
    assert "give another folder" in done.stderr
