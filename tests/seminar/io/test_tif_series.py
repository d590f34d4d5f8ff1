"""Which pages of a tif are its pictures: nothing is lost, nothing that is missing is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from seminar.errors import DatasetError
from seminar.io.images import image_size, read_image, read_planes
from seminar.io.tif import tif_layout, tif_pages
from seminar.io.tif_series import open_tif

HEIGHT, WIDTH = 24, 34


def noise(*shape: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(1, 255, shape, dtype=np.uint8)


PICTURE = noise(HEIGHT, WIDTH)
PLAIN: dict[str, Any] = {"photometric": "minisblack", "metadata": None}


def written(path: Path, *pages: npt.NDArray[Any], **options: Any) -> Path:
    with tifffile.TiffWriter(path) as tif:
        for page in pages:
            tif.write(page, contiguous=False, **(PLAIN | options))
    return path


# --- thumbnails and other pictures of the same


@pytest.mark.parametrize("is_first", [True, False])
def test_a_thumbnail_is_not_the_picture(tmp_path: Path, is_first: bool) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for is_thumbnail in (is_first, not is_first):
            page = PICTURE[::5, ::5] if is_thumbnail else PICTURE
            tif.write(page, subfiletype=int(is_thumbnail), **PLAIN)
    assert image_size(path) == (HEIGHT, WIDTH)
    assert (read_image(path)[:, :, 0] == PICTURE).all()
    assert tif_pages(path)[::2] == (1, True)


def test_the_page_of_the_picture_is_read_by_pillow_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(PICTURE[::5, ::5], subfiletype=1, **PLAIN)
        tif.write(PICTURE, **PLAIN)

    def without_imagecodecs(*_: object, **__: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", without_imagecodecs)
    assert (read_image(path)[:, :, 0] == PICTURE).all()


@pytest.mark.parametrize("is_flagged", [True, False])
def test_smaller_versions_are_not_pictures(tmp_path: Path, is_flagged: bool) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for level in range(3):
            tif.write(
                PICTURE[:: 2**level, :: 2**level],
                subfiletype=int(is_flagged and level > 0),
                **PLAIN,
            )
    assert tif_pages(path)[::2] == (1, True)
    assert (read_image(path)[:, :, 0] == PICTURE).all()


def test_a_mask_of_transparency_is_not_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"  # as GDAL writes them into a cloud-optimised GeoTIFF
    with tifffile.TiffWriter(path) as tif:
        tif.write(PICTURE, **PLAIN)
        tif.write(PICTURE > 100, subfiletype=4, **PLAIN)
    assert (read_image(path)[:, :, 0] == PICTURE).all()
    assert tif_pages(path, "planes")[::2] == (1, True)


def test_the_label_of_a_slide_is_not_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"  # as Bio-Formats converts an Aperio slide
    with tifffile.TiffWriter(path, ome=True) as tif:
        for name, page in (
            ("", PICTURE),
            ("label image", PICTURE[:9]),
            ("macro image", PICTURE[:7]),
        ):
            tif.write(page, photometric="minisblack", metadata={"axes": "YX", "Name": name})
    assert (read_image(path)[:, :, 0] == PICTURE).all()


# --- several pictures


@pytest.mark.parametrize("metadata", [None, {}])
def test_pages_appended_one_by_one_are_all_read(tmp_path: Path, metadata: Any) -> None:
    pages = noise(20, HEIGHT, WIDTH)
    path = written(tmp_path / "a.tif", *pages, metadata=metadata)
    assert tif_pages(path)[::2] == (20, False)
    assert (np.concatenate([*read_planes(path)], axis=2) == np.moveaxis(pages, 0, 2)).all()
    with pytest.raises(DatasetError, match=r"a\.tif: a stack of 20 planes, expected one image"):
        read_image(path)


def test_a_few_appended_pages_are_what_the_user_says(tmp_path: Path) -> None:
    pages = noise(3, HEIGHT, WIDTH)
    path = written(tmp_path / "a.tif", *pages, metadata={})
    assert (read_image(path) == np.moveaxis(pages, 0, 2)).all()
    assert tif_pages(path, "planes")[::2] == (3, False)
    assert [plane.shape for plane in read_planes(path, "planes")] == [(HEIGHT, WIDTH, 1)] * 3


def test_pages_of_colours_are_planes(tmp_path: Path) -> None:
    pages = noise(2, HEIGHT, WIDTH, 3)
    path = written(tmp_path / "a.tif", *pages, photometric="rgb", metadata={})
    assert tif_pages(path)[::2] == (2, False)
    assert (np.stack([*read_planes(path)]) == pages).all()


@pytest.mark.parametrize("shapes", [((HEIGHT, WIDTH), (HEIGHT, WIDTH)), ((HEIGHT, WIDTH), (9, 11))])
def test_scenes_of_an_ome_tif_are_images(tmp_path: Path, shapes: Any) -> None:
    path = tmp_path / "a.ome.tif"
    scenes = [noise(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    with tifffile.TiffWriter(path, ome=True) as tif:
        for scene in scenes:
            tif.write(scene, photometric="minisblack", metadata={"axes": "YX"})
    assert tif_pages(path)[::2] == (2, False)
    for plane, scene in zip(read_planes(path), scenes, strict=True):
        assert (plane[:, :, 0] == scene).all()
    with pytest.raises(DatasetError, match=r"a\.ome\.tif: (a stack of 2|holds pictures that)"):
        read_image(path)


def test_pictures_of_different_sizes_are_asked_for(tmp_path: Path) -> None:
    small = noise(10, 11)
    path = written(tmp_path / "a.tif", PICTURE, small)
    for read in (tif_layout, read_image, tif_pages):
        with pytest.raises(
            DatasetError,
            match=r"a\.tif: .* \(24 x 34, 10 x 11 pixels.*`seminar new --pages planes`",
        ):
            read(path)
    assert tif_pages(path, "planes")[::2] == (2, False)
    first, second = read_planes(path, "planes")
    assert (first[:, :, 0] == PICTURE).all() and (second[:, :, 0] == small).all()


# --- planes that are named and missing


def ome_of_a_set(names: tuple[str, ...]) -> list[str]:
    """The OME-XML of each file of a set with a channel a file."""
    ids = [f"urn:uuid:00000000-0000-0000-0000-00000000000{number}" for number in range(len(names))]
    data = "".join(
        f'<TiffData IFD="0" FirstC="{number}" PlaneCount="1"><UUID FileName="{name}">{ids[number]}'
        "</UUID></TiffData>"
        for number, name in enumerate(names)
    )
    channels = "".join(
        f'<Channel ID="Channel:0:{number}" SamplesPerPixel="1"/>' for number in range(len(names))
    )
    return [
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{each}"><Image '
        f'ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="{WIDTH}" '
        f'SizeY="{HEIGHT}" SizeC="{len(names)}" SizeZ="1" SizeT="1">{channels}{data}</Pixels>'
        "</Image></OME>"
        for each in ids
    ]


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_file_of_a_set_is_not_filled_with_black(tmp_path: Path, is_complete: bool) -> None:
    names = ("c0.ome.tif", "c1.ome.tif")
    for name, text in zip(names, ome_of_a_set(names), strict=True):
        if is_complete or name == "c1.ome.tif":
            written(tmp_path / name, PICTURE, description=text)
    with pytest.raises(
        DatasetError,
        match=r"c1\.ome\.tif: its metadata names 2 planes, 1 of them not in the file but in "
        r"c0\.ome\.tif; get a whole copy, or save the whole image as one file \(.*`tiffcomment",
    ):
        read_image(tmp_path / "c1.ome.tif")


@pytest.mark.parametrize("options", [{"imagej": True}, {}, {"compression": "zlib"}])
def test_planes_without_pages_of_their_own_are_there(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    stack = noise(20, HEIGHT, WIDTH)
    tifffile.imwrite(tmp_path / "a.tif", stack, metadata={"axes": "ZYX"}, **options)
    assert (np.concatenate([*read_planes(tmp_path / "a.tif")], 2) == np.moveaxis(stack, 0, 2)).all()


def test_the_picture_of_an_aperio_slide(tmp_path: Path) -> None:
    slide, label = noise(512, 640, 3), noise(60, 50, 3)
    text = "Aperio Image Library v12.0.5\n640x512 (256x256) JPEG/RGB Q=70|AppMag = 20"
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for pixels, options in (
            (slide, {"tile": (256, 256)}),
            (slide[::8, ::8], {}),
            (slide[::4, ::4], {"tile": (64, 64)}),
            (label, {"subfiletype": 1}),
            (label[::2], {"subfiletype": 9}),
        ):
            tif.write(pixels, photometric="rgb", description=text, metadata=None, **options)
    assert tif_pages(tmp_path / "a.tif") == (1, 3, True)
    assert (read_image(tmp_path / "a.tif") == slide).all()


def test_a_description_that_an_editor_kept_is_not_believed(tmp_path: Path) -> None:
    options: dict[str, Any] = {"photometric": "minisblack", "metadata": {"axes": "ZYX"}}
    tifffile.imwrite(tmp_path / "full.ome.tif", noise(5, HEIGHT, WIDTH), **options)
    with tifffile.TiffFile(tmp_path / "full.ome.tif") as tif:
        text = tif.pages.first.description
    path = written(tmp_path / "one.tif", PICTURE, description=text)
    with pytest.raises(DatasetError, match="names 5 planes, 4 of them not in the file; get"):
        image_size(path)
    tifffile.tiffcomment(path, "-")  # the remedy
    assert (read_image(path)[:, :, 0] == PICTURE).all()


@pytest.mark.parametrize("text", ['{"shape": [5, 24, 34]}', "ImageJ=1.53t\nimages=5\nslices=5\n"])
def test_descriptions_without_xml_are_not_believed_either(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "a.tif", PICTURE, description=text)
    with pytest.raises(DatasetError, match="description names more planes than the file holds"):
        image_size(path)
    tifffile.tiffcomment(path, "-")
    assert (read_image(path)[:, :, 0] == PICTURE).all()


def test_a_cut_imagej_stack_is_not_its_first_plane(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(6, HEIGHT, WIDTH), imagej=True, metadata={"axes": "ZYX"})
    data = path.read_bytes()
    path.write_bytes(data[: -2 * HEIGHT * WIDTH])
    with pytest.raises(DatasetError, match="its ImageJ description names more planes than"):
        read_image(path)


def test_other_files_of_the_folder_are_not_opened(tmp_path: Path) -> None:
    names = ("c0.ome.tif", "c1.ome.tif")
    for name, text in zip(names, ome_of_a_set(names), strict=True):
        written(tmp_path / name, PICTURE, description=text)
    with open_tif(tmp_path / "c0.ome.tif") as tif:
        (series,) = tif.series
        assert not series.is_multifile
    with tifffile.TiffFile(tmp_path / "c0.ome.tif") as tif:  # what it is shielded from
        assert tif.series[0].is_multifile
