"""Evaluation of models and mask folders on a project, and every way in which it can be asked
wrongly.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from seminar.errors import DatasetError, SeminarError
from seminar.inference.evaluate import (
    CROP_SIDE,
    crop_image,
    crop_labels,
    evaluate,
    images_to_score,
)
from seminar.inference.predictor import Predictor
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project

CLASSES = ClassNames.of("background", "bright")


class Threshold(nn.Module):
    """Bright pixels are class 1."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([128 - image[:, :1], image[:, :1] - 128], dim=1)


def bright_is_class_one(classes: ClassNames = CLASSES) -> Predictor:
    return Predictor(Threshold(), classes=classes, device="cpu")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three images of blocks; the truth of "c" calls one bright block background."""
    images = tmp_path / "images"
    images.mkdir()
    generator = np.random.default_rng(0)
    truths = {}
    for image_id in "abc":
        labels = (
            generator.integers(0, 2, (4, 6), dtype=np.uint8).repeat(20, axis=0).repeat(20, axis=1)
        )
        Image.fromarray(labels * np.uint8(200)).save(images / f"{image_id}.png")
        truths[image_id] = labels
    truths["c"] = truths["c"].copy()
    block = np.argwhere(truths["c"])[0]
    truths["c"][block[0] : block[0] + 20, block[1] : block[1] + 20] = 0
    truths["a"][:3] = 255
    made = Project.create(tmp_path / "project", sorted(images.iterdir()), CLASSES)
    for image_id, labels in truths.items():
        write_label_png(made.truth_path(image_id), labels, CLASSES)
    splits = made.path / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True, exist_ok=True)
    (splits / "val.txt").write_text("a\nb\n")
    return made


def test_a_model_is_scored(project: Project) -> None:
    scores = evaluate(bright_is_class_one(), project)
    assert (scores.mean_iou, scores.images) == (1.0, 2)


def test_all_takes_every_image_with_truth(project: Project) -> None:
    scores = evaluate(bright_is_class_one(), project, split="all")
    assert scores.images == 3
    truth = project.read_truth("c")
    assert truth is not None
    bright = int((project.read_image("c")[:, :, 0] > 128).sum())
    assert scores.per_image_iou["bright"] == pytest.approx((2 + (bright - 400) / bright) / 3)


def test_a_folder_of_masks_scores_as_the_model_that_made_it(
    project: Project, tmp_path: Path
) -> None:
    predictor = bright_is_class_one()
    for image_id in project.image_ids():
        write_label_png(
            tmp_path / "masks" / f"{image_id}.png",
            predictor.predict(project.read_image(image_id)),
            CLASSES,
        )
    for protocol in ("full", "center-crop"):
        of_masks = evaluate(tmp_path / "masks", project, split="all", protocol=protocol)
        of_model = evaluate(predictor, project, split="all", protocol=protocol)
        assert of_masks.mean_iou == pytest.approx(
            of_model.mean_iou, abs=2e-2
        )  # image and mask are resized differently
        assert of_masks.mean_iou < 1


def test_progress_ends_at_the_number_of_images(project: Project) -> None:
    calls: list[tuple[int, int]] = []
    evaluate(
        bright_is_class_one(), project, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize(
    "size", [(100, 300), (300, 100), (80, 80), (1, 5), (700, 513), (60, 1000), (514, 515)]
)
def test_center_crop_is_the_middle_square_of_513(size: tuple[int, int]) -> None:
    """By hand: enlarged until the short side has 513 pixels, pixel x of the crop lies at (left +
    x + 1/2) / zoom - 1/2.
    """
    places = []
    for side in size:
        enlarged = int(side * CROP_SIDE / min(size))
        first = round((enlarged - CROP_SIDE) / 2)
        places.append((first + np.arange(CROP_SIDE) + 0.5) * side / enlarged - 0.5)
    rows = np.linspace(0, 250, size[0], dtype=np.float32)[:, None].repeat(size[1], axis=1)
    cols = np.linspace(0, 250, size[1], dtype=np.float32)[None].repeat(size[0], axis=0)
    expected_rows = np.interp(places[0], np.arange(size[0]), rows[:, 0])[:, None].repeat(
        CROP_SIDE, axis=1
    )
    expected_cols = np.interp(places[1], np.arange(size[1]), cols[0])[None].repeat(
        CROP_SIDE, axis=0
    )
    cropped = crop_image(np.stack([rows, cols]))
    assert cropped.shape == (2, 513, 513)
    np.testing.assert_allclose(cropped, [expected_rows, expected_cols], atol=0.3)
    numbers = (np.arange(size[0])[:, None] * 7 + np.arange(size[1])).astype(np.uint8)
    nearest = [np.floor(place + 0.5).astype(int) for place in places]
    clear = np.ix_(
        *(np.abs((place % 1) - 0.5) > 1e-6 for place in places)
    )  # midway between two pixels either is right
    np.testing.assert_array_equal(crop_labels(numbers)[clear], numbers[np.ix_(*nearest)][clear])


def test_center_crop_never_scores_the_sides(project: Project) -> None:
    full, crop = (
        evaluate(bright_is_class_one(), project, protocol=protocol)
        for protocol in ("full", "center-crop")
    )
    truth = project.read_truth("b")
    assert truth is not None
    truth[:, :10] = 1 - truth[:, :10]  # 80 x 120: the outer 20 columns on each side are cut off
    write_label_png(project.truth_path("b"), truth, CLASSES)
    assert evaluate(bright_is_class_one(), project, protocol="full").mean_iou < full.mean_iou
    assert evaluate(bright_is_class_one(), project, protocol="center-crop") == crop


def test_rows_are_the_truth_and_columns_the_prediction_and_only_void_truth_counts_for_nothing(
    project: Project, tmp_path: Path
) -> None:
    """Masks unsure (255) of one block of "b": misses of their class; the void rows of "a" are no
    matter what is predicted there.
    """
    masks = {}
    for image_id in "ab":
        truth = project.read_truth(image_id)
        assert truth is not None
        masks[image_id] = np.where(truth == 255, 1, truth).astype(np.uint8)
    truths = np.concatenate([project.read_truth("a"), project.read_truth("b")])
    row, col = np.argwhere(masks["b"] == 1)[0]
    masks["b"][row : row + 20, col : col + 20] = 255
    for image_id, mask in masks.items():
        write_label_png(tmp_path / "masks" / f"{image_id}.png", mask, CLASSES)
    bright = int((truths == 1).sum())
    of_b = int((project.read_truth("b") == 1).sum())
    scores = evaluate(tmp_path / "masks", project)
    assert scores.per_class_iou == {
        "background": 1.0,
        "bright": pytest.approx((bright - 400) / bright),
    }
    assert scores.per_image_iou == {
        "background": 1.0,
        "bright": pytest.approx((1 + (of_b - 400) / of_b) / 2),
    }
    assert scores.mean_iou == pytest.approx((1 + (bright - 400) / bright) / 2)


def test_masks_are_cropped_as_images_are(project: Project, tmp_path: Path) -> None:
    """80 x 120: of the masks the outer 20 columns on each side are never scored."""
    for image_id in "ab":
        truth = project.read_truth(image_id)
        assert truth is not None
        mask = np.where(truth == 255, 0, truth).astype(np.uint8)
        mask[:, :19] = 1 - mask[:, :19]
        mask[:, 101:] = 1 - mask[:, 101:]
        write_label_png(tmp_path / "masks" / f"{image_id}.png", mask, CLASSES)
    assert evaluate(tmp_path / "masks", project, protocol="center-crop").mean_iou == 1
    assert evaluate(tmp_path / "masks", project, protocol="full").mean_iou < 0.8


def test_images_may_be_named_in_place_of_a_split(project: Project) -> None:
    assert evaluate(bright_is_class_one(), project, split="nowhere", image_ids=("b",)).images == 1


def test_all_leaves_out_images_without_truth_but_a_split_of_this_name_comes_first(
    project: Project,
) -> None:
    project.truth_path("b").unlink()
    assert images_to_score(project, "all") == ("a", "c")
    (project.path / "ImageSets/Segmentation/all.txt").write_text("c\n")
    assert images_to_score(project, "all") == ("c",)


@pytest.mark.parametrize("count", [20, 22])
def test_the_first_twenty_missing_masks_are_named_and_the_others_counted(
    project: Project, tmp_path: Path, count: int
) -> None:
    with pytest.raises(DatasetError) as caught:
        evaluate(tmp_path, project, image_ids=tuple(f"x{number}" for number in range(count)))
    assert len(caught.value.faults) == min(count, 21)
    assert ("2 more of this kind" in caught.value.faults[-1]) == (count == 22)


def test_a_missing_split_is_named_with_the_remedy(project: Project) -> None:
    with pytest.raises(DatasetError, match=r"no split 'test' .*--split all"):
        images_to_score(project, "test")


def test_an_empty_split_is_an_error(project: Project) -> None:
    (project.path / "ImageSets/Segmentation/none.txt").write_text("\n")
    with pytest.raises(DatasetError, match="split 'none' is empty"):
        images_to_score(project, "none")


def test_images_without_truth_are_all_named(project: Project) -> None:
    for image_id in "ab":
        project.truth_path(image_id).unlink()
    with pytest.raises(DatasetError) as caught:
        images_to_score(project, "val")
    assert [fault.split(":")[0][-5:] for fault in caught.value.faults] == ["a.png", "b.png"]


def test_no_truth_at_all_is_an_error(project: Project) -> None:
    shutil.rmtree(project.path / "SegmentationClass")
    with pytest.raises(DatasetError, match="no dense truth to score against"):
        evaluate(bright_is_class_one(), project, split="all")


def test_missing_masks_are_named(project: Project, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    with pytest.raises(DatasetError, match=r"a\.png: no such mask"):
        evaluate(tmp_path / "masks", project)


def test_a_mask_of_another_size_is_an_error(project: Project, tmp_path: Path) -> None:
    for image_id in "ab":
        write_label_png(tmp_path / "masks" / f"{image_id}.png", np.zeros((3, 4), np.uint8), CLASSES)
    with pytest.raises(DatasetError, match=r"a\.png: 3 x 4 .* but the image has 80 x 120"):
        evaluate(tmp_path / "masks", project)


def test_truth_of_another_size_is_an_error(project: Project) -> None:
    write_label_png(project.truth_path("b"), np.zeros((3, 4), np.uint8), CLASSES)
    with pytest.raises(DatasetError, match=r"b\.png: 3 x 4 .* but the image has 80 x 120"):
        evaluate(bright_is_class_one(), project)


def test_a_class_id_beyond_the_classes_is_an_error(project: Project) -> None:
    write_label_png(project.truth_path("b"), np.full((80, 120), 9, np.uint8), CLASSES)
    with pytest.raises(SeminarError, match="b: the truth has class id 9"):
        evaluate(bright_is_class_one(), project)


def test_a_model_of_other_classes_is_refused(project: Project) -> None:
    with pytest.raises(SeminarError, match="knows the classes background, dog"):
        evaluate(bright_is_class_one(ClassNames.of("background", "dog")), project)


def test_masks_of_0_and_255_have_no_score(project: Project, tmp_path: Path) -> None:
    for image_id in "abc":
        Image.fromarray(np.full((80, 120), 255, np.uint8)).save(project.truth_path(image_id))
        write_label_png(tmp_path / "masks" / f"{image_id}.png", np.ones((80, 120)), CLASSES)
    with pytest.raises(DatasetError, match="no class but the background there, and 255, which"):
        evaluate(tmp_path / "masks", project, split="all")


def test_masks_whose_palette_contradicts_the_classes_have_no_score(
    project: Project, tmp_path: Path
) -> None:
    background, bright = CLASSES.colours
    for image_id in "abc":
        image = Image.fromarray(np.ones((80, 120), np.uint8))
        image.putpalette([*bright, *background])
        image.save(tmp_path / f"{image_id}.png")
    with pytest.raises(DatasetError, match=r"a\.png: its value 1 stands for class 'bright', but"):
        evaluate(tmp_path, project, split="all")
