"""Batches from a project's clicks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.data.dataset import ClickDataset
from seminar.data.transforms import auto_scale_range
from seminar.io.label_png import write_label_png
from seminar.labels import IGNORE_INDEX, ClassNames
from seminar.project.project import Project


def dataset_of(project: Project, config: TrainConfig) -> ClickDataset:
    return ClickDataset(project, config, project.image_ids())


def test_a_batch_depends_on_seed_stage_and_iteration_alone(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    one, other = dataset_of(tiny_project, tiny_config), dataset_of(tiny_project, tiny_config)
    other.batch(0, 5)
    for stage, iteration in ((0, 0), (0, 7), (1, 7)):
        assert torch.equal(
            one.batch(stage, iteration).student_image, other.batch(stage, iteration).student_image
        )
    assert not torch.equal(one.batch(0, 7).image, one.batch(1, 7).image)
    reseeded = dataset_of(tiny_project, tiny_config.replace(seed=1))
    assert not torch.equal(one.batch(0, 0).image, reseeded.batch(0, 0).image)


def test_every_image_comes_once_an_epoch(tiny_project: Project, tiny_config: TrainConfig) -> None:
    for number, image_id in enumerate(
        tiny_project.image_ids()
    ):  # a click class of its own marks each image
        tiny_project.write_clicks(
            image_id, ClickSet(80, 72, np.array([[40, 36]]), np.array([number % 2]))
        )
    dataset = dataset_of(tiny_project, tiny_config)
    assert dataset.epoch_length() == 2
    seen = [
        labels[labels != IGNORE_INDEX].unique().tolist()
        for i in range(2)
        for labels in dataset.batch(0, i).labels
    ]
    assert sorted(class_id for labels in seen for class_id in labels) == [0, 0, 1, 1]


def test_the_zoom_is_by_the_number_of_images_unless_it_is_set(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    def crops(scale_range: tuple[float, ...]) -> torch.Tensor:
        return (
            dataset_of(tiny_project, tiny_config.replace(scale_range=scale_range)).batch(0, 0).image
        )

    assert torch.equal(crops(()), crops(auto_scale_range(4)))
    assert not torch.equal(crops(()), crops((0.8, 1.25)))
    for image_id in ("disc_0", "disc_1"):
        tiny_project.write_clicks(image_id, ClickSet(80, 72))
    assert torch.equal(crops(()), crops(auto_scale_range(2)))


def test_absent_classes_are_those_clicked_nowhere_in_the_image(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    for image_id in tiny_project.image_ids():
        tiny_project.write_clicks(image_id, ClickSet(80, 72, np.array([[40, 36]]), np.array([1])))
    assert dataset_of(tiny_project, tiny_config).batch(0, 0).absent.tolist() == [[True, False]] * 2


def test_full_supervision_has_a_label_on_every_valid_pixel(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    dataset = dataset_of(tiny_project, tiny_config.replace(losses=("full",)))
    batch = dataset.batch(0, 0)
    assert torch.equal(batch.labels != IGNORE_INDEX, batch.valid)
    assert set(batch.labels[batch.valid].unique().tolist()) == {0, 1}


def test_an_objectness_prior_moves_with_the_crop(
    tiny_project: Project, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    for image_id in tiny_project.image_ids():
        truth = tiny_project.read_truth(image_id)
        assert truth is not None
        write_label_png(tmp_path / "prior" / f"{image_id}.png", truth * 255, tiny_project.classes)
    batch = dataset_of(tiny_project, tiny_config.replace(objectness=str(tmp_path / "prior"))).batch(
        0, 0
    )
    assert batch.objectness.shape == batch.valid.shape
    disc = batch.image.mean(dim=1) > 120  # the image is bright there
    assert ((batch.objectness > 0.5) == disc)[batch.valid].float().mean() > 0.98
    assert dataset_of(tiny_project, tiny_config).batch(0, 0).objectness.numel() == 0


def project_of(
    folder: Path, *images: np.ndarray, classes: tuple[str, ...] = ("background", "disc")
) -> Project:
    """A project of these images, "image_0", "image_1", ..., one click of class 0 in the middle
    of each.
    """
    (folder / "images").mkdir()
    paths = [folder / "images" / f"image_{number}.png" for number in range(len(images))]
    for path, pixels in zip(paths, images, strict=True):
        Image.fromarray(pixels).save(path)
    project = Project.create(folder / "project", paths, ClassNames.of(*classes))
    for path, pixels in zip(paths, images, strict=True):
        height, width = pixels.shape[:2]
        project.write_clicks(path.stem, ClickSet(height, width, [(height // 2, width // 2)], [0]))
    return project


def patches(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width) uint8 of random 0 and 1 in squares of 16 pixels."""
    values = np.random.default_rng(seed).integers(
        0, 2, (height // 16 + 1, width // 16 + 1), dtype=np.uint8
    )
    return values.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]


