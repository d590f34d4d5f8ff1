"""Where to click next, over all images."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import write_label_png
from seminar.project.layout import PROBE, UNSURE, preview_path
from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.inspect.next_click import finder as finder_module
from seminar_napari.inspect.next_click.doubts import UNSURE_FROM, Doubts
from seminar_napari.inspect.next_click.finder import NextClickFinder
from seminar_napari.inspect.overlay_kinds import prediction_path


def disagreement(
    *regions: tuple[slice, slice], size: tuple[int, int] = (40, 60), value: int = 255
) -> np.ndarray:
    values = np.zeros(size, dtype=np.uint8)
    for rows, cols in regions:
        values[rows, cols] = value
    return values


def test_over_all_images_the_worst_first_then_the_next_and_round_again(
    three_fields: Project, followed_run: RunFolder
) -> None:
    for image_id, side in (("a", 9), ("b", 12), ("c", 5)):
        values = disagreement((slice(25, 25 + side), slice(45, 45 + side)))
        followed_run.write_preview(image_id, "disagreement", values, three_fields.classes)
    finder = NextClickFinder(three_fields, followed_run)
    found = [finder.find() for _ in range(4)]
    assert [place.image_id for place in found if place] == ["b", "a", "c", "b"]
    assert found[0] is not None and found[0].spot.area == 144


def test_images_held_out_of_training_are_skipped(
    three_fields: Project, followed_run: RunFolder
) -> None:
    for image_id, side in (("a", 9), ("b", 12)):
        values = disagreement((slice(25, 25 + side), slice(45, 45 + side)))
        followed_run.write_preview(image_id, "disagreement", values, three_fields.classes)
    finder = NextClickFinder(three_fields, followed_run)
    assert [
        getattr(finder.find(held_out), "image_id", None) for held_out in ({"b"}, (), {"a", "b"})
    ] == [
        "a",
        "b",
        None,
    ]


def test_a_click_there_moves_it_on(three_fields: Project, followed_run: RunFolder) -> None:
    followed_run.write_preview(
        "b", "disagreement", disagreement((slice(4, 10), slice(4, 10))), three_fields.classes
    )
    found = NextClickFinder(three_fields, followed_run).find()
    assert found is not None
    three_fields.write_clicks("b", ClickSet(40, 60, [[found.spot.row, found.spot.col]], [1]))  # type: ignore[arg-type]
    assert NextClickFinder(three_fields, followed_run).find() is None


def test_a_click_that_comes_while_the_walk_goes_on_counts(
    three_fields: Project, followed_run: RunFolder
) -> None:
    followed_run.write_preview(
        "b", "disagreement", disagreement((slice(4, 10), slice(4, 10))), three_fields.classes
    )
    finder = NextClickFinder(three_fields, followed_run)
    assert finder.find() is not None
    three_fields.write_clicks("b", ClickSet(40, 60, np.array([[6.0, 6.0]]), np.array([1])))
    assert finder.find() is None, "looked at again, although the preview is the same"


def test_what_was_found_is_remembered_until_a_file_changes(
    three_fields: Project, followed_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed_run.write_preview(
        "a", "disagreement", disagreement((slice(30, 36), slice(4, 10))), three_fields.classes
    )
    followed_run.write_preview(
        "b", "disagreement", disagreement((slice(4, 10), slice(4, 10))), three_fields.classes
    )
    finder = NextClickFinder(three_fields, followed_run)
    finder.find()
    read: list[str] = []
    original = Doubts.pictures

    def noting(self: Doubts, image_id: str, stamps: tuple[int, int]) -> Any:
        read.append(image_id)
        return original(self, image_id, stamps)

    monkeypatch.setattr(Doubts, "pictures", noting)
    finder.find()
    assert read == []
    time.sleep(0.01)
    followed_run.write_preview(
        "b", "disagreement", disagreement((slice(4, 20), slice(4, 20))), three_fields.classes
    )
    found = finder.find()
    assert read == ["b"]
    assert found is not None and (found.image_id, found.spot.area) == ("b", 256)


def test_without_previews_predictions_are_compared_with_pseudo_labels(
    three_fields: Project, followed_run: RunFolder
) -> None:
    labels = np.zeros((40, 60), dtype=np.uint8)
    write_label_png(followed_run.pseudo_label_path("c"), labels, three_fields.classes)
    labels[5:12, 30:37] = 1
    labels[30:, :10] = 2
    write_label_png(prediction_path(followed_run, "c"), labels, three_fields.classes)
    unsure = np.zeros((40, 60), dtype=np.uint8)
    unsure[30:, :10] = 255
    write_label_png(followed_run.pseudo_label_path("c"), unsure, three_fields.classes)
    found = NextClickFinder(three_fields, followed_run).find()
    assert found is not None and (
        found.image_id,
        found.spot.row,
        found.spot.col,
        found.spot.area,
    ) == ("c", 8, 33, 49)


def test_what_was_predicted_after_the_last_preview_is_compared_with_the_pseudo_labels(
    three_fields: Project, followed_run: RunFolder
) -> None:
    followed_run.write_preview(
        "c", "disagreement", disagreement((slice(4, 20), slice(4, 20))), three_fields.classes
    )
    finder = NextClickFinder(three_fields, followed_run)
    found = finder.find()
    assert found is not None and found.spot.area == 256
    labels = np.zeros((40, 60), dtype=np.uint8)
    write_label_png(followed_run.pseudo_label_path("c"), labels, three_fields.classes)
    labels[5:12, 30:37] = 1
    write_label_png(prediction_path(followed_run, "c"), labels, three_fields.classes)
    set_age(followed_run.preview_path("c", "disagreement"), 60)
    found = finder.find()
    assert found is not None and (found.spot.row, found.spot.col, found.spot.area) == (8, 33, 49)
    set_age(prediction_path(followed_run, "c"), 120)
    found = NextClickFinder(three_fields, followed_run).find()
    assert found is not None and found.spot.area == 256, (
        "a run that went on after it was predicted with"
    )


def set_age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_one_label_map_alone_says_nothing(three_fields: Project, followed_run: RunFolder) -> None:
    followed_run.write_preview(
        "a", "student", np.ones((40, 60), dtype=np.uint8), three_fields.classes
    )
    assert NextClickFinder(three_fields, followed_run).find() is None


def test_previews_of_images_that_are_gone_are_skipped(
    three_fields: Project, followed_run: RunFolder
) -> None:
    followed_run.write_preview(
        "gone", "disagreement", disagreement((slice(4, 10), slice(4, 10))), three_fields.classes
    )
    assert NextClickFinder(three_fields, followed_run).find() is None


def test_pictures_that_have_not_changed_are_not_read_again(
    three_fields: Project, followed_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = disagreement((slice(4, 10), slice(4, 10)))
    followed_run.write_preview("a", "disagreement", values, three_fields.classes)
    picture, preview = three_fields.image_path("a"), followed_run.preview_path("a", "disagreement")
    images = {"a"}
    for number in range(20):
        images.add(image_id := f"field_{number:02}")
        os.link(picture, three_fields.path / "JPEGImages" / f"{image_id}.png")
        followed_run.preview_path(image_id, "disagreement").parent.mkdir()
        os.link(preview, followed_run.preview_path(image_id, "disagreement"))
    read: list[str] = []
    pictures, read_clicks = Doubts.pictures, Project.read_clicks

    def counted_pictures(doubts: Doubts, image_id: str, stamps: Any) -> Any:
        read.append(image_id)
        return pictures(doubts, image_id, stamps)

    def counted_clicks(project: Project, image_id: str) -> ClickSet | None:
        read.append(f"clicks of {image_id}")
        return read_clicks(project, image_id)

    monkeypatch.setattr(Doubts, "pictures", counted_pictures)
    monkeypatch.setattr(Project, "read_clicks", counted_clicks)
    finder = NextClickFinder(three_fields, followed_run)
    assert finder.find() is not None
    assert sorted(read) == sorted({*images, "clicks of a"})
    read.clear()
    assert finder.find() is not None
    assert read == []
    followed_run.preview_path("field_07", "disagreement").unlink()  # the link, not the others
    followed_run.write_preview("field_07", "disagreement", values, three_fields.classes)
    assert finder.find() is not None
    assert read == ["field_07"]


def write_unsure(project: Project, image_id: str, values: np.ndarray) -> None:
    path = preview_path(project.path, image_id, UNSURE)
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(values).save(path)


def places(finder: NextClickFinder, times: int, **given: Any) -> list[tuple[str, int, str] | None]:
    found = [finder.find(**given) for _ in range(times)]
    return [place and (place.image_id, place.spot.area, place.kind) for place in found]


def test_without_a_run_it_is_the_largest_unsure_region(three_fields: Project) -> None:
    finder = NextClickFinder(three_fields, None)
    assert finder.find() is None and not finder.has_looked
    write_unsure(three_fields, "b", disagreement((slice(4, 10), slice(4, 10))))
    write_unsure(three_fields, "c", disagreement((slice(4, 20), slice(4, 20)), value=UNSURE_FROM))
    weak = disagreement((slice(0, 40), slice(0, 60)), value=UNSURE_FROM - 1)
    write_unsure(three_fields, "a", weak)
    assert places(finder, 3) == [("c", 256, "unsure"), ("b", 36, "unsure"), ("c", 256, "unsure")]
    assert NextClickFinder(three_fields, None, has_live_mask=False).find() is None


def test_a_run_counts_as_soon_as_it_has_previews(
    three_fields: Project, followed_run: RunFolder
) -> None:
    write_unsure(three_fields, "c", disagreement((slice(4, 20), slice(4, 20))))
    finder = NextClickFinder(three_fields, followed_run)
    assert places(finder, 1) == [("c", 256, "unsure")]
    followed_run.write_preview(
        "b", "disagreement", disagreement((slice(4, 10), slice(4, 10))), three_fields.classes
    )
    assert places(finder, 2) == [("b", 36, "networks")] * 2


def test_where_student_and_live_mask_differ_counts_as_well(
    three_fields: Project, followed_run: RunFolder
) -> None:
    labels = np.zeros((40, 60), dtype=np.uint8)
    followed_run.write_preview("b", "student", labels, three_fields.classes)
    labels[5:12, 30:37] = 1
    write_label_png(preview_path(three_fields.path, "b", PROBE), labels, three_fields.classes)
    networks = disagreement((slice(25, 35), slice(4, 14)))
    followed_run.write_preview("b", "disagreement", networks, three_fields.classes)
    write_unsure(three_fields, "b", disagreement((slice(0, 40), slice(0, 60))))
    assert places(NextClickFinder(three_fields, followed_run), 2) == [
        ("b", 100, "networks"),
        ("b", 49, "student and live mask"),
    ]
    alone = NextClickFinder(three_fields, followed_run, has_live_mask=False)
    assert places(alone, 2) == [("b", 100, "networks")] * 2


def test_a_predicted_mask_is_compared_with_the_live_mask_though_there_is_no_preview(
    three_fields: Project, followed_run: RunFolder
) -> None:
    labels = np.zeros((40, 60), dtype=np.uint8)
    write_label_png(prediction_path(followed_run, "c"), labels, three_fields.classes)
    assert NextClickFinder(three_fields, followed_run).find() is None
    labels[5:12, 30:37] = 1
    write_label_png(preview_path(three_fields.path, "c", PROBE), labels, three_fields.classes)
    assert places(NextClickFinder(three_fields, followed_run), 1) == [
        ("c", 49, "student and live mask")
    ]


def test_of_many_images_those_that_are_least_sure_are_looked_at(
    three_fields: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder_module, "LOOKED_AT", 1)
    for image_id, side in (("a", 5), ("b", 12), ("c", 9)):
        values = disagreement((slice(2, 2 + side), slice(45, 45 + side)))
        write_unsure(three_fields, image_id, values)
    unsure = {"a": 0.2, "b": 0.1, "c": 0.3}
    finder = NextClickFinder(three_fields, None)
    assert places(finder, 3, unsure=unsure) == [
        ("c", 81, "unsure"),
        ("a", 25, "unsure"),
        ("b", 144, "unsure"),
    ]
    for image_id in "abc":  # all are written again, and one of them was clicked
        write_unsure(three_fields, image_id, disagreement((slice(2, 14), slice(45, 57))))
        set_age(preview_path(three_fields.path, image_id, UNSURE).parent, -5)
    three_fields.write_clicks("b", ClickSet(40, 60, np.array([[8.0, 51.0]]), np.array([1])))
    assert "b" not in {place and place[0] for place in places(finder, 3, unsure=unsure)}, (
        "what was clicked is looked at first"
    )
