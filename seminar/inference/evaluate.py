"""Score a model, or a folder of masks, against the dense truth of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from seminar.errors import DatasetError, SeminarError
from seminar.inference.instances.divide import divide_labels
from seminar.inference.instances.files import instances_path, read_instances
from seminar.inference.instances.rules import Rules
from seminar.inference.instances.score import InstanceTally, Objects
from seminar.inference.metrics import Scores, confusion_matrix, score
from seminar.inference.predictor import Predictor, most_probable
from seminar.io.label_png import palette_fault, read_label_png
from seminar.labels import ClassNames, LabelMap
from seminar.project.check.label_map import Values, says_void_alone, values_of, void_alone
from seminar.project.layout import CLASSES, SPLITS, TRUTH, VAL
from seminar.project.project import Project
from seminar.runtime.allocator import kept_memory

Protocol = Literal["full", "center-crop"]
"""Score whole images, or the middle square after resizing the short side to `CROP_SIDE`.

The latter is the protocol of Tang et al. 2018; the sides of the images are then never scored.
"""

CROP_SIDE = 513
"""Side of the `center-crop` protocol in pixels (Tang et al. 2018)."""

ALL_IMAGES = "all"
"""Stands for every image with dense truth, unless the project has a split of this name."""

MAX_FAULTS = 20

_Pixel = TypeVar("_Pixel", bound=np.generic)


@kept_memory()
def evaluate(
    source: Predictor | Path,
    project: Project,
    *,
    split: str = VAL,
    protocol: Protocol = "full",
    progress: Callable[[int, int], None] | None = None,
    image_ids: tuple[str, ...] | None = None,
    instances: bool = False,
    rules: Rules | None = None,
) -> Scores:
    """Score the predictions for a split against its dense truth.

    Parameters
    ----------
    source : Predictor or Path
        A model, or a folder with a label PNG <image_id>.png for each image of the split.
    split : str
        ImageSets/Segmentation/<split>.txt; "all" takes every image with truth.
    protocol : {"full", "center-crop"}
    progress : callable, optional
        Called with (images done, images in all).
    image_ids : tuple of str, optional
        Score these images in place of a split.
    instances : bool
        Also score objects, against SegmentationObject: those of <image_id>_instances.tif in a
        folder of masks, if it has one, else the mask as `divide_labels` divides it, by the clicks
        of an image that has some.
    rules : Rules, optional
        As of `instances_from_shape`.

    Raises
    ------
    DatasetError
        No such split, an image without truth or mask, sizes or class ids that do not fit: all of
        them at once.
    SeminarError
        The model knows other classes than the project; instances of cropped images.
    """
    if instances and protocol != "full":
        raise SeminarError(
            f"objects are scored in whole images, not with the protocol {protocol}; leave one out"
        )
    if isinstance(source, Predictor):
        _same_classes(source.classes, project.classes, project.path)
    image_ids = images_to_score(project, split) if image_ids is None else image_ids
    if isinstance(source, Path):
        missing = [image_id for image_id in image_ids if not (source / f"{image_id}.png").is_file()]
        _raise_all(
            [
                f"{source / image_id}.png: no such mask; predict the image first"
                for image_id in missing
            ]
        )
    if not instances:
        return score(_pairs(source, project, image_ids, protocol, progress), project.classes)
    _raise_all(
        [
            f"{project.objects_path(image_id)}: no objects; add their numbers, or leave the image "
            f"out of split '{split}'"
            for image_id in image_ids
            if not project.objects_path(image_id).exists()
        ]
    )
    tally = InstanceTally(project.classes.num_classes)

    def count(image_id: str, truth: LabelMap, predicted: LabelMap) -> None:
        numbers = project.read_objects(image_id)
        if numbers is None or numbers.shape != truth.shape:
            raise DatasetError(
                f"{project.objects_path(image_id)}: expected objects of {_size(truth.shape)} "
                "pixels as the image has; restore the file"
            )
        found = _divided(source, project, image_id, predicted, rules)
        tally.add(Objects(numbers, truth), Objects(found, predicted, project.read_clicks(image_id)))

    pairs = _pairs(source, project, image_ids, protocol, progress, count)
    return replace(score(pairs, project.classes), instances=tally.scores())


def images_to_score(project: Project, split: str) -> tuple[str, ...]:
    """Ids of the images of a split, all of which have dense truth."""
    image_ids = project.split(split)
    if image_ids is None:
        if split != ALL_IMAGES:
            raise DatasetError(
                f"{project.path}: no split '{split}' ({SPLITS}/{split}.txt); write that file, one "
                f"image id a line, or give --split {ALL_IMAGES} for every image with dense truth"
            )
        image_ids = tuple(
            image_id for image_id in project.image_ids() if project.truth_path(image_id).exists()
        )
        if not image_ids:
            raise DatasetError(
                f"{project.path / TRUTH}: no dense truth to score against; add masks <image_id>.png"
            )
    if not image_ids:
        raise DatasetError(
            f"{project.path}: split '{split}' is empty; write image ids into it, one a line"
        )
    missing = [image_id for image_id in image_ids if not project.truth_path(image_id).exists()]
    _raise_all(
        [
            f"{project.truth_path(image_id)}: no dense truth; add the mask, or leave the image out "
            f"of split '{split}'"
            for image_id in missing
        ]
    )
    return image_ids


def _pairs(
    source: Predictor | Path,
    project: Project,
    image_ids: tuple[str, ...],
    protocol: Protocol,
    progress: Callable[[int, int], None] | None,
    count: Callable[[str, LabelMap, LabelMap], None] | None = None,
) -> Iterator[tuple[LabelMap, LabelMap]]:
    seen: Values = frozenset()
    for done, image_id in enumerate(image_ids):
        if progress:
            progress(done, len(image_ids))
        truth = project.read_truth(image_id)
        size = project.image_size(image_id)
        if truth is None:
            raise DatasetError(
                f"{project.truth_path(image_id)}: gone while the project was scored; restore the "
                "mask"
            )
        if truth.shape != size:
            raise DatasetError(
                f"{project.truth_path(image_id)}: {_size(truth.shape)} pixels, but the image has "
                f"{_size(size)}; restore the mask or the image"
            )
        try:
            predicted = _predicted(source, project, image_id, protocol)
            if protocol == "center-crop":
                truth = crop_labels(truth)
            confusion_matrix(truth, predicted, project.classes.num_classes)
            if count:
                count(image_id, truth, predicted)
        except DatasetError:
            raise
        except SeminarError as error:
            raise SeminarError(f"{image_id}: {error}") from None
        seen |= values_of(truth)
        yield truth, predicted
    if says_void_alone(seen):
        raise DatasetError(void_alone(str(project.path / TRUTH)))
    if progress:
        progress(len(image_ids), len(image_ids))


def _predicted(
    source: Predictor | Path, project: Project, image_id: str, protocol: Protocol
) -> LabelMap:
    if isinstance(source, Path):
        path = source / f"{image_id}.png"
        labels = read_label_png(path)
        if fault := palette_fault(path, labels, project.classes):
            raise DatasetError(fault)
        if labels.shape != project.image_size(image_id):
            raise DatasetError(
                f"{path}: {_size(labels.shape)} pixels, but the image has "
                f"{_size(project.image_size(image_id))}; predict the image again"
            )
        return crop_labels(labels) if protocol == "center-crop" else labels
    prepared = source.prepare(project.read_image(image_id), str(project.image_path(image_id)))
    return most_probable(
        source.predict_prepared(crop_image(prepared) if protocol == "center-crop" else prepared)
    )


def _divided(
    source: Predictor | Path, project: Project, image_id: str, labels: LabelMap, rules: Rules | None
) -> npt.NDArray[np.integer]:
    """The objects of an image; those on disk go before."""
    if isinstance(source, Path):
        path = instances_path(source, image_id)
        if path is not None:
            return read_instances(path, labels.shape)
    return divide_labels(labels, project.read_clicks(image_id), rules)


def crop_image(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The middle 513 x 513 of (C, H, W) after bilinear resizing of the short side to 513."""
    return np.stack(
        [
            _middle(np.asarray(_resized(Image.fromarray(plane), Image.Resampling.BILINEAR)))
            for plane in image
        ]
    )


