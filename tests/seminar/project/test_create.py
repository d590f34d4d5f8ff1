"""A new project appears whole, from copies, or not at all."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

import seminar.project.images.sources
from seminar.errors import DatasetError
from seminar.labels import ClassNames
from seminar.project.check.project import check
from seminar.project.create import create_project
from seminar.project.project import Project

CLASSES = ClassNames.of("background", "nucleus")


def noise(*shape: int, dtype: str = "uint8") -> npt.NDArray[Any]:
    return np.random.default_rng(0).integers(0, 255, shape).astype(dtype)


def image(path: Path, *shape: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(*(shape or (20, 30, 3)))).save(path)
    return path


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_images_are_copied_byte_by_byte(tmp_path: Path) -> None:
    files = [image(tmp_path / "in" / name) for name in ("one.png", "two.JPG", "three.tif")]
    before = [file.read_bytes() for file in files]
    project = Project.create(tmp_path / "deep" / "project", files, CLASSES)
    assert project.image_ids() == ("one", "three", "two")
    assert (
        [project.image_path(name).read_bytes() for name in ("one", "two", "three")]
        == before
        == [file.read_bytes() for file in files]
    )
    assert Project.open(project.path) == project
    assert leftovers(tmp_path / "deep") == ["project"]


def test_folders_and_patterns_are_searched(tmp_path: Path) -> None:
    for name in (
        "in/a.png",
        "in/b.tif",
        "in/deeper/c.png",
        "other/d1.png",
        "other/d2.jpg",
        "other/e.png",
    ):
        image(tmp_path / name)
    (tmp_path / "in" / "notes.txt").write_text("")
    (tmp_path / "in" / ".hidden.png").write_text("")
    ids = create_project(
        tmp_path / "p",
        [tmp_path / "in", str(tmp_path / "other" / "d*"), tmp_path / "in" / "a.png"],
        CLASSES,
    )
    assert ids == ("a", "b", "d1", "d2")


def test_an_empty_folder_may_become_a_project(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    create_project(tmp_path / "p", [image(tmp_path / "a.png")], CLASSES)
    assert Project.open(tmp_path / "p").image_ids() == ("a",)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_nothing_is_overwritten(tmp_path: Path, kind: str) -> None:
    kept = tmp_path / "p" / "thesis.txt" if kind == "folder" else tmp_path / "p"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("years of work")
    with pytest.raises(DatasetError, match="p: already there and not empty; choose another name"):
        create_project(tmp_path / "p", [image(tmp_path / "a.png")], CLASSES)
    assert kept.read_text() == "years of work"


def test_every_fault_is_said_at_once_and_nothing_is_made(tmp_path: Path) -> None:
    good = image(tmp_path / "in" / "a.png")
    image(tmp_path / "more" / "A.png")
    torn = image(tmp_path / "in" / "torn.png")
    torn.write_bytes(torn.read_bytes()[:-200])
    tiny = image(tmp_path / "in" / "tiny.png", 1, 1)
    sources: list[Path | str] = [
        good,
        tmp_path / "more",
        torn,
        tiny,
        image(tmp_path / "in" / "wh?t.png"),
        tmp_path / "nowhere",
        tmp_path / "x.bmp",
    ]
    (tmp_path / "x.bmp").write_bytes(b"BM")
    with pytest.raises(DatasetError) as caught:
        create_project(tmp_path / "p", sources, CLASSES)
    expected = (
        "A.png: would get the same image id as",
        "torn.png: damaged or cut short",
        "tiny.png: 1 x 1 pixels (height x width) are too few",
        "wh?t.png: the name cannot be an image id: it holds ?",
        "nowhere: no image found there",
        "x.bmp: not an image by its name; convert it",
    )
    for part in expected:
        assert [part in fault for fault in caught.value.faults].count(True) == 1, part
    assert len(caught.value.faults) == len(expected)
    assert not (tmp_path / "p").exists()


def test_a_project_needs_images(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="p: no images to make a project from"):
        create_project(tmp_path / "p", [], CLASSES)


def test_a_stack_becomes_one_image_a_plane(tmp_path: Path) -> None:
    pixels = noise(12, 20, 30, dtype="uint16")
    tifffile.imwrite(tmp_path / "stack.tif", pixels, metadata={"axes": "ZYX"})
    project = Project.create(tmp_path / "p", [tmp_path / "stack.tif"], CLASSES)
    assert project.image_ids() == tuple(f"stack_{number:03d}" for number in range(12))
    for number in range(12):
        assert (project.read_image(f"stack_{number:03d}")[:, :, 0] == pixels[number]).all()
    assert project.read_image("stack_000").dtype == np.uint16
    assert [fault for fault in check(project) if "clicks" not in fault] == []


@pytest.mark.parametrize(
    ("channels", "dtype"), [(2, "uint16"), (3, "uint8"), (4, "float32"), (5, "uint8")]
)
def test_planes_keep_their_channels(tmp_path: Path, channels: int, dtype: str) -> None:
    pixels = noise(6, channels, 20, 30, dtype=dtype)
    tifffile.imwrite(
        tmp_path / "s.tif", pixels, photometric="minisblack", metadata={"axes": "TCYX"}
    )
    project = Project.create(tmp_path / "p", [tmp_path / "s.tif"], CLASSES)
    assert len(project.image_ids()) == 6
    plane = project.read_image("s_005")
    assert plane.dtype == dtype
    assert (plane == np.moveaxis(pixels[5], 0, 2)).all()


def test_pages_are_taken_as_the_user_says(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "few.tif", noise(3, 20, 30), photometric="minisblack")
    tifffile.imwrite(tmp_path / "many.tif", noise(30, 20, 31), photometric="minisblack")
    assert create_project(tmp_path / "auto", [tmp_path / "few.tif"], CLASSES) == ("few",)
    assert create_project(tmp_path / "planes", [tmp_path / "few.tif"], CLASSES, pages="planes") == (
        "few_000",
        "few_001",
        "few_002",
    )
    assert create_project(
        tmp_path / "channels", [tmp_path / "many.tif"], CLASSES, pages="channels"
    ) == ("many",)
    assert (
        Project.open(tmp_path / "channels").read_image("many")
        == np.moveaxis(noise(30, 20, 31), 0, 2)
    ).all()


def test_planes_and_images_of_one_name_are_said(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", noise(20, 20, 30), metadata={"axes": "ZYX"})
    with pytest.raises(DatasetError, match=r"would get the same image id as .*, 's_001'; rename"):
        create_project(tmp_path / "p", [tmp_path / "s.tif", image(tmp_path / "s_001.png")], CLASSES)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [image(tmp_path / "in" / f"{name}.png") for name in "abc"]
    real = seminar.project.images.sources.write_bytes

    def fills_up(path: Path, data: bytes, *, durable: bool = True) -> None:
        if path.name == "c.png":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, data, durable=durable)

    monkeypatch.setattr(seminar.project.images.sources, "write_bytes", fills_up)
    with pytest.raises(OSError, match="No space left"):
        create_project(tmp_path / "p", files, CLASSES)
    assert leftovers(tmp_path) == ["in"]


def test_images_of_one_and_of_two_channels_are_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "one.tif", tmp_path / "two.tif"
    tifffile.imwrite(one, noise(20, 30))
    tifffile.imwrite(two, noise(2, 20, 30), photometric="minisblack", metadata={"axes": "CYX"})
    with pytest.raises(DatasetError) as caught:
        create_project(tmp_path / "p", [one, two], CLASSES)
    assert caught.value.faults == (
        f"{tmp_path / 'p'}: images with different numbers of channels: 1 in 1 image (one); 2 in 1 "
        "image (two); convert them, or make a project of each kind",
    )
    assert not (tmp_path / "p").exists()
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, noise(3, 20, 30), photometric="minisblack", metadata={"axes": "ZYX"})
    assert len(create_project(tmp_path / "p", [one, stack], CLASSES)) == 4
    with pytest.raises(DatasetError, match="2 in 1 image"):
        create_project(tmp_path / "q", [two, stack], CLASSES)


def test_scenes_and_pages_of_a_tif_become_images(tmp_path: Path) -> None:
    pages = noise(20, 20, 30)
    for page in pages:
        tifffile.imwrite(tmp_path / "appended.tif", page, append=True)
    with tifffile.TiffWriter(tmp_path / "scenes.ome.tif", ome=True) as tif:
        for shape in ((20, 30), (15, 40)):
            tif.write(noise(*shape), photometric="minisblack", metadata={"axes": "YX"})
    with tifffile.TiffWriter(tmp_path / "thumb.tif") as tif:
        tif.write(pages[0, ::2, ::2], photometric="minisblack", metadata=None, subfiletype=1)
        tif.write(pages[0], photometric="minisblack", metadata=None)
    ids = create_project(tmp_path / "p", [tmp_path / "*.tif"], CLASSES)
    project = Project.open(tmp_path / "p")
    assert ids == (
        *(f"appended_{number:03}" for number in range(20)),
        "scenes.ome_000",
        "scenes.ome_001",
        "thumb",
    )
    assert (project.read_image("appended_007")[:, :, 0] == pages[7]).all()
    assert project.image_size("scenes.ome_001") == (15, 40)
    assert (project.read_image("thumb")[:, :, 0] == pages[0]).all()


def test_a_folder_with_brackets_in_its_name(tmp_path: Path) -> None:
    image(tmp_path / "plate[1]" / "a.png")
    assert create_project(tmp_path / "p", [tmp_path / "plate[1]" / "*.png"], CLASSES) == ("a",)


def test_an_ome_zarr_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".zattrs").write_text("{}")
    with pytest.raises(DatasetError, match="a: an OME-Zarr, which is predicted but not annotated"):
        create_project(tmp_path / "p", [tmp_path / "a"], CLASSES)


def test_a_turned_photo_is_copied_and_read_as_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    pixels = noise(20, 30, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    project = Project.create(tmp_path / "p", [tmp_path / "a.png"], CLASSES)
    assert (project.read_image("a") == np.rot90(pixels)).all()


def test_a_mount_that_refuses_to_change_modes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, *_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", path)

    monkeypatch.setattr("os.chmod", refuse)
    assert create_project(tmp_path / "p", [image(tmp_path / "a.png")], CLASSES) == ("a",)
