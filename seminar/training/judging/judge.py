"""Which of two networks is better: by dense truth, or by a measure that follows it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from seminar.clicks.click_set import pixels
from seminar.config.settings import TrainConfig
from seminar.inference.evaluate import evaluate
from seminar.inference.predictor import Predictor
from seminar.probe.trust import Edges
from seminar.project.project import Project
from seminar.training.inputs import Inputs, scored_ids

IMAGES = 12
"""Clicked images, evenly chosen, that are looked at where no image has dense truth."""

ENOUGH = 0.9
"""Share of the clicks that a good mask has right at least."""

SCORED = 48
"""Images of the validation split, evenly chosen, where they have dense truth: the first few are too
few to tell networks apart."""

TRUTH, CLICKS_AND_EDGES = "mean IoU", "clicks and edges"


class Judge:
    """Scores networks, higher is better; scores of one judge can be compared.

    Attributes
    ----------
    measure : str
        What the score is, in words.
    """

    def __init__(
        self, project: Project, config: TrainConfig, inputs: Inputs, device: torch.device
    ) -> None:
        self._project, self._config, self._inputs = project, config, inputs
        self._device = device
        self._edges: dict[str, Edges] = {}
        with_truth = scored_ids(project, config)
        self._scored = with_truth[:: -(-len(with_truth) // SCORED) or 1]
        self.measure = TRUTH if self._scored else CLICKS_AND_EDGES

    def score(self, network: nn.Module) -> float:
        """The mean IoU on the images with dense truth; else how clicks and edges agree with it.

        Raises
        ------
        SeminarError
            An image or mask cannot be read.
        """
        training = network.training
        predictor = Predictor(
            network,
            classes=self._project.classes,
            channels=self._config.channels,
            stretch=self._config.stretch,
            num_channels=self._inputs.channels,
            device=self._device,
        )
        try:
            if self._scored:
                return evaluate(predictor, self._project, image_ids=self._scored).mean_iou
            return self._clicks_and_edges(predictor)
        finally:
            network.train(training)

    def _clicks_and_edges(self, predictor: Predictor) -> float:
        """How edges of masks and images agree (`Edges.fit`), times the share of clicks on their
        class, classes alike, up to `ENOUGH`.

        Clicks say which class it is, but hardly where it ends: above `ENOUGH` their share says no
        more. The edges of the image say where. A mask of one class has neither. How it follows the
        IoU is in benchmarks/accuracy.md.
        """
        dataset = self._inputs.dataset
        ids = list(dataset.clicks)
        num_classes = self._inputs.num_classes
        hits, counts, fits = np.zeros(num_classes), np.zeros(num_classes), []
        for image_id in ids[:: -(-len(ids) // IMAGES)]:
            image = dataset.image(image_id).astype(np.float32)
            labels = predictor.predict_prepared(image).argmax(axis=0).astype(np.uint8)
            if image_id not in self._edges:
                self._edges[image_id] = Edges(image)
            fits.append(self._edges[image_id].fit(labels))
            clicks = dataset.clicks[image_id]
            inside = clicks.inside()
            rows, cols = pixels(clicks.points[inside]).T
            class_ids = clicks.class_ids[inside]
            counts += np.bincount(class_ids, minlength=num_classes)
            hits += np.bincount(class_ids[labels[rows, cols] == class_ids], minlength=num_classes)
        clicked = counts > 0
        recall = float((hits[clicked] / counts[clicked]).mean())
        return min(1.0, recall / ENOUGH) * max(0.0, float(np.mean(fits)))
