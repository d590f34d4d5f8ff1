"""Datumaro, and through it CVAT's formats: both ways."""

from __future__ import annotations

import math
import shutil
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seminar.clicks.click_set import pixels
from seminar.clicks.readers.format_table import read_clicks
from seminar.clicks.writers.exported import ExportImage
from seminar.clicks.writers.format_table import WRITERS
from seminar.labels import ClassNames

dm = pytest.importorskip("datumaro", reason="heavy: see other_programs/run.sh")
annotations = pytest.importorskip("datumaro.components.annotation")

Shown = list[tuple[str, int, int, str]]


@pytest.fixture
def dataset(thousand: list[ExportImage], classes: ClassNames) -> object:
    """The clicks as Datumaro keeps them, each as a point of its own and in no group: its COCO
    exporter loses points of a group without a box (findings/datumaro_loses_grouped_points.sh).
    """
    items = []
    for number, image in enumerate(thousand):
        assert image.clicks is not None
        inside = np.minimum(image.clicks.points, pixels(image.clicks.points) + 0.49) + 0.5
        points = [
            annotations.Points([x, y], [2], label=int(label), id=place)
            for place, ((y, x), label) in enumerate(
                zip(inside.tolist(), image.clicks.class_ids, strict=True), start=1
            )
        ]
        items.append(
            dm.DatasetItem(
                image.image_id,
                subset="default",
                media=dm.Image.from_file(path=str(image.file), size=(image.height, image.width)),
                annotations=points,
                attributes={"frame": number, "id": number + 1},
            )
        )
    categories = {
        annotations.AnnotationType.label: annotations.LabelCategories.from_iterable(classes.names),
        annotations.AnnotationType.points: annotations.PointsCategories.from_iterable(
            (number, [name]) for number, name in enumerate(classes.names)
        ),
    }
    return dm.Dataset.from_iterable(items, categories=categories)


def points_of(dataset: object, classes: ClassNames) -> Shown:
    names = [label.name for label in dataset.categories()[annotations.AnnotationType.label]]  # type: ignore[attr-defined]
    return sorted(
        (Path(item.id).name, math.floor(one.points[1]), math.floor(one.points[0]), names[one.label])
        for item in dataset  # type: ignore[attr-defined]
        for one in item.annotations
    )


def test_datumaro_reads_our_cvat_file(
    tmp_path: Path, thousand: list[ExportImage], classes: ClassNames, expected: Shown
) -> None:
    shutil.copytree(thousand[0].file.parent, tmp_path / "images")
    writer = WRITERS["cvat"].writers["clicks"]
    deque(writer(tmp_path / "default.xml", thousand, classes), maxlen=0)
    found = dm.Dataset.import_from(str(tmp_path), "cvat")
    assert points_of(found, classes) == expected


def test_we_read_datumaro_s_cvat_file(
    tmp_path: Path, dataset: object, expected: Shown, shown: Callable[..., Shown]
) -> None:
    dataset.export(str(tmp_path), "cvat", save_media=False)  # type: ignore[attr-defined]
    (path,) = tmp_path.glob("*.xml")
    assert shown(read_clicks(path).clicks) == expected


def test_datumaro_reads_our_coco_key_points(
    tmp_path: Path, thousand: list[ExportImage], classes: ClassNames, expected: Shown
) -> None:
    shutil.copytree(thousand[0].file.parent, tmp_path / "images" / "default")
    path = tmp_path / "annotations" / "person_keypoints_default.json"
    path.parent.mkdir()
    deque(WRITERS["coco"].writers["clicks"](path, thousand, classes), maxlen=0)
    found = dm.Dataset.import_from(str(tmp_path), "coco_person_keypoints")
    points = [one for item in found for one in item.annotations if hasattr(one, "visibility")]
    assert len(points) == 1000
    assert sorted((math.floor(one.points[1]), math.floor(one.points[0])) for one in points) == [
        tuple(pixel) for pixel in sorted(pixel[1:3] for pixel in expected)
    ]


def test_we_read_datumaro_s_coco_key_points(
    tmp_path: Path, dataset: object, expected: Shown, shown: Callable[..., Shown]
) -> None:
    dataset.export(str(tmp_path), "coco_person_keypoints", save_media=False)  # type: ignore[attr-defined]
    (path,) = tmp_path.rglob("*.json")
    assert shown(read_clicks(path).clicks) == expected


def test_datumaro_accepts_our_masks(tmp_path: Path, objects: list[ExportImage]) -> None:
    named = ClassNames.of("background", "cell", "fibre", "rest")
    images = []
    for image in objects:
        assert image.labels is not None
        labels = image.labels.copy()
        labels[0, :2] = 255
        images.append(
            ExportImage(
                image.image_id, image.file, image.height, image.width, None, None, {}, labels
            )
        )
    deque(WRITERS["voc"].writers["masks"](tmp_path, images, named), maxlen=0)
    found = dm.Dataset.import_from(str(tmp_path), "voc_segmentation")
    names = [label.name for label in found.categories()[annotations.AnnotationType.label]]
    assert set(names) >= {"background", "cell", "fibre", "rest", "ignored"}
    for image in images:
        item = found.get(image.image_id, "default")
        got = np.full((image.height, image.width), -1)
        for one in item.annotations:
            got[one.image.astype(bool)] = names.index(
                one.label if isinstance(one.label, str) else names[one.label]
            )
        want = np.vectorize(
            lambda value: names.index("ignored" if value == 255 else named.names[value])
        )(image.labels)
        seen = got >= 0
        assert seen[image.labels > 0].all()
        assert np.array_equal(got[seen], want[seen])


@pytest.mark.parametrize("format", ["coco", "coco-rle"])
def test_datumaro_reads_our_objects(
    format: str, tmp_path: Path, objects: list[ExportImage], classes: ClassNames
) -> None:
    shutil.copytree(objects[0].file.parent, tmp_path / "images" / "default")
    path = tmp_path / "annotations" / "instances_default.json"
    path.parent.mkdir()
    deque(WRITERS[format].writers["objects"](path, objects, classes), maxlen=0)
    found = dm.Dataset.import_from(str(tmp_path), "coco_instances")
    for image in objects:
        item = found.get(image.image_id, "default")
        groups = {one.group for one in item.annotations}
        assert len(groups) == len(image.object_classes)
        if format == "coco-rle":
            assert image.objects is not None
            covered = sum(
                one.image.astype(int) for one in item.annotations if hasattr(one, "image")
            )
            assert np.array_equal(covered, image.objects > 0)
