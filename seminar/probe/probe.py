"""The probe of a project: features at its clicks, the fit, the masks, the model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from seminar.clicks.click_set import pixels
from seminar.config.backbones import PYRAMIDS
from seminar.config.probe_settings import ProbeConfig
from seminar.errors import CheckpointError, SeminarError
from seminar.io.intensities import to_float
from seminar.labels import BACKGROUND, LabelMap
from seminar.models.build_probe import build_probe
from seminar.models.probe import ABSENT, ProbeNetwork
from seminar.probe.features import Patch, features_at, logits_of, patches_of
from seminar.probe.fit import fit
from seminar.probe.store import FeatureStore, key_of
from seminar.project.project import Project

TWO_CLASSES, MORE_CLASSES = (0.3, 1.0), (1.0, 0.3)
"""Scales of the backbone's features and of the filters: these know where the edge is, the backbone
which class it is.
"""

RIDGE = 25.0
RIDGES = (0.02, 0.15)
"""Of two classes the ridge is so much over the number of clicks, within limits."""

RIDGE_OF_MORE = 0.2

ADVANTAGE = 0.5
"""Of two classes, the object's logit gets this much more where as many clicks lie on the
background: objects are clicked in their middles and the background near their edges, so that rims
look too much like background. Of few clicks on the background, few lie near an edge.
"""


@dataclass(frozen=True, eq=False)
class Samples:
    """The clicks of one image: (n, 2) pixels, (n,) class ids, (n, F) features."""

    pixels: npt.NDArray[np.int64]
    class_ids: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Answer:
    """A mask and how unsure it is.

    Attributes
    ----------
    labels : ndarray, (H, W) uint8
    unsure : ndarray, (H, W) uint8
        255 * (1 - margin between the two most probable classes).
    """

    labels: LabelMap
    unsure: npt.NDArray[np.uint8]


class Probe:
    """Learns from clicks within a fraction of a second, and predicts.

    Parameters
    ----------
    project : Project
    config : ProbeConfig
    store : FeatureStore, optional
    device : torch.device, optional

    Attributes
    ----------
    samples : dict
        What is learnt from, by image id.
    fallback : str
        Why the filters are used alone, where the weights cannot be had; "" otherwise.
    """

    def __init__(
        self,
        project: Project,
        config: ProbeConfig,
        *,
        store: FeatureStore | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.project, self.config = project, config
        self.store = store or FeatureStore()
        self.device = device or torch.device("cpu")
        self.samples: dict[str, Samples] = {}
        self.fallback = ""
        self._network: ProbeNetwork | None = None
        self._channels = 0

    # features
    def image(self, image_id: str) -> npt.NDArray[np.float32]:
        """(C, H, W) float32 on 0..255, stretched as a training would.

        Raises
        ------
        SeminarError
            It cannot be read, or has another number of channels than the images before.
        """
        image = to_float(
            self.project.read_image(image_id),
            channels=self.config.channels,
            stretch=self.config.stretch,
            where=str(self.project.image_path(image_id)),
        )
        self._channels = self._channels or len(image)
        if len(image) != self._channels:
            raise SeminarError(
                f"{self.project.image_path(image_id)}: {len(image)} channels, but the images "
                f"before have {self._channels}; choose channels that all have, or remove it"
            )
        return image

    def network_for(self, image: npt.NDArray[np.float32]) -> ProbeNetwork:
        """The network, built when the first image shows how many channels there are.

        Without its weights the filters are used alone, and `fallback` says why.
        """
        if self._network is None:
            classes = self.project.classes.num_classes
            try:
                network = build_probe(self.config, num_classes=classes, channels=len(image))
            except CheckpointError as error:
                if self.config.weights not in ("imagenet", "pretrained"):
                    raise
                self.fallback = str(error)
                self.config = ProbeConfig(
                    backbone="none", channels=self.config.channels, stretch=self.config.stretch
                )
                network = build_probe(self.config, num_classes=classes, channels=len(image))
            self._network = network.to(self.device).to(memory_format=torch.channels_last)
        return self._network

    @property
    def title(self) -> str:
        """The features in words."""
        for name, facts in PYRAMIDS.items():
            if name == self.config.backbone:
                return f"{facts.title} and filters"
        return "filters alone"

    def patches(self, image_id: str) -> tuple[Patch, ...]:
        """The features of an image, from the store where it has them."""
        key = self._key(image_id)
        kept = self.store.get(key)
        if kept is not None and self._network is not None:
            return kept
        image = self.image(image_id)
        network = self.network_for(image)
        if kept is None or self._key(image_id) != key:
            key = self._key(image_id)
            kept = self.store.get(key)
        if kept is None:
            kept = tuple(patches_of(network, image))
            self.store.put(key, kept)
        return kept

    def _key(self, image_id: str) -> str:
        config = self.config
        weights = config.weights
        if weights not in ("imagenet", "pretrained", "none"):
            facts = Path(weights).stat()
            weights = f"{weights} {facts.st_size} {facts.st_mtime_ns}"
        path = self.project.image_path(image_id)
        return key_of(path, config.backbone, weights, config.channels, config.stretch)

    # clicks
    def learn(self, image_id: str) -> bool:
        """Take over the clicks of an image as they are on disk now; whether they differ.

        Raises
        ------
        SeminarError
            The clicks or the image cannot be read.
        """
        clicks = self.project.read_clicks(image_id)
        before = self.samples.get(image_id)
        places = np.zeros((0, 2), dtype=np.int64)
        class_ids = np.zeros(0, dtype=np.int64)
        if clicks is not None:
            inside = clicks.inside()
            places = np.asarray(pixels(clicks.points[inside]), dtype=np.int64)
            class_ids = np.asarray(clicks.class_ids, dtype=np.int64)[inside]
        if not len(places):
            return self.samples.pop(image_id, None) is not None
        if (
            before is not None
            and np.array_equal(before.pixels, places)
            and np.array_equal(before.class_ids, class_ids)
        ):
            return False
        self.samples[image_id] = Samples(places, class_ids, self._features(image_id, places))
        return True

    def forget(self, image_ids: Collection[str]) -> bool:
        """Learn from these images no longer; whether any was learnt from."""
        known = [image_id for image_id in image_ids if image_id in self.samples]
        for image_id in known:
            del self.samples[image_id]
        return bool(known)

    def _features(self, image_id: str, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Features at pixels: those known from before, and new ones from the image's maps."""
        before = self.samples.get(image_id)
        key = self._key(image_id)
        known = (before.pixels, before.features) if before else self.store.clicks(key)
        index: dict[tuple[int, ...], int] = {}
        if known is not None:
            index = {tuple(place): number for number, place in enumerate(known[0].tolist())}
        found = [index.get(tuple(place), -1) for place in places.tolist()]
        missing = np.array([number < 0 for number in found])
        if known is None or missing.all():
            patches = self.patches(image_id)
            assert self._network is not None
            return features_at(self._network, patches, places)
        features = known[1][np.maximum(found, 0)]
        if missing.any():
            patches = self.patches(image_id)
            assert self._network is not None
            features[missing] = features_at(self._network, patches, places[missing])
        return features

    def keep_clicks(self, image_id: str) -> None:
        """Have the store keep the features at an image's clicks, for the next start."""
        samples = self.samples.get(image_id)
        if samples is not None:
            self.store.put_clicks(self._key(image_id), samples.pixels, samples.features)

    # fit and masks
    @property
    def num_clicks(self) -> int:
        """Clicks that are learnt from."""
        return sum(len(samples.class_ids) for samples in self.samples.values())

    def clicked_classes(self) -> frozenset[int]:
        """Ids of the classes that have a click."""
        parts = [samples.class_ids for samples in self.samples.values()]
        return frozenset(np.unique(np.concatenate(parts)).tolist()) if parts else frozenset()

    def fit(self) -> bool:
        """Fit the classes to all clicks; False with fewer than two clicked classes."""
        present = self.clicked_classes()
        if len(present) < 2:
            return False
        order = sorted(self.samples)
        features = np.concatenate([self.samples[each].features for each in order])
        class_ids = np.concatenate([self.samples[each].class_ids for each in order])
        if self._network is None:
            self.network_for(self.image(order[0]))
        network = self._network
        assert network is not None
        deep, filters = TWO_CLASSES if len(present) == 2 else MORE_CLASSES
        ridge = min(max(RIDGE / len(class_ids), RIDGES[0]), RIDGES[1])
        scales = np.full(features.shape[1], deep)
        scales[: network.num_filters] = filters if len(network.streams) > 1 else 1.0
        found = fit(
            features,
            class_ids,
            num_classes=self.project.classes.num_classes,
            scales=scales,
            strength=ridge if len(present) == 2 else RIDGE_OF_MORE,
            absent=ABSENT,
        )
        bias = found.bias.copy()
        if len(present) == 2 and BACKGROUND in present:
            background = int(np.count_nonzero(class_ids == BACKGROUND))
            share = background / max(1, len(class_ids) - background)
            bias[max(present)] += ADVANTAGE * min(1.0, share)
        network.set_weights(torch.from_numpy(found.weights), torch.from_numpy(bias))
        return True

    def predict(self, image_id: str) -> Answer:
        """The mask of an image with the weights of the last fit."""
        patches = self.patches(image_id)
        assert self._network is not None
        height, width = (max(patch.core[axis].stop for patch in patches) for axis in (0, 1))
        labels = np.zeros((height, width), dtype=np.uint8)
        unsure = np.zeros((height, width), dtype=np.uint8)
        for patch in patches:
            probs = logits_of(self._network, patch).softmax(dim=0)
            best = probs.topk(2, dim=0)
            labels[patch.core] = best.indices[0].numpy().astype(np.uint8)
            margin = best.values[0] - best.values[1]
            unsure[patch.core] = (255 * (1 - margin)).round().numpy().astype(np.uint8)
        return Answer(labels, unsure)

    def save(self, path: Path) -> None:
        """Write the model that predict, evaluate and export take."""
        # torchvision, which it imports, takes as long as everything else
        from seminar.models.checkpoint import save_model

        assert self._network is not None
        save_model(
            path,
            self._network,
            config=self.config,
            classes=self.project.classes,
            channels=self._channels,
        )
