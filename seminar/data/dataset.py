"""Batches from the images and clicks of a project.

Batch i of a stage depends on (seed, stage, i) and the clicks alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.data.array_cache import ArrayCache
from seminar.data.batch import Batch, Sample
from seminar.data.live_clicks import ClickChanges, LiveClicks
from seminar.data.map_folders import check_objectness, check_pseudo_labels, read_objectness
from seminar.data.transforms import (
    Image,
    Window,
    auto_scale_range,
    crop_image,
    crop_labels,
    random_window,
    rasterize_crop,
    strong_view,
)
from seminar.errors import DatasetError
from seminar.io.intensities import to_float
from seminar.io.label_png import read_label_png
from seminar.labels import LabelMap
from seminar.project.project import Project


class ClickDataset:
    """Images with clicks or, for full supervision, with dense masks.

    Parameters
    ----------
    project : Project
    config : TrainConfig
        Crops, channels, seed.
    image_ids : sequence of str
        Images that may train; those without clicks wait until they have some.
    """

    def __init__(self, project: Project, config: TrainConfig, image_ids: Sequence[str]) -> None:
        self.project, self.config = project, config
        self._is_dense = config.losses == ("full",)
        self._pseudo_labels, self._objectness = Path(config.pseudo_labels), Path(config.objectness)
        if config.objectness:
            check_objectness(self._objectness, image_ids)
        if config.pseudo_labels:
            check_pseudo_labels(project, self._pseudo_labels, image_ids)
        self._cache = ArrayCache()
        self._counted: dict[str, ClickSet] | None = None
        self._counts: list[int] = []
        self._live = LiveClicks(project, tuple(image_ids))
        if self._is_dense:
            self.adopt({image_id: self._dense_extent(image_id) for image_id in image_ids})
        self.refresh()

    @property
    def clicks(self) -> dict[str, ClickSet]:
        """The click sets that train now, by image id; empty ones under full supervision."""
        return self._live.now

    @property
    def unclicked(self) -> tuple[str, ...]:
        """Ids of the images that may train and have no clicks now."""
        return self._live.waiting()

    def refresh(self) -> ClickChanges:
        """Use the clicks that changed on disk since the last call; see `LiveClicks.refresh`."""
        return ClickChanges((), 0, 0) if self._is_dense else self._live.refresh()

    def adopt(self, clicks: dict[str, ClickSet]) -> None:
        """Train on these clicks, which another process of the run read."""
        self._live.now = clicks

    def _dense_extent(self, image_id: str) -> ClickSet:
        truth = self.project.read_truth(image_id)
        if truth is None:
            raise DatasetError(
                f"SegmentationClass/{image_id}.png: full supervision needs dense truth, found no "
                "file; train from clicks instead"
            )
        return ClickSet(*truth.shape)

    def click_counts(self) -> tuple[int, ...]:
        """How many clicks each class has."""
        if self._counted is not self.clicks:
            self._counted = self.clicks
            ids = [clicks.class_ids for clicks in self.clicks.values()]
            num_classes = self.project.classes.num_classes
            self._counts = np.bincount(np.concatenate(ids), minlength=num_classes).tolist()
        return tuple(self._counts)

    def epoch_length(self) -> int:
        """Iterations in which every image is seen once (at least 1)."""
        return max(1, len(self.clicks) // self.config.batch_size)

    def batch(self, stage: int, iteration: int, slots: range | None = None) -> Batch:
        """Batch `iteration` (from 0) of stage number `stage`, on the CPU.

        `slots` selects some of its crops.
        """
        clicks, config = self.clicks, self.config
        ids = tuple(clicks)
        scale_range = config.scale_range or auto_scale_range(len(ids))
        samples = []
        for slot in slots or range(config.batch_size):
            epoch, place = divmod(iteration * config.batch_size + slot, len(ids))
            order = np.random.default_rng((config.seed, stage, 1, epoch)).permutation(len(ids))
            rng = np.random.default_rng((config.seed, stage, 2, iteration, slot))
            image_id = ids[order[place]]
            samples.append(self._sample(image_id, clicks[image_id], scale_range, rng))
        return Batch.of(samples)

    def _sample(
        self,
        image_id: str,
        clicks: ClickSet,
        scale_range: Sequence[float],
        rng: np.random.Generator,
    ) -> Sample:
        config = self.config
        image = self.image(image_id)
        window = random_window(
            clicks,
            size=config.crop_size,
            scale_range=scale_range,
            rotations=config.rotations,
            rng=rng,
        )
        crop, valid = crop_image(image, window)
        clicked = np.isin(np.arange(self.project.classes.num_classes), clicks.class_ids)
        return Sample(
            image=crop,
            student_image=(
                strong_view(crop, rng, colours=config.strong_colours)
                if config.strong_augmentation
                else crop
            ),
            labels=self._labels(image_id, clicks, window),
            valid=valid,
            absent=torch.from_numpy(~clicked),
            pseudo_labels=self._pseudo_label_crop(image_id, window),
            objectness=self._objectness_crop(image_id, window),
        )

    def image(self, image_id: str) -> Image:
        """(C, H, W) float16 on 0..255, from the cache where possible."""

        def read() -> Image:
            pixels = to_float(
                self.project.read_image(image_id),
                channels=self.config.channels,
                stretch=self.config.stretch,
            )
            return pixels.astype(np.float16)

        return self._cache.get(("image", image_id), read)

    def _labels(self, image_id: str, clicks: ClickSet, window: Window) -> Tensor:
        if not self._is_dense:
            return rasterize_crop(clicks, window)

        def read() -> LabelMap:
            truth = self.project.read_truth(image_id)
            assert truth is not None  # `_dense_extent` looked
            return truth

        return crop_labels(self._cache.get(("truth", image_id), read), window)

    def _pseudo_label_crop(self, image_id: str, window: Window) -> Tensor:
        if not self.config.pseudo_labels:
            return torch.zeros(0)
        path = self._pseudo_labels / f"{image_id}.png"
        labels = self._cache.get(("pseudo", image_id), lambda: read_label_png(path))
        return crop_labels(labels, window)

    def _objectness_crop(self, image_id: str, window: Window) -> Tensor:
        if not self.config.objectness:
            return torch.zeros(0)
        prior = self._cache.get(
            ("objectness", image_id),
            lambda: read_objectness(self.project, self._objectness, image_id),
        )
        return crop_image(prior[None].astype(np.float32), window)[0][0] / 255
