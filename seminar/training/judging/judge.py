"""Which of two networks is better: by dense truth, or by a measure that follows it."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from seminar.clicks.click_set import ClickSet, pixels
from seminar.config.settings import TrainConfig
from seminar.data.transforms import strong_view
from seminar.inference.evaluate import evaluate
from seminar.inference.metrics import class_iou, confusion_matrix
from seminar.inference.predictor import Predictor, most_probable
from seminar.labels import LabelMap
from seminar.project.project import Project
from seminar.training.inputs import Inputs, scored_ids
from seminar.training.judging.scoring import predictor_of

LOOKS = 12
"""Where no image has dense truth, clicked images are looked at in another light: so many, evenly
chosen, or of fewer each in several lights.
"""

ENOUGH = 0.8
"""Share of the clicks that a good mask has right at least."""

SCORED = 48
"""Images of the validation split, evenly chosen, where they have dense truth: the first few are too
few to tell networks apart."""

PIXELS = 12_000_000
"""Of large images fewer are looked at: so many pixels in all, but at least one image."""

TRUTH, STEADINESS = "mean IoU", "steadiness"


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
        self._scored = self._evenly(scored_ids(project, config), SCORED)
        self.measure = TRUTH if self._scored else STEADINESS

    def _evenly(self, image_ids: tuple[str, ...], most: int) -> tuple[str, ...]:
        if not image_ids:
            return ()
        return image_ids[:: -(-len(image_ids) // self._most(most, image_ids[0]))]

    def _most(self, most: int, image_id: str) -> int:
        """How many images of this one's size are looked at."""
        height, width = self._project.image_size(image_id)
        return min(most, max(1, PIXELS // (height * width)))

    def score(self, network: nn.Module) -> float:
        """The mean IoU on the images with dense truth; else how steady masks are (`Steadiness`).

        Raises
        ------
        SeminarError
            An image or mask cannot be read.
        """
        predictor = predictor_of(network, self._project, self._config, self._inputs, self._device)
        if self._scored:
            return evaluate(predictor, self._project, image_ids=self._scored).mean_iou
        return self._steadiness(predictor)

    def _steadiness(self, predictor: Predictor) -> float:
        dataset = self._inputs.dataset
        tally = Steadiness(self._inputs.num_classes)
        clicked = self._evenly(tuple(dataset.clicks), LOOKS)
        for image_id in clicked:
            image = dataset.image(image_id).astype(np.float32)
            labels = most_probable(predictor.predict_prepared(image))
            tally.add_clicks(labels, dataset.clicks[image_id])
            for view in range(self._most(LOOKS, clicked[0]) // len(clicked)):
                seen = other_light(image, image_id, view).numpy()
                tally.add_view(labels, most_probable(predictor.predict_prepared(seen)))
        return tally.score()


class Steadiness:
    """How good masks of clicked images are, as far as it can be known without truth.

    How little they change when the light of the image does: the IoU of the masks of an image as it
    is and in another light, mean over the classes that are clicked in these images, times the share
    of clicks on their class, classes alike, from that of guessing up to `ENOUGH`. A network that
    knows what things look like is not misled by the light of a day or microscope; a class that it
    never draws counts as nothing. How it follows the IoU is in benchmarks/training.md.
    """

    def __init__(self, num_classes: int) -> None:
        self._hits, self._counts = np.zeros(num_classes), np.zeros(num_classes)
        self._confusion = np.zeros((num_classes, num_classes + 1), dtype=np.int64)

    def add_clicks(self, labels: LabelMap, clicks: ClickSet) -> None:
        """A mask, (H, W) uint8, with the clicks of its image."""
        inside = clicks.inside()
        rows, cols = pixels(clicks.points[inside]).T
        class_ids, count = clicks.class_ids[inside], len(self._counts)
        self._counts += np.bincount(class_ids, minlength=count)
        self._hits += np.bincount(class_ids[labels[rows, cols] == class_ids], minlength=count)

    def add_view(self, labels: LabelMap, in_other_light: LabelMap) -> None:
        """Masks, (H, W) uint8, of an image as it is and in another light."""
        self._confusion += confusion_matrix(labels, in_other_light, len(self._counts))

    def recall(self) -> float:
        """Share of the clicks that are right, classes alike."""
        clicked = self._counts > 0
        return float((self._hits[clicked] / self._counts[clicked]).mean())

    def steadiness(self) -> float:
        """Mean IoU of both masks over the clicked classes; 0 for one that is never drawn."""
        ious = class_iou(self._confusion)
        return float(np.mean([ious[each] or 0.0 for each in np.flatnonzero(self._counts)]))

    def score(self) -> float:
        """From 0 to 1, of all masks together; at least one has a click."""
        guessed = 1 / np.count_nonzero(self._counts)
        known = (self.recall() - guessed) / max(ENOUGH - guessed, 1e-9)
        return float(np.clip(known, 0, 1)) * self.steadiness()


def other_light(image: npt.NDArray[np.float32], image_id: str, view: int) -> Tensor:
    """The image in one of many lights, the same at every call; (C, H, W) float32 on 0..255."""
    rng = np.random.default_rng((zlib.crc32(image_id.encode()), view))
    return strong_view(torch.from_numpy(image), rng, colours=True)
