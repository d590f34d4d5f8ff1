"""Crops, stacked."""

from __future__ import annotations

import torch

from seminar.data.batch import Batch
from seminar.losses.dense_crf import NystromPlan


def test_a_batch_is_cut_and_moved_with_its_plan() -> None:
    numbers = torch.arange(3)
    plan = NystromPlan(*(numbers + place for place in range(len(NystromPlan._fields))))
    batch = Batch(
        image=numbers,
        student_image=numbers,
        labels=numbers,
        valid=numbers,
        absent=numbers,
        pseudo_labels=numbers,
        crf_plan=plan,
    )
    for cut in (batch.part(1, 3), batch.part(1, 3).to(torch.device("cpu"))):
        assert cut.labels.tolist() == [1, 2]
        assert cut.crf_plan is not None
        assert [field.tolist() for field in cut.crf_plan] == [
            [1 + place, 2 + place] for place in range(len(plan))
        ]