def crop_labels(labels: LabelMap) -> LabelMap:
    """The middle 513 x 513 of (H, W) after nearest resizing of the short side to 513."""
    return _middle(np.asarray(_resized(Image.fromarray(labels), Image.Resampling.NEAREST)))


def _resized(image: Image.Image, how: Image.Resampling) -> Image.Image:
    width, height = image.size
    if width > height:
        size = (int(width * CROP_SIDE / height), CROP_SIDE)
    else:
        size = (CROP_SIDE, int(height * CROP_SIDE / width))
    return image.resize(size, how)


def _middle(plane: npt.NDArray[_Pixel]) -> npt.NDArray[_Pixel]:
    top, left = (round((side - CROP_SIDE) / 2) for side in plane.shape)
    return plane[top : top + CROP_SIDE, left : left + CROP_SIDE]


def _same_classes(model: ClassNames, project: ClassNames, path: Path) -> None:
    if model.names != project.names:
        raise SeminarError(
            f"the model knows the classes {', '.join(model.names)}, {path / CLASSES} has "
            f"{', '.join(project.names)}; evaluate it on a project with the classes that it was "
            "trained on"
        )


def _raise_all(faults: list[str]) -> None:
    if len(faults) > MAX_FAULTS:
        faults = [*faults[:MAX_FAULTS], f"... and {len(faults) - MAX_FAULTS} more of this kind"]
    if faults:
        raise DatasetError(faults)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]} (height x width)"
