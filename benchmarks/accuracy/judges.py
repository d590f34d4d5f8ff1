"""Whether the judge without truth follows the IoU: masks of many qualities, by one set's probes."""

from __future__ import annotations

import itertools
from pathlib import Path
from unittest import mock

import numpy as np
from scipy.stats import spearmanr

from benchmarks.accuracy.measure import Row
from seminar.config.probe_settings import ProbeConfig
from seminar.inference.metrics import score
from seminar.labels import LabelMap
from seminar.probe import mix
from seminar.probe.features import Patch, logits_of, patches_of
from seminar.probe.probe import Probe
from seminar.probe.store import FeatureStore
from seminar.project.project import Project
from seminar.project.splits import training_ids
from seminar.training.judging.judge import LOOKS, Steadiness, other_light

MIXES = ((0.03, 1.0), (0.1, 1.0), (0.3, 1.0), (1.0, 1.0), (1.0, 0.3), (1.0, 0.05))
"""Scales of the backbone's features and of the filters."""

RIDGES = (0.005, 0.05, 0.5)

SCORED = 24
"""Images of the val split, evenly chosen."""

MEMORY = 4_000_000_000


def judge_row(project: Project, weights: Path, limit: int) -> Row:
    """The rank correlation of the judge's score on clicked images with the mean IoU on val images,
    over probes of several mixes and ridges, pooled and per image, and that of the share of right
    clicks alone; and what the judge's choice loses.
    """
    store = FeatureStore(memory_bytes=MEMORY, disk_bytes=0)
    probe = Probe(project, ProbeConfig(weights=str(weights)), store=store)
    clicked = training_ids(project, "train", limit)
    for image_id in clicked:
        probe.learn(image_id)
    seen = clicked[:: -(-len(clicked) // LOOKS)]
    probe.fit()
    lights = {image_id: _in_other_light(probe, image_id, LOOKS // len(seen)) for image_id in seen}
    val = project.split("val") or ()
    val = val[:: -(-len(val) // SCORED)]
    points = []
    for scales, ridge in itertools.product(MIXES, RIDGES):
        with mock.patch.multiple(
            mix,
            TWO_CLASSES=scales,
            MORE_CLASSES=scales,
            RIDGES=(ridge, ridge),
            RIDGE_OF_MORE=ridge,
        ):
            probe.fit()
        tally = Steadiness(project.classes.num_classes)
        for image_id in seen:
            clicks = project.read_clicks(image_id)
            assert clicks is not None
            labels = probe.predict(image_id).labels
            tally.add_clicks(labels, clicks)
            for patches in lights[image_id]:
                tally.add_view(labels, _labels(probe, patches))
        pairs = []
        for image_id in val:
            truth = project.read_truth(image_id)
            assert truth is not None
            pairs.append((truth, probe.predict(image_id).labels))
        found = score(pairs, project.classes)
        of_images = [each for each in found.per_image_iou.values() if each is not None]
        points.append(
            {
                "mix": scales,
                "ridge": ridge,
                "judge": tally.score(),
                "recall": tally.recall(),
                "steadiness": tally.steadiness(),
                "mean_iou": found.mean_iou,
                "per_image": float(np.mean(of_images)),
            }
        )
    judged, recalls, ious, of_images = (
        np.array([point[name] for point in points])
        for name in ("judge", "recall", "mean_iou", "per_image")
    )
    return {
        "rank_correlation": float(spearmanr(judged, ious).statistic),
        "rank_correlation_per_image": float(spearmanr(judged, of_images).statistic),
        "rank_correlation_of_clicks": float(spearmanr(recalls, ious).statistic),
        "chosen": float(ious[judged.argmax()]),
        "best": float(ious.max()),
        "worst": float(ious.min()),
        "points": points,
    }


def _in_other_light(probe: Probe, image_id: str, views: int) -> list[list[Patch]]:
    """The features of so many views of an image."""
    image = probe.image(image_id)
    seen = [other_light(image, image_id, view).numpy() for view in range(views)]
    return [list(patches_of(probe.network, each)) for each in seen]


def _labels(probe: Probe, patches: list[Patch]) -> LabelMap:
    """The mask of a view; these images are small enough to be one patch."""
    (patch,) = patches
    return logits_of(probe.network, patch).argmax(dim=0).numpy().astype(np.uint8)
