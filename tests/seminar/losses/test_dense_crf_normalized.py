"""The degree-normalised dense-CRF loss against its definition."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import default_collate

from seminar.losses.dense_crf import dense_crf, prepare_dense_crf
from seminar.losses.dense_crf.features import pixel_features


def smooth_image(side: int) -> torch.Tensor:
    across = torch.linspace(0, 120, side, dtype=torch.float64).expand(side, side)
    return torch.stack([across, across.T, across + 40 * (across.T > 60)])[None]


def by_definition(probs: torch.Tensor, image: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """sum_k S_k^T D^-1/2 W D^-1/2 (1 - S_k) / P over the valid pixels, with every pair written
    out.
    """
    features = pixel_features(image, 15.0, 6.0)[0].T
    inside = valid.flatten()
    kernel = torch.exp(-torch.cdist(features[inside], features[inside]).square() / 2)
    root = kernel.sum(dim=1).rsqrt()
    kernel = root[:, None] * kernel * root
    values = probs[0].flatten(1)[:, inside]
    return torch.einsum("kp,pq,kq->", values, kernel, 1 - values) / inside.sum()


@pytest.mark.parametrize("method", ["exact", "nystrom"])
def test_it_is_the_sum_over_all_pairs(method: str) -> None:
    torch.manual_seed(0)
    image = smooth_image(12)
    probs = torch.randn(1, 3, 12, 12, dtype=torch.float64).softmax(dim=1)
    valid = torch.ones(1, 12, 12, dtype=torch.bool)
    valid[0, 9:, 4:] = False
    found = dense_crf(
        probs,
        image,
        valid=valid,
        sigma_xy=6.0,
        method=method,
        landmarks=144,
        normalize=True,  # type: ignore[arg-type]
    )
    torch.testing.assert_close(
        found,
        by_definition(probs, image, valid),
        rtol=1e-3 if method == "nystrom" else 1e-9,
        atol=0,
    )


def test_the_gradient_is_the_derivative() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)

    def loss(values: torch.Tensor) -> torch.Tensor:
        return dense_crf(
            values.softmax(dim=1), smooth_image(6), sigma_xy=4.0, method="exact", normalize=True
        )

    assert torch.autograd.gradcheck(loss, (logits,))


def test_a_crop_without_a_valid_pixel_costs_nothing() -> None:
    probs = torch.rand(1, 2, 8, 8).softmax(dim=1).requires_grad_()
    loss = dense_crf(
        probs,
        torch.rand(1, 3, 8, 8) * 255,
        valid=torch.zeros(1, 8, 8, dtype=torch.bool),
        normalize=True,
    )
    loss.backward()
    assert loss == 0
    assert probs.grad is not None
    assert not probs.grad.any()


def test_it_is_no_part_of_the_paper() -> None:
    with pytest.raises(ValueError, match="normalize"):
        dense_crf(
            torch.rand(1, 2, 4, 4), torch.rand(1, 3, 4, 4), convention="paper", normalize=True
        )


def test_degrees_made_ahead_give_the_same_and_are_not_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    image = torch.cat([smooth_image(12), smooth_image(12).flip(2)])
    probs, valid = (
        torch.randn(2, 3, 12, 12, dtype=torch.float64).softmax(dim=1),
        torch.rand(2, 12, 12) > 0.2,
    )
    expected = dense_crf(probs, image, valid=valid, sigma_xy=6.0, normalize=True)
    together = prepare_dense_crf(image, valid=valid, sigma_xy=6.0, normalize=True)
    single = [
        prepare_dense_crf(i, valid=v, sigma_xy=6.0, normalize=True)
        for i, v in zip(image, valid, strict=True)
    ]
    monkeypatch.setattr("seminar.losses.dense_crf.energy.inverse_root_degrees", None)
    for plan in (together, default_collate(single)):
        assert torch.equal(
            dense_crf(probs, image, valid=valid, sigma_xy=6.0, normalize=True, prepared=plan),
            expected,
        )
