"""Files made to do harm: refused or handled, named, and nothing outside of the project touched."""

from __future__ import annotations

import os
import pickle
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError, SeminarError
from seminar.io.images import read_image
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames
from seminar.project.check.project import inspect_project
from seminar.project.project import Project
from seminar.run.folder import RunFolder

NAMES = {
    "a line\nbreak": "a control character",
    "a tab\tin it": "a control character",
    "\u2028": "a control character",
    "nul\0": "a control character",
    "x" * 300: "longer than 200 bytes",
    "\N{SNAKE}" * 75: "longer than 200 bytes",
    "../outside": "a slash",
    "..": "starts with a dot",
    " space": "a space",
    "\udcff": "a control character",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.arange(16 * 16, dtype=np.uint8).reshape(16, 16)).save(
            source / f"{name}.png"
        )
    project = Project.create(tmp_path / "project", [source], ClassNames.of("background", "cell"))
    for image_id in ("a", "b"):
        project.write_clicks(image_id, ClickSet(16, 16, [(1, 1), (9, 9)], [0, 1]))
    return project


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + head + b"".join(chunk(*one) for one in chunks) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:20] for name in NAMES])
def test_a_hostile_name_is_refused_wherever_a_name_is_asked_for(
    project: Project, name: str
) -> None:
    before = sorted(project.path.parent.rglob("*"))
    for use in (
        project.image_path,
        project.read_clicks,
        project.read_truth,
        project.read_objects,
        project.split,
    ):
        with pytest.raises(DatasetError) as caught:
            use(name)
        assert NAMES[name] in str(caught.value)
        assert "\n" not in str(caught.value)
        str(caught.value).encode()  # can be printed
    with pytest.raises(DatasetError):
        project.write_clicks(name, ClickSet(16, 16))
    if "/" in name or name == ".." or len(name) > 100 or set(name) & set("\n\0"):
        with pytest.raises(SeminarError, match="choose another"):
            RunFolder.of(project.path, name)
    assert sorted(project.path.parent.rglob("*")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="only here a file can have such a name")
