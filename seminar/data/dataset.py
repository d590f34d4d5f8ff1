"""From a project's images and clicks to batches; batch i of a stage depends on (seed, stage, i)
and the clicks alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.data.transforms import (
    Image,
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
from seminar.losses.dense_crf import NystromPlan
from seminar.project.check.image import label_map_faults
from seminar.project.layout import CLICKS, TRUTH
from seminar.project.project import Project
from seminar.project.write_clicks import clicks_faults

MAX_FAULTS = 20
"""A folder of label maps with more faults than this is told by its first ones and their number."""

CACHE_BYTES = 300_000_000
"""Decoded images kept in memory, at most."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One crop."""

    image: Tensor
    """(C, S, S) float32 on 0..255: what the teacher and the CRF see."""
    student_image: Tensor
    """(C, S, S) float32 on 0..255: the same crop, possibly a stronger view of it."""
    labels: Tensor
    """(S, S) int64: clicks (or dense truth), 255 elsewhere."""
    valid: Tensor
    """(S, S) bool: False on padding."""
    absent: Tensor
    """(K,) bool: classes clicked nowhere in the whole image."""
    pseudo_labels: Tensor
    """(S, S) int64 from a folder, or empty."""
    objectness: Tensor
    """(S, S) float32 on 0..1 from a folder, or empty."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples stacked: every field of `Sample` with a leading N, and the CRF's plan."""

    image: Tensor
    student_image: Tensor
    labels: Tensor
    valid: Tensor
    absent: Tensor
    pseudo_labels: Tensor
    objectness: Tensor = field(default_factory=lambda: torch.zeros(0))
    crf_plan: NystromPlan | None = None
    """What the CRF needs of the crops, where `objectives.with_crf_plan` made it ahead."""

    def __len__(self) -> int:
        return len(self.image)

    def to(self, device: torch.device) -> Batch:
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def part(self, start: int, stop: int) -> Batch:
        """Samples `start` to `stop`, as a batch of its own."""
        return self._map(lambda tensor: tensor[start:stop])

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        tensors: dict[str, Any] = {
            field.name: change(getattr(self, field.name))
            for field in fields(self)
            if field.name != "crf_plan"
        }
        plan = None if self.crf_plan is None else NystromPlan(*map(change, self.crf_plan))
        return Batch(**tensors, crf_plan=plan)


@dataclass(frozen=True)
class ClickChanges:
    """What `ClickDataset.refresh` found: the images whose clicks changed, how many came and
    went, and why others were not taken up.
    """

    image_ids: tuple[str, ...]
    added: int
    removed: int
    faults: tuple[str, ...] = ()


