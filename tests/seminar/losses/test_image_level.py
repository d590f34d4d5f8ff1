"""What What's the Point adds to clicks, against its equations."""

from __future__ import annotations

import math

import torch

from seminar.losses.image_level import objectness_prior, presence

PROBS = torch.tensor([[[[0.7, 0.2]], [[0.2, 0.5]], [[0.1, 0.3]]]])  # (1, 3, 1, 2)
ALL_VALID = torch.ones(1, 1, 2, dtype=torch.bool)


def flags(*rows: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.bool)


def test_presence_is_equation_1_on_the_most_confident_pixels() -> None:
    loss = presence(PROBS.log(), flags((1, 1, 0)), flags((0, 0, 1)), ALL_VALID)
    expected = -(math.log(0.7) + math.log(0.5)) / 2 - math.log(1 - 0.3)
    torch.testing.assert_close(loss, torch.tensor(expected))


def test_only_the_most_confident_pixel_learns() -> None:
    logits = PROBS.log().requires_grad_()
    presence(logits, flags((0, 1, 0)), flags((0, 0, 0)), ALL_VALID).backward()
    assert logits.grad is not None
    assert logits.grad[..., 0].abs().max() == 0
    assert logits.grad[0, 1, 0, 1] < 0


def test_padding_is_no_pixel() -> None:
    valid = ALL_VALID.clone()
    valid[..., 1] = False
    loss = presence(PROBS.log(), flags((0, 1, 0)), flags((0, 0, 1)), valid)
    torch.testing.assert_close(loss, torch.tensor(-math.log(0.2) - math.log(0.9)))
    nothing = objectness_prior(PROBS.log(), torch.ones(1, 1, 2), valid)
    torch.testing.assert_close(nothing, torch.tensor(-math.log(0.3)))


def test_crops_are_averaged_and_a_class_may_be_neither() -> None:
    logits = PROBS.log().repeat(2, 1, 1, 1)
    one = presence(logits[:1], flags((0, 1, 0)), flags((0, 0, 1)), ALL_VALID)
    both = presence(
        logits, flags((0, 1, 0), (0, 0, 0)), flags((0, 0, 1), (0, 0, 0)), ALL_VALID.repeat(2, 1, 1)
    )
    torch.testing.assert_close(both, one / 2)


def test_a_sure_absent_class_and_a_crop_of_padding_stay_finite() -> None:
    logits = torch.tensor([[[[0.0, 0.0]], [[100.0, -100.0]]]], requires_grad=True)
    loss = presence(logits, flags((1, 0)), flags((0, 1)), ALL_VALID)
    padding = presence(logits, flags((0, 0)), flags((0, 1)), ~ALL_VALID)
    (loss + padding).backward()
    assert loss.isfinite()
    assert padding == 0
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_objectness_is_the_cross_entropy_of_any_object_against_the_background() -> None:
    prior = torch.tensor([[[0.25, 1.0]]])
    loss = objectness_prior(PROBS.log(), prior, ALL_VALID)
    expected = -(0.25 * math.log(0.3) + 0.75 * math.log(0.7) + math.log(0.8)) / 2
    torch.testing.assert_close(loss, torch.tensor(expected))
