"""The dense-CRF loss: its equation, its two conventions, its invariances, its errors."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import default_collate

from seminar.losses.dense_crf import (
    LandmarkWarning,
    NystromPlan,
    dense_crf,
    join_lattices,
    prepare_dense_crf,
)
from seminar.losses.dense_crf.features import pixel_features

METHODS = ("nystrom", "exact", "lattice")


def photo(
    batch: int = 1, channels: int = 3, height: int = 8, width: int = 8, seed: int = 0
) -> Tensor:
    """Smooth colours with a little noise, 0..255, float64."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, channels, 3, 3, generator=generator, dtype=torch.float64) * 200
    image = torch.nn.functional.interpolate(
        coarse, size=(height, width), mode="bilinear", align_corners=True
    )
    return image + 4 * torch.rand(image.shape, generator=generator, dtype=torch.float64)


def softmax(
    batch: int = 1, classes: int = 3, height: int = 8, width: int = 8, seed: int = 1
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(batch, classes, height, width, generator=generator, dtype=torch.float64)
        .mul(2)
        .softmax(1)
    )


def written_out(
    probs: Tensor, image: Tensor, sigma_rgb: float, sigma_xy: float, valid: Tensor | None = None
) -> Tensor:
    """sum_k S^T W (1 - S) / (P 2 pi sigma_xy^2) over the valid pixels, every pair of them."""
    features = pixel_features(image, sigma_rgb, sigma_xy)
    total, pixels = probs.new_zeros(()), 0
    for i in range(len(probs)):
        inside = slice(None) if valid is None else valid[i].flatten()
        f, s = features[i].T[inside], probs[i].flatten(1).T[inside]  # (P, D), (P, K)
        kernel = torch.exp(-torch.cdist(f, f).square() / 2)
        total = total + (s * (kernel @ (1 - s))).sum()
        pixels += len(f)
    return total / (pixels * 2 * math.pi * sigma_xy**2)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize(("method", "tolerance"), [("exact", 1e-9), ("nystrom", 2e-3)])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_its_sum_over_all_pairs(
    channels: int, method: str, tolerance: float, masked: bool
) -> None:
    probs, image = softmax(2), photo(2, channels)
    valid = (
        torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(3)) > 0.3 if masked else None
    )
    loss = dense_crf(probs, image, sigma_xy=3.0, valid=valid, method=method)  # type: ignore[arg-type]
    torch.testing.assert_close(
        loss, written_out(probs, image, 15.0, 3.0, valid), rtol=tolerance, atol=0
    )


def test_default_method_is_near_the_sum_on_64_pixels_square() -> None:
    probs, image = softmax(1, 4, 64, 64), photo(1, 3, 64, 64)
    expected = written_out(probs, image, 15.0, 12.0)
    torch.testing.assert_close(dense_crf(probs, image, sigma_xy=12.0), expected, rtol=0.01, atol=0)
    in_single = dense_crf(probs.float(), image.float(), sigma_xy=12.0)
    torch.testing.assert_close(in_single.double(), expected, rtol=0.01, atol=0)


@pytest.mark.parametrize(
    ("method", "landmarks"), [("nystrom", 5), ("nystrom", 256), ("exact", 256)]
)
def test_gradient_is_that_of_the_sum(method: str, landmarks: int) -> None:
    image = photo(1, 3, 6, 5)
    valid = torch.rand(1, 6, 5, generator=torch.Generator().manual_seed(3)) > 0.3

    def loss(logits: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LandmarkWarning)
            return dense_crf(
                logits.softmax(1),
                image,
                sigma_xy=3.0,
                valid=valid,
                method=method,  # type: ignore[arg-type]
                landmarks=landmarks,
            )

    logits = softmax(1, 3, 6, 5).log().requires_grad_()
    assert torch.autograd.gradcheck(loss, (logits,), atol=1e-7, fast_mode=landmarks == 5)
    if landmarks == 256:
        (got,) = torch.autograd.grad(loss(logits), logits)
        (expected,) = torch.autograd.grad(
            written_out(logits.softmax(1), image, 15.0, 3.0, valid), logits
        )
        torch.testing.assert_close(got, expected, rtol=1e-2, atol=2e-6)


def test_conventions_convert_as_documented() -> None:
    image, height, width = photo(3, 3, 10, 12), 10, 12
    logits = softmax(3, 4, height, width).log()
    gradients, values = [], []
    for convention in ("scale_free", "paper"):
        probs = logits.softmax(1).requires_grad_()
        loss = dense_crf(probs, image, sigma_xy=4.0, method="exact", convention=convention)  # type: ignore[arg-type]
        (gradient,) = torch.autograd.grad(loss, probs)
        gradients.append(gradient - gradient.mean(1, keepdim=True))  # what the softmax lets through
        values.append(loss.detach())
    factor = 2e-9 * height * width * 2 * math.pi * 4.0**2
    torch.testing.assert_close(gradients[1], gradients[0] * factor)
    alone = torch.ones(3, 1, height, width, dtype=torch.float64)
    constant = dense_crf(alone, image, sigma_xy=4.0, method="exact", convention="paper")
    torch.testing.assert_close(values[1] - constant, values[0] * factor)


