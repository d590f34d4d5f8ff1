"""Label maps as indexed PNGs, as in PASCAL VOC."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from seminar.errors import DatasetError
from seminar.io.files import atomic_file, write_bytes
from seminar.io.images import MAX_PIXELS, explained
from seminar.labels import ClassNames, LabelMap

_NOTE = "seminar"


def write_label_png(
    path: Path,
    labels: npt.NDArray[np.integer],
    classes: ClassNames,
    *,
    durable: bool = True,
    note: str = "",
) -> None:
    """Write a label map, (H, W) class ids with 255 = ignored, in the colours of the classes.

    Whole or not at all; `durable=False` does not wait for the disk. `note` is kept in the file, for
    `read_png_note`.
    """
    image = Image.fromarray(np.ascontiguousarray(labels, dtype=np.uint8))
    image.putpalette(classes.palette().tobytes())
    data = io.BytesIO()
    texts = PngImagePlugin.PngInfo()
    if note:
        texts.add_text(_NOTE, note)
    image.save(data, format="PNG", compress_level=3, pnginfo=texts)
    write_bytes(path, data.getvalue(), durable=durable)


def write_preview_png(
    path: Path, values: npt.NDArray[np.uint8], classes: ClassNames | None = None
) -> None:
    """Write (H, W) values, in the colours of classes or as grey, whole or not at all.

    It is compressed fast rather than small, because it lives for half a second.
    """
    image = Image.fromarray(values)
    if classes is not None:
        image.putpalette(classes.palette().tobytes())
    with atomic_file(path, durable=False) as file:
        image.save(file, format="PNG", compress_level=1)


def read_label_png(path: Path) -> LabelMap:
    """Read a label map, (H, W) uint8: an indexed or an 8-bit grey PNG, the values as stored.

    Raises
    ------
    DatasetError
        No such file, not a PNG, cut short, 16-bit or in colour.
    """
    with explained(path), PngImagePlugin.PngImageFile(path) as image:
        if image.mode not in ("P", "L", "1") or _bit_depth(path) > 8:
            raise DatasetError(
                f"{path}: expected an indexed or 8-bit grey PNG of class ids, got "
                f"{_named(path, image.mode)}; save it as an indexed PNG"
            )
        _refuse_giant_mask(path, image)
        return np.array(image, dtype=np.uint8)


def palette_fault(path: Path, labels: LabelMap, classes: ClassNames) -> str:
    """Why the colours of an indexed PNG contradict its class ids; empty if they do not.

    A class id has the colour of another class, as after an editor has put the palette into another
    order: of the colours used, ImageMagick and GIMP keep no more. Colours of no class (a grey ramp,
    those of another program) say nothing.
    """
    with explained(path), PngImagePlugin.PngImageFile(path) as image:
        palette = image.getpalette() if image.mode == "P" else None
    shown = dict(enumerate(zip(*[iter(palette or ())] * 3, strict=True)))
    for value in sorted(set(np.unique(labels).tolist()) & set(range(classes.num_classes))):
        colour = shown.get(value)
        if colour is None or colour == classes.colours[value]:
            continue
        for other, meant in enumerate(classes.colours):
            if colour == meant != shown.get(other):
                return (
                    f"{path}: its value {value} stands for class '{classes.names[value]}', but has "
                    f"the colour of class '{classes.names[other]}'; save it with the class ids as "
                    "values (an editor may have put the palette into another order), or give the "
                    "classes in classes.txt these colours"
                )
    return ""


def read_object_png(path: Path) -> npt.NDArray[np.int32]:
    """Read a map of object numbers, (H, W) int32 with 0 = no object.

    From 8- or 16-bit grey, a palette, or one colour per object. The 255 on the edges of objects in
    PASCAL VOC is kept.
    """
    with explained(path), PngImagePlugin.PngImageFile(path) as image:
        _refuse_giant_mask(path, image)
        pixels = np.asarray(image)
    if pixels.ndim == 3:
        colours = pixels[:, :, :3].astype(np.int32)
        return colours[:, :, 0] << 16 | colours[:, :, 1] << 8 | colours[:, :, 2]
    return pixels.astype(np.int32)


def read_png_note(path: Path) -> str:
    """The note of `write_label_png`, from the header; empty if another program wrote the file."""
    with explained(path), PngImagePlugin.PngImageFile(path) as image:
        return str(image.info.get(_NOTE, ""))


def png_size(path: Path) -> tuple[int, int]:
    """(height, width) from the header."""
    with explained(path), PngImagePlugin.PngImageFile(path) as image:
        return image.height, image.width


def _refuse_giant_mask(path: Path, image: Image.Image) -> None:
    if image.height * image.width > MAX_PIXELS:
        raise DatasetError(
            f"{path}: {image.height} x {image.width} pixels are more than the {MAX_PIXELS:,} that "
            "are read; is it the right file?"
        )


def _bit_depth(path: Path) -> int:
    with path.open("rb") as file:
        return file.read(25)[24]


def _named(path: Path, mode: str) -> str:
    return f"{_bit_depth(path)}-bit {'grey' if mode in ('I', 'I;16', 'L') else 'colour'}"
