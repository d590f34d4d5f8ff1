"""Compare the prediction of another program with ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seminar.errors import SeminarError
from seminar.inference.predictor import most_probable
from seminar.inference.tiles import STRIDE
from seminar.io.intensities import ImageArray

MAX_DIFFERENCE = 1e-3
"""Largest difference of a probability between the exported model and ours."""

MIN_AGREEMENT = 0.999
"""Least share of pixels with the same label."""

MIN_SIDE = 64

MAX_SIDE = 512


@dataclass(frozen=True)
class Comparison:
    """The exported model compared with ours on one real image.

    Attributes
    ----------
    program : str
        What opened the file.
    max_difference : float
        Greatest difference of a probability.
    agreement : float
        Share of pixels with the same label.
    image : str
        Which image.
    """

    program: str
    max_difference: float
    agreement: float
    image: str

    def sentence(self) -> str:
        """The outcome in one line."""
        return (
            f"Checked in {self.program}: {100 * self.agreement:.2f} % same labels on {self.image}, "
            f"probabilities differ by {self.max_difference:.1e} at most"
        )


def compare(
    program: str, image: str, theirs: npt.NDArray[np.float32], ours: npt.NDArray[np.float32]
) -> Comparison:
    """Compare two (K, H, W) probability maps.

    Raises
    ------
    SeminarError
        They differ by more than `MAX_DIFFERENCE`, or agree on fewer pixels than `MIN_AGREEMENT`.
    """
    if theirs.shape != ours.shape:
        raise SeminarError(
            f"{program} gives probabilities of shape {theirs.shape}, expected {ours.shape}; "
            "nothing was exported, please report this"
        )
    found = Comparison(
        program,
        float(np.abs(theirs - ours).max()),
        float((most_probable(theirs) == most_probable(ours)).mean()),
        image,
    )
    # written so that a NaN difference fails, too
    if not found.max_difference <= MAX_DIFFERENCE or found.agreement < MIN_AGREEMENT:
        raise SeminarError(
            f"{found.sentence()}; at most {MAX_DIFFERENCE:g} and at least {100 * MIN_AGREEMENT:g} "
            "% are allowed, so nothing was exported; please report this"
        )
    return found


def min_side(stride: int) -> int:
    """Least side in pixels of an image to compare on, as our bioimage.io packages declare it."""
    return -(-MIN_SIDE // stride) * stride


def sample_of(image: ImageArray, channels: tuple[int, ...], stride: int = STRIDE) -> ImageArray:
    """The middle of an image with the model's channels, (h, w, C).

    Sides are multiples of `stride` from 64 to 512; small images are padded.
    """
    smallest = min_side(stride)
    chosen = image[:, :, list(channels)] if channels else image
    padding = [(0, max(0, smallest - side)) for side in chosen.shape[:2]]
    chosen = np.pad(chosen, [*padding, (0, 0)], mode="edge")
    sides = [
        min(max(MAX_SIDE // stride * stride, smallest), side // stride * stride)
        for side in chosen.shape[:2]
    ]
    top, left = ((whole - side) // 2 for whole, side in zip(chosen.shape[:2], sides, strict=True))
    return np.ascontiguousarray(chosen[top : top + sides[0], left : left + sides[1]])
