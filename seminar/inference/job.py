"""Predict many images into a folder: image by image, resumable, one bad image does not stop the
others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from seminar.errors import DatasetError, SeminarError
from seminar.inference.instances.divide import (
    has_object_clicks,
    instances_from_clicks,
    instances_from_shape,
    without_object,
)
from seminar.inference.instances.files import as_16_bit, write_instances
from seminar.inference.instances.learnt_rules import learn_rules
from seminar.inference.instances.rules import Rules
from seminar.inference.outputs import Outputs, check_output_folder, clicks_of, stem_of
from seminar.inference.predictor import Predictor, most_probable
from seminar.inference.tiles import STRIDE
from seminar.io.files import atomic_file
from seminar.io.images import MAX_PIXELS, explained, image_size, read_image, read_planes
from seminar.io.label_png import read_label_png, write_label_png
from seminar.io.ome_zarr_layouts import is_zarr
from seminar.io.tif import tif_layout, tif_values
from seminar.io.tif_layout import Pages, TifLayout
from seminar.labels import LabelMap

PAGE: Mapping[str, Any] = {"compression": "zlib", "contiguous": False, "metadata": None}
"""How a page of a stack is written, by itself."""

Progress = Callable[[float, float], None]
"""Called with (images done, images in all); a large image counts in fractions."""


@dataclass
class Summary:
    """What became of a job."""

    predicted: int = 0
    passed_over: int = 0
    faults: list[str] = field(default_factory=list)
    places: list[Path] = field(default_factory=list)
    clicks_without_object: int = 0

    def sentence(self) -> str:
        """The outcome in one line."""
        places = ", ".join(dict.fromkeys(map(str, self.places)))
        parts = [
            f"{self.predicted} image{'' if self.predicted == 1 else 's'} predicted"
            + (f" into {places}" if places else "")
        ]
        if self.passed_over:
            parts.append(
                f"{self.passed_over} passed over that exist already (--overwrite predicts them "
                "again)"
            )
        if self.clicks_without_object:
            parts.append(
                f"{self.clicks_without_object} click"
                f"{' has' if self.clicks_without_object == 1 else 's have'} no object: in the mask "
                "of another class, or in the object of another click"
            )
        if self.faults:
            parts.append(f"{len(self.faults)} not predicted")
        return "; ".join(parts)

    def raise_faults(self) -> None:
        """Raise all faults at once."""
        if self.faults:
            raise DatasetError(self.faults)


class PredictionJob:
    """Images in, files out; see `seminar predict --help` for the parameters.

    Raises
    ------
    SeminarError
        No model there, an output folder among the inputs, options that do not go together: before
        anything is predicted.
    """

    def __init__(
        self,
        model: Path,
        images: Sequence[Path],
        *,
        out: Path | None,
        instances: bool = False,
        probabilities: bool = False,
        overwrite: bool = False,
        device: str = "auto",
        tile_size: int = 0,
        scheduler: str = "",
        pages: Pages = "auto",
        min_area: int = 0,
    ) -> None:
        if not model.exists():
            raise SeminarError(
                f"{model}: no such run or model; give the folder of a run or a model.pt"
            )
        if tile_size and (tile_size < 2 * STRIDE or tile_size % STRIDE):
            raise SeminarError(
                f"--tile-size {tile_size}: expected a multiple of {STRIDE} from {2 * STRIDE} up, "
                "such as 768, or 0 for the network's own"
            )
        if out is None and not all(map(is_zarr, images)):
            raise SeminarError(
                "--out: expected the folder for the label PNGs; only OME-Zarr images hold their "
                "labels themselves"
            )
        if out is None and probabilities:
            raise SeminarError(
                "--probabilities of an OME-Zarr go into a folder of their own; give one with --out"
            )
        if out is not None:
            check_output_folder(
                out, [image for image in images if probabilities or not is_zarr(image)]
            )
        self.model = model
        self.images = tuple(images)
        self.out = out
        self.instances = instances
        self.probabilities = probabilities
        self.overwrite = overwrite
        self.device = device
        self.tile_size = tile_size
        self.scheduler = scheduler
        self.pages = pages
        self.min_area = min_area
        self.lacking = 0

    @cached_property
    def predictor(self) -> Predictor:
        """Loaded when the first image needs it."""
        return Predictor.from_folder(
            self.model,
            self.device,
            tile_size=self.tile_size,
        )

    @cached_property
    def rules(self) -> Rules:
        """Of objects in images without clicks."""
        learnt = learn_rules(self.model, lambda image, where: self.predictor.predict(image, where))
        return learnt.with_min_area(self.min_area)

    def run(self, progress: Progress | None = None) -> Summary:
        """Predict all images. The summary holds their faults; a full disk ends the job."""
        summary = Summary()

        def report(done: int, part: float) -> None:
            if progress:
                progress(done + part, len(self.images))

        for done, path in enumerate(self.images):
            try:
                place = self._predict(path, partial(report, done))
            except DatasetError as error:
                summary.faults.extend(error.faults)
            except SeminarError as error:
                summary.faults.append(str(error))
            else:
                summary.predicted += place is not None
                summary.passed_over += place is None
                summary.places += [place] if place else []
            if progress:
                progress(done + 1, len(self.images))
        zarrs = [path for path in self.images if is_zarr(path)]
        if zarrs:
            self._refresh(zarrs)
        summary.clicks_without_object = self.lacking
        return summary

    def _refresh(self, zarrs: Sequence[Path]) -> None:
        """For all images at once: a plate's metadata are long."""
        from seminar.io.ome_zarr_writer import refresh_consolidated

        with contextlib.suppress(OSError):  # read-only: nothing was written into it either
            for path in zarrs:
                refresh_consolidated(path)

    def _predict(self, path: Path, part: Callable[[float], object]) -> Path | None:
        """Where something was written, or None."""
        layout = self._layout(path)
        if is_zarr(path) or (
            layout and layout.num_planes == 1 and layout.height * layout.width > MAX_PIXELS
        ):
            return self._predict_large(path, part)
        if self.out is None:
            raise SeminarError(f"{path}: --out is needed for it")
        is_stack = layout is not None and layout.num_planes > 1
        outputs = Outputs.of(
            self.out,
            stem_of(path),
            instances=self.instances,
            probabilities=self.probabilities,
            ending=".tif" if is_stack else ".png",
        )
        wanted = outputs.paths() if self.overwrite else outputs.missing()
        if layout is not None and is_stack:
            self._write_stack(path, outputs, wanted, layout, part)
        else:
            self._write_image(path, outputs, wanted, layout)
        return self.out if wanted else None

    def _layout(self, path: Path) -> TifLayout | None:
        """Of a tif."""
        if path.suffix.lower() not in (".tif", ".tiff") or is_zarr(path):
            return None
        with explained(path):
            return tif_layout(path, self.pages)

    def _write_image(
        self, path: Path, outputs: Outputs, wanted: Collection[Path], layout: TifLayout | None
    ) -> None:
        """Labels first: instances are made from those on disk, which may have been corrected."""
        if outputs.labels in wanted or outputs.probabilities in wanted:
            probs = self._probabilities(path, layout)
            if outputs.labels in wanted:
                write_label_png(outputs.labels, most_probable(probs), self.predictor.classes)
            if outputs.probabilities and outputs.probabilities in wanted:
                with _tif(outputs.probabilities) as tif:
                    tif.write(
                        probs,
                        photometric="minisblack",
                        compression="zlib",
                        metadata={"axes": "CYX"},
                    )
        if outputs.instances and outputs.instances in wanted:
            self._write_instances(path, outputs.instances, _labels_of(path, outputs.labels, layout))

    def _write_instances(self, path: Path, out: Path, labels: LabelMap) -> None:
        clicks = clicks_of(path, self.predictor.classes)
        if clicks is None or not has_object_clicks(clicks):
            write_instances(out, instances_from_shape(labels, self.rules))
            return
        instances = instances_from_clicks(labels, clicks)
        write_instances(out, instances)
        self.lacking += len(without_object(instances, labels, clicks))

    def _probabilities(self, path: Path, layout: TifLayout | None) -> npt.NDArray[np.float32]:
        is_chosen = layout is not None and self.pages != "auto"
        image = next(read_planes(path, self.pages)) if is_chosen else read_image(path)
        try:
            return self.predictor.predict_probs(image, str(path))
        except SeminarError as error:
            if layout is None or layout.channels == self.predictor.num_channels:
                raise
            with explained(path):
                planes = tif_layout(path, "planes").num_planes
            if planes == 1:
                raise
            raise SeminarError(
                f"{error}; if its {planes} pages are images of their own, add --pages planes"
            ) from None

    def _write_stack(
        self,
        path: Path,
        outputs: Outputs,
        wanted: Collection[Path],
        layout: TifLayout,
        part: Callable[[float], object],
    ) -> None:
        """Each plane by itself: a page of labels, one of instances, one of each probability."""
        if outputs.labels in wanted or outputs.probabilities in wanted:
            self._predict_planes(path, outputs, wanted, lambda done: part(done / layout.num_planes))
        if outputs.instances and outputs.instances in wanted:
            with _tif(outputs.instances) as tif:
                for number, labels in enumerate(_labels_of_planes(outputs.labels, layout), start=1):
                    found = instances_from_shape(labels, self.rules)
                    objects = as_16_bit(found, f"{path}, plane {number}")
                    tif.write(objects, photometric="minisblack", **PAGE)

    def _predict_planes(
        self, path: Path, outputs: Outputs, wanted: Collection[Path], done: Callable[[int], object]
    ) -> None:
        palette = self.predictor.classes.palette().T.astype(np.uint16) * 257
        with contextlib.ExitStack() as files:
            labels_tif = (
                files.enter_context(_tif(outputs.labels)) if outputs.labels in wanted else None
            )
            probs_tif = None
            if outputs.probabilities and outputs.probabilities in wanted:
                probs_tif = files.enter_context(_tif(outputs.probabilities, is_big=True))
            for number, plane in enumerate(read_planes(path, self.pages), start=1):
                probs = self.predictor.predict_probs(plane, f"{path}, plane {number}")
                if labels_tif:
                    labels_tif.write(
                        most_probable(probs), photometric="palette", colormap=palette, **PAGE
                    )
                if probs_tif:
                    for values in probs:
                        probs_tif.write(values, photometric="minisblack", **PAGE)
                done(number)

    def _predict_large(self, path: Path, part: Callable[[float], object]) -> Path | None:
        from seminar.inference.blockwise import has_labels, predict_large
        from seminar.inference.instances.blockwise import divide_large

        stem = stem_of(path)
        has_own = is_zarr(path) and not self.overwrite and has_labels(path, None)
        folder = None if has_own and not self.instances else self._folder_beside(path)
        labels = None if has_own or folder is None else folder / f"{stem}.zarr"
        has_new_labels = self.overwrite or not has_labels(path, labels)
        is_new = predict_large(
            path,
            self.model,
            out=labels,
            probabilities=(
                self.out / f"{stem}_probabilities.zarr" if self.probabilities and self.out else None
            ),
            device=self.device,
            tile_size=self.tile_size,
            overwrite=self.overwrite,
            scheduler=self.scheduler,
            progress=part,
        )
        if self.instances:
            out = folder / f"{stem}_instances.zarr" if folder else None
            is_new_division = divide_large(
                path, labels=labels, out=out, overwrite=has_new_labels, rules=self.rules
            )
            is_new = is_new_division or is_new
        return (folder or path) if is_new else None

    def _folder_beside(self, path: Path) -> Path | None:
        """Where labels go that do not go into the image itself, as they do for an OME-Zarr."""
        from seminar.io.ome_zarr_writer import can_write_into

        if not is_zarr(path):
            return self.out
        if can_write_into(path):
            return None
        if self.out is None:
            raise SeminarError(
                f"{path}: read-only, so its labels cannot be put into it; add --out FOLDER for them"
            )
        check_output_folder(self.out, [path])
        return self.out


