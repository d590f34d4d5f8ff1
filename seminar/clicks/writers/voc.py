"""Masks as a PASCAL VOC folder for CVAT (*Segmentation mask 1.1*) and Datumaro.

They read masks by colour, and refuse the folder unless void is (224, 224, 192) and labelmap.txt has
a row for it (Datumaro 1.13.12, run). The masks are indexed PNGs as well, so that torchvision, mmcv
and Fiji read the class ids by index; void is 255 there.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from seminar.clicks.writers.exported import ExportImage, Written
from seminar.errors import SeminarError
from seminar.io.files import write_bytes, write_text
from seminar.labels import IGNORE_INDEX, ClassNames, Colour, voc_colour

VOID: Colour = (224, 224, 192)
VOID_NAME = "ignored"
MASKS, OBJECTS, SUBSET = (
    "SegmentationClass",
    "SegmentationObject",
    "ImageSets/Segmentation/default.txt",
)


def write_masks(out: Path, images: Iterable[ExportImage], classes: ClassNames) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    colours = _colours(classes)
    palette = np.array([voc_colour(index) for index in range(256)], dtype=np.uint8)
    palette[: len(colours)] = colours
    palette[IGNORE_INDEX] = VOID
    ids = []
    for image in images:
        assert image.labels is not None
        ids.append(image.image_id)
        write_bytes(
            out / MASKS / f"{image.image_id}.png", _png(image.labels, palette), durable=False
        )
        if image.objects is not None:
            write_bytes(out / OBJECTS / f"{image.image_id}.png", _objects_png(image), durable=False)
        yield Written(1)
    rows = [
        f"{name}:{red},{green},{blue}::\n"
        for name, (red, green, blue) in zip(classes.names, colours, strict=True)
    ]
    void = f"{VOID_NAME}:{','.join(map(str, VOID))}::\n"
    write_text(out / "labelmap.txt", f"# label:color_rgb:parts:actions\n{''.join(rows)}{void}")
    write_text(out / SUBSET, "".join(f"{image_id}\n" for image_id in ids))


def _colours(classes: ClassNames) -> list[Colour]:
    """The colours of the classes; those of VOC where two are the same or one means void."""
    for name in classes.names:
        if re.search(r"[:#]", name) or name.casefold() == VOID_NAME:
            raise SeminarError(
                f"class '{name}': a VOC label map cannot hold this name; rename the class in "
                "classes.txt without ':' and '#', and not 'ignored'"
            )
    own = list(classes.colours)
    if len(set(own)) == len(own) and VOID not in own and own[0] == (0, 0, 0):
        return own
    return [voc_colour(class_id) for class_id in range(classes.num_classes)]


def _objects_png(image: ExportImage) -> bytes:
    """Each object in a colour of its own, as VOC's SegmentationObject; the background is black."""
    assert image.objects is not None
    numbers = image.objects
    if numbers.max(initial=0) < IGNORE_INDEX:
        palette = np.array([voc_colour(index) for index in range(256)], dtype=np.uint8)
        return _png(numbers.astype(np.uint8), palette)
    colours = np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16 & 255], axis=2)
    data = io.BytesIO()
    Image.fromarray(colours.astype(np.uint8)).save(data, format="PNG")
    return data.getvalue()


def _png(labels: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(labels, dtype=np.uint8))
    image.putpalette(palette.tobytes())
    data = io.BytesIO()
    image.save(data, format="PNG")
    return data.getvalue()
