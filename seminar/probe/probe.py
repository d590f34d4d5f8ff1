"""The probe of a project: features at its clicks, the fit, the masks, the model."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seminar.config.backbones import DOWNLOADED, pyramid_facts
from seminar.config.probe_settings import ProbeConfig
from seminar.errors import CheckpointError, SeminarError
from seminar.models.build_probe import build_probe
from seminar.models.checkpoint import save_model
from seminar.models.filters import PER_CHANNEL
from seminar.models.probe import ProbeNetwork
from seminar.probe.answer import Answer
from seminar.probe.features import Patch, features_at, logits_of, patches_of
from seminar.probe.fit import Fit
from seminar.probe.mix import fit_mixed
from seminar.probe.samples import (
    Lesson,
    PixelFeatures,
    Samples,
    clicked_pixels,
    grid,
    lesson,
    moments,
    prepared_image,
    ranks_of,
)
from seminar.probe.store import FeatureStore, key_of
from seminar.project.project import Project


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
        self._fit: Fit | None = None
        self._channels = 0
        self._random = secrets.token_hex(8)  # names random weights, which are never the same
        if self._weights_file and not self._weights_file.is_file():
            raise CheckpointError(
                f"weights '{self._weights_file}': no such file; give imagenet, none or a file"
            )

    # features
    def image(self, image_id: str) -> npt.NDArray[np.float32]:
        """(C, H, W) float32 on 0..255, stretched as a training would.

        Raises
        ------
        SeminarError
            It cannot be read, or has another number of channels than the images before.
        """
        image = prepared_image(self.project, self.config, image_id)
        self._expect_channels(len(image), image_id)
        return image

    def _expect_channels(self, channels: int, image_id: str) -> None:
        self._channels = self._channels or channels
        if channels != self._channels:
            raise SeminarError(
                f"{self.project.image_path(image_id)}: {channels} channels, but the images before "
                f"have {self._channels}; choose channels that all have, or remove it"
            )

    def _network_of(self, channels: int) -> ProbeNetwork:
        """The network, built when the first image shows how many channels there are.

        Without its weights the filters are used alone, and `fallback` says why.
        """
        if self._network is None:
            classes = self.project.classes.num_classes
            try:
                network = build_probe(self.config, num_classes=classes, channels=channels)
            except CheckpointError as error:
                if self.config.weights not in DOWNLOADED:
                    raise
                self.fallback = str(error)
                self.config = replace(self.config, backbone="none")
                network = build_probe(self.config, num_classes=classes, channels=channels)
            self._network = network.to(self.device).to(memory_format=torch.channels_last)
        return self._network

    @property
    def title(self) -> str:
        """The features in words."""
        facts = pyramid_facts(self.config.backbone)
        return f"{facts.title} and filters" if facts else "filters alone"

    def patches(self, image_id: str) -> tuple[Patch, ...]:
        """The features of an image, from the store where it has them."""
        config, key = self.config, self._key(image_id)
        kept, image = self.store.get(key), None
        if kept is None:
            image = self.image(image_id)
            channels = len(image)
        else:
            channels = kept[0].maps[0].shape[1] // PER_CHANNEL
            self._expect_channels(channels, image_id)
        network = self._network_of(channels)
        if self.config is not config:  # without its weights: other features from now on
            return self.patches(image_id)
        if image is not None:
            kept = tuple(patches_of(network, image))
            self.store.put(key, kept)
        assert kept is not None
        return kept

    def _key(self, image_id: str) -> str:
        config, weights = self.config, ""
        if self._weights_file:
            facts = self._weights_file.stat()
            weights = f"{self._weights_file.absolute()} {facts.st_size} {facts.st_mtime_ns}"
        elif config.backbone != "none":
            weights = self._random if config.weights == "none" else config.weights
        path = self.project.image_path(image_id)
        return key_of(path, config.backbone, weights, config.channels, config.stretch)

    @property
    def _weights_file(self) -> Path | None:
        """The file with the weights of the backbone, where they come from one."""
        config = self.config
        if config.backbone == "none" or config.weights in (*DOWNLOADED, "none"):
            return None
        return Path(config.weights)

    # clicks
    def learn(self, image_id: str) -> bool:
        """Take over an image's clicks as they are on disk now; whether they or the image differ.

        Raises
        ------
        SeminarError
            The clicks or the image cannot be read, or do not go together.
        """
        places, class_ids = clicked_pixels(self.project, image_id)
        if not len(places):
            return self.forget([image_id])
        before = self.samples.get(image_id)
        if (
            before is not None
            and before.key == self._key(image_id)
            and np.array_equal(before.at.pixels, places)
            and np.array_equal(before.class_ids, class_ids)
        ):
            return False
        key, at = self._features(image_id, places)
        self.samples[image_id] = Samples(key, class_ids, at, ranks_of(image_id, places))
        return True

    def forget(self, image_ids: Collection[str]) -> bool:
        """Learn from these images no longer; whether any was learnt from."""
        known = [image_id for image_id in image_ids if image_id in self.samples]
        for image_id in known:
            del self.samples[image_id]
        return bool(known)

    def _features(self, image_id: str, places: npt.NDArray[np.int64]) -> tuple[str, PixelFeatures]:
        """The key of an image, and its features at pixels: those known, and new ones from maps."""
        config, key = self.config, self._key(image_id)
        before = self.samples.get(image_id)
        known = before.at if before and before.key == key else self._kept_clicks(image_id, key)
        index: dict[tuple[int, ...], int] = {}
        if known is not None:
            index = {tuple(place): number for number, place in enumerate(known.pixels.tolist())}
        found = np.array([index.get(tuple(place), -1) for place in places.tolist()])
        missing = found < 0
        if known is not None and not missing.any():
            return key, replace(known, pixels=places, features=known.features[found])
        patches = self.patches(image_id)
        network = self._network
        assert network is not None
        if self.config is not config:
            return self._features(image_id, places)
        features = np.empty((len(places), sum(network.widths)), dtype=np.float16)
        features[missing] = features_at(network, patches, places[missing])
        if known is not None:
            features[~missing] = known.features[found[~missing]]
            return key, replace(known, pixels=places, features=features)
        size = self.project.image_size(image_id)
        around = moments(features_at(network, patches, grid(*size)))
        return key, PixelFeatures(places, features, around, self._channels)

    def _kept_clicks(self, image_id: str, key: str) -> PixelFeatures | None:
        kept = self.store.clicks(key)
        if kept is not None:
            self._expect_channels(kept.channels, image_id)
        return kept

    def is_at_hand(self, image_id: str) -> bool:
        """Whether the features of a clicked image are in memory: its mask costs little."""
        samples = self.samples.get(image_id)
        return samples is not None and self.store.has_in_memory(samples.key)

    def keep_clicks(self, image_id: str) -> None:
        """Have the store keep the features at an image's clicks, for the next start."""
        samples = self.samples.get(image_id)
        if samples is not None:
            self.store.put_clicks(samples.key, samples.at)

    # fit and masks
    @property
    def num_clicks(self) -> int:
        """Clicks that are learnt from."""
        return sum(len(samples.class_ids) for samples in self.samples.values())

    def clicked_classes(self) -> frozenset[int]:
        """Ids of the classes that have a click."""
        parts = [samples.class_ids for samples in self.samples.values()]
        return frozenset(np.unique(np.concatenate(parts)).tolist()) if parts else frozenset()

    def fit(self, *, quickly: bool = False) -> bool:
        """Fit the classes to all clicks; False with fewer than two clicked classes.

        `quickly` goes a few steps from the fit before, which is nearly the same.
        """
        if len(self.clicked_classes()) < 2:
            return False
        order = sorted(self.samples)
        network = self._network_of(self.samples[order[0]].at.channels)
        for image_id in order:
            if self.samples[image_id].at.features.shape[1] != sum(network.widths):
                self.learn(image_id)  # it was kept when the weights could still be had
        near = self._fit if quickly else None
        found, advantages = fit_mixed(self.lesson(), num_filters=network.num_filters, near=near)
        self.use(found, advantages)
        return True

    def lesson(self) -> Lesson:
        """What is learnt from all clicked images, in the order of their ids."""
        samples = [self.samples[each] for each in sorted(self.samples)]
        return lesson(samples, self.project.classes.num_classes)

    @property
    def network(self) -> ProbeNetwork:
        """The network; there is one as soon as an image was read."""
        assert self._network is not None
        return self._network

    def use(self, found: Fit, advantages: npt.NDArray[np.float32] | float = 0.0) -> None:
        """Predict with a fit, and (K,) advantages that are added to its biases."""
        self._fit = found
        bias = torch.from_numpy(found.bias + np.float32(advantages))
        self.network.set_weights(torch.from_numpy(found.weights), bias)

    def predict(self, image_id: str) -> Answer:
        """The mask of an image with the weights of the last fit."""
        patches = self.patches(image_id)
        assert self._fit is not None
        present = self._fit.coordinates.present.astype(np.uint8)
        height, width = (max(patch.core[axis].stop for patch in patches) for axis in (0, 1))
        labels = np.zeros((height, width), dtype=np.uint8)
        unsure = np.zeros((height, width), dtype=np.uint8)
        for patch in patches:
            best, margin = _best(logits_of(self.network, patch, present))
            labels[patch.core] = present[best.numpy()]
            unsure[patch.core] = (255 * (1 - margin)).round().numpy().astype(np.uint8)
        return Answer(labels, unsure)

    def weights(self) -> dict[str, Tensor]:
        """The 1 x 1 convolutions of the last fit, as a state dict of a `ProbeNetwork`."""
        heads = dict(self.network.named_parameters())
        return {
            name: value.detach().cpu().clone()
            for name, value in heads.items()
            if not name.startswith("streams.")
        }

    def save(self, path: Path) -> None:
        """Write the model that predict, evaluate and export take."""
        save_model(
            path,
            self.network,
            config=self.config,
            classes=self.project.classes,
            channels=self._channels,
        )


def _best(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The best of P classes at each pixel, and how far its probability is ahead of the next one's.

    (P - 1, h, w) logits are those of the second to last class less that of the first.
    """
    if len(logits) == 1:
        return (logits[0] > 0).to(torch.uint8), (logits[0].abs() / 2).tanh()
    probs = torch.cat([torch.zeros_like(logits[:1]), logits]).softmax(dim=0)
    best = probs.topk(2, dim=0)
    return best.indices[0], best.values[0] - best.values[1]
