"""Weights of a pyramid: from the hub, kept there by its cache, or from a file."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from torch import Tensor, nn

from seminar.config.backbones import PYRAMIDS, PyramidName
from seminar.errors import CheckpointError
from seminar.models.backbones.weights import read_state_dict

FILE = "model.safetensors"
"""Name of the weights in all of timm's repositories."""

PATIENCE = 5.0
"""Seconds until the hub counts as out of reach."""


def load_pyramid_weights(network: nn.Module, name: PyramidName, weights: str) -> None:
    """Fill a network of timm with weights: "imagenet" or "pretrained", "none", or a file.

    Keys and shapes must be those of the network; those of its classifier may be there, too. This
    does not tell two networks apart that differ in padding alone (timm's `tf_efficientnet_lite0`
    and `efficientnet_lite0`), hence `PYRAMIDS` has one of them only, and weights are downloaded by
    name.

    Raises
    ------
    CheckpointError
        Offline, not a state dict, or the weights of another network.
    """
    if weights == "none":
        return
    if weights in ("imagenet", "pretrained"):
        path = cached(name) or download(name)
    else:
        path = Path(weights)
    state = read_weights(path)
    known = network.state_dict()
    misfit = [
        key for key, value in known.items() if key not in state or state[key].shape != value.shape
    ]
    if misfit:
        raise CheckpointError(
            f"weights '{weights}': expected timm's {PYRAMIDS[name].timm_name}, but "
            f"{len(misfit)} of its {len(known)} tensors are missing or of another shape, first "
            f"{misfit[0]}; give the weights of that network or another --backbone"
        )
    network.load_state_dict({key: state[key] for key in known})


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


def download(name: PyramidName) -> Path:
    """The weights from the hub, checked and cached by huggingface_hub, with a progress bar."""
    from huggingface_hub import constants, hf_hub_download

    facts = PYRAMIDS[name]
    try:
        _reach(constants.ENDPOINT)  # offline, huggingface_hub tries for three quarters of a minute
        return Path(hf_hub_download(facts.hub_id, FILE))
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(getattr(error, "reason", error)).splitlines()[0]
        raise CheckpointError(
            f"weights of {facts.title}: the download from {facts.origin} failed ({reason}); go "
            "online once, give a file with --weights FILE, or go without with --backbone none"
        ) from None


def _reach(endpoint: str) -> None:
    """Raise an OSError where the hub is out of reach."""
    try:
        with urlopen(endpoint, timeout=PATIENCE):
            pass
    except HTTPError:
        pass  # it answers
    except URLError:
        raise
