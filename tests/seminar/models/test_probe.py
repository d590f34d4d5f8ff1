"""A probe is linear: what it fits at clicks is what it predicts there; and its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seminar.config.probe_settings import ProbeConfig
from seminar.config.settings import TrainConfig
from seminar.errors import CheckpointError, ConfigError
from seminar.labels import ClassNames
from seminar.models.build_network import build_network
from seminar.models.build_probe import build_probe
from seminar.models.checkpoint import load_model, save_model
from seminar.models.probe import ProbeNetwork, at_pixels, padded

CLASSES = ClassNames.of("background", "cell", "debris")
FILTERS = ProbeConfig(backbone="none")


class Blocks(nn.Module):
    """A backbone of two scales, neither a power of two: blurred corners of patches."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.strides, self.widths, self.multiple = (3, 7), (5, 2), 21
        self.layers = nn.ModuleList(
            nn.Conv2d(channels, width, stride, stride)
            for stride, width in zip(self.strides, self.widths, strict=True)
        )
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) / 255

    def forward(self, image: Tensor) -> list[Tensor]:
        assert image.shape[2] % self.multiple == image.shape[3] % self.multiple == 0
        return [layer(image) for layer in self.layers]


def network_of(
    channels: int = 1, num_classes: int = 3, *, pyramid: bool = True, seed: int = 0
) -> ProbeNetwork:
    """With random weights of all features."""
    network = ProbeNetwork(
        Blocks(channels) if pyramid else None, channels=channels, num_classes=num_classes
    )
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(num_classes, sum(network.widths), generator=generator)
    network.set_weights(weights, torch.randn(num_classes, generator=generator))
    return network


