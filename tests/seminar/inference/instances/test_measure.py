"""What objects measure, and what a split leaves of them."""

from __future__ import annotations

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.inference.instances.divide import divide_at
from seminar.inference.instances.measure import measure_objects
from seminar.inference.instances.split import split_object
from seminar.io.pixel_size import PixelSize
from seminar.labels import ClassNames

CLASSES = ClassNames.of("background", "cell", "gland")


@pytest.fixture
def instances() -> np.ndarray:
    numbers = np.zeros((20, 30), np.uint16)
    numbers[0:4, 2:7] = 7
    numbers[10:14, 10:16] = 3
    return numbers


def test_objects_are_measured(instances: np.ndarray) -> None:
    image = np.zeros((20, 30, 2), np.uint16)
    image[..., 0] = np.arange(30)
    image[10:14, 10:16, 1] = 60_000
    labels = np.where(instances == 3, 2, (instances > 0).astype(np.uint8)).astype(np.uint8)
    found = measure_objects(
        instances, image, labels=labels, classes=CLASSES, pixel_size=PixelSize(0.5, 0.25)
    )
    assert list(found) == [
        *("object", "class", "area", "equivalent_diameter", "row", "col"),
        *("mean_1", "sum_1", "mean_2", "sum_2", "touches_border"),
        *("area_um2", "equivalent_diameter_um", "row_um", "col_um"),
    ]
    assert found["object"].tolist() == [3, 7]
    assert found["class"].tolist() == ["gland", "cell"]
    assert found["area"].tolist() == [24, 20]
    assert found["equivalent_diameter"] == pytest.approx(2 * np.sqrt(np.array([24, 20]) / np.pi))
    assert found["row"].tolist() == [11.5, 1.5]
    assert found["col"].tolist() == [12.5, 4.0]
    assert found["mean_1"].tolist() == [12.5, 4.0]
    assert found["sum_2"].tolist() == [24 * 60_000, 0]
    assert found["touches_border"].tolist() == [False, True]
    assert found["area_um2"].tolist() == [3.0, 2.5]
    assert found["row_um"].tolist() == [5.75, 0.75]
    assert found["col_um"].tolist() == [3.125, 1.0]
    assert found["equivalent_diameter_um"] == pytest.approx(
        2 * np.sqrt(np.array([3.0, 2.5]) / np.pi)
    )


def test_without_classes_channels_or_pixel_size(instances: np.ndarray) -> None:
    found = measure_objects(instances, np.ones((20, 30), np.float32))
    assert found["class"].tolist() == ["", ""]
    assert found["sum_1"].tolist() == [24, 20]
    assert "area_um2" not in found and "mean_2" not in found
    beside = measure_objects(
        instances, np.ones((20, 30)), labels=np.zeros((20, 30), np.uint8), classes=CLASSES
    )
    assert beside["class"].tolist() == ["", ""]
    clicks = ClickSet(20, 30, np.array([[1, 4]]), np.array([2]))
    clicked = measure_objects(instances, np.ones((20, 30)), classes=CLASSES, clicks=clicks)
    assert clicked["class"].tolist() == ["", "gland"]


def test_no_objects_give_columns_without_entries() -> None:
    empty = np.zeros((20, 30), np.uint16)
    found = measure_objects(
        empty, np.ones((20, 30, 3)), labels=empty.astype(np.uint8), classes=CLASSES
    )
    assert {len(column) for column in found.values()} == {0}
    assert "mean_3" in found


def test_maps_of_another_size_are_refused(instances: np.ndarray) -> None:
    with pytest.raises(SeminarError, match=r"image of the size .* 20 x 30 .* got 20 x 31"):
        measure_objects(instances, np.ones((20, 31)))
    with pytest.raises(SeminarError, match=r"labels of the size .* got 5 x 5"):
        measure_objects(
            instances, np.ones((20, 30)), labels=np.zeros((5, 5), np.uint8), classes=CLASSES
        )


def two_discs() -> np.ndarray:
    rows, cols = np.indices((60, 100))
    mask = np.minimum(np.hypot(rows - 30, cols - 30), np.hypot(rows - 30, cols - 54)) <= 14
    numbers = np.where(mask, 5, 0).astype(np.uint16)
    numbers[2:6, 2:6] = 9
    return numbers


def test_an_object_is_split_at_its_waist_though_the_clicks_are_off_the_middle() -> None:
    before = two_discs()
    points = np.array([[30.2, 38.0], [36.0, 60.4], [3, 3], [-4, 500], [30.0, 38.3]])
    after = split_object(before, 5, points)
    assert after.dtype == before.dtype
    assert (after[30, 38], after[36, 60], after[3, 3]) == (5, 10, 9)
    np.testing.assert_array_equal(after > 0, before > 0)
    assert before.max() == 9
    cols = np.indices(after.shape)[1]
    assert set(np.unique(after[(cols < 40) & (before == 5)])) == {5}
    assert set(np.unique(after[(cols > 44) & (before == 5)])) == {10}


def test_each_pixel_owns_a_part_in_their_order() -> None:
    parts = divide_at(two_discs() == 5, np.array([[30, 60], [30, 20], [30, 27]]))
    assert [int(parts[30, col]) for col in (60, 20, 27)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("number", "points", "message"),
    [
        (5, [[30.0, 30.0]], "at least two clicks on object 5 .* got 1"),
        (5, [[30.0, 30.0], [30.4, 30.4]], "got 1"),
        (4, [[30.0, 30.0], [30.0, 50.0]], "object 4 is not in"),
        (0, [[0.0, 0.0], [0.0, 1.0]], "object 0 is not in"),
    ],
)
def test_what_cannot_be_split_is_a_sentence(
    number: int, points: list[list[float]], message: str
) -> None:
    with pytest.raises(SeminarError, match=message):
        split_object(two_discs(), number, np.array(points))


def test_a_full_map_is_not_split() -> None:
    numbers = two_discs()
    numbers[0, 0] = 65_535
    with pytest.raises(SeminarError, match="65,535 objects are as many as the map can number"):
        split_object(numbers, 5, np.array([[30.0, 30.0], [30.0, 54.0]]))
