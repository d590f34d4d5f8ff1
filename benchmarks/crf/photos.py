"""What both benchmarks of the dense-CRF loss run on: photographs and class probabilities."""

from __future__ import annotations

import torch
from skimage import data
from torch import Tensor, nn

PHOTOS = ("astronaut", "coffee", "rocket", "chelsea")


def load_photos(size: int) -> Tensor:
    """The centre squares of four photographs that come with scikit-image: (4, 3, size, size),
    0..255.
    """
    squares = []
    for name in PHOTOS:
        photo = getattr(data, name)()
        side = min(photo.shape[:2])
        top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
        square = photo[top : top + side, left : left + side]
        pixels = torch.from_numpy(square.copy()).permute(2, 0, 1)[None].float()
        squares.append(
            nn.functional.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True)
        )
    return torch.cat(squares)


def smooth_probs(batch: int, classes: int, size: int) -> Tensor:
    """Blobs a sixteenth of the image wide, (N, K, size, size): of what we tried, the hardest for
    the landmarks.
    """
    logits = torch.randn(batch, classes, 16, 16, generator=torch.Generator().manual_seed(0)) * 3
    return nn.functional.interpolate(logits, size=(size, size), mode="bilinear").softmax(1)
