"""bioimage.io model packages: ONNX and all that a model zoo needs, checked by bioimageio.core."""

from __future__ import annotations

import io
import keyword
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from seminar.errors import SeminarError
from seminar.export.comparison import min_side
from seminar.export.formats import onnx
from seminar.export.formats.onnx import OPSET, require
from seminar.export.job import ExportJob
from seminar.inference.predictor import Predictor, most_probable
from seminar.io.archives import check_archive
from seminar.io.intensities import ImageArray, to_float
from seminar.labels import BACKGROUND

MAX_DESCRIPTION = 128
MAX_NAME = 64
"""Longest texts that bioimage.io takes without a warning."""

PAPER = (
    "Hongjun Chen, Jinbao Wang, Hong Cai Chen, Xiantong Zhen, Feng Zheng, Rongrong Ji, Ling Shao: "
    "Seminar Learning for Click-Level Weakly Supervised Semantic Segmentation. ICCV 2021"
)
PAPER_URL = "https://arxiv.org/abs/2108.13393"


def write(path: Path, job: ExportJob) -> None:
    """The package as a zip; the job's sample is its test input, its sample and on its cover."""
    require("bioimageio", "bioimageio.core", "bioimageio.spec", "onnx", "onnxscript", "onnxruntime")
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's deprecations
        folder = Path(name)
        onnx.write(folder / "weights.onnx", job)
        _write_tensors(folder, job)
        (folder / "README.md").write_text(_documentation(job.predictor), encoding="utf-8")
        _quiet()
        from bioimageio.spec import ValidationContext, save_bioimageio_package

        with ValidationContext(root=folder, perform_io_checks=True):
            try:
                described = _description(folder, job)
            except ValueError as error:  # pydantic's too
                raise _refused(error) from None
            save_bioimageio_package(described, output_path=path)
    check_archive(path)


def _refused(error: ValueError) -> SeminarError:
    # bioimageio.spec 0.5.12, which bioimageio.core 0.11 needs, fails so with pydantic >= 2.14
    if "index_key" in str(error):
        return SeminarError(
            "bioimageio.spec does not work with the pydantic that is installed; run: pip install "
            "'pydantic<2.14'"
        )
    reason = " ".join(str(error).split())[:300]
    return SeminarError(
        f"bioimage.io does not take this description ({reason}); correct --name, --author or "
        "--license"
    )


def run(path: Path, job: ExportJob) -> npt.NDArray[np.float32]:
    """(K, h, w) probabilities of the raw image by bioimageio.core, after its own validation.

    Raises
    ------
    SeminarError
        bioimageio.core does not pass the package.
    """
    _quiet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from bioimageio.core import load_model_description, predict, test_model

        summary = test_model(path, weight_format="onnx")
        if summary.status != "passed":
            faults = "; ".join(
                f"{error.msg}" for detail in summary.details for error in detail.errors
            )
            raise SeminarError(
                f"bioimageio.core does not pass the package ({faults[:300] or summary.status}); "
                "nothing was exported, please report this"
            )
        inputs = {"image": np.moveaxis(job.sample, 2, 0)[np.newaxis]}
        result = predict(model=load_model_description(path), inputs=inputs)
        members: dict[Any, Any] = dict(result.members)
        probs: npt.NDArray[np.float32] = np.asarray(
            members["probabilities"].data, dtype=np.float32
        )[0]
    return probs


def _quiet() -> None:
    """bioimageio logs to the terminal; our own sentence says what matters."""
    from loguru import logger

    logger.disable("bioimageio")


def _write_tensors(folder: Path, job: ExportJob) -> None:
    predictor, sample, probs = job.predictor, job.sample, job.probs
    planes = np.moveaxis(sample, 2, 0)
    np.save(folder / "test_input.npy", planes[np.newaxis])
    np.save(folder / "test_output.npy", probs[np.newaxis])
    tifffile.imwrite(
        folder / "sample_input.tif", planes, photometric="minisblack", metadata={"axes": "CYX"}
    )
    tifffile.imwrite(
        folder / "sample_output.tif", probs, photometric="minisblack", metadata={"axes": "CYX"}
    )
    grey = to_float(sample, stretch=predictor.stretch).astype(np.uint8)
    picture = np.moveaxis(grey if len(grey) == 3 else grey[[0, 0, 0]], 0, 2)
    labels = most_probable(probs)
    overlay = np.where(
        (labels != BACKGROUND)[:, :, np.newaxis],
        picture // 2 + predictor.classes.palette()[labels] // 2,
        picture,
    )
    both = Image.fromarray(np.concatenate([picture, overlay], axis=1).astype(np.uint8))
    both.thumbnail((600, 600))
    data = io.BytesIO()
    both.save(data, format="PNG", optimize=True)
    (folder / "cover.png").write_bytes(data.getvalue())


