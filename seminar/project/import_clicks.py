"""Clicks that people made in other programs, written into a project and taken back."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Generator
from dataclasses import dataclass, replace

from seminar.clicks.click_set import ClickSet
from seminar.clicks.readers.found_clicks import Reading, per_image
from seminar.clicks.readers.whats_the_point import LONGEST_SIDE
from seminar.errors import DatasetError
from seminar.io.files import locked, write_text
from seminar.labels import BACKGROUND, ClassNames
from seminar.project.import_plan.plan_import import ImageImport, ImportPlan
from seminar.project.new_clicks import NewClicks
from seminar.project.project import Project
from seminar.project.write_clicks import write_click_files


def write_import(project: Project, plan: ImportPlan) -> Generator[NewClicks]:
    """Write what was planned; yields the total after each image.

    Clicks made since are kept. Where an error comes, or the iterator is closed before its end, all
    that was written is taken back.

    Raises
    ------
    DatasetError
        classes.txt has changed since the plan was made, and the plan adds classes.
    OSError
        Disk full, no permission.
    """
    target = replace(project, classes=plan.classes)
    done: list[str] = []
    per_class = Counter[int]()
    skipped = len(plan.unknown_images)
    try:
        if plan.classes != project.classes:
            if Project.open(project.path).classes != project.classes:
                raise DatasetError(
                    f"{project.classes_path}: another program changed it meanwhile; import again"
                )
            write_text(project.classes_path, plan.classes.format())
        for image_id, image in plan.images.items():
            if not image.new and not plan.overwrite:
                continue
            done.append(image_id)
            base = None if plan.overwrite else image.before or _nothing(image.after)
            # size and classes were checked by the plan
            write_click_files(
                project.path, image_id, image.after, plan.classes, base=base, durable=False
            )
            per_class.update(image.after.class_ids[len(image.after) - image.new :].tolist())
            yield NewClicks(len(done), Counter(per_class), skipped)
    except BaseException:
        for image_id in done:
            with contextlib.suppress(OSError, DatasetError):
                _take_back(target, image_id, plan.images[image_id])
        with contextlib.suppress(OSError, DatasetError):
            _take_back_classes(project, plan)
        raise


def take_back(project: Project, plan: ImportPlan) -> None:
    """Remove the clicks of an import again, and the classes that it added unless they are used.

    Clicks made since are kept, and so are classes that were changed since.

    Parameters
    ----------
    project : Project
        As it was before the import.

    Raises
    ------
    OSError
        Disk full, no permission.
    """
    now = Project.open(project.path)
    for image_id, image in plan.images.items():
        _take_back(now, image_id, image)
    _take_back_classes(project, plan)


def _take_back(project: Project, image_id: str, image: ImageImport) -> None:
    now = project.read_clicks(image_id)
    if now is None:
        return
    nothing = _nothing(image.after)
    if image.before is None and now == image.after:  # without writing: the disk may be full
        _remove(project, image_id, image.after)
        return
    project.write_clicks(image_id, image.before or nothing, base=image.after, durable=False)
    if image.before is None:
        _remove(project, image_id, nothing)


def _take_back_classes(project: Project, plan: ImportPlan) -> None:
    if plan.classes == project.classes or Project.open(project.path).classes != plan.classes:
        return
    if not _uses_new_classes(project, project.classes):
        write_text(project.classes_path, project.classes.format())


def _nothing(clicks: ClickSet) -> ClickSet:
    return ClickSet(clicks.height, clicks.width)


def _remove(project: Project, image_id: str, expected: ClickSet) -> None:
    """Remove the files of an image that had no clicks before, if they hold what is expected."""
    with locked(project.path):
        now = project.read_clicks(image_id)
        if now is not None and replace(now, seconds=0.0) == replace(expected, seconds=0.0):
            project.clicks_path(image_id).unlink(missing_ok=True)
            project.sparse_mask_path(image_id).unlink(missing_ok=True)


def _uses_new_classes(project: Project, classes: ClassNames) -> bool:
    return any(
        clicks is not None and (clicks.class_ids >= classes.num_classes).any()
        for clicks in map(project.read_clicks, project.clicks_stamps())
    )


@dataclass(frozen=True)
class ImportStatistics:
    """What the imported files hold, whether the project has the images or not.

    Attributes
    ----------
    listed : int
        Image ids asked for: those of the split list, or all of the files.
    images : int
        Image ids among them that the files know.
    foreground, background : int
        Clicks of these images, those outside the image included.
    foreground_outside, background_outside : int
        Clicks outside their image, which are dropped; beyond 500 pixels where the project does not
        have the image.
    """

    listed: int
    images: int
    foreground: int
    background: int
    foreground_outside: int
    background_outside: int


def import_statistics(
    project: Project, reading: Reading, listed: Collection[str] | None = None
) -> ImportStatistics:
    """Count the clicks of What's the Point; `listed` are the ids of the split list, if any."""
    known = set(project.image_ids())
    inside, outside = Counter[bool](), Counter[bool]()
    for image_id, clicks in per_image(reading.clicks).items():
        size = project.image_size(image_id) if image_id in known else (LONGEST_SIDE, LONGEST_SIDE)
        for click in clicks:
            (inside if click.is_inside(*size) else outside)[click.label == BACKGROUND] += 1
    return ImportStatistics(
        listed=len(set(reading.images)) if listed is None else len(set(listed)),
        images=len(set(reading.images)),
        foreground=inside[False] + outside[False],
        background=inside[True] + outside[True],
        foreground_outside=outside[False],
        background_outside=outside[True],
    )
