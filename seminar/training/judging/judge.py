"""Which of two networks is better: by dense truth, or by a measure that follows it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from seminar.clicks.click_set import ClickSet, pixels
from seminar.config.settings import TrainConfig
from seminar.inference.evaluate import evaluate
from seminar.inference.predictor import Predictor, most_probable
from seminar.labels import LabelMap
from seminar.probe.trust import Edges
from seminar.project.project import Project
from seminar.training.inputs import Inputs, scored_ids
from seminar.training.judging.scoring import predictor_of

IMAGES = 12
"""Clicked images, evenly chosen, that are looked at where no image has dense truth."""

ENOUGH = 0.9
"""Share of the clicks that a good mask has right at least."""

SCORED = 48
"""Images of the validation split, evenly chosen, where they have dense truth: the first few are too
few to tell networks apart."""

PIXELS = 12_000_000
"""Of large images fewer are looked at: so many pixels in all, but at least one image."""

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
        self._scored = self._evenly(scored_ids(project, config), SCORED)
        self.measure = TRUTH if self._scored else CLICKS_AND_EDGES

    def _evenly(self, image_ids: tuple[str, ...], most: int) -> tuple[str, ...]:
        if not image_ids:
            return ()
        height, width = self._project.image_size(image_ids[0])
        count = min(most, max(1, PIXELS // (height * width)))
        return image_ids[:: -(-len(image_ids) // count)]

    def score(self, network: nn.Module) -> float:
        """The mean IoU on the images with dense truth; else how clicks and edges agree with it.

        Raises
        ------
        SeminarError
            An image or mask cannot be read.
        """
        predictor = predictor_of(network, self._project, self._config, self._inputs, self._device)
        if self._scored:
            return evaluate(predictor, self._project, image_ids=self._scored).mean_iou
        return self._clicks_and_edges(predictor)

    def _clicks_and_edges(self, predictor: Predictor) -> float:
        dataset = self._inputs.dataset
        tally = ClicksAndEdges(self._inputs.num_classes)
        for image_id in self._evenly(tuple(dataset.clicks), IMAGES):
            image = dataset.image(image_id).astype(np.float32)
            labels = most_probable(predictor.predict_prepared(image))
            if image_id not in self._edges:
                self._edges[image_id] = Edges(image)
            tally.add(labels, dataset.clicks[image_id], self._edges[image_id])
        return tally.score()


class ClicksAndEdges:
    """How good masks of clicked images are, as far as it can be known without truth.

    How edges of masks and images agree (`Edges.fit`), times the share of clicks on their class,
    classes alike, up to `ENOUGH`: clicks say which class it is, but hardly where it ends, so above
    `ENOUGH` their share says no more. The edges of the image say where. A mask of one class has
    neither. How it follows the IoU is in benchmarks/training.md.
    """

    def __init__(self, num_classes: int) -> None:
        self._hits, self._counts = np.zeros(num_classes), np.zeros(num_classes)
        self._fits: list[float] = []

    def add(self, labels: LabelMap, clicks: ClickSet, edges: Edges) -> None:
        """A mask, (H, W) uint8, with the clicks and the edges of its image."""
        self._fits.append(edges.fit(labels))
        inside = clicks.inside()
        rows, cols = pixels(clicks.points[inside]).T
        class_ids, count = clicks.class_ids[inside], len(self._counts)
        self._counts += np.bincount(class_ids, minlength=count)
        self._hits += np.bincount(class_ids[labels[rows, cols] == class_ids], minlength=count)

    def recall(self) -> float:
        """Share of the clicks that are right, classes alike."""
        clicked = self._counts > 0
        return float((self._hits[clicked] / self._counts[clicked]).mean())

    def score(self) -> float:
        """From 0 to 1, of all masks together; at least one has a click."""
        return min(1.0, self.recall() / ENOUGH) * max(0.0, float(np.mean(self._fits)))
