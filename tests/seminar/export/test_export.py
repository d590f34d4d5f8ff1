"""Exports open on the other side and predict what we predict; what does not is never left
behind.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from seminar.config.settings import TrainConfig
from seminar.errors import SeminarError
from seminar.export import comparison, graph
from seminar.export.comparison import compare, sample_of
from seminar.export.export import export
from seminar.export.formats import onnx, pt2
from seminar.export.job import Credits
from seminar.inference.predictor import Predictor
from seminar.labels import ClassNames
from seminar.models.backbones.build import BUILDERS
from seminar.models.backbones.extractor import Extractor, Features, NormLayer
from seminar.models.build_network import build_network
from seminar.models.checkpoint import save_model
from seminar.project.project import Project

CLASSES = ClassNames.of("background", "cell", "Rand/Ω")


def save(path: Path, config: TrainConfig, channels: int) -> None:
    torch.manual_seed(0)
    save_model(
        path,
        build_network(config, num_classes=3, channels=channels),
        config=config,
        classes=CLASSES,
        channels=channels,
    )


def quick_to_export(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """Any model file stands for a small network with these settings; the other tests export the
    real one.
    """
    torch.manual_seed(0)
    network = torch.nn.Conv2d(settings["num_channels"], 3, 9, padding=4)
    torch.nn.init.normal_(network.weight, std=1e-3)
    predictor = Predictor(network.eval(), classes=CLASSES, device="cpu", **settings)
    monkeypatch.setattr(Predictor, "from_folder", classmethod(lambda *_: predictor))


@pytest.fixture(scope="module", autouse=True)
def few_blocks() -> Iterator[None]:
    """MobileNetV2 with all kinds of blocks, but few of them: it is traced in half the time."""

    def build(layer: NormLayer) -> Extractor:
        blocks = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 1, 2], [6, 96, 1, 2]]
        network = models.mobilenet_v2(norm_layer=layer, inverted_residual_setting=blocks)
        taps = {"half": "features.1", "quarter": "features.3", "deep": "features.5"}
        features = Features(16, 24, 96, light=True)
        return Extractor(network, features, first_conv="features.0.0", **taps)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BUILDERS, "mobilenet_v2", build)  # type: ignore[arg-type]
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of one real photograph with a run in it."""
    from skimage import data

    folder = tmp_path_factory.mktemp("export")
    Image.fromarray(data.astronaut()[100:260, 150:350]).save(folder / "portrait.png")
    made = Project.create(folder / "project", [folder / "portrait.png"], CLASSES)
    save(
        made.path / "runs" / "first" / "model.pt",
        TrainConfig(start="random", backbone="mobilenet_v2", weights="none", stretch=(0.0, 100.0)),
        3,
    )
    return made


@pytest.fixture
def run(project: Project) -> Path:
    return project.path / "runs" / "first"


def test_samples_are_the_middle_in_multiples_of_16() -> None:
    image = np.arange(100 * 700 * 3, dtype=np.uint32).reshape(100, 700, 3)
    sample = sample_of(image, (2, 0))
    assert sample.shape == (96, 512, 2)
    np.testing.assert_array_equal(sample, image[2:98, 94:606][:, :, [2, 0]])
    assert sample_of(image[:1, :40], ()).shape == (
        64,
        64,
        3,
    )  # the least that a bioimage.io package of ours takes


def test_equal_probabilities_pass_and_are_told() -> None:
    probs = np.random.default_rng(0).random((2, 9, 9), dtype=np.float32)
    found = compare("onnxruntime", "a.png", probs, probs)
    assert (
        found.sentence()
        == "Checked in onnxruntime: 100.00 % same labels on a.png, probabilities differ by 0.0e+00"
        " at most"
    )


@pytest.mark.parametrize("wrong", [0.002, np.nan])
def test_a_difference_is_refused(wrong: float) -> None:
    probs = np.full((2, 9, 9), 0.25, np.float32)
    probs[1] = 0.75
    theirs = probs.copy()
    theirs[0, 3, 3] += wrong
    with pytest.raises(SeminarError, match="nothing was exported"):
        compare("x", "a.png", theirs, probs)


@pytest.mark.parametrize("class_id", [0, 1, 2])
@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_nan_is_refused_where_no_label_changes_by_it(class_id: int, fraction: float) -> None:
    """In a comparison NaN is neither more nor less, so that neither the labels nor a greatest
    difference must decide alone.
    """
    ours = np.zeros((3, 50, 50), np.float32)
    ours[0 if class_id else 1] = 1
    theirs = ours.copy()
    theirs[class_id, : 1 + int(49 * fraction)] = np.nan
    if class_id:
        np.testing.assert_array_equal(
            comparison.most_probable(theirs), comparison.most_probable(ours)
        )
    with pytest.raises(SeminarError, match=r"differ by nan at most; .* so nothing was exported"):
        compare("x", "a.png", theirs, ours)


