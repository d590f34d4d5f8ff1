"""Clicks spread over superpixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import seminar
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.data.superpixels import Spreading, propagate, propagate_project
from seminar.errors import DatasetError
from seminar.io.label_png import read_label_png
from seminar.labels import IGNORE_INDEX, ClassNames
from seminar.project.project import Project

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
    np.testing.assert_array_equal(
        propagate(HALVES, clicks_at((5, 5, 1), (-3, 5, 0)), 2, Spreading(sigma=50)), 1
    )


def test_a_network_decides_where_colours_do_not() -> None:
    flat = np.full((3, 40, 60), 90, dtype=np.float32)
    clicks = clicks_at((20, 5, 0), (20, 54, 1))
    prior = np.zeros((2, 40, 60))
    prior[0, :, :40] = prior[1, :, 40:] = 1
    without, with_prior = propagate(flat, clicks, 2), propagate(flat, clicks, 2, prior=prior)
    assert (without[:, 28:30] == IGNORE_INDEX).all()
    assert (with_prior[:, :30] == 0).all()
    assert (with_prior[:, 50:] == 1).all()
    np.testing.assert_array_equal(
        propagate(flat, clicks, 2, Spreading(prior_weight=0), prior=prior), without
    )


def labels_of(
    monkeypatch: pytest.MonkeyPatch,
    superpixels: np.ndarray,
    clicks: ClickSet,
    num_classes: int,
    confidence: float,
    *,
    image: np.ndarray | None = None,
    prior: np.ndarray | None = None,
    sigma: float = 10.0,
) -> np.ndarray:
    """What is spread over superpixels that are given, not found; of two channels, which are no
    colours.
    """
    monkeypatch.setattr("seminar.data.superpixels.slic", lambda *_, **__: superpixels)
    flat = np.full((2, *superpixels.shape), 90.0)
    spreading = Spreading(confidence=confidence, sigma=sigma, prior_weight=0.1)
    return propagate(flat if image is None else image, clicks, num_classes, spreading, prior=prior)


STAR = np.repeat([0, 2, 1], 3)[None].repeat(8, axis=0)
"""0 on the left, 1 on the right, 2 between them: 8 pixels of border each."""


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("length", [6, 4])
def test_a_superpixel_belongs_to_its_neighbours_by_the_length_of_their_borders(
    monkeypatch: pytest.MonkeyPatch, length: int, axis: int
) -> None:
    """Superpixel 2 has 8 pixels of border with 0 and `length` with 1."""
    superpixels = STAR.copy()
    superpixels[length:, 6:] = 3  # a wall: of another colour, so that no walker passes
    image = np.full((2, *superpixels.shape), 90.0)
    image[:, superpixels == 3] = 255
    clicks = clicks_at((0, 0, 0), (0, 8, 1), size=superpixels.shape)
    if axis:
        superpixels, image = superpixels.T, image.swapaxes(1, 2)
        clicks = clicks_at((0, 0, 0), (8, 0, 1), size=superpixels.shape)
    share = 8 / (8 + length)
    for confidence, expected in ((share - 0.002, 0), (share + 0.002, IGNORE_INDEX)):
        labels = labels_of(monkeypatch, superpixels, clicks, 2, confidence, image=image)
        assert labels[4, 4] == expected


def test_an_unlike_neighbour_counts_less_by_a_gaussian_of_the_difference_of_colour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Channels are on 0..100 there: 15.3 and 20.4 grey values are 6 and 8, together 10, and at
    sigma 10 the weight is exp(-1/2).
    """
    image = np.full((2, 8, 9), 90.0)
    image[0, :, 6:] += 15.3
    image[1, :, 6:] -= 20.4
    share = 1 / (1 + np.exp(-0.5))
    for confidence, expected in ((share - 0.002, 0), (share + 0.002, IGNORE_INDEX)):
        labels = labels_of(
            monkeypatch,
            STAR,
            clicks_at((0, 0, 0), (0, 8, 1), size=(8, 9)),
            2,
            confidence,
            image=image,
        )
        assert labels[4, 4] == expected


