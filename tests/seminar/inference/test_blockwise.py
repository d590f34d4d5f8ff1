"""Images that are predicted block by block: the same labels as in memory, taken up after a stop,
on a cluster too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from forked import start_method

from seminar.config.settings import TrainConfig
from seminar.errors import SeminarError
from seminar.inference import blockwise
from seminar.inference.blockwise import predict_large
from seminar.inference.predictor import Predictor
from seminar.io.large_images import find_levels, open_source, prepare_block
from seminar.labels import ClassNames
from seminar.models.build_network import build_network
from seminar.models.checkpoint import save_model

zarr = pytest.importorskip("zarr")

CLASSES = ClassNames.of("background", "cell #00ff00")
TILE = 128
SMALL = {"tile_size": TILE, "device": "cpu", "block": 128}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = TrainConfig(start="random", backbone="mobilenet_v2", weights="none")
    path = tmp_path_factory.mktemp("run") / "model.pt"
    save_model(
        path,
        build_network(config, num_classes=2, channels=1),
        config=config,
        classes=CLASSES,
        channels=1,
    )
    return path


def write_zarr(
    path: Path, pixels: np.ndarray, axes: str, version: str = "0.5", array: str = "0"
) -> Path:
    """A small OME-Zarr as other programs write it."""
    old = version == "0.4"
    group = zarr.create_group(str(path), zarr_format=2 if old else 3)
    chunks = tuple(64 if axis in "yx" else 1 for axis in axes)
    data = group.create_array("0", shape=pixels.shape, chunks=chunks, dtype=pixels.dtype)
    data[:] = pixels
    multiscales = {
        "axes": [
            {"name": axis, "type": {"t": "time", "c": "channel"}.get(axis, "space")}
            for axis in axes
        ],
        "datasets": [
            {
                "path": array,
                "coordinateTransformations": [
                    {"type": "scale", "scale": [0.5 if axis in "yx" else 1 for axis in axes]}
                ],
            }
        ],
    }
    if old:
        group.attrs["multiscales"] = [multiscales | {"version": "0.4"}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscales]}
    return path


def blobs(*shape: int) -> np.ndarray:
    from scipy import ndimage

    noise = ndimage.gaussian_filter(
        np.random.default_rng(1).random(shape), [0] * (len(shape) - 2) + [6, 6]
    )
    return (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_lie_in_the_image_and_viewers_find_them(
    model: Path, tmp_path: Path, version: str
) -> None:
    path = write_zarr(tmp_path / "a.zarr", blobs(1, 300, 200), "cyx", version)
    shares: list[float] = []
    assert predict_large(path, model, out=None, progress=shares.append, **SMALL)
    assert shares[-1] == 1 and shares == sorted(shares)
    labels_group = zarr.open_group(str(path / "labels"), mode="r")
    label = labels_group["seminar"]
    assert label["0"].shape == (300, 200) and label["0"].dtype == np.uint8
    described = label.attrs.asdict() if version == "0.4" else label.attrs["ome"]
    listed = labels_group.attrs.asdict() if version == "0.4" else labels_group.attrs["ome"]
    assert listed["labels"] == ["seminar"]
    assert described["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"] == [
        0.5,
        0.5,
    ]
    assert [axis["name"] for axis in described["multiscales"][0]["axes"]] == ["y", "x"]
    assert described["image-label"]["colors"][1] == {"label-value": 1, "rgba": [0, 255, 0, 255]}
    assert not (path / "labels" / "seminar" / blockwise.PROGRESS).exists()


class LooksFivePixelsFar(torch.nn.Module):
    """Class 1 where the mean of 11 x 11 pixels is bright."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        mean = torch.nn.functional.avg_pool2d(image, 11, stride=1, padding=5)
        return torch.cat([140 - mean, mean - 140], dim=1)


