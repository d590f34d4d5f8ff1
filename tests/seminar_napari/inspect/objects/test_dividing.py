"""From mask and clicks to objects, and what a click changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from seminar.clicks.click_set import ClickSet
from seminar_napari.inspect.objects import dividing
from seminar_napari.inspect.objects.dividing import (
    Mask,
    Numbers,
    Objects,
    after_click,
    make_objects,
    read_objects,
    with_old_numbers,
)

SIZE = (40, 60)


def labels_of_discs() -> np.ndarray:
    """Two touching discs of class 1, and one of class 2 apart from them."""
    rows, cols = np.mgrid[:40, :60]
    touching = np.minimum(np.hypot(rows - 20, cols - 12), np.hypot(rows - 20, cols - 27)) < 8.5
    apart = np.hypot(rows - 20, cols - 48) < 8
    return (touching + 2 * apart).astype(np.uint8)


def clicks_at(*clicks: tuple[float, float, int]) -> ClickSet:
    places = np.array([click[:2] for click in clicks]).reshape(-1, 2)
    return ClickSet(*SIZE, places, np.array([click[2] for click in clicks], dtype=int))


def made(tmp_path: Path, clicks: ClickSet, before: Numbers | None = None) -> Objects:
    mask = Mask(labels_of_discs(), "live mask", ("probe.png", 1))
    return make_objects(tmp_path / "a.tif", "a", mask, clicks, before)


LEFT, RIGHT, APART = (20.0, 12.0, 1), (20.0, 27.0, 1), (20.0, 48.0, 2)


def test_one_object_a_click_and_the_file_has_them(tmp_path: Path) -> None:
    found = made(tmp_path, clicks_at(LEFT, RIGHT, APART))
    assert found.numbers is not None and len(np.unique(found.numbers)) == 4
    assert found.text == "3 objects from the live mask, one a click. Saved as instances/a.tif."
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), found.numbers)
    again = read_objects(tmp_path / "a.tif", "a")
    assert np.array_equal(again.numbers, found.numbers)
    assert again.text == "3 objects as saved in instances/a.tif."
    assert read_objects(tmp_path / "none.tif", "b").text == ""
    assert "by shape" in made(tmp_path, clicks_at((1, 1, 0))).text


def test_an_object_with_a_click_of_the_background_alone_is_none(tmp_path: Path) -> None:
    found = made(tmp_path, clicks_at(LEFT, RIGHT, (20, 48, 0)))
    assert found.numbers is not None and found.numbers[20, 48] == 0 and found.numbers[20, 12]
    both = made(tmp_path, clicks_at(LEFT, RIGHT, APART, (21, 50, 0)))
    assert both.numbers is not None and both.numbers[20, 48]


@pytest.fixture
def merged() -> Objects:
    """The touching discs as one object, 7, and the other one, 9."""
    labels = labels_of_discs()
    numbers = ((labels == 1) * 7 + (labels == 2) * 9).astype(np.uint16)
    return Objects("a", numbers, clicks_at(LEFT), None, 2)


@pytest.mark.parametrize("reach", [1, 48])
def test_a_second_click_splits_an_object_and_leaves_the_others(
    merged: Objects, monkeypatch: pytest.MonkeyPatch, reach: int
) -> None:
    monkeypatch.setattr(dividing, "BOX", reach)
    labels, before = labels_of_discs(), merged.numbers
    changed = after_click(merged, labels, clicks_at(LEFT, APART, RIGHT))
    assert changed is not None and before is not None
    (found, box), split = changed, changed[0].numbers
    assert split is not None and found.count == 3
    assert split[20, 12] == 7 and split[20, 48] == 9 and split[20, 27] == 10
    assert (split == 7).sum() == pytest.approx((split == 10).sum(), rel=0.1)
    assert np.array_equal(split > 0, before > 0) and len(np.unique(before)) == 3
    outside = np.ones(SIZE, dtype=bool)
    outside[box] = False
    assert np.array_equal(split[outside], before[outside])


def test_a_click_of_the_background_removes_an_object_that_nobody_clicked(merged: Objects) -> None:
    labels = labels_of_discs()
    changed = after_click(merged, labels, clicks_at(LEFT, (20, 48, 0)))
    assert changed is not None and changed[0].count == 1
    numbers = changed[0].numbers
    assert numbers is not None and not numbers[20, 48] and numbers[20, 12] == 7
    assert after_click(merged, labels, clicks_at(APART, (21, 49, 0))) is None


def test_elsewhere_the_whole_mask_has_to_be_divided(merged: Objects) -> None:
    labels = labels_of_discs()
    changed = after_click(merged, labels, clicks_at(LEFT))
    assert changed is not None and changed[0].count == 2, "it has its click now"
    assert np.array_equal(changed[0].numbers, merged.numbers)
    for place in ((2, 2, 1), (20, 12, 2), (-5, 70, 1)):
        assert after_click(merged, labels, clicks_at(place)) is None


def test_objects_keep_their_numbers_when_they_are_divided_again() -> None:
    before = np.array([[3, 3, 3, 0, 8, 8, 8]], dtype=np.uint16)
    new = np.array([[1, 1, 2, 2, 3, 3, 4]], dtype=np.uint16)
    assert with_old_numbers(new, before).tolist() == [[3, 3, 1, 1, 8, 8, 2]]
    assert with_old_numbers(new, np.zeros_like(new)).tolist() == new.tolist()
    assert not with_old_numbers(np.zeros_like(new), before).any()