def test_colours_differ_as_the_eye_sees_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Greys 94 and 119 have the lightness L* of their luminance, 116 Y^(1/3) - 16."""
    image = np.full((3, 8, 9), 94.0)
    image[:, :, 6:] = 119
    light, dark = (116 * ((grey / 255 + 0.055) / 1.055) ** (2.4 / 3) - 16 for grey in (119, 94))
    share = 1 / (1 + np.exp(-((light - dark) ** 2) / (2 * 10**2)))
    assert 0.6 < share < 0.65
    for confidence, expected in ((share - 0.002, 0), (share + 0.002, IGNORE_INDEX)):
        clicks = clicks_at((0, 0, 0), (0, 8, 1), size=(8, 9))
        labels = labels_of(monkeypatch, STAR, clicks, 2, confidence, image=image)
        assert labels[4, 4] == expected


def test_where_no_walker_arrives_nothing_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """At sigma 0.5 the weight of a border between black and white is below any number."""
    image = np.full((2, 8, 9), 0.0)
    image[:, :, 3:6] = 255
    clicks = clicks_at((0, 0, 0), (0, 8, 1), size=(8, 9))
    labels = labels_of(monkeypatch, STAR, clicks, 2, 0.51, image=image, sigma=0.5)
    assert (labels[:, 3:6] == IGNORE_INDEX).all()
    assert labels[4, [1, 7]].tolist() == [0, 1]


def test_superpixels_are_as_many_as_their_size_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(colours: np.ndarray, n_segments: int, **_: object) -> np.ndarray:
        asked.append(n_segments)
        return np.zeros(colours.shape[:2], dtype=np.int64)

    monkeypatch.setattr("seminar.data.superpixels.slic", counted)
    for size in (5.0, 10.0, 100.0):
        propagate(HALVES, clicks_at((5, 5, 0)), 2, Spreading(superpixel_size=size))
    assert asked == [96, 24, 1]  # of 40 x 60 pixels


def test_a_superpixel_with_clicks_of_several_classes_has_each_in_proportion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two clicks of class 0 to one of class 1, whichever came last; clicked pixels keep their
    own.
    """
    for order in ((0, 1, 0), (0, 0, 1), (1, 0, 0)):
        clicks = clicks_at(*((row, 0, class_id) for row, class_id in enumerate(order)), size=(8, 9))
        for confidence, expected in ((2 / 3 - 0.01, 0), (2 / 3 + 0.01, IGNORE_INDEX)):
            labels = labels_of(monkeypatch, STAR, clicks, 2, confidence)
            assert labels[:3, 0].tolist() == list(order)
            assert labels[7, 1] == expected


