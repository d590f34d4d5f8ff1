"""Random crops: the image is resampled, clicks stay coordinates and are rasterised last.

Pure functions; the random generator is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from seminar.clicks.click_set import ClickSet, Points
from seminar.labels import IGNORE_INDEX, LabelMap

Image = npt.NDArray[np.float16] | npt.NDArray[np.float32]
"""(C, H, W) on 0..255."""


@dataclass(frozen=True)
class Window:
    """A square of the image that becomes a training crop.

    Attributes
    ----------
    top, left : float
        Upper left corner in pixels of the image; 0 is the image's edge, negative reaches into
        padding.
    scale : float
        Crop pixels per image pixel.
    size : int
        Side of the crop in pixels.
    mirror, flip, turn : bool
        Left-right, upside down, rows and columns exchanged.
    """

    top: float
    left: float
    scale: float
    size: int
    mirror: bool = False
    flip: bool = False
    turn: bool = False

    def move(self, points: Points) -> Points:
        """(n, 2) (row, col) of the image in crop pixels; whole numbers are pixel centres."""
        moved = (points + 0.5 - (self.top, self.left)) * self.scale - 0.5
        if self.flip:
            moved[:, 0] = self.size - 1 - moved[:, 0]
        if self.mirror:
            moved[:, 1] = self.size - 1 - moved[:, 1]
        return moved[:, ::-1] if self.turn else moved

    def _orient(self, crop: Tensor) -> Tensor:
        axes = [axis for axis, wanted in ((-2, self.flip), (-1, self.mirror)) if wanted]
        crop = torch.flip(crop, axes) if axes else crop
        return crop.transpose(-2, -1) if self.turn else crop


FEW_IMAGES, MANY_IMAGES = 3, 10
"""Numbers of training images up to which `auto_scale_range` is widest, and from which narrowest."""


def auto_scale_range(num_images: int) -> tuple[float, float]:
    """The random zoom for a number of training images: wider for few of them.

    1 to 2.5 for `FEW_IMAGES`, 0.8 to 1.25 for `MANY_IMAGES`, geometrically in between. A few images
    show things in a few sizes, and a network that has seen no others draws larger ones with holes;
    with many images the zoom only costs.
    """
    few = float(np.clip((MANY_IMAGES - num_images) / (MANY_IMAGES - FEW_IMAGES), 0, 1))
    return 0.8 * 1.25**few, 1.25 * 2.0**few


def random_window(
    clicks: ClickSet,
    *,
    size: int,
    scale_range: Sequence[float],
    rotations: bool,
    rng: np.random.Generator,
    focus: float = 0.75,
) -> Window:
    """A random crop of `clicks`' image, biased so that few crops have no click.

    With probability `focus` a clicked class is drawn, then one of its clicks, and the window lies
    anywhere around it; otherwise it lies anywhere in the image. `rotations` adds vertical flips and
    quarter turns to mirroring, for images without an up.
    """
    scale = float(np.exp(rng.uniform(*np.log(scale_range))))
    side = size / scale
    extent = (clicks.height, clicks.width)
    inside = clicks.inside()
    anchor: npt.NDArray[np.float64] | None = None
    if rng.random() < focus and inside.any():
        points, class_ids = clicks.points[inside], clicks.class_ids[inside]
        class_id = rng.choice(np.unique(class_ids))
        anchor = rng.choice(points[class_ids == class_id]) + 0.5
    corner = []
    for axis, length in enumerate(extent):
        # inside the image, or around it
        low, high = (0.0, length - side) if length > side else (length - side, 0.0)
        if anchor is not None and length > side:
            low, high = max(low, anchor[axis] - side), min(high, anchor[axis])
        corner.append(float(rng.uniform(low, max(low, high))))
    flip, turn = (bool(rng.integers(2)), bool(rng.integers(2))) if rotations else (False, False)
    return Window(
        corner[0], corner[1], scale, size, mirror=bool(rng.integers(2)), flip=flip, turn=turn
    )


def crop_image(image: Image, window: Window) -> tuple[Tensor, Tensor]:
    """The window of an image, and a mask of its pixels inside the image.

    Returns
    -------
    crop : Tensor, (C, size, size) float32 on 0..255; padding repeats the mean colour
    valid : Tensor, (size, size) bool
    """
    _, height, width = image.shape
    rows, cols = _pixel_span(window.top, window, height), _pixel_span(window.left, window, width)
    patch = torch.from_numpy(
        np.ascontiguousarray(image[:, rows[0] : rows[1], cols[0] : cols[1]], dtype=np.float32)
    )
    inside = torch.ones(1, *patch.shape[1:])
    grid = _grid(window, rows, cols)
    if window.scale < 1:  # area-average before sampling, or fine texture aliases
        patch = _shrink(patch, window.scale)
    fill = patch.mean(dim=(1, 2), keepdim=True)
    sampled = F.grid_sample(
        (patch - fill)[None], grid, mode="bilinear", padding_mode="border", align_corners=False
    )[0]
    inside = F.grid_sample(
        inside[None], grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    valid = inside[0, 0] > 0.5
    return window._orient(sampled * valid + fill).contiguous(), window._orient(valid).contiguous()


def crop_labels(labels: LabelMap, window: Window) -> Tensor:
    """The window of a *dense* label map, (size, size) int64; 255 outside the image.

    Not for clicks: see `rasterize_crop`.
    """
    height, width = labels.shape
    rows, cols = _pixel_span(window.top, window, height), _pixel_span(window.left, window, width)
    patch = torch.from_numpy(
        labels[rows[0] : rows[1], cols[0] : cols[1]].astype(np.float32) - IGNORE_INDEX
    )
    grid = _grid(window, rows, cols)
    sampled = F.grid_sample(
        patch[None, None], grid, mode="nearest", padding_mode="zeros", align_corners=False
    )[0, 0]
    return window._orient(sampled.round().long() + IGNORE_INDEX).contiguous()


def rasterize_crop(clicks: ClickSet, window: Window) -> Tensor:
    """The clicks in the window, (size, size) int64: one pixel a click, 255 elsewhere."""
    inside = clicks.inside()
    moved = ClickSet(
        window.size, window.size, window.move(clicks.points[inside]), clicks.class_ids[inside]
    )
    return torch.from_numpy(moved.rasterize()).long()


def strong_view(crop: Tensor, rng: np.random.Generator, *, colours: bool) -> Tensor:
    """Change the light of a crop for the student, as another day or microscope would.

    In this order: another stain or white balance (`_colour_change`, or a gain of each channel of at
    most a tenth), a gamma of the whole crop, uneven illumination (a smooth factor), in every second
    crop out-of-focus haze (a smooth light on top), and noise. A network that has seen these relies
    more on edges and shapes than on the colour and brightness of a pixel.

    Parameters
    ----------
    crop : Tensor, (C, H, W) float32 on 0..255
    colours : bool
        False leaves the colours nearly as they are.

    Returns
    -------
    Tensor, (C, H, W) float32 on 0..255
    """
    channels, *size = crop.shape
    gamma = float(np.exp(rng.uniform(-0.4, 0.4)))
    gain = torch.ones(1)
    if colours:
        crop = torch.einsum("dc,chw->dhw", _colour_change(channels, rng), crop)
    else:
        gain = torch.from_numpy(rng.uniform(0.9, 1.1, (channels, 1, 1)).astype(np.float32))
    blobs = int(rng.integers(2, 6))
    view = 255 * (crop.clamp(0, 255) / 255) ** gamma
    view = view * torch.exp(0.25 * _smooth_field(size, blobs, rng)) * gain
    if rng.random() < 0.5:
        view = view + float(rng.uniform(0, 60)) * _smooth_field(size, blobs, rng).clamp(min=0)
    noise = torch.from_numpy(rng.standard_normal(crop.shape, dtype=np.float32))
    return (view + noise * float(rng.uniform(0, 8))).clamp(0, 255)


def _colour_change(channels: int, rng: np.random.Generator) -> Tensor:
    """(C, C) matrix by which colours are multiplied: a gain of each channel; of three channels, the
    hue turns by up to 9 degrees and the saturation changes by up to a half, too.
    """
    change = np.diag(rng.uniform(0.7, 1.3, channels))
    if channels == 3:
        turn, saturation = rng.uniform(-0.05, 0.05) * np.pi, np.exp(rng.uniform(-0.4, 0.4))
        axis = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)  # about grey
        grey = np.full((3, 3), 1 / 3)
        rotation = np.cos(turn) * np.eye(3) + np.sin(turn) * axis + (1 - np.cos(turn)) * grey
        change = change @ (grey + saturation * (np.eye(3) - grey) @ rotation)
    return torch.from_numpy(change.astype(np.float32))


def _smooth_field(size: Sequence[int], nodes: int, rng: np.random.Generator) -> Tensor:
    """(1, H, W) of about standard normal values that change over a `nodes`-th of the side."""
    grid = torch.from_numpy(rng.standard_normal((1, 1, nodes, nodes), dtype=np.float32))
    return F.interpolate(grid, size=list(size), mode="bicubic", align_corners=True)[0]


def _pixel_span(start: float, window: Window, length: int) -> tuple[int, int]:
    """First image pixel that the window touches and the one after its last, with a margin of 1."""
    first = int(np.clip(np.floor(start) - 1, 0, max(length - 1, 0)))
    last = int(np.clip(np.ceil(start + window.size / window.scale) + 1, first + 1, length))
    return first, last


def _grid(window: Window, rows: tuple[int, int], cols: tuple[int, int]) -> Tensor:
    """(1, size, size, 2) sampling positions (x, y) in the patch, -1..1 from edge to edge."""
    centres = (torch.arange(window.size) + 0.5) / window.scale
    y = (window.top + centres - rows[0]) / (rows[1] - rows[0]) * 2 - 1
    x = (window.left + centres - cols[0]) / (cols[1] - cols[0]) * 2 - 1
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([grid_x, grid_y], dim=-1)[None].float()


def _shrink(patch: Tensor, scale: float) -> Tensor:
    size = [max(1, round(length * scale)) for length in patch.shape[1:]]
    return F.interpolate(
        patch[None], size=size, mode="bilinear", antialias=True, align_corners=False
    )[0]
