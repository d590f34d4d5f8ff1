"""The quadratic relaxation: like pixels agree, and nothing makes them decide."""

from __future__ import annotations

import pytest
import torch

from seminar.losses.dense_crf import dense_crf
from seminar.losses.dense_crf.features import pixel_features


def image(side: int) -> torch.Tensor:
    return (
        torch.rand(
            1, 3, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64
        )
        * 40
    )


def probabilities(classes: int, side: int) -> torch.Tensor:
    logits = torch.randn(
        1, classes, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    return logits.softmax(dim=1)


@pytest.mark.parametrize("normalize", [False, True])
def test_it_is_half_the_squared_differences_of_all_pairs(normalize: bool) -> None:
    probs, valid = probabilities(3, 8), torch.ones(1, 8, 8, dtype=torch.bool)
    valid[0, 6:, 3:] = False
    features = pixel_features(image(8), 15.0, 4.0)[0].T[valid.flatten()]
    kernel = torch.exp(-torch.cdist(features, features).square() / 2)
    area = 2 * torch.pi * 4.0**2
    if normalize:
        root, area = kernel.sum(dim=1).rsqrt(), 1
        kernel = root[:, None] * kernel * root
    values = probs[0].flatten(1)[:, valid.flatten()]
    squares = (values[:, :, None] - values[:, None]).square().sum(dim=0)
    expected = (kernel * squares).sum() / 2 / (values.shape[1] * area)
    found = dense_crf(
        probs,
        image(8),
        valid=valid,
        sigma_xy=4.0,
        method="exact",
        normalize=normalize,
        relaxation="quadratic",
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("normalize", [False, True])
def test_the_gradient_is_the_derivative(normalize: bool) -> None:
    logits = torch.randn(2, 3, 5, 5, dtype=torch.float64, requires_grad=True)
    both = image(5).expand(2, -1, -1, -1)

    def loss(values: torch.Tensor) -> torch.Tensor:
        return dense_crf(
            values.softmax(dim=1),
            both,
            sigma_xy=4.0,
            method="exact",
            normalize=normalize,
            relaxation="quadratic",
        )

    assert torch.autograd.gradcheck(loss, (logits,))


def test_a_region_that_agrees_is_left_alone_however_unsure_it_is() -> None:
    """The bilinear form drives it towards the class that is ahead."""
    unsure = torch.tensor([0.3, 0.1, -0.4], dtype=torch.float64)[None, :, None, None].repeat(
        1, 1, 8, 8
    )
    gradients = {}
    for relaxation in ("bilinear", "quadratic"):
        logits = unsure.clone().requires_grad_()
        loss = dense_crf(
            logits.softmax(dim=1), image(8), method="exact", normalize=True, relaxation=relaxation
        )  # type: ignore[arg-type]
        (gradients[relaxation],) = torch.autograd.grad(loss, logits)
    assert gradients["quadratic"].abs().max() < 1e-12
    assert (gradients["bilinear"][:, 0] < -1e-4).all()


def test_landmarks_say_the_same() -> None:
    options = {"sigma_xy": 6.0, "relaxation": "quadratic", "normalize": True}
    probs = probabilities(4, 12)
    exact = dense_crf(probs, image(12), method="exact", **options)  # type: ignore[arg-type]
    torch.testing.assert_close(
        dense_crf(probs, image(12), landmarks=144, **options), exact, rtol=2e-3, atol=0
    )  # type: ignore[arg-type]


def test_the_papers_convention_is_bilinear() -> None:
    with pytest.raises(ValueError, match="bilinear"):
        dense_crf(
            torch.rand(1, 2, 4, 4),
            torch.rand(1, 3, 4, 4),
            convention="paper",
            relaxation="quadratic",
        )
