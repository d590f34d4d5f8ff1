"""Tiled prediction is untiled prediction, at any size and for any image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seminar.config.settings import TrainConfig
from seminar.errors import CheckpointError, SeminarError
from seminar.inference.predictor import Predictor, most_probable
from seminar.labels import ClassNames
from seminar.models.build_network import build_network
from seminar.models.checkpoint import save_model

CLASSES = ClassNames.of("background", "cell", "debris")


class SmallField(nn.Module):
    """A network that looks 4 pixels far."""

    def __init__(self, channels: int = 1, num_classes: int = 3) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.first = nn.Conv2d(channels, 8, 5, padding=2)
        self.second = nn.Conv2d(8, num_classes, 5, padding=2)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.second(torch.tanh(self.first((image - 128) / 128)))
        return logits


def predictor(network: nn.Module | None = None, **options: object) -> Predictor:
    settings = {"classes": CLASSES, "device": "cpu"} | options
    return Predictor(network or SmallField(), **settings)  # type: ignore[arg-type]


def noise(height: int, width: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(
        0, 256, (height, width, channels), dtype=np.uint8
    )


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 200), width=st.integers(1, 200))
def test_tiled_is_untiled_where_the_network_looks_less_far_than_a_quarter_of_the_overlap(
    height: int, width: int
) -> None:
    image = noise(height, width)
    tiled = predictor(tile_size=64, overlap=32, batch_size=3).predict_probs(image)
    whole = predictor(tile_size=208, overlap=0).predict_probs(image)
    assert tiled.shape == (3, height, width)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_tiling_without_overlap_would_not_be_untiled() -> None:
    """The test above can fail: without the overlap it does."""
    image = noise(150, 150)
    tiled = predictor(tile_size=64, overlap=0).predict_probs(image)
    whole = predictor(tile_size=208, overlap=0).predict_probs(image)
    assert np.abs(tiled - whole).max() > 1e-2


def test_untiled_is_the_bare_network() -> None:
    image = noise(37, 53, channels=2)
    network = SmallField(channels=2)
    probs = predictor(network).predict_probs(image)
    with torch.no_grad():
        expected = network(torch.from_numpy(image).permute(2, 0, 1)[None].float()).softmax(1)[0]
    np.testing.assert_allclose(probs, expected.numpy(), atol=1e-6)
    np.testing.assert_array_equal(predictor(network).predict(image), expected.argmax(0).numpy())


def test_batches_of_tiles_change_nothing() -> None:
    image = noise(180, 140)
    one, many = (
        predictor(tile_size=64, overlap=16, batch_size=size).predict_probs(image) for size in (1, 5)
    )
    np.testing.assert_allclose(one, many, atol=1e-6)


def test_the_real_network_agrees_on_nearly_all_pixels(shared_data: Path) -> None:
    """Its image pooling sees the whole tile, so tiles differ a little; a random network
    exaggerates nothing.
    """
    from seminar.io.images import read_image

    torch.manual_seed(0)
    weights = shared_data / "weights" / "mobilenet_v2_imagenet_from_coral_quant.pth"
    network = build_network(
        TrainConfig(start="random", backbone="mobilenet_v2", weights=str(weights)),
        num_classes=3,
        channels=3,
    )
    image = read_image(sorted((shared_data / "dsb2018_histology" / "JPEGImages").iterdir())[0])[
        :480, :480
    ]
    tiled = predictor(network, tile_size=320, overlap=128).predict_probs(image)
    whole = predictor(network, tile_size=480, overlap=128).predict_probs(image)
    assert np.abs(tiled - whole).mean() < 0.02
    assert (most_probable(tiled) == most_probable(whole)).mean() > 0.95


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (17, 1), (33, 31)])
def test_the_real_network_takes_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = build_network(
        TrainConfig(start="random", backbone="mobilenet_v2", weights="none"),
        num_classes=3,
        channels=1,
    )
    probs = predictor(network, tile_size=128, overlap=32).predict_probs(noise(*size))
    assert probs.shape == (3, *size)
    np.testing.assert_allclose(probs.sum(0), 1, atol=1e-5)


def test_a_live_network_gets_its_modes_back() -> None:
    network = nn.Sequential(SmallField(), nn.BatchNorm2d(3), nn.Dropout(0.5))
    network[1].eval()  # a frozen part
    predictor(network).predict(noise(8, 8))
    assert [module.training for module in network] == [True, False, True]


def test_dropout_is_off() -> None:
    image = noise(30, 30)
    network = nn.Sequential(SmallField(), nn.Dropout(0.5))
    np.testing.assert_array_equal(
        predictor(network).predict_probs(image), predictor(network).predict_probs(image)
    )


def test_16_bit_and_float_images_are_stretched_as_in_training() -> None:
    image = noise(40, 40)
    image[0, 0], image[0, 1] = 0, 255
    eight = predictor().predict(image)
    np.testing.assert_array_equal(predictor().predict(image.astype(np.uint16) * 100 + 7), eight)
    np.testing.assert_array_equal(
        predictor().predict(image[:, :, 0].astype(np.float32) / 255), eight
    )


def test_channels_are_chosen() -> None:
    image = noise(20, 20, channels=3)
    chosen = predictor(SmallField(1), channels=(2,), num_channels=1).predict(image)
    np.testing.assert_array_equal(chosen, predictor(SmallField(1)).predict(image[:, :, 2]))


def test_an_image_with_other_channels_is_refused() -> None:
    with pytest.raises(
        SeminarError, match=r"field\.tif: the model takes 3 channels, the image has 1"
    ):
        predictor(SmallField(3), num_channels=3).predict(noise(8, 8), "field.tif")


def test_nan_is_refused() -> None:
    with pytest.raises(SeminarError, match=r"field\.tif: .*NaN or infinite"):
        predictor().predict(np.array([[0.0, np.nan]], dtype=np.float32), "field.tif")


@pytest.mark.parametrize("shape", [(4,), (0, 5), (2, 3, 4, 5)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SeminarError, match="expected an image of"):
        predictor().predict(np.zeros(shape, np.uint8))


class FitsTwo(SmallField):
    """Memory for two tiles at a time."""

    def forward(self, image: Tensor) -> Tensor:
        if len(image) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(image)


def test_a_batch_that_does_not_fit_goes_in_halves() -> None:
    image = noise(150, 150)
    tight = predictor(FitsTwo(), tile_size=64, overlap=16, batch_size=8)
    np.testing.assert_allclose(
        tight.predict_probs(image),
        predictor(tile_size=64, overlap=16).predict_probs(image),
        atol=1e-6,
    )
    assert tight.batch_size == 2


def test_where_onednn_found_no_room_for_its_code_prediction_goes_on_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Compiled(SmallField):
        def forward(self, image: Tensor) -> Tensor:
            if torch.backends.mkldnn.enabled:
                raise RuntimeError("could not create a primitive")
            return super().forward(image)

    monkeypatch.setattr(
        torch.backends.mkldnn, "enabled", torch.backends.mkldnn.enabled
    )  # as it was, afterwards
    image = noise(150, 150)
    goes_on = predictor(Compiled(), tile_size=64, overlap=16, batch_size=8)
    np.testing.assert_allclose(
        goes_on.predict_probs(image),
        predictor(tile_size=64, overlap=16).predict_probs(image),
        atol=1e-6,
    )


def test_memory_for_no_tile_is_said() -> None:
    class FitsNone(SmallField):
        def forward(self, image: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(SeminarError, match="does not hold a tile of 20 x 30 pixels"):
        predictor(FitsNone()).predict(noise(20, 30))


def test_most_probable_is_argmax() -> None:
    probs = np.random.default_rng(0).random((5, 9, 9), dtype=np.float32)
    probs[3, 0, 0] = probs[1, 0, 0] = 2  # of equal ones the lower
    np.testing.assert_array_equal(most_probable(probs), probs.argmax(0))


@pytest.mark.parametrize("height", [1, 63, 64, 65, 130, 200])
def test_most_probable_is_argmax_at_any_height(height: int) -> None:
    """Probabilities are compared a few rows at a time, and stay as they are."""
    probs = np.random.default_rng(height).random((4, height, 7), dtype=np.float32)
    before = probs.copy()
    np.testing.assert_array_equal(most_probable(probs), before.argmax(0))
    np.testing.assert_array_equal(probs, before)


def test_the_stretch_is_of_the_whole_image_and_not_of_each_tile() -> None:
    """A slope: every tile by itself would be spread from 0 to 255."""
    seen = []

    class Records(SmallField):
        def forward(self, image: Tensor) -> Tensor:
            seen.append((float(image.min()), float(image.max())))
            return super().forward(image)

    slope = np.linspace(1000, 9000, 200).astype(np.uint16)[None].repeat(64, axis=0)
    predictor(Records(), tile_size=64, overlap=32, stretch=(10.0, 90.0)).predict_probs(slope)
    assert (min(low for low, _ in seen), max(high for _, high in seen)) == (0, 255)
    assert len(seen) > 3
    assert all(high - low < 120 for low, high in seen)


def test_images_are_prepared_between_the_percentiles_asked_for() -> None:
    slope = np.linspace(1000, 9000, 201).round().astype(np.uint16)[None]
    expected = np.clip((np.arange(201) - 20) / 160, 0, 1) * 255
    np.testing.assert_allclose(
        predictor(stretch=(10.0, 90.0)).prepare(slope)[0, 0], expected, atol=0.1
    )
    np.testing.assert_allclose(
        predictor().prepare(slope)[0, 0], np.arange(201) / 200 * 255, atol=0.1
    )


def test_probabilities_are_blended_by_the_weights_of_both_axes() -> None:
    """A network that says which tile it is at work on: where four tiles meet, each counts by the
    product of its weights.
    """

    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, image: Tensor) -> Tensor:
            share = torch.tensor([0.1, 0.3, 0.5, 0.9])[self.calls]
            self.calls += 1
            return torch.stack([share.log(), (1 - share).log()])[None, :, None, None].expand(
                1, 2, *image.shape[2:]
            )

    probs = predictor(
        Counts(), classes=ClassNames.of("a", "b"), tile_size=64, overlap=32
    ).predict_probs(noise(96, 96))
    ramp = (np.arange(16) + 0.5) / 16
    weight = np.concatenate(
        [np.zeros(40), ramp, np.ones(40)]
    )  # of the second tile along a side; the first has the rest
    rows, cols = weight[:, None], weight[None]
    expected = (
        0.1 * (1 - rows) * (1 - cols)
        + 0.3 * (1 - rows) * cols
        + 0.5 * rows * (1 - cols)
        + 0.9 * rows * cols
    )
    np.testing.assert_allclose(probs[0], expected, atol=1e-5)


def test_a_predictor_of_a_folder_takes_tiles_as_asked_for_and_refuses_other_channels(
    tmp_path: Path,
) -> None:
    config = TrainConfig(
        start="random", backbone="mobilenet_v2", weights="none", stretch=(1.0, 99.0)
    )
    network = build_network(config, num_classes=3, channels=2)
    save_model(tmp_path / "model.pt", network, config=config, classes=CLASSES, channels=2)
    loaded = Predictor.from_folder(tmp_path / "model.pt", "cpu", tile_size=96, overlap=16)
    assert (loaded.tile_size, loaded.overlap, loaded.batch_size) == (96, 16, 1)
    assert (loaded.channels, loaded.stretch, loaded.num_channels) == ((), (1.0, 99.0), 2)
    with pytest.raises(SeminarError, match="the model takes 2 channels, the image has 3"):
        loaded.predict(noise(20, 20, channels=3))


def test_a_model_file_predicts_as_the_network_it_was_saved_from(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = TrainConfig(
        start="random", backbone="mobilenet_v2", weights="none", channels=(1,), stretch=(1.0, 99.0)
    )
    network = build_network(config, num_classes=3, channels=1)
    save_model(tmp_path / "run" / "model.pt", network, config=config, classes=CLASSES, channels=1)
    image = noise(40, 50, channels=2)
    direct = predictor(network, channels=(1,), stretch=(1.0, 99.0)).predict_probs(image)
    for path in (tmp_path / "run", tmp_path / "run" / "model.pt"):
        loaded = Predictor.from_folder(path, "cpu")
        assert loaded.classes == CLASSES
        np.testing.assert_allclose(loaded.predict_probs(image), direct, atol=1e-4)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model yet"):
        Predictor.from_folder(tmp_path)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu() -> None:
    torch.manual_seed(0)
    network = build_network(
        TrainConfig(start="random", backbone="mobilenet_v2", weights="none"),
        num_classes=3,
        channels=1,
    )
    image = noise(300, 200)
    cpu = predictor(network, tile_size=128, overlap=32).predict_probs(image)
    cuda = predictor(network, device="cuda", tile_size=128, overlap=32).predict_probs(image)
    assert np.abs(cpu - cuda).mean() < 5e-3
