"""Everything that is wrong with a project: faults, which stop training, and warnings."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from seminar.errors import DatasetError
from seminar.io.images import image_header
from seminar.io.names import name_fault, names_of
from seminar.project.check.folder import folder_faults, folder_warnings, read_splits
from seminar.project.check.image import ImageFindings, inspect_image
from seminar.project.check.label_map import says_void_alone, void_alone
from seminar.project.clicked_classes import unclicked_classes
from seminar.project.images.mixed_channels import mixed_channels
from seminar.project.layout import IMAGES, TRAIN, TRUTH
from seminar.project.project import Project

Needs = Literal["clicks", "truth", "any"]
"""What is examined besides the images: clicks, dense truth, or both where there are any."""


@dataclass(frozen=True)
class Findings:
    """What is wrong with a project, one sentence per finding: where, what, remedy.

    Attributes
    ----------
    faults : tuple of str
        Training on these images is refused.
    warnings : tuple of str
        Training is possible, but the result may not be what was intended.
    notes : tuple of str
        How files were understood, where other programs differ.
    """

    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check(
    project: Project,
    image_ids: Sequence[str] | None = None,
    *,
    needs: Needs = "any",
    channels: tuple[int, ...] | None = None,
    deep: bool = False,
) -> tuple[str, ...]:
    """All faults of a project, one sentence per fault; see `inspect_project`."""
    return inspect_project(project, image_ids, needs=needs, channels=channels, deep=deep).faults


def validate(
    project: Project,
    image_ids: Sequence[str] | None = None,
    *,
    needs: Needs = "any",
    channels: tuple[int, ...] | None = None,
) -> None:
    """Raise a `DatasetError` that lists all faults, if there are any; see `inspect_project`."""
    if faults := check(project, image_ids, needs=needs, channels=channels):
        raise DatasetError(faults)


def inspect_project(
    project: Project,
    image_ids: Sequence[str] | None = None,
    *,
    needs: Needs = "any",
    channels: tuple[int, ...] | None = None,
    deep: bool = False,
) -> Findings:
    """Examine every file of a project and report all that is wrong.

    Parameters
    ----------
    project : Project
    image_ids : sequence of str, optional
        Examine these images only, and take all of them for training. Without it the whole folder is
        examined, splits included.
    needs : "any", "clicks" or "truth"
        What the images are to be trained or scored on. "any" examines both, and requires clicks
        unless there is dense truth.
    channels : tuple of int, optional
        The setting of the same name: every image must have these channels, or all images the same
        number if it is empty. Without it, different numbers are only a warning.
    deep : bool
        Decode every image. Otherwise only headers and ends of files are read, and float images
        decoded to find NaN.

    Notes
    -----
    Faults: no images; a name that cannot be an image id, or two files with the same one; a link
    that leaves the project; an image that is not readable, cut short, too small, too large or
    contains NaN; clicks, sparse masks, truth or objects that are not readable or of another size
    than the image; class ids that classes.txt does not have; clicks outside the image; a split that
    is empty or names an image that is missing; no clicks at all, or of one class only; dense truth
    with nothing but background and void, or whose palette contradicts the classes.

    Warnings: images without clicks among others that have some; a class without clicks where two
    others have some; images with different numbers of channels (a fault if `channels` is given);
    files without an image, or that are not read; an image in both train and val; names that Windows
    or macOS cannot keep; a sparse mask that does not agree with its JSON.
    """
    faults = folder_faults(project, image_ids)
    warnings: list[str] = []
    if image_ids is None:
        warnings += folder_warnings(project)
        ids = tuple(image_id for image_id in project.image_ids() if not name_fault(image_id))
        splits, split_faults, split_warnings = read_splits(project)
        faults += split_faults
        warnings += split_warnings
        trained = splits.get(TRAIN, ids)
    else:
        ids = trained = tuple(dict.fromkeys(image_ids))
    if not ids:
        faults.append(
            f"{IMAGES}: no image in it; put images there (jpg, png, tif), or make a project with "
            "`seminar new`"
            if image_ids is None
            else "no image to train on; add images to the split, or train on another one"
        )
        return Findings(_relative(project, faults), _relative(project, warnings))
    inspect = partial(inspect_image, project, needs=needs, deep=deep)
    with ThreadPoolExecutor(max_workers=4) as pool:
        findings = dict(zip(ids, pool.map(inspect, ids), strict=True))
    for found in findings.values():
        faults += found.faults
        warnings += found.warnings
    to_train = {image_id: findings[image_id] for image_id in trained if image_id in findings}
    for more_faults, more_warnings in (
        _label_findings(project, to_train, needs),
        _void_findings(findings),
        _channel_findings(findings, channels),
    ):
        faults += more_faults
        warnings += more_warnings
    return Findings(
        _relative(project, faults), _relative(project, warnings), tuple(_notes(findings))
    )


def _void_findings(findings: dict[str, ImageFindings]) -> tuple[list[str], list[str]]:
    """Masks of 0 and 255: a fault if all are so."""
    with_truth = [found.truth_values for found in findings.values() if found.has_truth]
    if says_void_alone(value for values in with_truth for value in values):
        return [void_alone(TRUTH)], []
    void = [image_id for image_id, found in findings.items() if says_void_alone(found.truth_values)]
    return [], [void_alone(f"{TRUTH}, {names_of(void)}")] if void else []


def _notes(findings: dict[str, ImageFindings]) -> Iterator[str]:
    """Pictures that are noted as to be turned."""
    for turning, said in (
        ("done", "turned by the orientation noted in the file (EXIF), as viewers show them"),
        ("ignored", "read as stored, though the tif notes an orientation, as ImageJ and napari do"),
    ):
        turned = [
            image_id
            for image_id, found in findings.items()
            if found.header and found.header.turning == turning
        ]
        if turned:
            yield f"{IMAGES}: {names_of(turned)} {said}; masks made otherwise do not fit"


def different_channels(project: Project, image_ids: Sequence[str]) -> str:
    """What `mixed_channels` says of these images, from their headers; images that cannot be read
    are left out.
    """
    counts: dict[str, int] = {}
    for image_id in image_ids:
        with contextlib.suppress(DatasetError, OSError):
            counts[image_id] = image_header(project.image_path(image_id)).channels
    return mixed_channels(counts)


def _label_findings(
    project: Project, trained: dict[str, ImageFindings], needs: Needs
) -> tuple[list[str], list[str]]:
    """Faults and warnings about the clicks or the truth of the whole training set."""
    has_truth = any(found.has_truth for found in trained.values())
    if needs == "truth":
        return _presence(
            [image_id for image_id, found in trained.items() if not found.has_truth],
            len(trained),
            f"dense truth in {TRUTH}",
            "draw or import it",
        )
    counts = Counter[int]()
    for found in trained.values():
        counts.update(found.clicks)
    remedy = "click in the window, or see `seminar simulate-clicks` and `seminar import-clicks`"
    without = [
        image_id
        for image_id, found in trained.items()
        if not found.clicks and not found.click_files_are_faulty
    ]
    faults, warnings = _presence(without, len(trained), "clicks", remedy)
    if needs == "any" and has_truth:
        faults, warnings = [], faults + warnings  # trains with --losses full
    if not counts:
        return faults, warnings
    sentence, is_fault = unclicked_classes(counts, project.classes)
    if sentence:
        (faults if is_fault else warnings).append(sentence)
    return faults, warnings


def _presence(
    without: Sequence[str], total: int, what: str, remedy: str
) -> tuple[list[str], list[str]]:
    if not without:
        return [], []
    if len(without) == total:
        return [f"no image of the training set has {what}; {remedy}"], []
    return [], [
        f"{names_of(without)} of {total} in the training set: no {what}, so no step trains on "
        f"them; {remedy}"
    ]


def _channel_findings(
    findings: dict[str, ImageFindings], channels: tuple[int, ...] | None
) -> tuple[list[str], list[str]]:
    counts = {
        image_id: found.header.channels for image_id, found in findings.items() if found.header
    }
    if channels:
        lacking = sorted(image_id for image_id, count in counts.items() if count <= max(channels))
        said = (
            f"{IMAGES}: channel {max(channels)} is asked for, {names_of(lacking)} of "
            f"{len(findings)} do not have it; "
        )
        return ([f"{said}change the setting 'channels' or convert them"] if lacking else []), []
    if not (said := mixed_channels(counts)):
        return [], []
    fault = f"{IMAGES}: {said}; convert them, or set 'channels' to some that all of them have"
    return ([], [fault]) if channels is None else ([fault], [])


def _relative(project: Project, sentences: Iterable[str]) -> tuple[str, ...]:
    """Sentences, each once, with paths relative to the project's folder."""
    if project.path != Path():
        for separator in "/\\":
            prefix = f"{project.path}{separator}"
            sentences = [sentence.replace(prefix, "") for sentence in sentences]
    return tuple(dict.fromkeys(sentences))
