"""What clicks of other programs would bring to the images of a project.

An import is planned as a whole before anything is written, so that it can be shown first, and can
be taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seminar.clicks.click_set import ClickSet, pixels
from seminar.clicks.readers.found_clicks import (
    Answers,
    Faults,
    FoundClick,
    Reading,
    Unanswered,
)
from seminar.errors import DatasetError
from seminar.io.images import ImageHeader, image_header
from seminar.io.names import shown
from seminar.labels import ClassNames
from seminar.project.import_plan.match_images import ImageMatch
from seminar.project.import_plan.match_labels import LabelRules, match_labels
from seminar.project.layout import IMAGES, image_files
from seminar.project.project import Project


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
    found, unknown_images = _by_image(project, readings, match, answers or Answers())
    labels = Counter(click.label for one in found.values() for click in one.clicks)
    matched = match_labels(labels, project.classes, rules or LabelRules())
    images = {}
    per_class = Counter[int]()
    skipped = 0
    for image_id, one in found.items():
        kept = []
        for click in one.clicks:
            class_id = matched.class_ids.get(click.label)
            if class_id is not None:
                kept.append((click.row, click.col, class_id))
            else:
                skipped += click.label in matched.class_ids
        before = _clicks_of(project, image_id, overwrite)
        image = _merged(kept, before, one, overwrite)
        images[image_id] = image
        per_class.update(image.after.class_ids[len(image.after) - image.new :].tolist())
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


@dataclass
class _Found:
    """Clicks of an image of the project, and from where they are counted."""

    header: ImageHeader
    clicks: list[FoundClick] = field(default_factory=list)
    from_edges: bool = False


def _by_image(
    project: Project, readings: Mapping[Path, Reading], match: ImageMatch, answers: Answers
) -> tuple[dict[str, _Found], Counter[str]]:
    """Clicks by image id, and the numbers of clicks by unknown image."""
    found: dict[str, _Found] = {}
    unknown = Counter[str]()
    faults = Faults()
    paths = {image.stem: image for image in image_files(project.path / IMAGES)}
    for path, reading in readings.items():
        groups: dict[tuple[str, int | None], list[FoundClick]] = {}
        for click in reading.clicks:
            groups.setdefault((click.image, click.plane), []).append(click)
        names: dict[str, str] = {}
        for (name, plane), clicks in groups.items():
            if plane and reading.with_channels:
                plane //= _channels(project, match, name, path, answers)
            image_id = match.find(name, plane, path)
            if image_id is None:
                unknown[name or path.name] += len(clicks)
                continue
            if image_id not in found:
                found[image_id] = _Found(image_header(paths[image_id]))
            one = found[image_id]
            if (first := names.setdefault(image_id, name)) != name:
                faults.add(
                    f"{path}: '{shown(first)}' and '{shown(name)}' would both be the image "
                    f"{shown(image_id)}; import them from two files"
                )
            if fault := _fault(paths[image_id], one.header, reading, name):
                faults.add(f"{path}: {fault}")
            one.clicks += clicks
            one.from_edges |= reading.from_edges
    faults.raise_any()
    return found, unknown


def _clicks_of(project: Project, image_id: str, overwrite: bool) -> ClickSet | None:
    try:
        return project.read_clicks(image_id)
    except DatasetError:
        if overwrite:  # damaged ones are replaced, too
            return None
        raise


def _fault(path: Path, header: ImageHeader, reading: Reading, name: str) -> str:
    """Why the image at `path` is not as the other program saw it; empty if it is."""
    size = header.height, header.width
    noted = reading.sizes.get(name, size)
    if noted != size:
        return (
            f"{shown(name)} is {noted[0]} x {noted[1]} pixels (height x width) there, but the "
            f"image {shown(path.stem)} has {size[0]} x {size[1]}; import the clicks of the same "
            "picture"
        )
    if header.turning != "done":
        return ""
    return (
        f"{path} is turned by a camera's note (EXIF orientation), as viewers show it, but not all "
        "programs turn it, so the clicks may not fit; save it upright without the note, make the "
        "project of that, and import again"
    )


def _channels(project: Project, match: ImageMatch, name: str, path: Path, answers: Answers) -> int:
    """Channels that the planes of a stack count; asked unless the images have one."""
    if answers.channels is not None:
        return answers.channels
    image_id = match.find(name, 0, path)
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
    found: _Found,
    overwrite: bool,
) -> ImageImport:
    height, width = found.header.height, found.header.width
    base = ClickSet(height, width) if before is None or overwrite else before
    there = dict(
        zip(map(tuple, pixels(base.points).tolist()), base.class_ids.tolist(), strict=True)
    )
    points = np.array([click[:2] for click in clicks], dtype=np.float64).reshape(-1, 2)
    if found.from_edges:  # on the far edge: in the last pixel
        for axis, side in enumerate((height, width)):
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
