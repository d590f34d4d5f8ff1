"""Reading and writing a project folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError
from seminar.io.label_png import read_label_png, write_label_png
from seminar.project.project import Project
from seminar.project.sparse_mask import write_sparse_mask


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


def test_clicks_are_read_back_and_the_mask_is_in_step(project: Project) -> None:
    one = ClickSet(20, 30, [(1.25, 2.5), (19.4, 29.4)], [2, 0], 12.5)
    project.write_clicks("c", one)
    assert project.read_clicks("c") == one
    mask = read_label_png(project.sparse_mask_path("c"))
    assert (mask == one.rasterize()).all()
    assert (mask != 255).sum() == 2


def test_an_image_without_clicks_has_none(project: Project) -> None:
    assert project.read_clicks("c") is None
    project.write_clicks("c", ClickSet(20, 30))
    assert project.read_clicks("c") == ClickSet(20, 30)
    assert (read_label_png(project.sparse_mask_path("c")) == 255).all()


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


def lag(project: Project, image_id: str, one: ClickSet) -> None:
    """As after a crash between JSON and mask: a newer JSON, an older mask."""
    project.clicks_path(image_id).write_text(one.to_json())
    later = project.sparse_mask_path(image_id).stat().st_mtime_ns + 1_000_000_000
    os.utime(project.clicks_path(image_id), ns=(later, later))


def test_a_mask_that_lags_behind_is_repaired_on_reading(project: Project) -> None:
    newer = clicks(2, 2, 1, 0)
    lag(project, "a", newer)
    stamp = project.clicks_stamps()["a"]
    assert project.read_clicks("a") == newer
    assert (read_label_png(project.sparse_mask_path("a")) == newer.rasterize()).all()
    assert project.clicks_stamps()["a"] == stamp  # a repair is no news


def test_a_missing_mask_is_repaired_on_reading(project: Project) -> None:
    project.sparse_mask_path("a").unlink()
    one = project.read_clicks("a")
    assert one is not None
    assert (read_label_png(project.sparse_mask_path("a")) == one.rasterize()).all()


def test_a_slow_writer_of_older_clicks_is_overtaken(project: Project) -> None:
    old, new = clicks(0), clicks(1, 1)
    project.write_clicks("c", old)
    old_text = project.clicks_path("c").read_bytes()
    project.write_clicks("c", new)
    write_sparse_mask(
        project.sparse_mask_path("c"), old, project.classes, old_text
    )  # another process is done only now
    assert project.read_clicks("c") == new
    assert (read_label_png(project.sparse_mask_path("c")) == new.rasterize()).all()


def test_a_mask_that_cannot_be_repaired_does_not_stop_reading(project: Project) -> None:
    shutil.rmtree(project.path / "SegmentationClick")
    (project.path / "SegmentationClick").write_bytes(b"a file in its place")
    assert project.read_clicks("a") is not None


def test_clicks_of_a_giant_image_are_read_without_its_mask(project: Project) -> None:
    project.clicks_path("a").write_text(clicks(0, height=10**6, width=10**6).to_json())
    project.sparse_mask_path("a").unlink()
    assert len(project.read_clicks("a") or ()) == 1
    assert not project.sparse_mask_path("a").exists()


Click = tuple[float, float, int]
A, B, C, D, A_AS_2, A_MOVED = (1, 2, 1), (3, 4, 0), (5, 6, 1), (7, 8, 2), (1, 2, 2), (1.25, 2.5, 1)


def set_of(*rows: Click, seconds: float = 0.0) -> ClickSet:
    return ClickSet(20, 30, [row[:2] for row in rows], [row[2] for row in rows], seconds)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ((A,), (A, C), (A, C), (A, C)),  # both added it
        ((A,), (A, C, D), (A, D, C), (A, C, D)),
        ((), (C,), (C, C), (C, C)),  # one of them twice
        ((), (C, C), (C,), (C, C)),
        ((A,), (A,), (A, A), (A, A)),
        ((A, B), (B,), (A, B), (B,)),  # we removed it
        ((A, B), (A, B), (B,), (B,)),  # they removed it
        ((A, B), (B,), (A,), ()),  # one each
        ((A, B), (B,), (B,), (B,)),  # both the same
        ((A, A), (A, A), (A,), (A,)),  # one of two alike
        ((A, B), (A, B, C), (B,), (B, C)),
        ((A, B), (B,), (A, B, D), (B, D)),
        ((A, B), (A_MOVED, B), (A, B, D), (A_MOVED, B, D)),  # we moved it
        ((A, B), (A, B, D), (A_MOVED, B), (B, D, A_MOVED)),  # they moved it
        ((A,), (A_MOVED,), (A_MOVED,), (A_MOVED,)),
        ((A, B), (A_AS_2, B), (A, B), (A_AS_2, B)),  # we gave it another class
        ((A, B), (A, B), (A_AS_2, B), (B, A_AS_2)),
        (
            (A,),
            (A_AS_2,),
            (A_MOVED,),
            (A_AS_2, A_MOVED),
        ),  # both changed it, differently: both are kept
    ],
)
def test_what_two_windows_did_to_the_same_clicks(
    project: Project,
    base: tuple[Click, ...],
    ours: tuple[Click, ...],
    theirs: tuple[Click, ...],
    expected: object,
) -> None:
    """Clicks in the order in which they are found: ours first, then what is new of theirs; the
    mask is of all of them.
    """
    project.write_clicks("c", set_of(*theirs))
    project.write_clicks("c", set_of(*ours), base=set_of(*base))
    found = project.read_clicks("c")
    assert found is not None
    assert (found.height, found.width) == (20, 30)
    rows = [
        (row, col, class_id)
        for (row, col), class_id in zip(found.points.tolist(), found.class_ids, strict=True)
    ]
    assert tuple(rows) == expected
    np.testing.assert_array_equal(read_label_png(project.sparse_mask_path("c")), found.rasterize())


@pytest.mark.parametrize(("ours", "theirs"), [(5.0, 30.0), (30.0, 5.0)])
def test_of_two_windows_times_the_longer_counts(
    project: Project, ours: float, theirs: float
) -> None:
    project.write_clicks("c", set_of(A, seconds=theirs))
    project.write_clicks("c", set_of(A, seconds=ours), base=set_of(A))
    found = project.read_clicks("c")
    assert found is not None and found.seconds == 30


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_what_is_no_longer_readable_is_replaced(project: Project, damage: str) -> None:
    project.write_clicks("c", set_of(A, B))
    if damage == "gone":
        project.clicks_path("c").unlink()
    else:
        project.clicks_path("c").write_text("{")
    project.write_clicks("c", set_of(A, B, C), base=set_of(A, B))
    assert project.read_clicks("c") == set_of(A, B, C)


@pytest.mark.parametrize("size", [(20, 31), (21, 30)])
def test_clicks_of_the_image_before_it_was_replaced_are_not_merged(
    project: Project, size: tuple[int, int]
) -> None:
    project.clicks_path("c").write_text(ClickSet(*size, [(9, 9)], [1]).to_json())
    project.write_clicks("c", set_of(A, B), base=set_of(A))
    assert project.read_clicks("c") == set_of(A, B)


def test_a_mask_is_not_mended_with_clicks_that_another_writer_just_replaced(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = clicks(0), clicks(1, 1)
    project.write_clicks("c", old)
    project.sparse_mask_path("c").unlink()

    @contextlib.contextmanager
    def another_was_first(path: Path) -> Iterator[None]:
        monkeypatch.undo()
        project.write_clicks("c", new)
        yield

    monkeypatch.setattr("seminar.project.project.locked", another_was_first)
    assert project.read_clicks("c") == old
    assert (read_label_png(project.sparse_mask_path("c")) == new.rasterize()).all()


def test_clicks_of_a_class_that_no_mask_can_hold_are_read_without_one(project: Project) -> None:
    project.clicks_path("c").write_text(clicks(255).to_json())
    assert project.read_clicks("c") == clicks(255)
    assert not project.sparse_mask_path("c").exists()


def test_the_last_class_is_written_and_the_height_of_an_image_counts(project: Project) -> None:
    project.write_clicks("c", clicks(2))
    with pytest.raises(
        DatasetError, match=r"clicks of an image of 21 x 30 .* but the image has 20 x 30"
    ):
        project.write_clicks("c", clicks(2, height=21))


def test_the_stamp_of_clicks_is_the_json_s_also_where_the_mask_is_newer(project: Project) -> None:
    later = project.clicks_path("a").stat().st_mtime_ns + 10**10
    os.utime(project.sparse_mask_path("a"), ns=(later, later))
    assert project.clicks_stamps()["a"] == project.clicks_path("a").stat().st_mtime_ns


def test_clicks_that_do_not_fit_are_not_written(project: Project) -> None:
    before = files(project)
    with pytest.raises(DatasetError) as caught:
        project.write_clicks("a", clicks(0, 3, 9, width=31))
    assert len(caught.value.faults) == 3
    assert (
        "click 2: class_id 3 is not in 0..2; fix the click or add the class to classes.txt"
        in caught.value.faults[0]
    )
    assert (
        "clicks of an image of 20 x 31 pixels (height x width), but the image has 20 x 30"
        in caught.value.faults[2]
    )
    assert files(project) == before


def test_writing_clicks_touches_two_files_only(project: Project) -> None:
    before = files(project)
    project.write_clicks("c", clicks(1))
    after = files(project)
    assert set(after) - set(before) == {
        os.path.join("Clicks", "c.json"),
        os.path.join("SegmentationClick", "c.png"),
    }
    assert {name: after[name] for name in before} == before


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
