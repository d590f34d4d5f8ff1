"""Files of networks: written whole or not at all, checked, and loaded with `weights_only=True`."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from seminar.config.backbones import pyramid_facts
from seminar.config.probe_settings import ProbeConfig
from seminar.config.settings import TrainConfig
from seminar.errors import CheckpointError, SeminarError
from seminar.io.archives import check_archive
from seminar.io.files import atomic_file, rename
from seminar.labels import ClassNames
from seminar.models.backbones.weights import DAMAGE
from seminar.models.build_probe import build_probe, probe_settings
from seminar.models.probe import ProbeNetwork
from seminar.run.folder import RunFolder

if TYPE_CHECKING:
    from seminar.models.build_network import Network

MODEL_VERSION = 2
"""Models of version 1 are networks that were trained; 2 says which kind it is."""

KINDS = ("network", "probe")
"""A network that was trained, and a linear probe."""

CHECKPOINT_VERSION = 1
_NEW, _PREVIOUS = "checkpoint.new", "previous.pt"


@dataclass(frozen=True)
class Model:
    """A trained network, and the settings with which it predicts as in training.

    Attributes
    ----------
    network : DeepLabV3Plus, RefinedProbe or ProbeNetwork
        In eval mode: (N, C, H, W) float on 0..255 to logits.
    config : TrainConfig or ProbeConfig
        `channels` and `stretch` prepare images.
    classes : ClassNames
    channels : int
        How many channels the network takes.
    sharpens : bool
        Whether the probabilities are to follow the edges of the image
        (`seminar.models.mean_field.Sharpened`): those of networks from the probe.
    """

    network: Network | ProbeNetwork
    config: TrainConfig | ProbeConfig
    classes: ClassNames
    channels: int
    sharpens: bool

    @property
    def credits(self) -> str:
        """Where the weights of a frozen backbone are from, and their licence; "" without one."""
        config: TrainConfig | ProbeConfig | None = self.config
        if isinstance(config, TrainConfig):
            config = probe_settings(config) if config.start == "probe" else None
        facts = pyramid_facts(config.backbone) if config else None
        if facts is None:
            return ""
        return f"{facts.title}: {facts.timm_name}, {facts.licence}, {facts.origin}"


def save_model(
    path: Path,
    network: nn.Module,
    *,
    config: TrainConfig | ProbeConfig,
    classes: ClassNames,
    channels: int,
) -> None:
    """Write the network that predicts; `load_model` reads it back."""
    starts_at_probe = isinstance(config, ProbeConfig) or config.start == "probe"
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    content = {
        "format": "seminar-model",
        # older programs read version 1
        "version": MODEL_VERSION if starts_at_probe else 1,
        "kind": "probe" if isinstance(config, ProbeConfig) else "network",
        "config": config.to_toml(),
        "classes": classes.format(),
        "channels": channels,
        "sharpens": starts_at_probe,
        "state": state,
    }
    _write(path, content)


def load_model(path: Path, device: torch.device | str = "cpu") -> Model:
    """Read a model.pt, or the model of a run folder.

    Raises
    ------
    CheckpointError
        No such file, damaged, no model of ours, or from a newer version.
    """
    if path.is_dir():
        path = RunFolder(path).model_path
        if not path.exists():
            raise CheckpointError(
                f"{path}: this run has no model yet; let it finish, or stop it, which saves one"
            )
    content = _load(path, "seminar-model", MODEL_VERSION)
    kind = content.get("kind", "network")  # the first models do not say it
    if kind not in KINDS:
        raise CheckpointError(
            f"{path}: a model of the kind {kind!r}, this program reads {' and '.join(KINDS)}; "
            "update seminar-napari"
        )
    try:
        classes = ClassNames.parse(content["classes"], str(path))
        channels = content["channels"]
        sizes = {"num_classes": classes.num_classes, "channels": channels}
        config: TrainConfig | ProbeConfig
        network: Network | ProbeNetwork
        if kind == "probe":
            config = ProbeConfig.from_toml(content["config"], str(path))
            network = build_probe(config, **sizes, load=False)
        else:
            # torchvision, which it imports, takes as long as everything else
            from seminar.models.build_network import build_network

            config = TrainConfig.from_toml(content["config"], str(path))
            network = build_network(config, **sizes, load=False)
        network.load_state_dict(content["state"])
    except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: the model's parts do not fit together ({_first_line(error)}); train it again"
        ) from None
    sharpens = content.get("sharpens") is True
    return Model(network.to(device).eval(), config, classes, channels, sharpens)


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write all that resumes a stage; the checkpoint before it is kept as previous.pt."""
    head = {"format": "seminar-checkpoint", "version": CHECKPOINT_VERSION}
    _write(path.with_name(_NEW), head | dict(content))
    if path.exists():
        rename(path, path.with_name(_PREVIOUS))
    rename(path.with_name(_NEW), path)


def load_checkpoint(path: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The newest whole checkpoint of a stage, and a sentence for each damaged one.

    Returns
    -------
    content : dict or None
        None where the stage has none yet.
    faults : list of str

    Raises
    ------
    CheckpointError
        Checkpoints exist, but none can be read.
    """
    faults: list[str] = []
    candidates = [path.with_name(_NEW), path, path.with_name(_PREVIOUS)]
    for candidate in (candidate for candidate in candidates if candidate.exists()):
        try:
            return _load(candidate, "seminar-checkpoint", CHECKPOINT_VERSION), faults
        except CheckpointError as error:
            faults.append(str(error))
    if faults:
        raise CheckpointError(
            "; ".join(faults)
            + "; no whole checkpoint is left, start the run again under a new name"
        )
    return None, faults


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_file(path) as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch hides the OSError of a full disk in it
            cause = error.__context__
            while cause is not None and not isinstance(cause, OSError):
                cause = cause.__context__
            if cause is not None:
                raise cause from None
            raise


def _load(path: Path, expected: str, version: int) -> dict[str, Any]:
    try:
        if zipfile.is_zipfile(path):
            check_archive(path)
        with zipfile.ZipFile(path) as archive:  # torch.load does not verify the checksums
            damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(
                f"{path}: damaged (checksum of {damaged} is wrong); restore it from a copy"
            )
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; give a run folder or a model.pt") from None
    except CheckpointError:
        raise
    except SeminarError as error:
        raise CheckpointError(str(error)) from None
    except DAMAGE as error:
        raise CheckpointError(
            f"{path}: not a readable {expected} file ({_first_line(error)}); restore it from a copy"
        ) from None
    if not isinstance(content, dict) or content.get("format") != expected:
        raise CheckpointError(
            f"{path}: expected a {expected} file, got something else; give a run folder or a "
            "model.pt"
        )
    if not isinstance(content.get("version"), int) or content["version"] > version:
        raise CheckpointError(
            f"{path}: version {content.get('version')!r} of {expected}, this program reads up to "
            f"{version}; update seminar-napari"
        )
    return content


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:150]
