"""What clicks of other programs would bring to the images of a project.

An import is planned as a whole before anything is written, so that it can be shown first, and can
be taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import JpegImagePlugin

from seminar.clicks.click_set import ClickSet, pixels
from seminar.clicks.readers.found_clicks import (
    Answers,
    Faults,
    FoundClick,
    Reading,
    Unanswered,
)
from seminar.io.images import explained, image_header
from seminar.io.names import shown
from seminar.labels import ClassNames
from seminar.project.match_images import ImageMatch
from seminar.project.match_labels import LabelRules, match_labels
from seminar.project.project import Project

ORIENTATION = 0x0112
"""EXIF tag of how a camera was held; 1 is upright."""

JPEG = (".jpg", ".jpeg")


@dataclass(frozen=True)
class ImageImport:
    """What an import brings to one image.

    Attributes
    ----------
    before : ClickSet or None
        Its clicks so far.
    after : ClickSet
        These and the new ones.
    new : int
        Clicks that come in.
    doubled : int
        Left out, because their pixel has a click of the same class.
    contradicting : int
        Left out, because their pixel has a click of another class.
    outside : int
        Left out, because they lie outside of the image.
    """

    before: ClickSet | None
    after: ClickSet
    new: int
    doubled: int
    contradicting: int
    outside: int


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do.

    Attributes
    ----------
    images : mapping of str to ImageImport
        By image id.
    classes : ClassNames
        Those of the project and those added.
    per_class : Counter of int
        Clicks that come in.
    unknown_images : Counter of str
        Clicks on images that the project does not have, by what the files call these.
    unknown_labels : Counter of str
        Clicks of classes that the project does not have, by what the files call these.
    skipped : int
        Clicks of classes that are mapped to nothing.
    overwrite : bool
        The new clicks replace those that images have.
    notes : tuple of str
        What the readers say.
    """

    images: Mapping[str, ImageImport]
    classes: ClassNames
    per_class: Counter[int]
    unknown_images: Counter[str]
    unknown_labels: Counter[str]
    skipped: int
    overwrite: bool
    notes: tuple[str, ...]

    def total(self, what: str) -> int:
        """Sum of a count of `ImageImport` over all images."""
        return sum(getattr(image, what) for image in self.images.values())


def plan_import(
    project: Project,
    readings: Mapping[Path, Reading],
    *,
    match: ImageMatch | None = None,
    rules: LabelRules | None = None,
    answers: Answers | None = None,
    overwrite: bool = False,
) -> ImportPlan:
    """Find out what the clicks of these files would bring to a project. Nothing is written.

    Raises
    ------
    DatasetError
        An image of another size than the file notes, one that a camera's note turns, two images of
        a file that would be the same image of the project, or the errors of `match_labels`.
    Unanswered
        Something that the files do not say.
    """
    match = match or ImageMatch(project.image_ids())
    found, unknown_images, edges = _by_image(project, readings, match, answers or Answers())
    labels = Counter(click.label for clicks in found.values() for click in clicks)
    matched = match_labels(labels, project.classes, rules or LabelRules())
    images = {}
    per_class = Counter[int]()
    skipped = 0
    for image_id, clicks in found.items():
        kept = []
        for click in clicks:
            class_id = matched.class_ids.get(click.label)
            if class_id is not None:
                kept.append((click.row, click.col, class_id))
            else:
                skipped += click.label in matched.class_ids
        before = None if overwrite else project.read_clicks(image_id)
        images[image_id] = _merged(kept, before, project.image_size(image_id), image_id in edges)
        new = images[image_id].after.class_ids[0 if before is None else len(before) :]
        per_class.update(new.tolist())
    return ImportPlan(
        images,
        matched.classes,
        per_class,
        unknown_images,
        Counter({label: labels[label] for label in matched.unknown}),
        skipped,
        overwrite,
        tuple(
            f"{path.name}: {note}" for path, reading in readings.items() for note in reading.notes
        ),
    )