@pytest.mark.parametrize(("batch_size", "expected"), [(1, 4), (2, 2), (3, 1), (4, 1), (9, 1)])
def test_an_epoch_has_as_many_iterations_as_the_images_fill(
    tiny_project: Project, tiny_config: TrainConfig, batch_size: int, expected: int
) -> None:
    assert (
        dataset_of(tiny_project, tiny_config.replace(batch_size=batch_size)).epoch_length()
        == expected
    )


def test_every_epoch_has_an_order_of_its_own_and_batches_go_across_epochs(
    tmp_path: Path, tiny_config: TrainConfig
) -> None:
    """Each of five images has a grey of its own; crops of two an iteration, so that epochs end
    within batches.
    """
    project = project_of(
        tmp_path, *(np.full((70, 70), 40 * number, np.uint8) for number in range(5))
    )
    dataset = dataset_of(project, tiny_config.replace(stretch=(0.0, 100.0)))
    greys = torch.cat(
        [dataset.batch(0, iteration).image.mean(dim=(1, 2, 3)) for iteration in range(15)]
    )
    orders = (greys / 40).round().int().reshape(6, 5).tolist()
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)
    assert len({tuple(order) for order in orders}) > 3


def test_a_part_of_a_batch_is_that_part(tiny_project: Project, tiny_config: TrainConfig) -> None:
    """Processes of a run make the crops of their own slots."""
    dataset = dataset_of(tiny_project, tiny_config.replace(batch_size=4))
    whole = dataset.batch(0, 3)
    for slots in (range(1), range(1, 3), range(3, 4)):
        part = dataset.batch(0, 3, slots)
        assert len(part) == len(slots)
        assert torch.equal(part.student_image, whole.student_image[slots.start : slots.stop])
        assert torch.equal(part.labels, whole.labels[slots.start : slots.stop])


def test_two_crops_of_one_image_are_two_crops(tmp_path: Path, tiny_config: TrainConfig) -> None:
    project = project_of(
        tmp_path, np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    )
    batch = dataset_of(project, tiny_config).batch(0, 0)
    assert not torch.equal(batch.image[0], batch.image[1])


def test_absent_is_what_the_whole_image_lacks_also_where_the_crop_has_no_click(
    tmp_path: Path, tiny_config: TrainConfig
) -> None:
    names = ("background", "cell", "fibre", "debris")
    project = project_of(tmp_path, np.zeros((400, 400), np.uint8), classes=names)
    project.write_clicks(
        "image_0", ClickSet(400, 400, [(10, 10), (390, 390), (10, 390)], [0, 2, 2])
    )
    dataset = dataset_of(project, tiny_config)
    labels = set()
    for iteration in range(8):
        batch = dataset.batch(0, iteration)
        assert batch.absent.tolist() == [[False, True, False, True]] * 2
        labels |= {tuple(crop[crop != IGNORE_INDEX].unique().tolist()) for crop in batch.labels}
    assert len(labels) > 1  # crops that see one class, and such that see another or none


