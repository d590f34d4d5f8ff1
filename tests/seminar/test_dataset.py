"""Batches from a project's clicks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seminar.clicks import ClickSet
from seminar.config import TrainConfig
from seminar.dataset import ClickDataset
from seminar.errors import DatasetError
from seminar.labels import IGNORE_INDEX
from seminar.transforms import auto_scale_range
from seminar.voc import Project, write_label_png


def dataset_of(project: Project, config: TrainConfig) -> ClickDataset:
    return ClickDataset(project, config, project.image_ids())


def test_a_batch_depends_on_seed_stage_and_iteration_alone(tiny_project: Project, tiny_config: TrainConfig) -> None:
    one, other = dataset_of(tiny_project, tiny_config), dataset_of(tiny_project, tiny_config)
    other.batch(0, 5)
    for stage, iteration in ((0, 0), (0, 7), (1, 7)):
        assert torch.equal(one.batch(stage, iteration).student_image, other.batch(stage, iteration).student_image)
    assert not torch.equal(one.batch(0, 7).image, one.batch(1, 7).image)
    reseeded = dataset_of(tiny_project, tiny_config.replace(seed=1))
    assert not torch.equal(one.batch(0, 0).image, reseeded.batch(0, 0).image)


def test_every_image_comes_once_an_epoch(tiny_project: Project, tiny_config: TrainConfig) -> None:
    for number, image_id in enumerate(tiny_project.image_ids()):  # a click class of its own marks each image
        tiny_project.write_clicks(image_id, ClickSet(80, 72, np.array([[40, 36]]), np.array([number % 2])))
    dataset = dataset_of(tiny_project, tiny_config)
    assert dataset.epoch_length() == 2
    seen = [labels[labels != IGNORE_INDEX].unique().tolist() for i in range(2) for labels in dataset.batch(0, i).labels]
    assert sorted(class_id for labels in seen for class_id in labels) == [0, 0, 1, 1]


def test_the_zoom_is_by_the_number_of_images_unless_it_is_set(tiny_project: Project, tiny_config: TrainConfig) -> None:
    def crops(scale_range: tuple[float, ...]) -> torch.Tensor:
        return dataset_of(tiny_project, tiny_config.replace(scale_range=scale_range)).batch(0, 0).image

    assert torch.equal(crops(()), crops(auto_scale_range(4)))
    assert not torch.equal(crops(()), crops((0.8, 1.25)))
    for image_id in ("disc_0", "disc_1"):
        tiny_project.write_clicks(image_id, ClickSet(80, 72))
    assert torch.equal(crops(()), crops(auto_scale_range(2)))


def test_absent_classes_are_those_clicked_nowhere_in_the_image(tiny_project: Project, tiny_config: TrainConfig) -> None:
    for image_id in tiny_project.image_ids():
        tiny_project.write_clicks(image_id, ClickSet(80, 72, np.array([[40, 36]]), np.array([1])))
    assert dataset_of(tiny_project, tiny_config).batch(0, 0).absent.tolist() == [[True, False]] * 2


def test_changed_clicks_are_found_and_counted(tiny_project: Project, tiny_config: TrainConfig) -> None:
    dataset = dataset_of(tiny_project, tiny_config)
    assert dataset.refresh().image_ids == ()
    clicks = tiny_project.read_clicks("disc_1")
    assert clicks is not None
    points = np.vstack([clicks.points[:1], [[10, 60], [70, 60]]])  # one removed, two added
    tiny_project.write_clicks("disc_1", ClickSet(80, 72, points, np.array([1, 0, 0])))
    changes = dataset.refresh()
    assert (changes.image_ids, changes.added, changes.removed) == (("disc_1",), 2, 1)
    assert len(dataset.clicks["disc_1"]) == 3


def test_an_image_joins_when_it_is_clicked_and_leaves_when_its_clicks_go(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    tiny_project.write_clicks("disc_3", ClickSet(80, 72))
    dataset = dataset_of(tiny_project, tiny_config)
    assert set(dataset.clicks) == {"disc_0", "disc_1", "disc_2"}
    tiny_project.write_clicks("disc_3", ClickSet(80, 72, np.array([[1, 1]]), np.array([0])))
    tiny_project.write_clicks("disc_0", ClickSet(80, 72))
    dataset.refresh()
    assert set(dataset.clicks) == {"disc_1", "disc_2", "disc_3"}


def test_full_supervision_has_a_label_on_every_valid_pixel(tiny_project: Project, tiny_config: TrainConfig) -> None:
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
    batch = dataset_of(tiny_project, tiny_config.replace(objectness=str(tmp_path / "prior"))).batch(0, 0)
    assert batch.objectness.shape == batch.valid.shape
    disc = batch.image.mean(dim=1) > 120  # the image is bright there
    assert ((batch.objectness > 0.5) == disc)[batch.valid].float().mean() > 0.98
    assert dataset_of(tiny_project, tiny_config).batch(0, 0).objectness.numel() == 0


def test_an_objectness_prior_must_fit(tiny_project: Project, tiny_config: TrainConfig, tmp_path: Path) -> None:
    config = tiny_config.replace(objectness=str(tmp_path))
    with pytest.raises(DatasetError, match=r"4 of 4 images have no map \(first .*disc_0.png\)"):
        dataset_of(tiny_project, config)
    for image_id in tiny_project.image_ids():
        write_label_png(tmp_path / f"{image_id}.png", np.zeros((72, 80), dtype=np.uint8), tiny_project.classes)
    with pytest.raises(DatasetError, match=r"72 x 80 pixels .*, but the image has 80 x 72"):
        dataset_of(tiny_project, config).batch(0, 0)
