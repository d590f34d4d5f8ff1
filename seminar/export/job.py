"""Input of every export format: the model, a real image and our prediction of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.inference.predictor import Predictor
from seminar.io.intensities import ImageArray


@dataclass(frozen=True)
class Credits:
    """What a package says about itself.

    Attributes
    ----------
    name, text : str
        Title and one sentence of description; empty makes them from the classes.
    author : str
    license : str
        SPDX identifier, such as CC-BY-4.0; empty leaves it open.
    """

    name: str = ""
    text: str = ""
    author: str = "unknown author"
    license: str = ""


@dataclass(frozen=True)
class ExportJob:
    """A model with a real image and our own prediction of it.

    Attributes
    ----------
    model : Path
        Run folder or model.pt.
    predictor : Predictor
    sample : ndarray, (h, w, C)
        Image as read, with the channels that the model takes.
    prepared : ndarray, (C, h, w) float32
        The same, stretched to 0..255.
    probs : ndarray, (K, h, w) float32
        Our prediction of it.
    credits : Credits
    """

    model: Path
    predictor: Predictor
    sample: ImageArray
    prepared: npt.NDArray[np.float32]
    probs: npt.NDArray[np.float32]
    credits: Credits

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return len(self.prepared)