@pytest.mark.parametrize("class_id", [0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_one_probability_of_one_pixel_may_differ_by_a_thousandth(class_id: int, sign: int) -> None:
    ours = np.full((2, 50, 50), 0.25, np.float32)
    ours[1] = 0.75
    for difference, is_refused in ((9e-4, False), (1.1e-3, True)):
        theirs = ours.copy()
        theirs[class_id, 20, 30] += sign * difference
        if is_refused:
            with pytest.raises(SeminarError, match=r"probabilities differ by 1\.1e-03"):
                compare("x", "a.png", theirs, ours)
        else:
            assert compare("x", "a.png", theirs, ours).max_difference == pytest.approx(
                difference, rel=1e-3
            )


def test_one_label_in_a_thousand_may_differ_and_two_may_not() -> None:
    ours = np.full((2, 25, 40), 0.5, np.float32)
    theirs = ours.copy()
    theirs[1, 0, 0] += 1e-6
    assert compare("x", "a.png", theirs, ours).agreement == pytest.approx(0.999)
    theirs[1, 24, 39] += 1e-6
    with pytest.raises(SeminarError, match=r"99\.80 % same labels"):
        compare("x", "a.png", theirs, ours)


def test_a_small_sample_goes_on_as_its_last_row_and_column() -> None:
    image = np.random.default_rng(0).integers(1, 255, (40, 50, 1), dtype=np.uint8)
    sample = sample_of(image, ())
    np.testing.assert_array_equal(sample[:40, :50], image)
    np.testing.assert_array_equal(sample[40:, :50], np.repeat(image[-1:], 24, axis=0))
    np.testing.assert_array_equal(sample[:, 50:], np.repeat(sample[:, 49:50], 14, axis=1))


def test_other_labels_are_refused() -> None:
    probs = np.full((2, 10, 10), 0.5, np.float32)
    theirs = probs.copy()
    theirs[1, 0, 0] += 1e-6  # tiny, but one label in a hundred
    with pytest.raises(SeminarError, match=r"99\.00 % same labels"):
        compare("x", "a.png", theirs, probs)


def test_another_shape_is_refused() -> None:
    with pytest.raises(SeminarError, match=r"shape \(2, 8, 8\), expected \(2, 9, 9\)"):
        compare("x", "a.png", np.zeros((2, 8, 8), np.float32), np.zeros((2, 9, 9), np.float32))


made_graphs: dict[int, Any] = {}


def share_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both formats are written from one graph of the run's network, which takes seconds."""

    def shared(predictor: Predictor, channels: int) -> Any:
        if channels not in made_graphs:
            made_graphs[channels] = graph.to_graph(predictor, channels)
        return made_graphs[channels]

    for module in (onnx, pt2):
        monkeypatch.setattr(module, "to_graph", shared)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_pt2_opens_without_this_library(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_graph(monkeypatch)
    found = export(run, "pt2", tmp_path / "model.pt2")
    assert found.program == "torch.export.load" and found.image == "portrait.png"
    image = np.random.default_rng(0).integers(0, 255, (64, 80, 3), dtype=np.uint8)
    np.save(tmp_path / "image.npy", np.moveaxis(image, 2, 0)[None].astype(np.float32))
    script = (
        "import sys, numpy, torch\n"
        "extra = {'seminar.json': ''}\n"
        "module = torch.export.load('model.pt2', extra_files=extra).module()\n"
        "probs = module(torch.from_numpy(numpy.load('image.npy')))\n"
        "numpy.save('probs.npy', probs.detach().numpy())\n"
        "print(extra['seminar.json'])\n"
        "assert not any(name.startswith('seminar') for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["classes"] == list(CLASSES.names)
    expected = Predictor.from_folder(run, "cpu").predict_probs(image)
    np.testing.assert_allclose(np.load(tmp_path / "probs.npy")[0], expected, atol=1e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_onnx_runs_at_other_sizes_and_batches(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_graph(monkeypatch)
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    found = export(run, "onnx", tmp_path / "model.onnx")
    assert found.program == "onnxruntime"
    session = onnxruntime.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    images = np.random.default_rng(0).integers(0, 255, (2, 96, 64, 3), dtype=np.uint8)
    (probs,) = session.run(None, {"image": np.moveaxis(images, 3, 1).astype(np.float32)})
    predictor = Predictor.from_folder(run, "cpu")
    for image, theirs in zip(images, probs, strict=True):
        np.testing.assert_allclose(theirs, predictor.predict_probs(image), atol=1e-3)
    assert json.loads(session.get_modelmeta().custom_metadata_map["seminar"])["stretch"] == [
        0.0,
        100.0,
    ]
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("bioimageio")
def test_bioimageio_prepares_images_as_we_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16 bit, two of three channels, percentiles: all of it is repeated by bioimageio.core from
    the package.
    """
    import tifffile

    quick_to_export(monkeypatch, channels=(2, 0), stretch=(1.0, 99.0), num_channels=2)
    image = np.random.default_rng(0).integers(100, 40_000, (70, 90, 3)).astype(np.uint16)
    image[:, :, 0] = np.linspace(0, 60_000, 90)
    tifffile.imwrite(tmp_path / "field.tif", image, photometric="rgb")
    credits = Credits(author="A. Person", license="CC-BY-4.0", name="Cells")
    found = export(
        tmp_path / "model.pt",
        "bioimageio",
        tmp_path / "model.zip",
        image=tmp_path / "field.tif",
        credits=credits,
    )
    assert found.program == "bioimageio.core"
    with zipfile.ZipFile(tmp_path / "model.zip") as package:
        names = set(package.namelist())
    assert {
        "cover.png",
        "README.md",
        "weights.onnx",
        "test_input.npy",
        "test_output.npy",
        "sample_input.tif",
        "sample_output.tif",
    } <= names
    assert names & {"rdf.yaml", "bioimageio.yaml"}


def test_classes_that_bioimageio_cannot_spell_have_names_of_their_own() -> None:
    from seminar.export.formats.bioimageio import _identifiers, _title

    names = ("background", "a+", "a-", "a_", "2 cells", "class", "核", "²", "[/b]", "a__2")
    found = _identifiers(names)
    assert found == [
        "background", "a_", "a__2", "a__3", "class_2_cells", "class_class", "核", "_", "__b_",
        "a__2_9",
    ]  # fmt: skip
    assert all(name.isidentifier() for name in found) and len(set(found)) == len(names)
    assert _title(["核", "a+", "b"]) == "Segmentation of a and b"
    assert _title(["核", "²"]) == "Segmentation"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("bioimageio")
def test_bioimageio_is_checked_on_an_image_smaller_than_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_to_export(monkeypatch, stretch=(0.0, 100.0), num_channels=1)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 48), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "small.png")
    found = export(
        tmp_path / "model.pt", "bioimageio", tmp_path / "model.zip", image=tmp_path / "small.png"
    )
    assert found.program == "bioimageio.core"


def test_an_export_that_predicts_differently_is_not_left_behind(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pt2, "write", lambda path, job: path.write_bytes(b"x"))
    monkeypatch.setattr(pt2, "run", lambda path, job: np.full_like(job.probs, 1 / 3))
    with pytest.raises(SeminarError, match="nothing was exported"):
        export(run, "pt2", tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())


def test_a_folder_holds_what_predicts_and_what_it_was_trained_with(
    run: Path, tmp_path: Path
) -> None:
    config = TrainConfig(
        start="random", backbone="mobilenet_v2", weights="none", stretch=(0.0, 100.0)
    )
    (run / "config.toml").write_text(config.to_toml())
    try:
        found = export(run, "folder", tmp_path / "given" / "model 1.5")
    finally:
        (run / "config.toml").unlink()
    assert found.program == "Predictor.from_folder" and found.max_difference == 0
    folder = tmp_path / "given" / "model 1.5"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "model.pt": (run / "model.pt").read_bytes(),
        "config.toml": config.to_toml().encode(),
    }
    with pytest.raises(SeminarError, match="is not replaced; give another name"):
        export(run, "folder", folder, overwrite=True)
    assert [path.name for path in (tmp_path / "given").iterdir()] == [folder.name]


def test_a_model_file_of_another_name_becomes_a_folder(
    run: Path, tmp_path: Path, project: Project
) -> None:
    image = project.image_path("portrait")
    (tmp_path / "best.pt").write_bytes((run / "model.pt").read_bytes())
    export(tmp_path / "best.pt", "folder", tmp_path / "model", image=image)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["model.pt"]


def test_a_missing_package_says_what_to_install(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        SeminarError,
        match=(
            r"needs the package onnxruntime; install it with: pip install 'seminar-napari\[onnx\]'"
        ),
    ):
        export(run, "onnx", tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("format", "name", "message"),
    [
        ("tflite", "m.tflite", "--format tflite: expected one of folder, bioimageio, onnx, pt2"),
        ("onnx", "m.pt2", "expected a file name that ends in .onnx"),
        ("pt2", "there.pt2", "exists already"),
    ],
)
def test_mistakes(run: Path, tmp_path: Path, format: str, name: str, message: str) -> None:
    (tmp_path / "there.pt2").write_bytes(b"mine")
    with pytest.raises(SeminarError, match=message):
        export(run, format, tmp_path / name)
    assert (tmp_path / "there.pt2").read_bytes() == b"mine"


def test_a_model_outside_of_a_project_needs_an_image(tmp_path: Path) -> None:
    save(
        tmp_path / "model.pt",
        TrainConfig(start="random", backbone="mobilenet_v2", weights="none", stretch=(0.0, 100.0)),
        3,
    )
    with pytest.raises(SeminarError, match="give one with --image FILE"):
        export(tmp_path / "model.pt", "pt2", tmp_path / "model.pt2")


def test_an_image_with_other_channels_is_refused(run: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "grey.png")
    with pytest.raises(SeminarError, match="the model takes 3 channels, the image has 1"):
        export(run, "pt2", tmp_path / "model.pt2", image=tmp_path / "grey.png")


def test_limits_are_those_that_were_asked_for() -> None:
    assert (comparison.MAX_DIFFERENCE, comparison.MIN_AGREEMENT) == (1e-3, 0.999)