@settings(max_examples=15, deadline=None)
@given(copies=st.integers(1, 4), extra=st.integers(0, 5), seed=st.integers(0, 99))
def test_scale_free_value_does_not_move_with_batch_or_class_count(
    copies: int, extra: int, seed: int
) -> None:
    probs, image = softmax(1, 3, 12, 9, seed), photo(1, 3, 12, 9, seed)
    once = dense_crf(probs, image, sigma_xy=4.0)
    more = torch.cat([probs, probs.new_zeros(1, extra, 12, 9)], 1).repeat(copies, 1, 1, 1)
    torch.testing.assert_close(dense_crf(more, image.repeat(copies, 1, 1, 1), sigma_xy=4.0), once)


@settings(max_examples=15, deadline=None)
@given(below=st.integers(0, 7), right=st.integers(0, 7), seed=st.integers(0, 99))
def test_padding_outside_the_mask_is_nothing(below: int, right: int, seed: int) -> None:
    probs, image = softmax(1, 3, 9, 9, seed), photo(1, 3, 9, 9, seed)
    padding = (0, right, 0, below)
    valid = torch.nn.functional.pad(torch.ones(1, 9, 9, dtype=torch.bool), padding)
    padded = [torch.nn.functional.pad(t, padding, value=0.5) for t in (probs, image)]
    loss = dense_crf(padded[0], padded[1], sigma_xy=4.0, valid=valid, method="exact")
    torch.testing.assert_close(loss, dense_crf(probs, image, sigma_xy=4.0, method="exact"))