def test_blocks_make_the_labels_that_the_predictor_makes_in_memory(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = blobs(300, 420).astype(np.uint16) * 11
    path = write_zarr(tmp_path / "a.zarr", pixels, "yx")
    predictor = Predictor(
        LooksFivePixelsFar(), classes=CLASSES, device="cpu", tile_size=128, overlap=64
    )
    monkeypatch.setattr(blockwise, "cached_predictor", lambda *_: predictor)
    predict_large(path, model, out=None, **SMALL)
    labels = zarr.open_array(str(path / "labels" / "seminar" / "0"), mode="r")[:]
    whole = Predictor(
        LooksFivePixelsFar(), classes=CLASSES, device="cpu", tile_size=432, overlap=0
    ).predict(pixels)
    np.testing.assert_array_equal(labels, whole)
    assert 0.1 < labels.mean() < 0.9


def test_planes_are_predicted_one_by_one(model: Path, tmp_path: Path) -> None:
    pixels = blobs(2, 1, 3, 90, 70)
    path = write_zarr(tmp_path / "a.zarr", pixels, "tczyx")
    predict_large(path, model, out=None, **SMALL)
    labels = zarr.open_array(str(path / "labels" / "seminar" / "0"), mode="r")[:]
    assert labels.shape == (2, 3, 90, 70)
    expected = Predictor.from_folder(model, "cpu", tile_size=TILE, overlap=64).predict(
        pixels[1, 0, 2]
    )
    np.testing.assert_array_equal(labels[1, 2], expected)


def test_probabilities_are_those_in_memory_with_a_channel_a_class(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = blobs(2, 3, 150, 170)
    path = write_zarr(tmp_path / "a.zarr", pixels, "tzyx", "0.4")
    predictor = Predictor(
        LooksFivePixelsFar(), classes=CLASSES, device="cpu", tile_size=128, overlap=64
    )
    monkeypatch.setattr(blockwise, "cached_predictor", lambda *_: predictor)
    out = tmp_path / "out" / "a_probabilities.zarr"
    assert predict_large(path, model, out=None, probabilities=out, **SMALL)
    probs = zarr.open_group(str(out), mode="r")
    (described,) = probs.attrs["multiscales"]
    assert [axis["name"] for axis in described["axes"]] == ["t", "c", "z", "y", "x"]
    assert described["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 1, 1, 0.5, 0.5]
    assert "image-label" not in probs.attrs
    whole = Predictor(LooksFivePixelsFar(), classes=CLASSES, device="cpu", tile_size=432, overlap=0)
    np.testing.assert_allclose(probs["0"][1, :, 2], whole.predict_probs(pixels[1, 2]), atol=1e-4)
    labels = zarr.open_array(str(path / "labels" / "seminar" / "0"), mode="r")[...]
    np.testing.assert_array_equal(probs["0"][...].argmax(axis=1), labels)
    assert not predict_large(path, model, out=None, probabilities=out, **SMALL)
    assert not predict_large(path, model, out=None, **SMALL)


@pytest.mark.parametrize("stretch", [(0.0, 100.0), (2.0, 98.0)])
def test_16_bit_blocks_are_stretched_as_the_whole_image(
    tmp_path: Path, stretch: tuple[float, float]
) -> None:
    from seminar.io.intensities import to_float

    pixels = (blobs(2, 130, 150).astype(np.uint16) * 37 + 5).transpose(1, 2, 0)
    path = write_zarr(tmp_path / "a.zarr", np.moveaxis(pixels, 2, 0), "cyx")
    source = open_source(path)
    levels = find_levels(source, (), channels=(1,), stretch=stretch, block=64)
    block = prepare_block(source, (), (20, 100), (33, 150), channels=(1,), levels=levels)
    np.testing.assert_allclose(
        block, to_float(pixels, channels=(1,), stretch=stretch)[:, 20:100, 33:150], atol=1e-4
    )


@pytest.mark.parametrize("axes", ["yxc", "cyx", "ycx"])
def test_channels_are_found_wherever_they_are_stored(tmp_path: Path, axes: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    stored = pixels.transpose(["yxc".index(axis) for axis in axes])
    source = open_source(write_zarr(tmp_path / "a.zarr", stored, axes))
    block = prepare_block(source, (), (5, 20), (7, 40), channels=(2, 0), levels=None)
    np.testing.assert_array_equal(block, np.moveaxis(pixels, 2, 0)[[2, 0], 5:20, 7:40])


@pytest.mark.parametrize("stretch", [(0.0, 100.0), (2.0, 98.0)])
def test_an_even_channel_of_a_large_image_is_black(
    tmp_path: Path, stretch: tuple[float, float]
) -> None:
    pixels = np.stack([np.full((40, 50), 900), np.arange(2000).reshape(40, 50)]).astype(np.uint16)
    source = open_source(write_zarr(tmp_path / "a.zarr", pixels, "cyx"))
    levels = find_levels(source, (), channels=(), stretch=stretch, block=32)
    block = prepare_block(source, (), (0, 40), (0, 50), channels=(), levels=levels)
    assert (block[0] == 0).all()
    assert (block[1].min(), block[1].max()) == (0, 255)


def test_percentiles_of_a_large_image_come_from_the_same_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = blobs(130, 150).astype(np.uint16) * 3
    source = open_source(write_zarr(tmp_path / "a.zarr", pixels, "yx"))
    monkeypatch.setattr("seminar.io.intensities.SAMPLES", 2000)
    step = round((130 * 150 / 2000) ** 0.5)
    (levels,) = find_levels(source, (), channels=(), stretch=(2.0, 98.0), block=64) or ()
    assert levels == pytest.approx(tuple(np.percentile(pixels[::step, ::step], (2, 98))))


def test_a_block_whose_line_was_cut_short_is_predicted_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill leaves of ";0;1280" is the name of another block, ";0;128", which is not done."""
    path = write_zarr(tmp_path / "a.zarr", blobs(100, 200), "yx")
    real, keys = blockwise.predict_block, []

    def stops_at_the_second(task: Any) -> str:
        keys.append(task.key)
        if len(keys) == 2:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(blockwise, "predict_block", stops_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        predict_large(path, model, out=None, **SMALL)
    with (path / "labels" / "seminar" / blockwise.PROGRESS).open("a") as mark:
        mark.write(keys[1])
    assert predict_large(path, model, out=None, **SMALL)
    assert keys == [";0;0", ";0;128", ";0;128"]


@pytest.mark.parametrize(("tile_size", "overlap"), [(768, 128), (256, 128), (128, 64), (96, 48)])
def test_small_tiles_overlap_by_half_and_large_ones_as_in_memory(
    model: Path, tile_size: int, overlap: int
) -> None:
    predictor = blockwise.cached_predictor(str(model), "", "cpu", tile_size)
    assert (predictor.tile_size, predictor.overlap) == (tile_size, overlap)


def test_an_interrupted_job_goes_on_where_it_stopped(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zarr(tmp_path / "a.zarr", blobs(200, 260), "yx")
    real, calls = blockwise.predict_block, []

    def stops_at_the_third(task: Any) -> str:
        calls.append(task.key)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(blockwise, "predict_block", stops_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        predict_large(path, model, out=None, **SMALL)
    assert "labels" not in zarr.open_group(str(path / "labels"), mode="r").attrs.get("ome", {})
    assert predict_large(path, model, out=None, **SMALL)
    assert len(calls) == 3 + 4  # six blocks, two of them done before
    assert calls[3] == calls[2]
    labels = zarr.open_array(str(path / "labels" / "seminar" / "0"), mode="r")[:]
    assert not predict_large(path, model, out=None, **SMALL)
    assert predict_large(path, model, out=None, overwrite=True, **SMALL)
    np.testing.assert_array_equal(
        zarr.open_array(str(path / "labels" / "seminar" / "0"), mode="r")[:], labels
    )


def test_a_job_killed_before_its_first_block_is_not_taken_for_done(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zarr(tmp_path / "a.zarr", blobs(64, 64), "yx")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        predict_large(path, model, out=None, **SMALL)
    assert (path / "labels" / "seminar").exists()
    assert predict_large(path, model, out=None, **SMALL)
    assert not predict_large(path, model, out=None, **SMALL)


def test_another_model_does_not_go_on_with_the_blocks_of_the_first(
    model: Path, tmp_path: Path
) -> None:
    path = write_zarr(tmp_path / "a.zarr", blobs(64, 64), "yx")
    predict_large(path, model, out=None, **SMALL)
    mark = path / "labels" / "seminar" / blockwise.PROGRESS
    group = zarr.open_group(str(mark.parent), mode="r+")
    group.attrs["seminar"] = {"finished": False}
    group["0"][:] = 7
    mark.write_text("another job\n;0;0\n")
    assert predict_large(path, model, out=None, **SMALL)
    assert zarr.open_array(str(mark.parent / "0"), mode="r")[:].max() < 7


def test_a_tif_too_large_for_memory_becomes_an_ome_zarr(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seminar.inference.job import PredictionJob

    pixels = blobs(300, 280)
    tifffile.imwrite(tmp_path / "slide.tif", pixels, tile=(64, 64))
    monkeypatch.setattr("seminar.inference.job.MAX_PIXELS", 1000)
    summary = PredictionJob(
        model, [tmp_path / "slide.tif"], out=tmp_path / "out", device="cpu", tile_size=320
    ).run()
    assert (summary.predicted, summary.faults) == (1, [])
    labels = zarr.open_group(str(tmp_path / "out" / "slide.zarr"), mode="r")
    assert labels.attrs["ome"]["multiscales"][0]["name"] == "seminar"
    expected = Predictor.from_folder(model, "cpu", tile_size=320).predict(pixels)
    np.testing.assert_array_equal(labels["0"][:], expected)


def test_what_is_asked_for_later_leaves_labels_corrected_by_hand(
    model: Path, tmp_path: Path
) -> None:
    from seminar.inference.job import PredictionJob

    path = write_zarr(tmp_path / "a.zarr", blobs(64, 64), "yx")
    places = [path / "labels" / name / "0" for name in ("seminar", "seminar_instances")]

    def predict(**wanted: bool) -> int:
        job = PredictionJob(
            model,
            [path],
            out=tmp_path / "out",
            instances=True,
            device="cpu",
            tile_size=320,
            **wanted,
        )
        return job.run().predicted

    assert predict()
    for place in places:
        zarr.open_array(str(place), mode="r+")[:] = 9
    assert predict(probabilities=True)
    assert not predict(probabilities=True)
    for place in places:
        assert (zarr.open_array(str(place), mode="r")[:] == 9).all()
    probs = zarr.open_array(str(tmp_path / "out" / "a_probabilities.zarr" / "0"), mode="r")[:]
    np.testing.assert_allclose(probs.sum(axis=0), 1, atol=1e-5)
    assert predict(probabilities=True, overwrite=True)
    np.testing.assert_array_equal(
        zarr.open_array(str(places[0]), mode="r")[:], probs.argmax(axis=0)
    )
    assert (zarr.open_array(str(places[1]), mode="r")[:] != 9).any()


def test_a_large_tif_in_a_palette_is_refused(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seminar.inference.job import PredictionJob

    colours = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(
        tmp_path / "slide.tif", blobs(300, 280), photometric="palette", colormap=colours
    )
    monkeypatch.setattr("seminar.inference.job.MAX_PIXELS", 1000)
    summary = PredictionJob(
        model, [tmp_path / "slide.tif"], out=tmp_path / "out", device="cpu"
    ).run()
    assert summary.faults == [
        f"{tmp_path / 'slide.tif'}: its values are stored as palette, and block by block only RGB "
        "and grey of 8 bits or more in which black is zero are read; save it as one of them"
    ]


def test_coarser_levels_are_every_second_pixel(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seminar.io.ome_zarr_writer.SMALLEST_LEVEL", 100)
    path = write_zarr(tmp_path / "a.zarr", blobs(131, 201), "yx")
    predict_large(path, model, out=None, **SMALL)
    label = zarr.open_group(str(path / "labels" / "seminar"), mode="r")
    np.testing.assert_array_equal(label["1"][:], label["0"][::2, ::2])
    np.testing.assert_array_equal(label["2"][:], label["0"][::4, ::4])
    assert len(label.attrs["ome"]["multiscales"][0]["datasets"]) == 3


# hostile and mistaken input


@pytest.mark.parametrize("array", ["../secret/0", "/etc", "..", "a/../../secret/0", "link/0", ""])
def test_metadata_that_points_out_of_the_image_is_refused(
    model: Path, tmp_path: Path, array: str
) -> None:
    write_zarr(tmp_path / "secret", blobs(64, 64), "yx")
    path = write_zarr(tmp_path / "a.zarr", blobs(64, 64), "yx", array=array)
    (path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(SeminarError, match="outside of the image's folder"):
        predict_large(path, model, out=None, **SMALL)


def test_labels_that_are_a_link_elsewhere_are_not_followed(model: Path, tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "a.zarr", blobs(64, 64), "yx")
    (tmp_path / "elsewhere").mkdir()
    (path / "labels").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SeminarError, match="a link that leads elsewhere"):
        predict_large(path, model, out=None, **SMALL)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_labels_of_somebody_else_are_not_replaced(model: Path, tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "a.zarr", blobs(64, 64), "yx")
    write_zarr(path / "labels" / "seminar", blobs(64, 64), "yx")
    with pytest.raises(SeminarError, match="not written by this program"):
        predict_large(path, model, out=None, overwrite=True, **SMALL)


def test_a_chunk_larger_than_memory_is_refused(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "bomb.zarr"
    write_zarr(path, blobs(64, 64), "yx")
    zarr.create_array(
        str(path / "0"),
        shape=(400_000, 400_000),
        chunks=(400_000, 400_000),
        dtype="uint8",
        overwrite=True,
    )
    with pytest.raises(SeminarError, match="do not fit into memory"):
        predict_large(path, model, out=None, **SMALL)


def test_nan_is_refused_with_its_place(model: Path, tmp_path: Path) -> None:
    pixels = blobs(64, 64).astype(np.float32)
    pixels[3, 4] = np.nan
    with pytest.raises(SeminarError, match="NaN or infinite values between rows 0 and 64"):
        predict_large(write_zarr(tmp_path / "a.zarr", pixels, "yx"), model, out=None, **SMALL)


def test_what_is_no_ome_zarr_is_said(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    zarr.create_group(str(tmp_path / "bare.zarr"))
    for name, message in (
        ("empty", "found no group of zarr"),
        ("bare", "no group in it describes an image"),
    ):
        with pytest.raises(SeminarError, match=message):
            predict_large(tmp_path / f"{name}.zarr", model, out=None, **SMALL)


def test_other_channels_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(SeminarError, match="the model takes 1 channels, the image has 2"):
        predict_large(
            write_zarr(tmp_path / "a.zarr", blobs(2, 64, 64), "cyx"), model, out=None, **SMALL
        )


def test_a_missing_zarr_says_what_to_install(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zarr(tmp_path / "a.zarr", blobs(64, 64), "yx")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(SeminarError, match=r"pip install 'seminar-napari\[zarr\]'"):
        predict_large(path, model, out=None, **SMALL)


# a cluster


def test_an_address_where_nobody_listens_is_said(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    path = write_zarr(tmp_path / "a.zarr", blobs(64, 64), "yx")
    with pytest.raises(SeminarError, match="--scheduler nonsense://x: no dask scheduler answers"):
        predict_large(path, model, out=None, scheduler="nonsense://x", **SMALL)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_two_workers_write_what_one_process_writes(model: Path, tmp_path: Path) -> None:
    dask, distributed = map(pytest.importorskip, ("dask", "distributed"))
    pixels = blobs(200, 260)
    here = write_zarr(tmp_path / "here.zarr", pixels, "yx")
    there = write_zarr(tmp_path / "there.zarr", pixels, "yx")
    predict_large(here, model, out=None, **SMALL)
    start = {"distributed.worker.multiprocessing-method": start_method()}
    with (
        dask.config.set(start),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
    ):
        assert predict_large(there, model, out=None, scheduler=cluster.scheduler_address, **SMALL)
    labels = [
        zarr.open_array(str(path / "labels" / "seminar" / "0"), mode="r")[:]
        for path in (here, there)
    ]
    assert (
        labels[0] == labels[1]
    ).mean() > 0.9999  # a worker has fewer threads, and so rounds differently
    chunks = zarr.open_array(str(there / "labels" / "seminar" / "0"), mode="r").chunks
    assert all(
        SMALL["block"] % side == 0 for side in chunks
    )  # else two workers write to one chunk, and one of them in vain


PEAKS = """
import sys
from pathlib import Path
import torch
from seminar.inference import blockwise
from seminar.inference.predictor import Predictor
from seminar.labels import ClassNames

class Bright(torch.nn.Module):
    def forward(self, image):
        return torch.cat([150 - image, image - 150], dim=1)

classes = ClassNames.of("background", "blob")
predictor = Predictor(Bright(), classes=classes, device="cpu", tile_size=128, overlap=64)
blockwise.cached_predictor = lambda *_: predictor
for path in map(Path, sys.argv[1:]):
    blockwise.predict_large(path, path, out=None, tile_size=128, device="cpu", block=512)
    print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.slow
def test_memory_does_not_grow_with_the_image(tmp_path: Path) -> None:
    """10 times the pixels in the same process: the peak grows by less than the image as float32.
    The network is a threshold, which leaves the memory of everything else.

    Not by `getrusage`: what it calls the peak of a child includes that of its parent.
    """
    paths = []
    for side in (640, 2048):
        pixels = np.tile(blobs(320, 320), (7, 7))[:side, :side]
        paths.append(write_zarr(tmp_path / f"{side}.zarr", pixels, "yx"))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", PEAKS, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    small, large = (1024 * int(peak) for peak in done.stdout.split())
    assert large - small < 0.75 * 4 * 2048**2  # measured: 6 MB of 12.6
