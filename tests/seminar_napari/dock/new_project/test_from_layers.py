from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from PIL import Image as PillowImage

from seminar.errors import SeminarError
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar_napari.dock.new_project.from_layers import (
    _native,
    classes_from,
    create_from_layers,
    image_layers,
    number_of_images,
)
from seminar_napari.inspect.overlay_layers import make_layer
from seminar_napari.layers.picture import picture

CLASSES = ClassNames.of("background", "cell")


def made(path: Path, *layers: Image) -> Project:
    steps: list[tuple[int, int]] = []
    create_from_layers(path, layers, CLASSES, progress=lambda *step: steps.append(step))
    project, total = Project.open(path), sum(map(number_of_images, layers))
    assert steps[-1] == (total, total) and len(project.image_ids()) == total
    return project


def test_a_stack_becomes_its_planes_in_its_own_depth(tmp_path: Path) -> None:
    stack = np.arange(2 * 11 * 8 * 9).reshape(2, 11, 8, 9).astype(np.uint16)
    project = made(tmp_path / "p", Image(stack, name="time lapse"))
    assert len(project.image_ids()) == 22
    assert project.image_ids()[:2] == ("time_lapse_0_00", "time_lapse_0_01")
    image = project.read_image("time_lapse_1_10")
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image[..., 0], stack[1, 10])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.uint8, np.uint8),
        (np.uint16, np.uint16),
        (np.float32, np.float32),
        (np.float64, np.float32),
        (np.int32, np.uint16),
        (bool, np.uint8),
    ],
)
def test_depths(tmp_path: Path, dtype: type, expected: type) -> None:
    data = (np.arange(90).reshape(9, 10) % 2).astype(dtype)
    project = made(tmp_path / "p", Image(data, name="x"))
    image = project.read_image("x")
    assert image.dtype == expected
    np.testing.assert_array_equal(
        image[..., 0], data.astype(expected) * (255 if dtype is bool else 1)
    )


def test_rgb_and_a_float_rgb_and_layers_of_one_name(tmp_path: Path) -> None:
    rgba = np.random.default_rng(0).integers(0, 255, (9, 10, 4), dtype=np.uint8)
    project = made(
        tmp_path / "p",
        Image(rgba, name="x", rgb=True),
        Image(rgba[..., :3] / 255, name="x", rgb=True),
    )
    assert project.image_ids() == ("x", "x-2")
    np.testing.assert_array_equal(project.read_image("x"), rgba[..., :3])
    np.testing.assert_allclose(project.read_image("x-2"), rgba[..., :3], atol=1)


def test_nothing_chosen_and_complex_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SeminarError, match="no image layer"):
        create_from_layers(tmp_path / "p", [], CLASSES, progress=print)
    with pytest.raises(SeminarError, match="complex"):
        _native(np.zeros((8, 8), dtype=np.complex64), Image(np.zeros((8, 8)), name="x"))
    assert not (tmp_path / "p").exists()


def test_only_image_layers_count_and_not_our_own() -> None:
    image, labels = Image(np.zeros((4, 4))), Labels(np.zeros((4, 4), dtype=int))
    ours = {"seminar": {"project": "p", "image_id": "a"}}
    shown, copy = (Image(np.zeros((4, 4)), name=name, metadata=ours) for name in ("a", "a copy"))
    heat = make_layer("disagreement", np.zeros((4, 4), dtype=np.uint8), CLASSES)
    assert image_layers([image, labels, shown, heat, copy]) == (image, copy)


@pytest.mark.usefixtures("plugins")
def test_a_tif_of_channels_is_one_image_as_on_the_command_line(tmp_path: Path) -> None:
    from napari.components import ViewerModel

    channels = np.random.default_rng(0).integers(0, 60_000, (3, 20, 30), dtype=np.uint16)
    for name, axes in (("channels", "CYX"), ("planes", "ZYX")):
        tifffile.imwrite(
            tmp_path / f"{name}.tif", channels, photometric="minisblack", metadata={"axes": axes}
        )
    viewer = ViewerModel()
    for name in ("channels", "planes"):
        viewer.open(tmp_path / f"{name}.tif", plugin="napari")
    first, second = image_layers(viewer.layers)
    assert (number_of_images(first), number_of_images(second)) == (1, 3)
    project = made(tmp_path / "p", first)
    np.testing.assert_array_equal(project.read_image("channels"), np.moveaxis(channels, 0, 2))
    assert made(tmp_path / "q", second).image_ids() == ("planes_000", "planes_001", "planes_002")
    part = Image(first.data[:2], name="part")
    part._source = first.source  # as napari's own "split" leaves it
    assert made(tmp_path / "r", part).image_ids() == ("part_0", "part_1"), "not all of the file"


def test_classes_as_typed_in() -> None:
    classes = classes_from(["background", " cell ", ""], ["#000000", "#ff0080", "#123456"])
    assert classes.names == ("background", "cell")
    assert classes.colours[1] == (255, 0, 128)
    with pytest.raises(SeminarError, match="twice"):
        classes_from(["a", "a"], ["#000000", "#000001"])


@pytest.mark.usefixtures("plugins")
def test_a_layer_read_from_a_file_keeps_the_very_file(tmp_path: Path) -> None:
    from napari.components import ViewerModel

    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    PillowImage.fromarray(pixels).save(tmp_path / "photo.jpg", quality=60)
    (layer,) = ViewerModel().open(tmp_path / "photo.jpg", plugin="napari")
    assert isinstance(layer, Image)
    project = made(tmp_path / "p", layer)
    assert (project.path / "JPEGImages" / "photo.jpg").read_bytes() == (
        tmp_path / "photo.jpg"
    ).read_bytes()
    assert picture(project.read_image("photo")).rgb
