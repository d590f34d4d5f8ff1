"""Everything that is wrong with a project, at once: faults, which stop training, and warnings,
which do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seminar.errors import DatasetError
from seminar.io.names import name_fault
from seminar.project.check.folder import folder_faults, folder_warnings, names_of, read_splits
from seminar.project.check.image import ImageFindings, inspect_image
from seminar.project.layout import (
    CLICKS,
    IMAGES,
    TRUTH,
)
from seminar.project.project import Project

Needs = Literal["clicks", "truth", "any"]
"""What is looked at beside the images: clicks, dense truth, or both where there are any."""

CLASSES_SHOWN = 20
"""A sentence on many classes names so many of them."""


@dataclass(frozen=True)
class Findings:
    """What is wrong with a project, one sentence each: where, what, remedy.

    Attributes
    ----------
    faults : tuple of str
        Training on these images is refused.
    warnings : tuple of str
        Training goes on, but perhaps not as meant.
    """

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def check(
    project: Project,
    image_ids: Sequence[str] | None = None,
    *,
    needs: Needs = "any",
    channels: tuple[int, ...] | None = None,
    deep: bool = False,
) -> tuple[str, ...]:
    """Every fault of a project, a sentence each; see `inspect_project`."""
    return inspect_project(project, image_ids, needs=needs, channels=channels, deep=deep).faults


def validate(
    project: Project,
    image_ids: Sequence[str] | None = None,
    *,
    needs: Needs = "any",
    channels: tuple[int, ...] | None = None,
) -> None:
    """Raise a `DatasetError` that lists every fault, if there is one; see `inspect_project`."""
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
    """Look at every file of a project and tell all that is wrong.

    Parameters
    ----------
    project : Project
    image_ids : sequence of str, optional
        Look at these images alone, and take all of them for training. Without it the whole folder
        is looked at, splits too.
    needs : "any", "clicks" or "truth"
        What the images are to be trained or scored on. "any" looks at both, and asks for clicks
        unless there is dense truth.
    channels : tuple of int, optional
        The setting of the same name: every image must have these, or all the same number if it is
        empty. Without it, different numbers only warn.
    deep : bool
        Decode every image. Else only headers and ends of files are read, and float images decoded
        to find NaN.

    Notes
    -----
    Faults: no images; a name that cannot be an image id, or two files with the same one; a link
    that leaves the project; an image that is not readable, cut short, too small, too large or holds
    NaN; clicks, sparse masks, truth or objects that are not readable or of another size than the
    image; class ids that classes.txt does not have; clicks outside the image; a split that names no
    image or missing ones; no clicks at all, or of one class only.

    Warnings: images without clicks among others that have some; a class without clicks where two
    others have some; images with different numbers of channels (a fault if `channels` is given);
    files without an image; an image in both train and val; names that Windows or macOS cannot keep;
    a sparse mask that is not in step with its JSON.
    """
    faults = folder_faults(project, image_ids)
    warnings: list[str] = []
    if image_ids is None:
        warnings += folder_warnings(project)
        ids = tuple(image_id for image_id in project.image_ids() if not name_fault(image_id))
        splits, split_faults, split_warnings = read_splits(project)
        faults += split_faults
        warnings += split_warnings
        trained = splits.get("train", ids)
    else:
        ids = trained = tuple(dict.fromkeys(image_ids))
    if not ids:
        faults.append(
            f"{IMAGES}: no image in it; put images there (jpg, png, tif), or make a project with"
            " `seminar new`"
            if image_ids is None
            else "no image to train on; add images to the split, or train on another one"
        )
        return Findings(_relative(project, faults), _relative(project, warnings))
    with ThreadPoolExecutor(max_workers=4) as pool:
        findings = dict(
            zip(
                ids,
                pool.map(
                    lambda image_id: inspect_image(project, image_id, needs=needs, deep=deep), ids
                ),
                strict=True,
            )
        )
    for found in findings.values():
        faults += found.faults
        warnings += found.warnings
    trained_findings = {
        image_id: findings[image_id] for image_id in trained if image_id in findings
    }
    for more_faults, more_warnings in (
        _label_findings(project, trained_findings, needs),
        _channel_findings(findings, channels),
    ):
        faults += more_faults
        warnings += more_warnings
    return Findings(_relative(project, faults), _relative(project, warnings))


def _label_findings(
    project: Project, trained: dict[str, ImageFindings], needs: Needs
) -> tuple[list[str], list[str]]:
    """Faults and warnings on what there is to learn from, over all images of the training set."""
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
    missing = [
        f"{class_id} '{name}'"
        for class_id, name in enumerate(project.classes.names)
        if not counts[class_id]
    ]
    named = ", ".join(missing[:CLASSES_SHOWN]) + (", ..." if len(missing) > CLASSES_SHOWN else "")
    if len(counts) < 2:
        faults.append(
            f"{CLICKS}: no click of class {named}, and one class alone teaches nothing; click on"
            " places that show another"
        )
    elif missing:
        warnings.append(
            f"{CLICKS}: no click of class {named}, so never predicted; click on places that show"
            " it, or ignore this where none does"
        )
    return faults, warnings


def _presence(
    without: Sequence[str], total: int, what: str, remedy: str
) -> tuple[list[str], list[str]]:
    if not without:
        return [], []
    if len(without) == total:
        return [f"no image of the training set has {what}; {remedy}"], []
    return [], [
        f"{names_of(without)} of {total} in the training set: no {what}, so not trained on;"
        f" {remedy}"
    ]


def _channel_findings(
    findings: dict[str, ImageFindings], channels: tuple[int, ...] | None
) -> tuple[list[str], list[str]]:
    groups: dict[int, list[str]] = {}
    for image_id, found in findings.items():
        if found.header is not None:
            groups.setdefault(found.header.channels, []).append(image_id)
    if channels:
        lacking = sorted(
            image_id for count, ids in groups.items() if count <= max(channels) for image_id in ids
        )
        said = (
            f"{IMAGES}: channel {max(channels)} is asked for, {names_of(lacking)} of"
            f" {len(findings)} do not have it; "
        )
        return ([f"{said}change the setting 'channels' or convert them"] if lacking else []), []
    if len(groups) < 2:
        return [], []
    said = "; ".join(f"{count} in {names_of(ids)}" for count, ids in sorted(groups.items()))
    fault = (
        f"{IMAGES}: images with different numbers of channels: {said}; convert them, or set"
        " 'channels' to some that all of them have"
    )
    return ([], [fault]) if channels is None else ([fault], [])


def _relative(project: Project, sentences: Iterable[str]) -> tuple[str, ...]:
    """Sentences, each once, with the files named from the project's folder on."""
    if project.path == Path():
        return tuple(dict.fromkeys(sentences))
    prefixes = (f"{project.path}/", f"{project.path}\\")
    return tuple(
        dict.fromkeys(
            sentence.replace(prefixes[0], "").replace(prefixes[1], "") for sentence in sentences
        )
    )
