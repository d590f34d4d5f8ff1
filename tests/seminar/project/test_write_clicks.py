"""Clicks to disk: JSON and mask together, what another writer did is kept, masks are mended."""

from __future__ import annotations

import contextlib
import os
import shutil
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


def lag(project: Project, image_id: str, one: ClickSet) -> None:
    """As after a crash between JSON and mask: a newer JSON, an older mask."""
    project.clicks_path(image_id).write_text(one.to_json())
    later = project.sparse_mask_path(image_id).stat().st_mtime_ns + 1_000_000_000
    os.utime(project.clicks_path(image_id), ns=(later, later))


def test_a_mask_that_lags_behind_is_mended_but_not_by_reading(project: Project) -> None:
    newer = clicks(2, 2, 1, 0)
    lag(project, "a", newer)
    stamp, lagging = project.clicks_stamps()["a"], project.sparse_mask_path("a").read_bytes()
    assert project.read_clicks("a") == newer
    assert project.sparse_mask_path("a").read_bytes() == lagging
    project.mend_masks(["a"])
    assert (read_label_png(project.sparse_mask_path("a")) == newer.rasterize()).all()
    assert project.clicks_stamps()["a"] == stamp  # mending is no change of the clicks


def test_a_missing_mask_is_mended(project: Project) -> None:
    project.sparse_mask_path("a").unlink()
    project.mend_masks(project.image_ids())
    one = project.read_clicks("a")
    assert one is not None
    assert (read_label_png(project.sparse_mask_path("a")) == one.rasterize()).all()
    assert not project.sparse_mask_path("c").exists()  # no clicks, no mask


def test_what_is_in_step_or_drawn_elsewhere_or_damaged_is_not_mended(project: Project) -> None:
    project.clicks_path("b").write_text("{")
    write_label_png(project.sparse_mask_path("a"), np.zeros((20, 30), np.uint8), project.classes)
    project.write_clicks("c", clicks(1))
    before, stamps = files(project), project.sparse_mask_path("c").stat()
    project.mend_masks(["..", *project.image_ids()])
    assert files(project) == before
    assert project.sparse_mask_path("c").stat().st_ino == stamps.st_ino


def test_a_slow_writer_of_older_clicks_is_overtaken(project: Project) -> None:
    old, new = clicks(0), clicks(1, 1)
    project.write_clicks("c", old)
    old_text = project.clicks_path("c").read_bytes()
    project.write_clicks("c", new)
    write_sparse_mask(
        project.sparse_mask_path("c"), old, project.classes, old_text
    )  # another process is done only now
    project.mend_masks(["c"])
    assert project.read_clicks("c") == new
    assert (read_label_png(project.sparse_mask_path("c")) == new.rasterize()).all()


def test_a_mask_that_cannot_be_mended_is_no_error(project: Project) -> None:
    shutil.rmtree(project.path / "SegmentationClick")
    (project.path / "SegmentationClick").write_bytes(b"a file in its place")
    project.mend_masks(["a"])
    assert project.read_clicks("a") is not None


def test_clicks_of_a_giant_image_are_read_without_its_mask(project: Project) -> None:
    project.clicks_path("a").write_text(clicks(0, height=10**6, width=10**6).to_json())
    project.sparse_mask_path("a").unlink()
    project.mend_masks(["a"])
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

    monkeypatch.setattr("seminar.project.write_clicks.locked", another_was_first)
    project.mend_masks(["c"])
    assert project.read_clicks("c") == new
    assert (read_label_png(project.sparse_mask_path("c")) == new.rasterize()).all()


def test_clicks_of_a_class_that_no_mask_can_hold_are_read_without_one(project: Project) -> None:
    project.clicks_path("c").write_text(clicks(255).to_json())
    project.mend_masks(["c"])
    assert project.read_clicks("c") == clicks(255)
    assert not project.sparse_mask_path("c").exists()


def test_the_last_class_is_written_and_the_height_of_an_image_counts(project: Project) -> None:
    project.write_clicks("c", clicks(2))
    with pytest.raises(
        DatasetError, match=r"clicks of an image of 21 x 30 .* but the image has 20 x 30"
    ):
        project.write_clicks("c", clicks(2, height=21))


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