def _labels_of(image: Path, path: Path, layout: TifLayout | None) -> LabelMap:
    """The labels on disk of an image, which must fit it."""
    labels = read_label_png(path)
    size = (layout.height, layout.width) if layout else image_size(image)
    if labels.shape != size:
        raise DatasetError(
            f"{path}: {labels.shape[0]} x {labels.shape[1]} pixels (height x width), but the image "
            f"has {size[0]} x {size[1]}; restore the labels, or predict them again with --overwrite"
        )
    return labels


def _labels_of_planes(path: Path, layout: TifLayout) -> LabelMap:
    """The labels on disk of a stack, (planes, H, W), which must fit it."""
    with explained(path):
        labels = tif_values(path)
    is_class_ids = (
        labels.dtype.kind in "ui" and labels.min() >= 0 and labels.max() <= np.iinfo(np.uint8).max
    )
    if labels.shape != (layout.num_planes, layout.height, layout.width) or not is_class_ids:
        raise DatasetError(
            f"{path}: expected {layout.num_planes} pages of {layout.height} x {layout.width} class "
            f"ids (height x width), got {' x '.join(map(str, labels.shape))} {labels.dtype} "
            "values; restore the labels, or predict them again with --overwrite"
        )
    return labels.astype(np.uint8)


@contextlib.contextmanager
def _tif(path: Path, *, is_big: bool = False) -> Iterator[tifffile.TiffWriter]:
    """A tif that is written page by page and appears when it is whole."""
    with (
        atomic_file(path) as file,
        tifffile.FileHandle(file, name=path.name) as handle,
        tifffile.TiffWriter(handle, bigtiff=is_big) as tif,
    ):
        yield tif
