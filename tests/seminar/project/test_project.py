"""Reading and writing a project folder."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError
from seminar.io.label_png import read_label_png, write_label_png
from seminar.project.project import Project


def clicks(*class_ids: int, height: int = 20, width: int = 30) -> ClickSet:
    return ClickSet(
        height, width, [(index, index + 1) for index in range(len(class_ids))], class_ids
    )


def files(project: Project) -> dict[str, bytes]:
    return {
        str(path.relative_to(project.path)): path.read_bytes()
        for path in project.path.rglob("*")
        if path.is_file()
    }


def test_open_reads_classes_and_ids(project: Project) -> None:
    opened = Project.open(str(project.path))
    assert opened == project
    assert opened.classes.names == ("background", "nucleus", "rim")
    assert opened.image_ids() == ("a", "b", "c")


def test_what_is_no_project_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere: no such folder"):
        Project.open(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError) as caught:
        Project.open(tmp_path / "empty")
    assert len(caught.value.faults) == 2
    assert "JPEGImages: missing" in caught.value.faults[0]
    assert "classes.txt: missing" in caught.value.faults[1]


def test_classes_of_another_encoding_are_said(project: Project) -> None:
    (project.path / "classes.txt").write_bytes("background\nZäpfchen\n".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"classes\.txt: not UTF-8 text"):
        Project.open(project.path)


def test_hidden_and_unfinished_files_are_no_images(project: Project) -> None:
    for name in (".b2.png", "x.png.part", ".DS_Store", "notes.txt"):
        (project.path / "JPEGImages" / name).write_bytes(b"")
    (project.path / "JPEGImages" / "folder.png").mkdir()
    assert project.image_ids() == ("a", "b", "c")


def test_endings_in_capitals_are_found(project: Project) -> None:
    (project.path / "JPEGImages" / "a.png").rename(project.path / "JPEGImages" / "a.PNG")
    assert project.image_ids() == ("a", "b", "c")
    assert project.image_size("a") == (20, 30)
    assert project.read_image("a").shape == (20, 30, 3)


@pytest.mark.parametrize(
    "image_id", ["..", "../a", "a/b", "/etc/passwd", "a\0", "a\nb", "", ".a", "..\\a"]
)
def test_ids_that_leave_the_project_are_refused_everywhere(project: Project, image_id: str) -> None:
    for use in (
        project.image_path,
        project.read_image,
        project.read_clicks,
        project.read_truth,
        project.read_objects,
    ):
        with pytest.raises(DatasetError, match="cannot be an image id"):
            use(image_id)
    before = files(project)
    with pytest.raises(DatasetError, match="cannot be an image id"):
        project.write_clicks(image_id, clicks(0))
    assert files(project) == before


def test_a_missing_image_is_said(project: Project) -> None:
    with pytest.raises(DatasetError, match="zz: no such image; add it"):
        project.read_image("zz")
    with pytest.raises(DatasetError, match="zz: no such image"):
        project.write_clicks("zz", clicks(0))


# --- splits


def split_file(project: Project, name: str, text: str) -> Path:
    path = project.path / "ImageSets" / "Segmentation" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def test_a_split_keeps_its_order_and_each_id_once(project: Project) -> None:
    split_file(project, "train", "\ufeffc\r\na\r\n\r\nc\r\n")
    assert project.split("train") == ("c", "a")
    assert project.split("val") is None


def test_a_split_spells_accents_as_it_likes(project: Project) -> None:
    for folder in ("JPEGImages",):
        (project.path / folder / "a.png").rename(project.path / folder / "gro\u0308ße.png")
    split_file(project, "train", "gr\u00f6ße\n")
    (image_id,) = project.split("train") or ()
    assert project.read_image(image_id).shape == (20, 30, 3)


def test_every_fault_of_a_split_is_said_with_its_line(project: Project) -> None:
    split_file(project, "train", "a\n../../secret\nzz\n\na\0b\n")
    with pytest.raises(DatasetError) as caught:
        project.split("train")
    assert [fault.split(": ")[0].split(", ")[1] for fault in caught.value.faults] == [
        "line 2",
        "line 3",
        "line 5",
    ]
    assert "no image zz in JPEGImages; add the image or delete the line" in caught.value.faults[1]


def test_a_split_name_cannot_leave_the_project(project: Project) -> None:
    with pytest.raises(DatasetError, match="cannot be a file name"):
        project.split("../../x")


# --- clicks


def test_a_mask_without_json_is_read_as_clicks(project: Project) -> None:
    mask = np.full((20, 30), 255, dtype=np.uint8)
    mask[4, 5:15] = 1
    write_label_png(project.sparse_mask_path("c"), mask, project.classes)
    read = project.read_clicks("c")
    assert read is not None
    assert (read.rasterize() == mask).all()
    assert not project.clicks_path("c").exists()


def test_the_json_counts_where_the_mask_differs(project: Project) -> None:
    one = project.read_clicks("a")
    write_label_png(project.sparse_mask_path("a"), np.zeros((20, 30), np.uint8), project.classes)
    assert project.read_clicks("a") == one
    assert not read_label_png(project.sparse_mask_path("a")).any()  # what somebody drew stays


def test_the_stamp_of_clicks_is_the_json_s_also_where_the_mask_is_newer(project: Project) -> None:
    later = project.clicks_path("a").stat().st_mtime_ns + 10**10
    os.utime(project.sparse_mask_path("a"), ns=(later, later))
    assert project.clicks_stamps()["a"] == project.clicks_path("a").stat().st_mtime_ns


def test_stamps_tell_what_changed(project: Project) -> None:
    before = project.clicks_stamps()
    assert set(before) == {"a", "b"}
    time.sleep(0.02)
    project.write_clicks("b", clicks(1, 1))
    (project.path / "Clicks" / ".half.json").write_text("")
    (project.path / "Clicks" / "x.json.part").write_text("")
    after = project.clicks_stamps()
    assert after["a"] == before["a"]
    assert after["b"] > before["b"]
    assert set(after) == {"a", "b"}


def test_stamps_of_masks_without_json(project: Project) -> None:
    write_label_png(project.sparse_mask_path("c"), np.full((20, 30), 255), project.classes)
    assert project.clicks_stamps()["c"] == project.sparse_mask_path("c").stat().st_mtime_ns


# --- truth and runs


def test_truth_and_objects(project: Project) -> None:
    truth = project.read_truth("a")
    assert truth is not None
    assert sorted(np.unique(truth).tolist()) == [0, 1, 2, 255]
    assert project.read_objects("a") is None
    project.truth_path("a").unlink()
    assert project.read_truth("a") is None
    write_label_png(
        project.objects_path("a"), np.arange(600).reshape(20, 30) % 250, project.classes
    )
    objects = project.read_objects("a")
    assert objects is not None
    assert objects.max() == 249


def test_runs_newest_last(project: Project) -> None:
    assert project.runs() == ()
    for age, name in ((3, "first"), (1, "third"), (2, "second")):
        folder = project.path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text("")
        when = time.time_ns() - age * 10**9
        os.utime(folder / "config.toml", ns=(when, when))
    (project.path / "runs" / "note.txt").write_text("")
    (project.path / "runs" / ".hidden").mkdir()
    assert project.runs() == ("first", "second", "third")