def test_hostile_names_on_disk_are_named_by_check(project: Project) -> None:
    good = project.image_path("a").read_bytes()
    names = [
        b"line\nbreak.png",
        b"bytes\xff\xfe.png",
        b" space.png",
        "\N{SNAKE}\N{BUST IN SILHOUETTE}.png".encode(),
        b"n" * 251 + b".png",
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(project.path / "JPEGImages") + b"/" + name)).write_bytes(good)
    faults = "\n".join(inspect_project(project).faults)
    assert faults.count("the name cannot be an image id") == 4
    faults.encode()
    assert "\\n" in faults
    assert "\N{SNAKE}\N{BUST IN SILHOUETTE}" in project.image_ids()  # is a name like any other
    project.write_clicks("\N{SNAKE}\N{BUST IN SILHOUETTE}", ClickSet(16, 16, [(1, 1)], [1]))
    assert len(project.read_clicks("\N{SNAKE}\N{BUST IN SILHOUETTE}") or ()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_that_lead_round_in_circles_are_named(project: Project) -> None:
    for path in (
        project.path / "JPEGImages" / "loop.png",
        project.clicks_path("a"),
        project.sparse_mask_path("b"),
        project.truth_path("a"),
        project.path / "runs" / "loop",
        project.path / "ImageSets" / "Segmentation" / "train.txt",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(path.name)
    (project.path / "JPEGImages" / "down").symlink_to(project.path)
    opened = Project.open(project.path)
    found = inspect_project(opened)
    for name in ("JPEGImages/loop.png", "Clicks/a.json", "Segmentation/train.txt"):
        assert any(name in fault and "symbolic links" in fault for fault in found.faults), name
    assert opened.runs() == ()
    opened.clicks_stamps()
    for use in (
        lambda: opened.read_clicks("a"),
        lambda: opened.read_truth("a"),
        lambda: opened.split("train"),
    ):
        try:
            use()
        except SeminarError as error:
            assert str(error)
    assert len(opened.read_clicks("b") or ()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_out_of_the_project_is_a_fault_and_is_never_written_through(
    project: Project, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    project.clicks_path("a").unlink()
    project.clicks_path("a").symlink_to(secret)
    project.write_clicks("a", ClickSet(16, 16, [(1, 1)], [1]))
    assert secret.read_text() == "{}"
    (project.path / "JPEGImages" / "c.png").symlink_to(tmp_path / "source" / "a.png")
    assert any(
        "c.png: a link to a file outside" in fault for fault in inspect_project(project).faults
    )


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_ten_gigapixels_are_refused_by_their_header(project: Project, ending: str) -> None:
    path = project.path / "JPEGImages" / f"giant.{ending}"
    if ending == "png":
        path.write_bytes(png(100_000, 100_000, (b"IDAT", zlib.compress(bytes(99)))))
    else:
        tifffile.imwrite(path, np.zeros((8, 8), np.uint8))
        data = path.read_bytes()
        for tag in (256, 257):
            at = (
                data.index(struct.pack("<HH", tag, 3))
                if struct.pack("<HH", tag, 3) in data
                else data.index(struct.pack("<HH", tag, 4))
            )
            data = data[:at] + struct.pack("<HHII", tag, 4, 1, 100_000) + data[at + 12 :]
        path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"giant.* are more than the 268,435,456"):
        read_image(path)


def test_thousands_of_channels_in_a_small_header_are_refused(project: Project) -> None:
    path = project.path / "JPEGImages" / "deep.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8))
    data = path.read_bytes()
    for tag, value in ((256, 16_000), (257, 16_000), (277, 60_000)):
        at = next(
            data.index(struct.pack("<HH", tag, kind))
            for kind in (3, 4)
            if struct.pack("<HH", tag, kind) in data
        )
        data = data[:at] + struct.pack("<HHII", tag, 4, 1, value) + data[at + 12 :]
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"deep\.tif: "):
        read_image(path)


@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_tif_whose_pages_go_round_in_circles_is_refused_at_once(
    project: Project, bigtiff: bool
) -> None:
    path = project.path / "JPEGImages" / "round.tif"
    pages = np.zeros((3, 16, 16), np.uint8)
    tifffile.imwrite(path, pages, photometric="minisblack", metadata=None, bigtiff=bigtiff)
    assert read_image(path).shape == (16, 16, 3)
    with tifffile.TiffFile(path) as tif:
        first, last = tif.pages[0].offset, tif.pages[-1].offset
    data = bytearray(path.read_bytes())
    count = int.from_bytes(data[last : last + (8 if bigtiff else 2)], "little")
    link = last + (8 + 20 * count if bigtiff else 2 + 12 * count)
    data[link : link + 4] = first.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"round\.tif: damaged .*go round in circles"):
        read_image(path)


def test_a_png_that_unpacks_to_gigabytes_of_text_is_refused_or_read_within_memory(
    project: Project,
) -> None:
    bomb = b"k\0\0" + zlib.compress(bytes(200_000_000), 9)
    path = project.path / "JPEGImages" / "bomb.png"
    path.write_bytes(png(16, 16, *[(b"zTXt", bomb)] * 4, (b"IDAT", zlib.compress(bytes(17 * 16)))))
    with pytest.raises(DatasetError, match=r"bomb\.png: damaged"):
        read_image(path)


def test_a_mask_of_a_lying_size_is_refused(project: Project) -> None:
    path = project.truth_path("a")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(png(16_000, 16_000, (b"IDAT", zlib.compress(bytes(99)))))
    with pytest.raises(DatasetError, match=r"a\.png: damaged or cut short"):
        read_label_png(path)


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_a_checkpoint_with_code_in_it_is_not_run(project: Project, tmp_path: Path) -> None:
    import torch

    from seminar.errors import CheckpointError
    from seminar.models.checkpoint import load_checkpoint

    run = RunFolder.of(project.path, "june")
    path = run.checkpoint_path("ancillary")
    path.parent.mkdir(parents=True)
    torch.save(
        {"format": "seminar-checkpoint", "version": 1, "student": Bomb(tmp_path / "boom")}, path
    )
    path.with_name("previous.pt").write_bytes(pickle.dumps(Bomb(tmp_path / "boom")))
    with pytest.raises(
        CheckpointError, match=r"checkpoint\.pt: .*previous\.pt: .*no whole checkpoint is left"
    ):
        load_checkpoint(path)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("name", ["../../outside", "/tmp/outside", "archive/../../x", "C:\\x"])
def test_a_zip_that_leads_out_is_refused_as_a_model(tmp_path: Path, name: str) -> None:
    from seminar.errors import CheckpointError
    from seminar.models.checkpoint import load_model

    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(CheckpointError, match="leads out of the archive"):
        load_model(tmp_path / "model.pt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt"]


def test_a_request_for_a_preview_of_anything_stays_in_the_run(project: Project) -> None:
    run = RunFolder.of(project.path, "june")
    run.path.mkdir(parents=True)
    for text in (b"../../../outside", b"\xff\xfe", b"\0", b"x" * 10**6, b""):
        (run.path / "preview.request").write_bytes(text)
        assert (
            run.preview_requested() not in project.image_ids()
        )  # so the trainer draws another image