class ClickDataset:
    """Images with clicks (or, for full supervision, with dense truth).

    Parameters
    ----------
    project : Project
    config : TrainConfig
        Crops, channels, seed.
    image_ids : sequence of str
        Images that may train; those without clicks wait until they have some.
    """

    def __init__(self, project: Project, config: TrainConfig, image_ids: Sequence[str]) -> None:
        self.project = project
        self.config = config
        self.image_ids = tuple(image_ids)
        self.dense = config.losses == ("full",)
        self._refuse_missing_objectness()
        self._refuse_wrong_pseudo_labels()
        self._cache = _Cache()
        self._stamps: dict[str, int] = {}
        self._clicks: dict[str, ClickSet] = {}
        self._lock = threading.Lock()
        self.refresh()

    @property
    def clicks(self) -> dict[str, ClickSet]:
        """The click sets that train now, by image id."""
        return self._clicks

    def refresh(self) -> ClickChanges:
        """Read clicks that changed on disk since the last call.

        What would end a run is told and not taken up: a file that cannot be read, a class that came
        after the network was built, the loss of the last click.

        Raises
        ------
        DatasetError
            At the first call: a file that cannot be read.
        """
        if self.dense:
            self._clicks = self._clicks or {
                image_id: self._dense_extent(image_id) for image_id in self.image_ids
            }
            return ClickChanges((), 0, 0)
        stamps = self.project.clicks_stamps()
        wanted = [
            image_id
            for image_id in self.image_ids
            if stamps.get(image_id) != self._stamps.get(image_id)
        ]
        clicks = dict(self._clicks)
        changed: list[str] = []
        faults: list[str] = []
        added = removed = 0
        for image_id in wanted:
            try:
                new = self._read_clicks(image_id)
            except (
                DatasetError
            ) as error:  # half a save, or a fault made mid-run: keep what trained so far
                if not self._clicks:
                    raise
                faults += error.faults[:1]
                continue
            old = clicks.get(image_id, ClickSet(0, 0))
            before, after = _counted(old), _counted(new)
            if before != after:
                changed.append(image_id)
                added += len(after - before)
                removed += len(before - after)
            clicks[image_id] = new
            if not new.inside().any():
                del clicks[image_id]
        self._stamps = stamps
        if not clicks and self._clicks:
            return ClickChanges((), 0, 0, ("no click is left; training goes on with those before",))
        with self._lock:
            self._clicks = {
                image_id: clicks[image_id] for image_id in self.image_ids if image_id in clicks
            }
        return ClickChanges(tuple(changed), added, removed, tuple(faults))

    def _read_clicks(self, image_id: str) -> ClickSet:
        """The clicks of an image; once a run goes on, only such as its network can learn from."""
        clicks = self.project.read_clicks(image_id) or ClickSet(0, 0)
        if self._clicks and len(clicks):  # at first the project was looked through as a whole
            where = f"{CLICKS}/{image_id}.json"
            if faults := clicks_faults(
                clicks, self.project.classes, where, self.project.image_size(image_id)
            ):
                raise DatasetError([f"{fault}; this run goes on without them" for fault in faults])
        return clicks

    def _dense_extent(self, image_id: str) -> ClickSet:
        truth = self.project.read_truth(image_id)
        if truth is None:
            raise DatasetError(
                [
                    f"{TRUTH}/{image_id}.png: full supervision needs dense truth, found"
                    " no file; train from clicks instead"
                ]
            )
        return ClickSet(*truth.shape)

    def adopt(self, clicks: dict[str, ClickSet]) -> None:
        """Train on these clicks: those that another process of the run read."""
        with self._lock:
            self._clicks = clicks

    def batch(self, stage: int, iteration: int, slots: range | None = None) -> Batch:
        """Batch `iteration` (from 0) of stage number `stage`, on the CPU; `slots` chooses some
        of its crops.
        """
        with self._lock:
            clicks = self._clicks
        ids = tuple(clicks)
        scale_range = self.config.scale_range or auto_scale_range(len(ids))
        samples = []
        for slot in slots or range(self.config.batch_size):
            epoch, place = divmod(iteration * self.config.batch_size + slot, len(ids))
            order = np.random.default_rng((self.config.seed, stage, 1, epoch)).permutation(len(ids))
            rng = np.random.default_rng((self.config.seed, stage, 2, iteration, slot))
            image_id = ids[order[place]]
            samples.append(self._sample(image_id, clicks[image_id], scale_range, rng))
        stacked: dict[str, Any] = {
            field.name: torch.stack([getattr(sample, field.name) for sample in samples])
            for field in fields(Sample)
        }
        return Batch(**stacked)

    def epoch_length(self) -> int:
        """Iterations in which every image is seen once (at least 1)."""
        return max(1, len(self._clicks) // self.config.batch_size)

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

    def _labels(self, image_id: str) -> LabelMap:
        def read() -> LabelMap:
            truth = self.project.read_truth(image_id)
            assert truth is not None  # `_dense_extent` looked
            return truth

        return self._cache.get(("truth", image_id), read)

    def _pseudo_labels(self, image_id: str) -> LabelMap:
        path = Path(self.config.pseudo_labels) / f"{image_id}.png"
        return self._cache.get(("pseudo", image_id), lambda: read_label_png(path))

    def _objectness(self, image_id: str) -> LabelMap:
        def read() -> LabelMap:
            path, size = self._objectness_path(image_id), self.project.image_size(image_id)
            prior = read_label_png(path)
            if prior.shape != size:
                raise DatasetError(
                    [
                        f"{path}: {prior.shape[0]} x {prior.shape[1]} pixels (height x width), but"
                        f" the image has {size[0]} x {size[1]}; make the map anew"
                    ]
                )
            return prior

        return self._cache.get(("objectness", image_id), read)

    def _objectness_path(self, image_id: str) -> Path:
        return Path(self.config.objectness) / f"{image_id}.png"

    def _refuse_missing_objectness(self) -> None:
        """Raise a `DatasetError` where the prior lacks an image."""
        paths = (
            [self._objectness_path(image_id) for image_id in self.image_ids]
            if self.config.objectness
            else []
        )
        if missing := [path for path in paths if not path.is_file()]:
            raise DatasetError(
                [
                    f"--objectness: {len(missing)} of {len(paths)} images have no map (first"
                    f" {missing[0]}); add 8-bit grey PNGs named as the images"
                ]
            )

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
            student_image=strong_view(crop, rng) if config.strong_augmentation else crop,
            labels=(
                crop_labels(self._labels(image_id), window)
                if self.dense
                else rasterize_crop(clicks, window)
            ),
            valid=valid,
            absent=torch.from_numpy(~clicked),
            pseudo_labels=(
                crop_labels(self._pseudo_labels(image_id), window)
                if config.pseudo_labels
                else torch.zeros(0)
            ),
            objectness=(
                crop_image(self._objectness(image_id)[None].astype(np.float32), window)[0][0] / 255
                if config.objectness
                else torch.zeros(0)
            ),
        )

    def _refuse_wrong_pseudo_labels(self) -> None:
        """Raise a `DatasetError` where label maps of another origin have another size than their
        image, or unknown classes.
        """
        if not self.config.pseudo_labels:
            return
        folder = Path(self.config.pseudo_labels)
        with ThreadPoolExecutor(max_workers=4) as pool:
            found = pool.map(
                lambda image_id: label_map_faults(
                    self.project, folder / f"{image_id}.png", image_id
                ),
                self.image_ids,
            )
            faults = [fault for one in found for fault in one]
        if faults:
            more = (
                [f"{len(faults) - MAX_FAULTS} more faults like these"]
                if len(faults) > MAX_FAULTS
                else []
            )
            raise DatasetError([*faults[:MAX_FAULTS], *more])


_Value = TypeVar("_Value")


class _Cache:
    """Arrays by key, the least recently used dropped past `CACHE_BYTES`; safe to call from
    several threads.
    """

    def __init__(self) -> None:
        self._arrays: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str], read: Callable[[], _Value]) -> _Value:
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                value: _Value = self._arrays[key]
                return value
        fresh = read()
        array: Any = fresh
        with self._lock:
            if key not in self._arrays:
                self._arrays[key] = array
                self._bytes += array.nbytes
            while self._bytes > CACHE_BYTES and len(self._arrays) > 1:
                self._bytes -= self._arrays.popitem(last=False)[1].nbytes
        return fresh


def _counted(clicks: ClickSet) -> set[tuple[float, float, int]]:
    return {
        (row, col, class_id)
        for (row, col), class_id in zip(
            clicks.points.tolist(), clicks.class_ids.tolist(), strict=True
        )
    }