def test_as_sure_as_asked_for_is_sure_and_by_default_that_is_seven_in_ten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    halves = clicks_at((0, 0, 0), (1, 0, 1), size=(8, 9))
    assert labels_of(monkeypatch, STAR, halves, 2, 0.5)[7, 1] == 0
    for share, expected in ((7, 0), (6, IGNORE_INDEX)):
        clicks = clicks_at(
            *((row % 8, row // 8, int(row >= share)) for row in range(10)), size=(8, 9)
        )
        assert propagate(np.full((2, 8, 9), 90.0), clicks, 2)[7, 2] == expected


def test_a_walker_ends_by_the_network_s_word_as_often_as_its_weight_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two equal borders of weight 1 and 0.1 times the network's (0.9, 0.1): (1 + 0.09) / 2.1 is
    of class 0.
    """
    prior = np.zeros((2, 8, 9))
    prior[0], prior[1] = 0.9, 0.1
    clicks = clicks_at((0, 0, 0), (0, 8, 1), size=(8, 9))
    for confidence, expected in ((1.09 / 2.1 - 0.002, 0), (1.09 / 2.1 + 0.002, IGNORE_INDEX)):
        assert labels_of(monkeypatch, STAR, clicks, 2, confidence, prior=prior)[4, 4] == expected


def test_the_network_s_word_is_that_of_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Superpixel 2 in the middle of the upper half, 5 in that of the lower: the network says 0
    above and 1 below.
    """
    superpixels = STAR.copy()
    superpixels[4:] += 3
    prior = np.zeros((2, 8, 9))
    prior[0, :4] = prior[1, 4:] = 1
    clicks = clicks_at((0, 0, 0), (0, 8, 1), (7, 0, 0), (7, 8, 1), size=(8, 9))
    labels = labels_of(monkeypatch, superpixels, clicks, 2, 0.5, prior=prior)
    assert (labels[1, 4], labels[6, 4]) == (0, 1)


def faint_project(folder: Path) -> Project:
    """One image of two halves 6 grey values apart, and a black and a white pixel, between which
    they are nearly equal.
    """
    pixels = np.full((40, 60), 100, np.uint8)
    pixels[:, 30:] = 106
    pixels[0, 0], pixels[39, 59] = 0, 255
    Image.fromarray(pixels).save(folder / "faint.png")
    project = Project.create(
        folder / "project", [folder / "faint.png"], ClassNames.of("background", "cell")
    )
    project.write_clicks("faint", clicks_at((5, 5, 0), (30, 50, 1)))
    return project


def test_images_of_a_project_are_stretched_as_in_training(tmp_path: Path) -> None:
    project = faint_project(tmp_path)
    wrong = []
    for stretch in ((1.0, 99.0), (0.0, 100.0)):
        list(propagate_project(project, tmp_path / "labels", stretch=stretch))
        labels = read_label_png(tmp_path / "labels" / "faint.png")
        wrong.append(int((labels[2:38, 2:28] != 0).sum() + (labels[2:38, 32:58] != 1).sum()))
    assert wrong[0] == 0 < wrong[1]


def test_a_project_s_network_is_asked_with_the_image_as_stored(tmp_path: Path) -> None:
    project = faint_project(tmp_path)
    asked = []

    def network(image: np.ndarray) -> np.ndarray:
        asked.append(image)
        prior = np.zeros((2, 40, 60))
        prior[1] = 1
        return prior

    for given in (None, network):
        list(
            propagate_project(
                project, tmp_path / "labels", spreading=Spreading(prior_weight=1e3), network=given
            )
        )
        labels = read_label_png(tmp_path / "labels" / "faint.png")
        assert bool((labels[20:38, 2:20] == 1).all()) == (given is not None)
    (image,) = asked
    np.testing.assert_array_equal(image, project.read_image("faint"))


def test_real_nuclei_are_covered_and_mostly_right(shared_data: Path) -> None:
    """Clicks of 3 images; the bar is what one click a nucleus must be worth."""
    from seminar.clicks.simulate import simulate_clicks
    from seminar.io.intensities import to_float

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


def test_a_project_s_images_with_clicks_get_label_pngs(
    tiny_project: Project, tmp_path: Path
) -> None:
    ids = tiny_project.image_ids()
    tiny_project.write_clicks(ids[3], ClickSet(80, 72))
    *_, done = propagate_project(tiny_project, tmp_path / "labels")
    assert (done.images, done.skipped) == (3, 1)
    assert sorted(path.stem for path in (tmp_path / "labels").iterdir()) == sorted(ids[:3])
    right = known = 0
    for image_id in ids[:3]:
        labels, truth = (
            read_label_png(tmp_path / "labels" / f"{image_id}.png"),
            tiny_project.read_truth(image_id),
        )
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


def test_propagate_train_propagate_again_from_the_command_line(
    tiny_project: Project, tmp_path: Path
) -> None:
    project, first, second = tiny_project.path, tmp_path / "first", tmp_path / "second"
    done = seminar("propagate", project, "--out", first, "--limit", 2)
    assert done.returncode == 0, done.stderr
    assert f"{first}: 2 label maps" in done.stdout
    tiny = "--run spread --backbone none --crop-size 64 --batch-size 2 --iterations 3"
    tiny += " --validations 0 --losses pce,pseudo --device cpu --pseudo-labels"
    trained = seminar("train", project, *tiny.split(), first)
    assert trained.returncode == 0, trained.stderr
    assert "2 images" in trained.stdout
    again = seminar(
        "propagate", project, "--out", second, "--model", project / "runs" / "spread", "--limit", 2
    )
    assert again.returncode == 0, again.stderr
    assert sorted(path.name for path in second.iterdir()) == sorted(
        path.name for path in first.iterdir()
    )


def test_the_truth_of_a_project_is_never_written(tiny_project: Project) -> None:
    done = seminar("propagate", tiny_project.path, "--out", tiny_project.path / "SegmentationClass")
    assert done.returncode == 2
    assert "give another folder" in done.stderr
