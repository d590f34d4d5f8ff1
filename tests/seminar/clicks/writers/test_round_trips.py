"""Each format that is written is read back, by our readers and by the libraries of the field: every
click is on its own pixel, every object has its own pixels.

Datumaro, labelme, label-studio-sdk, supervision and ImageJ itself are in
tests/seminar/clicks/other_programs, napari in tests/seminar_napari.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import roifile
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from scipy import ndimage

from seminar.clicks.click_set import pixels
from seminar.clicks.readers.format_table import format_of, read_clicks
from seminar.clicks.readers.found_clicks import Answers
from seminar.clicks.readers.source import Source
from seminar.clicks.writers.exported import ExportImage
from seminar.clicks.writers.format_table import WRITERS, Kind, formats_of
from seminar.labels import ClassNames

ANSWERS = Answers(origin="centre")

pytestmark = pytest.mark.filterwarnings(  # pycocotools 2.0.11 under numpy 2
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def write(
    kind: Kind, format: str, folder: Path, images: list[ExportImage], classes: ClassNames
) -> list[Path]:
    """Write and list the files."""
    row = WRITERS[format]
    out = folder / f"all{row.ending}" if row.ending else folder
    deque(row.writers[kind](out, images, classes), maxlen=0)
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("format", formats_of("clicks"))
def test_our_reader_reads_what_our_writer_writes(
    format: str,
    tmp_path: Path,
    thousand: list[ExportImage],
    classes: ClassNames,
    expected: list[tuple[str, int, int, str]],
    shown: Callable[..., list[tuple[str, int, int, str]]],
) -> None:
    found = []
    for path in write("clicks", format, tmp_path, thousand, classes):
        assert format_of(Source(path)) == format
        found += shown(read_clicks(path).clicks, path.stem)
    assert sorted(found) == expected
    assert len(found) == 1000


def test_roifile_reads_our_selections(
    tmp_path: Path,
    thousand: list[ExportImage],
    classes: ClassNames,
    expected: list[tuple[str, int, int, str]],
) -> None:
    found = []
    for path in write("clicks", "imagej", tmp_path, thousand, classes):
        rois = roifile.roiread(path)
        assert isinstance(rois, list)
        for roi in rois:
            assert roi.roitype == roifile.ROI_TYPE.POINT
            places = pixels(np.asarray(roi.coordinates(), dtype=np.float64)[:, ::-1]).tolist()
            found += [(path.stem, row, col, roi.name) for row, col in places]
    assert sorted(found) == expected


def test_we_read_the_selections_of_roifile(
    tmp_path: Path,
    thousand: list[ExportImage],
    classes: ClassNames,
    expected: list[tuple[str, int, int, str]],
    shown: Callable[..., list[tuple[str, int, int, str]]],
) -> None:
    found = []
    for image in thousand:
        path = tmp_path / f"{image.image_id}.zip"
        assert image.clicks is not None
        points = np.minimum(image.clicks.points, pixels(image.clicks.points) + 0.49)
        rois = []
        for class_id, name in enumerate(classes.names):
            roi = roifile.ImagejRoi.frompoints(
                points[image.clicks.class_ids == class_id][:, ::-1], name=name
            )
            roi.roitype = roifile.ROI_TYPE.POINT
            roi.counters = np.zeros(roi.n_coordinates, dtype=np.uint8)
            rois.append(roi)
        roifile.roiwrite(path, rois, name=[f"{number}" for number in range(4)])
        found += shown(read_clicks(path, answers=ANSWERS).clicks, path.stem)
    assert sorted(found) == expected


def test_pycocotools_reads_our_key_points(
    tmp_path: Path,
    thousand: list[ExportImage],
    classes: ClassNames,
    expected: list[tuple[str, int, int, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (path,) = write("clicks", "coco", tmp_path, thousand, classes)
    coco = COCO(path)
    found = []
    for annotation in coco.loadAnns(coco.getAnnIds()):
        (image,) = coco.loadImgs(annotation["image_id"])
        (category,) = coco.loadCats(annotation["category_id"])
        x, y, visibility = annotation["keypoints"]
        assert visibility == 2
        stem = image["file_name"].removesuffix(".png")
        found.append((stem, math.floor(y), math.floor(x), category["keypoints"][0]))
    assert sorted(found) == expected


@pytest.mark.parametrize("format", ["coco", "coco-rle"])
def test_pycocotools_fills_our_objects_to_the_same_masks(
    format: str,
    tmp_path: Path,
    objects: list[ExportImage],
    classes: ClassNames,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (path,) = write("objects", format, tmp_path, objects, classes)
    coco = COCO(path)
    annotations = iter(coco.loadAnns(coco.getAnnIds()))
    for image in objects:
        assert image.objects is not None
        for number, class_id in image.object_classes.items():
            annotation = next(annotations)
            mask = image.objects == number
            assert annotation["category_id"] == class_id + 1
            assert annotation["area"] == mask.sum()
            rows, cols = np.nonzero(mask)
            assert annotation["bbox"] == [
                cols.min(),
                rows.min(),
                np.ptp(cols) + 1,
                np.ptp(rows) + 1,
            ]
            got = coco.annToMask(annotation).astype(bool)
            assert np.array_equal(got, mask if format == "coco-rle" else without_holes(mask))
    assert next(annotations, None) is None


def without_holes(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Holes filled: pockets that the border does not reach, by edges or by corners."""
    pieces, _ = ndimage.label(mask)
    filled = np.zeros_like(mask)
    for number, window in enumerate(ndimage.find_objects(pieces), start=1):
        filled[window] |= ndimage.binary_fill_holes(pieces[window] == number)
    return filled


