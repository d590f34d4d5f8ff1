"""Start weights of a backbone: downloaded, or read from a file without running any code."""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn

from seminar.config.backbones import Backbone
from seminar.errors import CheckpointError, SeminarError
from seminar.io.archives import check_archive

DAMAGE = (
    RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile, OSError, EOFError, ValueError,
    LookupError, AttributeError, TypeError, AssertionError, NotImplementedError, MemoryError,
    zlib.error, struct.error,
)  # fmt: skip
"""What zipfile and torch.load raise on damaged or hostile files."""


def load_weights(network: nn.Module, name: Backbone, weights: str) -> None:
    """Fill a classifier with start weights: "imagenet" (downloaded once), "none" or a file.

    Raises
    ------
    CheckpointError
        Offline, not a state dict, or the weights of another network.
    """
    if weights == "none":
        return
    if weights == "imagenet":
        from torchvision import models as tv  # a second and a half

        entry = tv.get_model_weights(name).DEFAULT
        try:
            state = entry.get_state_dict(progress=True, check_hash=True)
        except (URLError, OSError, RuntimeError) as error:
            raise CheckpointError(
                f"weights 'imagenet' of {name}: the download from {entry.url} failed ({error}); go "
                "online once, give a file with --weights FILE, or start without with --weights none"
            ) from None
    else:
        state = read_state_dict(Path(weights))
    known = network.state_dict()
    fitting = {
        key: state[key]
        for key, value in known.items()
        if key in state and state[key].shape == value.shape
    }
    misfit = [key for key in known if key not in fitting]
    misfit = [key for key in misfit if not key.startswith(("classifier", "fc."))]
    if misfit:
        raise CheckpointError(
            f"weights '{weights}': expected a torchvision {name}, but {len(misfit)} of its "
            f"{len(known)} tensors are missing or of another shape, first {misfit[0]}; give the "
            "weights of that network or another --backbone"
        )
    network.load_state_dict(fitting, strict=False)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """A state dict from a file, loaded with `weights_only=True`."""
    try:
        if zipfile.is_zipfile(path):
            check_archive(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except SeminarError as error:
        raise CheckpointError(f"weights {error}") from None
    except FileNotFoundError:
        raise CheckpointError(
            f"weights '{path}': no such file; give imagenet, none or a file"
        ) from None
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"weights '{path}': not a readable weights file ({reason[:120]}); download it again"
        ) from None
    if not isinstance(state, dict) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise CheckpointError(
            f"weights '{path}': expected a state dict of tensors; give a torchvision state dict"
        )
    return state