def test_scale_free_value_does_not_move_with_crop_or_resolution() -> None:
    """A pattern repeated, or sampled more finely, weighs the same, but for what is lost at the
    rim.
    """
    tile = (torch.arange(36)[:, None] // 6 + torch.arange(36)[None] // 6) % 2
    image = (tile * 20.0)[None, None].expand(1, 3, -1, -1)
    probs = torch.stack([tile * 0.6 + 0.2, 0.8 - tile * 0.6])[None]
    once = dense_crf(probs, image, sigma_xy=1.5, method="exact")
    larger = dense_crf(
        probs.repeat(1, 1, 2, 2), image.repeat(1, 1, 2, 2), sigma_xy=1.5, method="exact"
    )
    finer = dense_crf(
        probs.repeat_interleave(2, 2).repeat_interleave(2, 3),
        image.repeat_interleave(2, 2).repeat_interleave(2, 3),
        sigma_xy=3.0,
        method="exact",
    )
    torch.testing.assert_close(larger, once, rtol=0.1, atol=0)
    torch.testing.assert_close(finer, once, rtol=0.05, atol=0)


@pytest.mark.parametrize("method", METHODS)
def test_all_invalid_crop_costs_nothing(method: str) -> None:
    probs = softmax(2).requires_grad_()
    valid = torch.zeros(2, 8, 8, dtype=torch.bool)
    loss = dense_crf(probs, photo(2), valid=valid, method=method)  # type: ignore[arg-type]
    (gradient,) = torch.autograd.grad(loss, probs)
    assert loss.item() == 0
    assert not gradient.any()


@pytest.mark.parametrize("method", METHODS)
def test_nan_where_the_mask_is_off_takes_no_part(method: str) -> None:
    probs, valid = softmax(), torch.ones(1, 8, 8, dtype=torch.bool)
    valid[0, 2, 3] = False
    dirty = probs.clone()
    dirty[0, :, 2, 3] = math.nan
    losses = [
        dense_crf(p, photo(), sigma_xy=3.0, valid=valid, method=method) for p in (probs, dirty)
    ]  # type: ignore[arg-type]
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("method", METHODS)
def test_one_class_has_nothing_to_disagree_about(method: str) -> None:
    probs = torch.ones(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    loss = dense_crf(probs, photo(), method=method)  # type: ignore[arg-type]
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert probs.grad is not None
    assert probs.grad.abs().max() < 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_constant_image_smooths_by_place_alone(method: str) -> None:
    probs, image = softmax(1, 3, 20, 20), torch.full((1, 3, 20, 20), 90.0, dtype=torch.float64)
    loss = dense_crf(probs, image, sigma_xy=3.0, method=method)  # type: ignore[arg-type]
    expected = written_out(probs, image, 15.0, 3.0)
    torch.testing.assert_close(loss, expected, rtol=0.6 if method == "lattice" else 0.01, atol=0)


def test_class_order_and_flips_do_not_matter() -> None:
    probs, image = softmax(1, 4, 16, 16), photo(1, 3, 16, 16)
    loss = dense_crf(probs, image, sigma_xy=4.0, method="exact")
    torch.testing.assert_close(dense_crf(probs.flip(1), image, sigma_xy=4.0, method="exact"), loss)
    torch.testing.assert_close(
        dense_crf(probs.flip(-1), image.flip(-1), sigma_xy=4.0, method="exact"), loss
    )


@pytest.mark.parametrize("method", ["nystrom", "lattice"])
def test_prepared_in_a_loader_gives_the_same(method: str) -> None:
    probs, image = softmax(3, 4, 20, 24).float(), photo(3, 3, 20, 24).float()
    single = [prepare_dense_crf(i, sigma_xy=5.0, method=method, landmarks=32) for i in image]  # type: ignore[arg-type]
    plan = default_collate(single) if method == "nystrom" else join_lattices(single)  # type: ignore[arg-type]
    expected = dense_crf(probs, image, sigma_xy=5.0, method=method, landmarks=32)  # type: ignore[arg-type]
    got = dense_crf(probs, image, sigma_xy=5.0, method=method, prepared=plan)  # type: ignore[arg-type]
    torch.testing.assert_close(got, expected)


def test_stays_in_single_precision_under_autocast_and_leaves_its_input_alone() -> None:
    probs, image = softmax(1, 3, 32, 32).float(), photo(1, 3, 32, 32).float()
    before = probs.clone(), image.clone()
    expected = dense_crf(probs, image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = dense_crf(probs, image)
        half = dense_crf(probs.bfloat16(), image)
    assert loss.dtype == half.dtype == torch.float32
    assert loss == expected
    torch.testing.assert_close(half, expected, rtol=0.02, atol=0)
    assert torch.equal(probs, before[0])
    assert torch.equal(image, before[1])


def test_two_calls_alive_at_once_do_not_share_memory() -> None:
    probs = softmax(2, 3, 32, 32).float()
    first, second = probs.clone().requires_grad_(), probs.flip(1).contiguous().requires_grad_()
    image = photo(2, 3, 32, 32).float()
    losses = dense_crf(first, image), dense_crf(second, image)
    (losses[0] + losses[1]).backward()
    assert first.grad is not None
    assert second.grad is not None
    torch.testing.assert_close(first.grad, second.grad.flip(1))


def test_byte_images_are_welcome() -> None:
    image = photo(1, 3, 16, 16).round()
    probs = softmax(1, 3, 16, 16)
    torch.testing.assert_close(dense_crf(probs, image.byte()), dense_crf(probs, image))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (17, 16), (31, 33)])
def test_any_size(shape: tuple[int, int]) -> None:
    probs, image = softmax(2, 3, *shape), photo(2, 3, *shape)
    loss = dense_crf(probs, image, sigma_xy=5.0, landmarks=64)
    torch.testing.assert_close(loss, written_out(probs, image, 15.0, 5.0), rtol=0.05, atol=1e-12)


def test_warns_when_the_landmarks_are_too_few() -> None:
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    probs = softmax(1, 2, 64, 64).float()
    with pytest.warns(LandmarkWarning, match="16 landmarks miss"):
        dense_crf(probs, noise, landmarks=16)
    plan = prepare_dense_crf(noise, landmarks=16)  # in a loader's thread it would be heard by none
    assert isinstance(plan, NystromPlan)
    assert 0.5 < float(plan.residual) <= 1
    with pytest.warns(LandmarkWarning):
        dense_crf(probs, noise, landmarks=16, prepared=plan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"probs": torch.rand(3, 8, 8)},
            r"probs should be floating point \(N, K, H, W\), not torch.float32 \(3, 8, 8\)",
        ),
        ({"probs": torch.ones(1, 3, 8, 8, dtype=torch.long)}, "probs should be floating point"),
        (
            {"image": torch.rand(1, 3, 16, 16)},
            r"image should be .* \(1, C, 8, 8\) like probs, not \(1, 3, 16, 16\); resize",
        ),
        ({"valid": torch.ones(1, 8, 8)}, "valid should be bool"),
        ({"sigma_rgb": 0.0}, "sigma_rgb should be a positive number, not 0.0"),
        ({"sigma_xy": math.nan}, "sigma_xy should be a positive number"),
        ({"landmarks": 0}, "landmarks should be at least 1, not 0"),
        ({"method": "gated"}, "method should be 'nystrom', 'exact' or 'lattice', not 'gated'"),
        ({"convention": "tang"}, "convention should be"),
        (
            {"image": torch.full((1, 3, 8, 8), math.nan)},
            "image should be finite, but 192 of its 192 values",
        ),
        ({"probs": torch.full((1, 3, 8, 8), math.nan)}, "probs should be finite"),
        (
            {"prepared": prepare_dense_crf(torch.rand(2, 3, 8, 8))},
            "prepared should be for .* 1 images",
        ),
        ({"prepared": prepare_dense_crf(torch.rand(1, 3, 40, 40))}, "prepared should be for"),
        (
            {"prepared": prepare_dense_crf(torch.rand(1, 3, 8, 8), method="lattice")},
            "prepared should be for",
        ),
    ],
)
def test_says_what_is_wrong(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "probs": torch.rand(1, 3, 8, 8),
        "image": torch.rand(1, 3, 8, 8),
    } | change
    with pytest.raises(ValueError, match=message):
        dense_crf(**arguments)  # type: ignore[arg-type]