def noise(channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 255 * torch.rand(1, channels, height, width, generator=generator)


def all_weights(network: ProbeNetwork) -> Tensor:
    return torch.cat(list(network.heads), dim=1)


@settings(max_examples=20)
@given(
    channels=st.integers(1, 5),
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    pyramid=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_the_logits_of_every_pixel_are_linear_in_its_features(
    channels: int, height: int, width: int, pyramid: bool, seed: int
) -> None:
    """Of all pixels: odd sizes, borders and corners included."""
    network = network_of(channels, pyramid=pyramid, seed=seed)
    image = noise(channels, height, width, seed)
    logits = network(image)[0]
    assert logits.shape == (3, height, width)
    pixels = torch.cartesian_prod(torch.arange(height), torch.arange(width))
    features = at_pixels(network.maps(image), network.strides, pixels)
    assert features.shape == (height * width, sum(network.widths))
    expected = features @ all_weights(network).T + network.bias
    torch.testing.assert_close(logits.flatten(1).T, expected, rtol=1e-4, atol=2e-4)


@settings(max_examples=10)
@given(
    stride=st.integers(1, 9), rows=st.integers(1, 5), cols=st.integers(1, 5), seed=st.integers(0)
)
def test_features_lie_between_the_middles_of_the_four_cells_around_a_pixel(
    stride: int, rows: int, cols: int, seed: int
) -> None:
    """By hand: cell i looks at the middle of the pixels i * stride to (i + 1) * stride - 1."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(2, rows, cols)).astype(np.float32)
    pixels = np.stack(
        [rng.integers(0, stride * rows, 30), rng.integers(0, stride * cols, 30)], axis=1
    )
    found = at_pixels([torch.from_numpy(cells)[None]], [stride], torch.from_numpy(pixels))
    middles = [np.arange(count) * stride + (stride - 1) / 2 for count in (rows, cols)]
    for features, (row, col) in zip(found.numpy(), pixels, strict=True):
        along = [
            np.array([np.interp(col, middles[1], line) for line in channel]) for channel in cells
        ]
        wanted = [np.interp(row, middles[0], values) for values in along]
        np.testing.assert_allclose(features, wanted, atol=1e-5)


def test_maps_in_half_precision_are_read_in_single() -> None:
    network = network_of(2)
    image = noise(2, 40, 50)
    pixels = torch.tensor([[0, 0], [39, 49], [17, 3]])
    whole = at_pixels(network.maps(image), network.strides, pixels)
    halves = [each.half() for each in network.maps(image)]
    found = at_pixels(halves, network.strides, pixels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, whole, rtol=2e-3, atol=1e-3)
    torch.testing.assert_close(
        network.logits(halves, (40, 50)), network(image), rtol=1e-2, atol=2e-2
    )


def test_images_in_a_batch_do_not_see_each_other() -> None:
    network = network_of(2)
    images = torch.cat([noise(2, 30, 44, seed) for seed in range(3)])
    alone = torch.cat([network(each[None]) for each in images])
    torch.testing.assert_close(network(images), alone, rtol=1e-4, atol=1e-4)


def test_weights_are_of_the_maps_in_order_filters_first() -> None:
    """One feature at a time has the weight 1: the logit is that map at the pixel."""
    network = network_of(1)
    image = noise(1, network.multiple, network.multiple)
    maps = network.maps(image)
    assert network.num_filters == sum(each.shape[1] for each in maps[:5])
    start = 0
    for number, (width, stride) in enumerate(zip(network.widths, network.strides, strict=True)):
        weights = torch.zeros(3, sum(network.widths))
        weights[1, start + width - 1] = 1
        network.set_weights(weights, torch.zeros(3))
        logits = network(image)[0]
        assert not logits[0].any() and not logits[2].any()
        if stride % 2:  # the middle of a cell is a pixel
            middle = slice(stride // 2, None, stride)
            expected = maps[number][0, width - 1]
            torch.testing.assert_close(logits[1, middle, middle], expected, rtol=1e-3, atol=1e-3)
        start += width
    assert start == sum(network.widths)


def test_an_image_is_padded_by_its_last_row_and_column() -> None:
    image = noise(2, 17, 31)
    found = padded(image, 16)
    assert found.shape == (1, 2, 32, 32)
    assert torch.equal(found[:, :, :17, :31], image)
    assert torch.equal(found[:, :, 17:, :31], image[:, :, 16:].expand(-1, -1, 15, -1))
    assert torch.equal(found[:, :, :, 31], found[:, :, :, 30])
    assert padded(found, 16) is found


def test_tiles_start_on_the_grid_of_every_scale() -> None:
    network = network_of(1)
    assert network.multiple % 16 == network.multiple % 21 == 0
    assert network.tile_size % network.multiple == network.overlap % network.multiple == 0
    assert 2 * network.overlap <= network.tile_size


# the table of networks
def test_filters_alone_need_no_weights_and_take_any_number_of_channels() -> None:
    for channels in range(1, 6):
        network = build_probe(FILTERS, num_classes=2, channels=channels)
        assert network(noise(channels, 9, 23)).shape == (1, 2, 9, 23)
        assert network.num_filters == sum(network.widths)


def test_nothing_of_it_learns_or_is_in_training() -> None:
    network = build_probe(ProbeConfig(weights="none"), num_classes=2, channels=3)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(module.training for module in network.modules())


# model files
def saved(path: Path, config: ProbeConfig = FILTERS, channels: int = 2) -> ProbeNetwork:
    torch.manual_seed(0)
    network = build_probe(config, num_classes=3, channels=channels)
    generator = torch.Generator().manual_seed(5)
    network.set_weights(
        torch.randn(3, sum(network.widths), generator=generator),
        torch.randn(3, generator=generator),
    )
    save_model(path, network, config=config, classes=CLASSES, channels=channels)
    return network


@pytest.mark.parametrize("backbone", ["none", "efficientnet_lite0"])
def test_a_model_file_gives_the_same_logits(tmp_path: Path, backbone: str) -> None:
    """The backbone is random: its weights come out of the file, not from anywhere else."""
    config = ProbeConfig(backbone=backbone, weights="none", channels=(3, 0), stretch=(1.0, 98.0))
    network = saved(tmp_path / "model.pt", config)
    model = load_model(tmp_path / "model.pt")
    image = noise(2, 45, 70)
    assert torch.equal(model.network(image), network(image))
    assert (model.config, model.classes, model.channels) == (config, CLASSES, 2)
    assert not any(module.training for module in model.network.modules())


def test_loading_a_probe_looks_for_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seminar.models.backbones import pyramid_weights

    def refuse(*_: object) -> Path:
        raise AssertionError("looked for weights")

    network = saved(tmp_path / "model.pt", ProbeConfig(weights="none"))
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    content["config"] = ProbeConfig(weights="imagenet").to_toml()
    torch.save(content, tmp_path / "model.pt")
    for name in ("cached", "packaged", "download"):
        monkeypatch.setattr(pyramid_weights, name, refuse)
    image = noise(2, 40, 40)
    assert torch.equal(load_model(tmp_path / "model.pt").network(image), network(image))


def changed(path: Path, **changes: object) -> Path:
    """A copy of a model file with other contents."""
    content = torch.load(path, weights_only=True)
    for name, value in changes.items():
        if value is None:
            del content[name]
        else:
            content[name] = value
    torch.save(content, path.with_name("changed.pt"))
    return path.with_name("changed.pt")


def test_a_model_of_before_probes_still_loads(tmp_path: Path) -> None:
    config = TrainConfig(start="random", backbone="mobilenet_v2", weights="none")
    network = build_network(config, num_classes=3, channels=1).eval()
    save_model(tmp_path / "model.pt", network, config=config, classes=CLASSES, channels=1)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content["version"] == 1  # which programs of before probes read
    old = load_model(changed(tmp_path / "model.pt", kind=None))
    image = noise(1, 40, 30)
    with torch.no_grad():
        assert torch.equal(old.network(image), network(image))
    assert old.config == config


def test_programs_of_before_refuse_a_probe_as_newer(tmp_path: Path) -> None:
    saved(tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert (content["version"], content["kind"]) == (2, "probe")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"kind": "forest"}, CheckpointError, "a model of the kind 'forest', .*update seminar"),
        ({"kind": ["probe"]}, CheckpointError, r"a model of the kind \['probe'\]"),
        ({"version": 3}, CheckpointError, "version 3 of seminar-model, .*update seminar"),
        ({"config": 'backbone = "new_net"\n'}, ConfigError, "backbone: expected one of .*new_net"),
        ({"config": 'backbone = "none"\nnew = 1\n'}, ConfigError, "setting 'new' is unknown"),
        ({"channels": 3}, CheckpointError, "parts do not fit together"),
        ({"channels": None}, CheckpointError, "parts do not fit together"),
        ({"classes": "background\ncell\n"}, CheckpointError, "parts do not fit together"),
        ({"kind": "network"}, ConfigError, "backbone: a network with start random has"),
    ],
)
def test_another_model_is_refused_with_a_sentence_that_names_the_file(
    tmp_path: Path, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    saved(tmp_path / "model.pt")
    with pytest.raises(error, match=rf"(?s)changed\.pt.*{message}") as refused:
        load_model(changed(tmp_path / "model.pt", **changes))
    assert len(str(refused.value).splitlines()) == 1
