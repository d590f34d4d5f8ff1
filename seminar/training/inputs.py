"""Images, clicks and masks of a run, checked before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seminar.config.settings import TrainConfig
from seminar.data.dataset import ClickDataset
from seminar.errors import DatasetError, SeminarError
from seminar.project.check.project import Needs, check
from seminar.project.project import Project
from seminar.project.splits import training_ids
from seminar.runtime.distributed import Ranks


@dataclass(frozen=True)
class Inputs:
    """The data of a run.

    Attributes
    ----------
    dataset : ClickDataset
    scored : tuple of str
        Images that are scored during the run.
    channels, num_classes : int
        Of the images, and of the network.
    """

    dataset: ClickDataset
    scored: tuple[str, ...]
    channels: int
    num_classes: int


def read_inputs(project: Project, config: TrainConfig, ranks: Ranks) -> Inputs:
    """Read and check the images, clicks and masks of a run; the same ones in every process.

    Raises
    ------
    DatasetError
        Faults of the images that train or are scored, all of them at once; no image with a click.
    SeminarError
        Fewer crops than processes, or no pseudo-labels in their folder.
    """
    if config.batch_size < ranks.size:
        raise SeminarError(
            f"--batch-size {config.batch_size}: {ranks.size} processes share the crops of a batch; "
            f"take at least {ranks.size}, or fewer processes"
        )
    with ranks.together():
        image_ids = _training_ids(project, config)
        scored = scored_ids(project, config)[: config.validation_images]
        _refuse_faults(project, config, image_ids, scored)
        if ranks.is_first:
            project.mend_masks(image_ids)
        dataset = ClickDataset(project, config, image_ids)
        if not dataset.clicks:
            raise DatasetError(
                f"{project.path}: no image has a click; click on a few objects and on the "
                "background, then train"
            )
    dataset.adopt(ranks.from_first(lambda: dataset.clicks))
    channels = len(dataset.image(next(iter(dataset.clicks))))
    return Inputs(dataset, scored, channels, project.classes.num_classes)


def _training_ids(project: Project, config: TrainConfig) -> tuple[str, ...]:
    """The images of the split, or all images where there is no train.txt.

    Full supervision needs those with dense masks, `--pseudo-labels` those with a label PNG there.
    `limit` takes the first of them.
    """
    ids = training_ids(project, config.split) or project.image_ids()
    if config.losses == ("full",):
        ids = tuple(image_id for image_id in ids if project.truth_path(image_id).exists())
    if config.pseudo_labels:
        folder = Path(config.pseudo_labels)
        ids = tuple(image_id for image_id in ids if (folder / f"{image_id}.png").is_file())
        if not ids:
            raise SeminarError(
                f"--pseudo-labels {folder}: expected label PNGs named as the images, found none; "
                "give their folder"
            )
    return ids[: config.limit] if config.limit else ids


def scored_ids(project: Project, config: TrainConfig) -> tuple[str, ...]:
    """The images of the val split that have dense masks; none where nothing is to be scored."""
    ids = project.split(config.val_split) or () if config.validations else ()
    return tuple(image_id for image_id in ids if project.truth_path(image_id).exists())


def _refuse_faults(
    project: Project, config: TrainConfig, image_ids: tuple[str, ...], scored: tuple[str, ...]
) -> None:
    needs: Needs = "truth" if config.losses == ("full",) else "clicks"
    faults = check(project, image_ids, needs=needs, channels=config.channels)
    if scored:
        faults += check(project, scored, needs="truth", channels=config.channels)
    if faults:
        raise DatasetError(tuple(dict.fromkeys(faults)))
