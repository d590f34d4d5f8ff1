"""Where to click next."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import write_label_png
from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.inspect import next_click
from seminar_napari.inspect.next_click import NextClickFinder, near_radius, spots
from seminar_napari.inspect.overlay_kinds import prediction_path

NO_CLICKS = np.zeros((0, 2))


def disagreement(
    *regions: tuple[slice, slice], size: tuple[int, int] = (40, 60), value: int = 255
) -> np.ndarray:
    values = np.zeros(size, dtype=np.uint8)
    for rows, cols in regions:
        values[rows, cols] = value
    return values


def test_the_spot_lies_in_the_largest_blob_and_counts_its_pixels() -> None:
    found = spots(
        disagreement((slice(2, 7), slice(2, 7)), (slice(20, 31), slice(40, 51))), NO_CLICKS
    )
    assert [(spot.row, spot.col, spot.area) for spot in found] == [(25, 45, 121), (4, 4, 25)]


def test_a_blob_comes_before_a_rim_of_as_many_pixels() -> None:
    rim = (slice(1, 2), slice(0, 50))
    found = spots(disagreement(rim, (slice(20, 27), slice(20, 27))), NO_CLICKS)
    assert [spot.area for spot in found] == [49, 50]


def test_weak_disagreement_does_not_count() -> None:
    assert (
        spots(disagreement((slice(0, 20), slice(0, 20)), value=next_click.DISAGREE - 1), NO_CLICKS)
        == ()
    )


def test_a_clicked_region_is_left_out_and_a_large_one_is_offered_far_from_the_click() -> None:
    small = disagreement((slice(10, 16), slice(10, 16)))
    assert spots(small, np.array([[12.0, 12.0]])) == ()
    assert (
        spots(disagreement((slice(10, 31), slice(20, 41))), np.array([[20.0, 30.0]])) == ()
    )  # nor are its corners offered
    wide = disagreement((slice(0, 40), slice(0, 60)))
    (spot,) = spots(wide, np.array([[20.0, 10.0]]))
    assert np.hypot(spot.row - 20, spot.col - 10) > near_radius((40, 60))
    assert spot.area < 40 * 60


@pytest.mark.parametrize("place", [(0, 0), (0, 1900), (1023, 1024), (2040, 3)])
def test_large_images_are_found_to_the_pixel(place: tuple[int, int]) -> None:
    row, col = place
    values = disagreement((slice(row, row + 17), slice(col, col + 17)), size=(2048, 2050))
    (spot,) = spots(values, np.array([[900.0, 500.0]]))
    assert values[spot.row, spot.col] == 255
    assert spot.area == pytest.approx(
        np.count_nonzero(values), rel=0.35
    )  # blocks that are less than half full are left out


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_every_spot_disagrees_and_is_away_from_clicks(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.random((height, width)) < 0.5).astype(np.uint8) * 255
    clicks = rng.random((3, 2)) * (height, width) - 0.5
    for spot in spots(values, clicks):
        assert values[spot.row, spot.col] == 255
        side = -(-max(height, width) // next_click.COARSE)
        assert (
            np.hypot(*(clicks - (spot.row, spot.col)).T).min()
            > near_radius((height, width)) - 2 * side
        )


def test_over_all_images_the_worst_first_then_the_next_and_round_again(
    three_fields: Project, followed_run: RunFolder
) -> None:
    for image_id, side in (("a", 9), ("b", 12), ("c", 5)):
        values = disagreement((slice(25, 25 + side), slice(45, 45 + side)))
        followed_run.write_preview(image_id, "disagreement", values, three_fields.classes)
    finder = NextClickFinder(three_fields, followed_run)
    found = [finder.find() for _ in range(4)]
    assert [next_click.image_id for next_click in found if next_click] == ["b", "a", "c", "b"]
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


def test_the_radius_is_of_the_shorter_side_between_six_and_thirty_two_pixels() -> None:
    assert [near_radius(size) for size in ((40, 60), (500, 4000), (4000, 500), (9000, 9000))] == [
        6,
        10,
        10,
        32,
    ]


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
    original = NextClickFinder._disagreement

    def noting(self: NextClickFinder, image_id: str) -> np.ndarray | None:
        read.append(image_id)
        return original(self, image_id)

    monkeypatch.setattr(NextClickFinder, "_disagreement", noting)
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


def test_two_thousand_images_are_asked_again_without_reading_them(
    three_fields: Project, followed_run: RunFolder
) -> None:
    values = disagreement((slice(4, 10), slice(4, 10)))
    followed_run.write_preview("a", "disagreement", values, three_fields.classes)
    picture, preview = three_fields.image_path("a"), followed_run.preview_path("a", "disagreement")
    for number in range(2_000):
        image_id = f"field_{number:05}"
        os.link(picture, three_fields.path / "JPEGImages" / f"{image_id}.png")
        followed_run.preview_path(image_id, "disagreement").parent.mkdir()
        os.link(preview, followed_run.preview_path(image_id, "disagreement"))
    finder = NextClickFinder(three_fields, followed_run)
    finder.find()
    began = time.process_time()  # others may use the processor, too
    assert finder.find() is not None
    assert time.process_time() - began < 0.25
