"""A picture of what a run has learned: the image with its clicks next to label maps."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.io.files import write_bytes
from seminar.labels import BACKGROUND, IGNORE_INDEX, ClassNames, Colour, LabelMap

PANEL_HEIGHT = 360  # px
MAX_PANEL_WIDTH = 640
GAP = 16
FONT_SIZE = 22
PAPER, INK, BACKGROUND_CLICK = (255, 255, 255), (34, 34, 34), (150, 150, 150)
FILL = 0.5  # share of the class's colour in the filled areas

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont
Rgb = npt.NDArray[np.uint8]


def draw_demo_picture(
    image: npt.NDArray[np.uint8],
    clicks: ClickSet,
    panels: Mapping[str, LabelMap],
    classes: ClassNames,
    path: Path,
) -> None:
    """Draw the picture and write it as a PNG, whole or not at all.

    Parameters
    ----------
    image : ndarray, (H, W, C) uint8
        The first three channels are shown; of one or two the first in grey.
    clicks : ClickSet
        Drawn in the first panel; those outside the image are ignored.
    panels : mapping of str to (H, W) uint8
        Label maps by caption, from left to right. Background and 255 are transparent.
    classes : ClassNames
        Names and colours for the legend.
    path : Path
        The PNG to write; missing folders are made.

    Raises
    ------
    SeminarError
        A label map of another size than the image.
    """
    for caption, labels in panels.items():
        if labels.shape != image.shape[:2]:
            raise SeminarError(
                f"panel '{caption}': expected {image.shape[:2]} pixels as in the image, got "
                f"{labels.shape}; give maps of the same image"
            )
    rgb = _rgb(image)
    scale = min(PANEL_HEIGHT / image.shape[0], MAX_PANEL_WIDTH / image.shape[1])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    enlarged = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
    count = int(clicks.inside().sum())
    tiles = {
        f"{count} click{'' if count == 1 else 's'}": _with_clicks(enlarged, clicks, scale, classes)
    }
    tiles |= {
        caption: _with_labels(enlarged, labels, classes) for caption, labels in panels.items()
    }
    data = io.BytesIO()
    _sheet(tiles, size, classes).save(data, format="PNG")
    write_bytes(path, data.getvalue())


def class_colour(class_id: int, classes: ClassNames) -> Colour:
    """The colour of clicks of a class; grey for the background, which is black in VOC's colours."""
    return BACKGROUND_CLICK if class_id == BACKGROUND else classes.colours[class_id]


def _rgb(image: npt.NDArray[np.uint8]) -> Rgb:
    return image[:, :, :3] if image.shape[2] >= 3 else np.repeat(image[:, :, :1], 3, axis=2)


def _with_clicks(picture: Rgb, clicks: ClickSet, scale: float, classes: ClassNames) -> Image.Image:
    # drawn at twice the size and reduced: PIL's own circles are jagged
    height, width = picture.shape[:2]
    sheet = Image.fromarray(picture).resize((2 * width, 2 * height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(sheet)
    inside = clicks.inside()
    for (row, col), class_id in zip(
        clicks.points[inside], clicks.class_ids[inside].tolist(), strict=True
    ):
        centre = (2 * scale * (col + 0.5), 2 * scale * (row + 0.5))
        draw.circle(centre, 18, fill=INK)
        draw.circle(centre, 16, fill=PAPER)
        draw.circle(centre, 11, fill=class_colour(class_id, classes))
    return sheet.resize((width, height), Image.Resampling.LANCZOS)


def _with_labels(picture: Rgb, labels: LabelMap, classes: ClassNames) -> Image.Image:
    height, width = picture.shape[:2]
    enlarged = np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))
    shown = (enlarged != BACKGROUND) & (enlarged != IGNORE_INDEX)
    colours = classes.palette()[enlarged]
    blended = np.where(shown[:, :, None], (1 - FILL) * picture + FILL * colours, picture)
    rims = _rims(enlarged) & shown
    blended[rims] = colours[rims]
    return Image.fromarray(blended.astype(np.uint8))


def _rims(labels: LabelMap, thickness: int = 2) -> npt.NDArray[np.bool_]:
    """(H, W) bool: pixels with another class within `thickness` along a row or a column."""
    cross = np.zeros((2 * thickness + 1,) * 2, dtype=bool)
    cross[thickness] = cross[:, thickness] = True
    most, least = (
        chosen(labels, footprint=cross, mode="nearest")
        for chosen in (ndimage.maximum_filter, ndimage.minimum_filter)
    )
    return np.asarray(most != least)


def _sheet(
    tiles: Mapping[str, Image.Image], size: tuple[int, int], classes: ClassNames
) -> Image.Image:
    width, height = size
    font = ImageFont.load_default(FONT_SIZE)
    entries = list(enumerate(classes.names))
    sheet_width = GAP + len(tiles) * (width + GAP)
    rows = _legend_rows(entries, font, sheet_width)
    line = FONT_SIZE + GAP
    sheet = Image.new(
        "RGB", (sheet_width, line + GAP // 2 + height + GAP + line * len(rows)), PAPER
    )
    draw = ImageDraw.Draw(sheet)
    for number, (caption, tile) in enumerate(tiles.items()):
        left = GAP + number * (width + GAP)
        draw.text((left, line), caption, INK, _fitting_font(caption, width), anchor="ls")
        sheet.paste(tile, (left, line + GAP // 2))
    top = line + GAP // 2 + height + GAP
    for number, row in enumerate(rows):
        middle = top + number * line + FONT_SIZE // 2
        for left, class_id, name in row:
            draw.rounded_rectangle(
                (left, middle - 9, left + 18, middle + 9), 4, class_colour(class_id, classes), INK
            )
            draw.text((left + 26, middle), name, INK, font, anchor="lm")
    return sheet


def _legend_rows(
    entries: list[tuple[int, str]], font: Font, width: int
) -> list[list[tuple[int, int, str]]]:
    """Lines of (left edge, class id, name) that fit into `width`."""
    rows: list[list[tuple[int, int, str]]] = [[]]
    left = GAP
    for class_id, name in entries:
        needed = 26 + round(font.getlength(name))
        if rows[-1] and left + needed > width - GAP:
            rows.append([])
            left = GAP
        rows[-1].append((left, class_id, name))
        left += needed + 2 * GAP
    return rows


def _fitting_font(text: str, width: int) -> Font:
    """The largest font up to `FONT_SIZE` in which the text fits into `width`."""
    for size in range(FONT_SIZE, 9, -1):
        font = ImageFont.load_default(size)
        if font.getlength(text) <= width:
            break
    return font