def polygon_mask(rings: list[list[list[float]]], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """A polygon with holes, counted from the edge, by pycocotools."""
    encoded = [
        coco_mask.frPyObjects([[value for corner in ring for value in corner]], *shape)[0]
        for ring in rings
    ]
    outer, *holes = (coco_mask.decode(one).astype(bool) for one in encoded)
    for hole in holes:
        outer &= ~hole
    return outer


def test_geojson_has_every_pixel_holes_included(
    tmp_path: Path, objects: list[ExportImage], classes: ClassNames
) -> None:
    write("objects", "qupath", tmp_path, objects, classes)
    for image in objects:
        data = json.loads((tmp_path / f"{image.image_id}.geojson").read_text())
        for number, feature in enumerate(data["features"], start=1):
            geometry = feature["geometry"]
            polygons = geometry["coordinates"]
            polygons = polygons if geometry["type"] == "MultiPolygon" else [polygons]
            shape = image.height, image.width
            got = np.logical_or.reduce([polygon_mask(rings, shape) for rings in polygons])
            assert np.array_equal(got, image.objects == number)
            assert all(ring[0] == ring[-1] for rings in polygons for ring in rings)
            label = feature["properties"]["classification"]
            assert label["name"] == classes.names[image.object_classes[number]]


def test_roifile_reads_our_outlines(
    tmp_path: Path, objects: list[ExportImage], classes: ClassNames
) -> None:
    write("objects", "imagej", tmp_path, objects, classes)
    for image in objects:
        rois = roifile.roiread(tmp_path / f"{image.image_id}.zip")
        assert isinstance(rois, list)
        for number, roi in enumerate(rois, start=1):
            rings = roi.coordinates(multi=True)
            mask = np.zeros((image.height, image.width), dtype=bool)
            for ring in rings:
                mask ^= polygon_mask([ring.tolist()], mask.shape)
            assert np.array_equal(mask, image.objects == number)
            assert roi.name == f"{classes.names[image.object_classes[number]]} {number}"


def test_masks_by_colour_and_by_index(
    tmp_path: Path, objects: list[ExportImage], classes: ClassNames
) -> None:
    images = []
    for image in objects:
        assert image.labels is not None
        labels = image.labels.copy()
        labels[0, 0] = 255
        images.append(
            ExportImage(
                image.image_id,
                image.file,
                image.height,
                image.width,
                None,
                image.objects,
                image.object_classes,
                labels,
            )
        )
    named = ClassNames.of("background", "cell", "fibre", "rest")
    write("masks", "voc", tmp_path, images, named)
    rows = (tmp_path / "labelmap.txt").read_text().splitlines()[1:]
    colours = {row.split(":")[0]: tuple(map(int, row.split(":")[1].split(","))) for row in rows}
    assert colours["ignored"] == (224, 224, 192)
    for image in images:
        with Image.open(tmp_path / "SegmentationClass" / f"{image.image_id}.png") as mask:
            assert np.array_equal(np.asarray(mask), image.labels)
            by_colour = np.asarray(mask.convert("RGB"))
        assert tuple(by_colour[0, 0]) == colours["ignored"]
        for class_id, name in enumerate(named.names):
            is_class = (by_colour == colours[name]).all(axis=2)
            assert np.array_equal(is_class, image.labels == class_id)