def _description(folder: Path, job: ExportJob) -> Any:
    from bioimageio.spec.model import v0_5

    predictor, sample, credits = job.predictor, job.sample, job.credits
    names, stride = predictor.classes.names, predictor.stride
    depth: Any = str(sample.dtype)
    sides = [
        v0_5.SpaceInputAxis(
            id=v0_5.AxisId(axis), size=v0_5.ParameterizedSize(min=min_side(stride), step=stride)
        )
        for axis in ("y", "x")
    ]
    image = v0_5.InputTensorDescr(
        id=v0_5.TensorId("image"),
        description="Image with intensities as they were trained on",
        axes=[
            v0_5.BatchAxis(),
            v0_5.ChannelAxis(channel_names=[f"channel{index}" for index in range(sample.shape[2])]),
            *sides,
        ],
        data=v0_5.IntervalOrRatioDataDescr(type=depth),
        preprocessing=_preprocessing(predictor, sample),
        test_tensor=v0_5.FileDescr(source=folder / "test_input.npy"),
        sample_tensor=v0_5.FileDescr(source=folder / "sample_input.tif"),
    )
    probabilities = v0_5.OutputTensorDescr(
        id=v0_5.TensorId("probabilities"),
        description=("Probability of each class: " + ", ".join(names))[:MAX_DESCRIPTION],
        axes=[
            v0_5.BatchAxis(),
            v0_5.ChannelAxis(channel_names=_identifiers(names)),
            *(
                v0_5.SpaceOutputAxis(
                    id=v0_5.AxisId(axis),
                    size=v0_5.SizeReference(
                        tensor_id=v0_5.TensorId("image"), axis_id=v0_5.AxisId(axis)
                    ),
                )
                for axis in ("y", "x")
            ),
        ],
        data=v0_5.IntervalOrRatioDataDescr(type="float32", range=(0.0, 1.0)),
        test_tensor=v0_5.FileDescr(source=folder / "test_output.npy"),
        sample_tensor=v0_5.FileDescr(source=folder / "sample_output.tif"),
    )
    return v0_5.ModelDescr(
        name=credits.name or _title(names[1:]),
        description=credits.text
        or f"Segments {', '.join(names[1:])[:200]}; trained from clicks with seminar-napari.",
        authors=[v0_5.Author(name=credits.author)],
        cite=[v0_5.CiteEntry(text=PAPER, url=v0_5.HttpUrl(PAPER_URL))],
        license=v0_5.LicenseId(credits.license) if credits.license else None,
        tags=[
            "semantic-segmentation",
            "2d",
            "deeplabv3+",
            "weak-supervision",
            "point-annotations",
            "pytorch",
            "onnx",
        ],
        documentation=v0_5.FileDescr(source=folder / "README.md"),
        covers=[v0_5.FileDescr(source=folder / "cover.png")],
        inputs=[image],
        outputs=[probabilities],
        weights=v0_5.WeightsDescr(
            onnx=v0_5.OnnxWeightsDescr(source=folder / "weights.onnx", opset_version=OPSET)
        ),
    )


def _preprocessing(predictor: Predictor, sample: ImageArray) -> list[Any]:
    """The steps of `seminar.io.intensities.to_float` for an image of the sample's depth."""
    from bioimageio.spec.model import v0_5

    to_float32 = v0_5.EnsureDtypeDescr(kwargs=v0_5.EnsureDtypeKwargs(dtype="float32"))
    if sample.dtype == np.uint8 and tuple(predictor.stretch) == (0, 100):
        return [to_float32]
    low, high = predictor.stretch
    return [
        to_float32,
        v0_5.ScaleRangeDescr(
            kwargs=v0_5.ScaleRangeKwargs(
                axes=(v0_5.AxisId("y"), v0_5.AxisId("x")),
                min_percentile=low,
                max_percentile=high,
                eps=1e-6,
            )
        ),
        v0_5.ClipDescr(kwargs=v0_5.ClipKwargs(min=0.0, max=1.0)),
        v0_5.ScaleLinearDescr(kwargs=v0_5.ScaleLinearKwargs(gain=255.0, offset=0.0)),
        to_float32,  # else the package would end with a cast back to the image's depth
    ]


def _identifiers(names: Sequence[str]) -> list[str]:
    """Names of channels, which bioimageio.spec 0.5 takes if Python would take them as variables.

    Classes that would get the same one are numbered: "a+" and "a-" become a_ and a__2.
    """
    found: list[str] = []
    for number, name in enumerate(names):
        text = "".join(letter if f"_{letter}".isidentifier() else "_" for letter in name)
        if not text.isidentifier() or keyword.iskeyword(text):
            text = f"class_{text}"
        while text in found:
            text = f"{text}_{number}"
        found.append(text)
    return found


def _title(objects: Sequence[str]) -> str:
    of = " and ".join(plain for name in objects if (plain := _plain(name)))
    return f"Segmentation of {of}"[:MAX_NAME].strip() if of else "Segmentation"


def _plain(name: str) -> str:
    """Names of packages allow letters, digits and a few signs."""
    return "".join(
        character if character.isascii() and (character.isalnum() or character in " -_") else " "
        for character in name
    ).strip()


def _documentation(predictor: Predictor) -> str:
    kind = "linear probe" if predictor.credits else "DeepLabv3+"
    credits = predictor.credits and f"\nFrozen weights of {predictor.credits}.\n"
    rows = "\n".join(f"{class_id}. {name}" for class_id, name in enumerate(predictor.classes.names))
    return (
        f"# Segmentation trained from clicks\n\nA {kind} that was trained with seminar-napari "
        "from a few clicks per image. The output holds one channel a "
        f"class:\n\n{rows}\n\nIntensities: percentiles {predictor.stretch[0]:g} and "
        f"{predictor.stretch[1]:g} of each image become black and white (8-bit images with 0 and "
        f"100 stay as they are).\nSides are multiples of {predictor.stride} from "
        f"{min_side(predictor.stride)} pixels up; pad "
        f"smaller images.\n{credits}\n## Validation\n\nCompare the most probable class with masks "
        "drawn by hand on images that were not clicked, for instance\n`seminar evaluate RUN "
        "PROJECT --split val`, which reports the intersection over union of each class.\n"
    )
