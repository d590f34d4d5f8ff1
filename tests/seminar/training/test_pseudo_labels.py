"""Pseudo-labels."""

from __future__ import annotations

import torch

from seminar.training.pseudo_labels import pseudo_label


def test_the_most_probable_class_wins_and_the_unsure_is_ignored() -> None:
    probs = torch.tensor([[[0.7, 0.4]], [[0.2, 0.35]], [[0.1, 0.25]]])[None]
    assert pseudo_label(probs).tolist() == [[[0, 0]]]
    assert pseudo_label(probs, confidence=0.5).tolist() == [[[0, 255]]]
    sure = float(probs.max())  # as sure as asked is sure enough
    assert pseudo_label(probs, confidence=sure).tolist() == [[[0, 255]]]
