"""A classifier as a feature extractor: the declaration that each backbone family makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

NormLayer = Callable[[int], nn.Module]
"""Makes the normalisation of so many channels."""


@dataclass(frozen=True)
class Features:
    """The properties of a backbone that the decoder needs.

    Attributes
    ----------
    half, quarter, deep : int
        Channels at strides 2, 4 and 16; a `half` of 0 leaves the finest skip out.
    light : bool
        Whether the head should be narrow with separable convolutions, to match a mobile network.
    """

    half: int
    quarter: int
    deep: int
    light: bool


@dataclass(frozen=True)
class Extractor:
    """An untrained torchvision classifier at output stride 16, and where its features are.

    Attributes
    ----------
    first_conv : str
        Module that takes the image, "features.0.0".
    half, quarter, deep : str
        Modules whose outputs are the features at strides 2, 4 and 16.
    """

    classifier: nn.Module
    features: Features
    first_conv: str
    half: str
    quarter: str
    deep: str


Builder = Callable[[NormLayer], Extractor]
