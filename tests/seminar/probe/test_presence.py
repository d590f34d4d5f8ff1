"""Which classes an image shows is learnt where it can be told from the image, and nowhere else."""

from __future__ import annotations

import numpy as np
import torch

from seminar.models.presence import SURE
from seminar.probe.presence import FEWEST, Floats, fit_presence

WIDTH, VIEWS = 30, 2


def images(number: int, *, signal: float) -> tuple[Floats, np.ndarray]:
    """Summaries and classes: 0 in all, 1 in half of them, 2 in a third, 3 in none."""
    rng = np.random.default_rng(0)
    shown = np.zeros((number, 4), dtype=bool)
    shown[:, 0] = True
    shown[: number // 2, 1] = shown[::3, 2] = True
    told = signal * (shown @ rng.normal(size=(4, WIDTH)))[:, np.newaxis]
    return (5 + told + rng.normal(size=(number, VIEWS, WIDTH))).astype(np.float32), shown


def test_classes_are_told_in_images_that_were_not_learnt_from() -> None:
    summaries, shown = images(80, signal=1.0)
    found = fit_presence(summaries[::2], shown[::2])
    assert found is not None
    weight, bias = found
    assert weight.dtype == bias.dtype == np.float32
    scores = torch.from_numpy(summaries[1::2, 0] @ weight.T + bias)
    right = (scores > 0).numpy() == shown[1::2]
    assert right.mean(axis=0).min() > 0.85
    assert (bias[[0, 3]] == [SURE, -SURE]).all() and not weight[[0, 3]].any()


def test_where_left_out_images_are_not_told_it_is_not_used() -> None:
    assert fit_presence(*images(80, signal=0.0)) is None


def test_a_few_images_teach_nothing() -> None:
    assert fit_presence(*images(FEWEST - 1, signal=5.0)) is None


def test_where_all_images_show_the_same_there_is_nothing_to_tell() -> None:
    summaries, shown = images(40, signal=1.0)
    assert fit_presence(summaries, np.broadcast_to(shown[0], shown.shape)) is None