@pytest.mark.parametrize("strong", [False, True])
def test_only_the_student_gets_a_strong_view_and_only_where_it_is_asked_for(
    tiny_project: Project, tiny_config: TrainConfig, strong: bool
) -> None:
    batch = dataset_of(tiny_project, tiny_config.replace(strong_augmentation=strong)).batch(0, 0)
    plain = dataset_of(tiny_project, tiny_config.replace(strong_augmentation=False)).batch(0, 0)
    assert torch.equal(batch.image, plain.image)
    assert torch.equal(batch.student_image, plain.image) == (not strong)


@pytest.mark.parametrize("kind", ["pseudo_labels", "objectness"])
def test_maps_from_a_folder_lie_right_under_their_crops(
    tmp_path: Path, tiny_config: TrainConfig, kind: str
) -> None:
    """The images show their own map, 40 and 220; crops are turned, mirrored, zoomed and padded."""
    maps = [patches(90, 110, seed) for seed in range(3)]
    project = project_of(tmp_path, *(40 + 180 * one for one in maps))
    for number, one in enumerate(maps):
        values = one if kind == "pseudo_labels" else 100 * one
        write_label_png(tmp_path / "maps" / f"image_{number}.png", values, project.classes)
    config = tiny_config.replace(rotations=True, batch_size=3, scale_range=(0.6, 2.0))
    dataset = dataset_of(project, config.replace(**{kind: str(tmp_path / "maps")}))
    seen = 0
    for iteration in range(6):
        batch = dataset.batch(0, iteration)
        shown = batch.image[:, 0] > 130
        if kind == "pseudo_labels":
            assert (batch.pseudo_labels[~batch.valid] == IGNORE_INDEX).all()
            given = batch.pseudo_labels == 1
        else:
            assert float(batch.objectness.max()) == pytest.approx(100 / 255)
            given = batch.objectness > 50 / 255
        agree = (given == shown)[batch.valid].float().mean()
        assert agree > 0.97
        seen += int((~batch.valid).sum() > 0)
    assert seen


def test_rotations_are_for_images_without_an_up(tmp_path: Path, tiny_config: TrainConfig) -> None:
    """Bright above, dark below: without rotations it stays so in every crop; with them it comes
    in four ways.
    """
    slope = np.linspace(255, 0, 100).astype(np.uint8)[:, None].repeat(100, axis=1)
    project = project_of(tmp_path, slope)

    def brightest_sides(rotations: bool) -> set[str]:
        config = tiny_config.replace(rotations=rotations, scale_range=(1.0, 1.0))
        dataset = dataset_of(project, config)
        found = set()
        for iteration in range(12):
            for crop in dataset.batch(0, iteration).image[:, 0]:
                sides = {
                    "top": crop[:9],
                    "bottom": crop[-9:],
                    "left": crop[:, :9],
                    "right": crop[:, -9:],
                }
                found.add(max(sides, key=lambda side: float(sides[side].mean())))
        return found

    assert brightest_sides(rotations=False) == {"top"}
    assert brightest_sides(rotations=True) == {"top", "bottom", "left", "right"}


def test_images_are_stretched_and_their_channels_chosen_as_the_settings_say(
    tmp_path: Path, tiny_config: TrainConfig
) -> None:
    pixels = np.random.default_rng(0).integers(50, 150, (40, 50, 3), dtype=np.uint8)
    project = project_of(tmp_path, pixels)
    dataset = dataset_of(project, tiny_config.replace(channels=(2, 0), stretch=(10.0, 80.0)))
    for plane, channel in zip(dataset.image("image_0").astype(np.float64), (2, 0), strict=True):
        black, white = np.percentile(pixels[..., channel], [10, 80])
        np.testing.assert_allclose(
            plane, np.clip((pixels[..., channel] - black) / (white - black), 0, 1) * 255, atol=0.2
        )


def test_an_image_is_read_once(
    tiny_project: Project, tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = dataset_of(tiny_project, tiny_config)
    first = dataset.image("disc_0")
    monkeypatch.setattr("seminar.data.dataset.to_float", None)
    assert dataset.image("disc_0") is first