def _by_image(
    project: Project, readings: Mapping[Path, Reading], match: ImageMatch, answers: Answers
) -> tuple[dict[str, list[FoundClick]], Counter[str], set[str]]:
    """Clicks by image id, clicks by unknown image, and images with clicks counted from edges."""
    found: dict[str, list[FoundClick]] = {}
    unknown = Counter[str]()
    edges: set[str] = set()
    faults = Faults()
    for path, reading in readings.items():
        named: dict[tuple[str, int | None], str | None] = {}
        first_name: dict[str, str] = {}
        for click in reading.clicks:
            plane = click.plane
            if plane and reading.with_channels:
                plane //= _channels(project, match, click, path, answers)
            key = click.image, plane
            if key not in named:
                named[key] = image_id = match.find(*key, path)
                if image_id is not None:
                    faults_before = len(faults.sentences)
                    _check(project, image_id, click.image, reading, path, faults)
                    if len(faults.sentences) > faults_before:
                        named[key] = None
                    if (first := first_name.setdefault(image_id, click.image)) != click.image:
                        faults.add(
                            f"{path}: '{shown(first)}' and '{shown(click.image)}' would both be the"
                            f" image {shown(image_id)}; import them from two files"
                        )
            image_id = named[key]
            if image_id is None:
                unknown[click.image or path.name] += 1
            else:
                found.setdefault(image_id, []).append(click)
                if reading.from_edges:
                    edges.add(image_id)
    faults.raise_any()
    return found, unknown, edges


def _check(
    project: Project, image_id: str, name: str, reading: Reading, path: Path, faults: Faults
) -> None:
    """The image is as the other program saw it."""
    image_path = project.image_path(image_id)
    size = project.image_size(image_id)
    noted = reading.sizes.get(name, size)
    if noted != size:
        faults.add(
            f"{path}: {shown(name)} is {noted[0]} x {noted[1]} pixels (height x width) there, but "
            f"{image_path} has {size[0]} x {size[1]}; import the clicks of the same picture"
        )
    elif reading.from_edges and image_path.suffix.lower() in JPEG:
        with explained(image_path), JpegImagePlugin.JpegImageFile(image_path) as image:
            orientation = image.getexif().get(ORIENTATION, 1)
        if orientation not in (0, 1):
            faults.add(
                f"{image_path}: a camera's note turns it (EXIF orientation {orientation}); other "
                "programs show it turned, Seminar as it is stored; save it upright without the "
                "note, make the project of that, and import again"
            )


def _channels(
    project: Project, match: ImageMatch, click: FoundClick, path: Path, answers: Answers
) -> int:
    """Channels that the planes of a stack count; asked unless the images have one."""
    if answers.channels is not None:
        return answers.channels
    image_id = match.find(click.image, 0, path)
    if image_id is None or image_header(project.image_path(image_id)).channels == 1:
        return 1
    raise Unanswered(
        f"{path}: ImageJ counts channels and slices of a stack as one; say how many channels it has"
        " there (1 for RGB)",
        "channels",
    )


def _merged(
    clicks: Sequence[tuple[float, float, int]],
    before: ClickSet | None,
    size: tuple[int, int],
    from_edges: bool,
) -> ImageImport:
    height, width = size
    base = before if before is not None else ClickSet(height, width)
    there = dict(
        zip(map(tuple, pixels(base.points).tolist()), base.class_ids.tolist(), strict=True)
    )
    points = np.array([click[:2] for click in clicks], dtype=np.float64).reshape(-1, 2)
    if from_edges:  # on the far edge: in the last pixel
        for axis, side in enumerate(size):
            is_edge = np.isin(points[:, axis], (side - 0.5, side))
            points[is_edge, axis] = side - 1
    counts = Counter[str]()
    kept = []
    for number, pixel in enumerate(map(tuple, pixels(points).tolist())):
        class_id = clicks[number][2]
        if not (0 <= pixel[0] < height and 0 <= pixel[1] < width):
            counts["outside"] += 1
        elif (other := there.get(pixel)) is not None:
            counts["doubled" if other == class_id else "contradicting"] += 1
        else:
            there[pixel] = class_id
            kept.append(number)
    after = ClickSet(
        height,
        width,
        np.concatenate([base.points, points[kept]]),
        np.concatenate([base.class_ids, [clicks[number][2] for number in kept]]),
        base.seconds,
    )
    return ImageImport(
        before,
        after,
        len(kept),
        counts["doubled"],
        counts["contradicting"],
        counts["outside"],
    )
