"""Touching objects come apart where they were clicked, or at their waists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.inference.instances.divide import (
    instances_from_clicks,
    instances_from_shape,
    without_object,
)
from seminar.inference.instances.files import write_instances
from seminar.inference.instances.rules import Joining, Rules


def discs(
    *places: tuple[int, int, int], size: tuple[int, int] = (60, 100), class_id: int = 1
) -> np.ndarray:
    rows, cols = np.indices(size)
    mask = np.zeros(size, bool)
    for row, col, radius in places:
        mask |= (rows - row) ** 2 + (cols - col) ** 2 <= radius**2
    return mask.astype(np.uint8) * np.uint8(class_id)


def clicks(
    *points: tuple[float, float], class_ids: list[int], size: tuple[int, int] = (60, 100)
) -> ClickSet:
    return ClickSet(*size, np.array(points, dtype=float), np.array(class_ids))


def test_touching_discs_are_divided_at_the_waist() -> None:
    labels = discs((30, 30, 14), (30, 54, 14))
    instances = instances_from_shape(labels)
    assert instances.dtype == np.int32
    assert instances.max() == 2
    assert instances[30, 30] != instances[30, 54]
    areas = np.bincount(instances.ravel())[1:]
    assert abs(int(areas[0]) - int(areas[1])) < 0.1 * areas.sum()
    np.testing.assert_array_equal(instances > 0, labels > 0)


def test_one_disc_with_a_rough_rim_stays_one() -> None:
    labels = discs((30, 50, 20))
    generator = np.random.default_rng(0)
    rows, cols = np.indices(labels.shape)
    rim = np.abs(np.hypot(rows - 30, cols - 50) - 20) < 1.5
    labels[rim & (generator.random(labels.shape) < 0.5)] = 0
    assert np.count_nonzero(np.bincount(instances_from_shape(labels).ravel())[1:] > 100) == 1


def test_small_patches_are_no_objects_unless_clicked() -> None:
    labels = discs((30, 30, 10))
    labels[5:8, 80:83] = 1
    assert instances_from_shape(labels).max() == 1
    clicked = instances_from_clicks(labels, clicks((6, 81), (30, 30), class_ids=[1, 1]))
    assert clicked.max() == 2
    assert clicked[6, 81] > 0


def test_no_object_owns_two_clicks_beside_the_mask_either_and_what_owns_nothing_is_said() -> None:
    labels = discs((30, 30, 14))
    given = clicks(
        *((30, 30), (50, 80), (50, 84), (50, 84), (28, 32), (31, 30)),
        class_ids=[1, 1, 1, 1, 2, 1],
    )
    labels[40:60, 88:] = 2
    found = instances_from_clicks(labels, given)
    assert found.max() == 5
    numbers = [int(found[place]) for place in ((30, 30), (50, 80), (50, 84), (31, 30))]
    assert len(set(numbers)) == 4 and 0 not in numbers
    assert without_object(found, labels, given).tolist() == [[28, 32]]


def test_what_is_small_next_to_the_clicked_objects_is_one_only_if_clicked() -> None:
    labels = discs((20, 20, 14), (40, 60, 14))
    labels[2:8, 80:86] = labels[2:8, 90:96] = 1
    found = instances_from_clicks(labels, clicks((20, 20), (5, 83), class_ids=[1, 1]))
    assert found.max() == 3
    assert (found[2:8, 80:86] == found[5, 83]).all()
    assert found[5, 83] > 0 == found[5, 93]


def test_an_image_that_was_clicked_completely_has_no_other_objects() -> None:
    labels = np.zeros((60, 320), np.uint8)
    for number in range(11):
        labels[20:40, 5 + 28 * number : 25 + 28 * number] = 1
    points = [(30, 15 + 28 * number) for number in range(11)]
    for left_out, expected in ((1, 10), (2, 11)):
        kept = points[left_out:]
        given = clicks(*kept, class_ids=[1] * len(kept), size=(60, 320))
        assert instances_from_clicks(labels, given).max() == expected


def test_clicks_decide_where_the_shape_does_not() -> None:
    """A straight bar has no waist; two clicks make two objects of it."""
    labels = np.zeros((60, 100), np.uint8)
    labels[20:30, 10:90] = 1
    found = instances_from_clicks(labels, clicks((25, 20), (25, 80), class_ids=[1, 1]))
    assert found.max() == 2
    assert found[25, 12] == found[25, 20] != found[25, 80] == found[25, 88]
    np.testing.assert_array_equal(found > 0, labels > 0)


def test_one_click_makes_one_object_of_a_shape_with_a_waist() -> None:
    labels = discs((30, 30, 14), (30, 39, 14))
    assert instances_from_clicks(labels, clicks((30, 30), class_ids=[1])).max() == 1


def test_what_a_waist_divides_from_the_click_is_an_object_of_its_own() -> None:
    """People do not click everything."""
    labels = discs((30, 30, 14), (30, 54, 14))
    found = instances_from_clicks(labels, clicks((30, 30), class_ids=[1]))
    assert found.max() == 2
    assert found[30, 30] != found[30, 54]


def test_patches_without_a_click_are_divided_by_shape() -> None:
    labels = discs((15, 15, 10), (40, 60, 12), (40, 80, 12))
    assert instances_from_clicks(labels, clicks((15, 15), class_ids=[1])).max() == 3


def test_clicks_of_background_of_another_class_or_outside_take_no_part() -> None:
    labels = discs((30, 50, 15))
    given = clicks((30, 45), (30, 55), (28, 50), (500, -3), class_ids=[1, 0, 2, 1])
    assert instances_from_clicks(labels, given).max() == 1


def test_a_click_that_the_mask_misses_owns_a_disc_that_takes_nothing_from_others() -> None:
    labels = discs((30, 30, 14))
    labels[8:10, 80:82] = 1
    given = clicks((30, 30), (30, 46), (8, 80), (57, 98), class_ids=[1, 1, 1, 1])
    found = instances_from_clicks(labels, given)
    assert found.max() == 4
    np.testing.assert_array_equal(found == found[30, 30], discs((30, 30, 14)) > 0)
    usual = 0.7 * 14
    assert np.bincount(found.ravel())[found[8, 80]] == pytest.approx(np.pi * usual**2, rel=0.2)
    assert found[30, 46] not in (0, found[30, 30])


def test_objects_of_two_classes_never_merge() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[10:30, 5:20] = 1
    labels[10:30, 20:35] = 2
    instances = instances_from_shape(labels)
    assert instances.max() == 2
    assert set(np.unique(instances[labels == 1])).isdisjoint(np.unique(instances[labels == 2]))


def test_patches_that_touch_at_a_corner_are_two_objects() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[2:10, 2:10] = labels[10:18, 10:18] = 1
    assert instances_from_shape(labels).max() == 2


@pytest.mark.parametrize(("pixels", "expected"), [(11, 0), (12, 1)])
def test_twelve_pixels_are_an_object_and_fewer_are_not(pixels: int, expected: int) -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[5:8, 5:9] = (np.arange(12) < pixels).reshape(3, 4)
    assert instances_from_shape(labels).max() == expected
    assert instances_from_shape(labels, Rules(pixels)).max() == 1
    assert instances_from_shape(labels, Rules(pixels + 1)).max() == 0


def test_a_peak_within_the_radius_of_a_higher_one_is_no_object_of_its_own() -> None:
    """A disc of radius 26 that sticks out of one of radius 40, its middle 39 pixels off."""
    assert instances_from_shape(discs((65, 65, 40), (65, 104, 26), size=(130, 170))).max() == 1
    assert instances_from_shape(discs((65, 45, 40), (65, 104, 26), size=(130, 170))).max() == 2


def test_small_objects_come_apart_too() -> None:
    """Two discs of radius 4, 7 pixels apart."""
    assert instances_from_shape(discs((30, 30, 4), (30, 37, 4))).max() == 2


def test_the_rim_of_the_image_is_the_rim_of_an_object() -> None:
    """Two halves of discs at the rim come apart at the waist between them, which is at the rim,
    too.
    """
    labels = discs((0, 30, 14), (0, 54, 14))
    instances = instances_from_shape(labels)
    assert instances.max() == 2
    assert instances[2, 30] != instances[2, 54]


@pytest.mark.parametrize("order", [1, -1])
def test_pixels_go_to_the_click_on_their_side_of_the_waist(order: int) -> None:
    """The seam is where the distance to the background is least between the clicks, though one
    of them lies beside it.
    """
    labels = discs((30, 30, 14), (30, 54, 14))
    points = [(30, 38), (30, 60)][::order]
    found = instances_from_clicks(labels, clicks(*points, class_ids=[1, 1]))
    assert found.max() == 2
    cols = np.indices(labels.shape)[1]
    for side in ((cols < 40) & (labels > 0), (cols > 44) & (labels > 0)):
        assert len(np.unique(found[side])) == 1


def test_as_many_objects_as_16_bit_hold_are_written(tmp_path: Path) -> None:
    write_instances(tmp_path / "a.tif", np.array([[65_535]], np.int32))
    assert tifffile.imread(tmp_path / "a.tif").max() == 65_535
    with pytest.raises(SeminarError, match="65,536 objects are more"):
        write_instances(tmp_path / "b.tif", np.array([[65_536]], np.int32))


def test_numbers_go_on_from_class_to_class() -> None:
    labels = np.zeros((30, 90), np.uint8)
    for number, class_id in enumerate((2, 1, 2, 1)):
        labels[5:25, 5 + 20 * number : 18 + 20 * number] = class_id
    instances = instances_from_shape(labels)
    assert sorted(int(instances[15, 10 + 20 * number]) for number in range(4)) == [1, 2, 3, 4]


@settings(deadline=None)
@given(
    labels=hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 24), st.integers(1, 24)),
        elements=st.sampled_from([0, 1, 1, 2, 255]),
    )
)
def test_every_object_lies_in_one_class_and_numbers_have_no_gap(labels: np.ndarray) -> None:
    for instances in (
        instances_from_shape(labels, Rules(1)),
        instances_from_shape(labels, Rules(1, Joining((1, 0, -1, 0, 1, 5, 0), 0.5))),
        instances_from_clicks(
            labels,
            ClickSet(
                *labels.shape,
                np.argwhere(labels == 1)[::3],
                np.ones(len(np.argwhere(labels == 1)[::3])),
            ),
            min_area=1,
        ),
    ):
        np.testing.assert_array_equal(instances > 0, (labels > 0) & (labels != 255))
        for number in range(1, int(instances.max()) + 1):
            inside = instances == number
            assert len(np.unique(labels[inside])) == 1
            assert ndimage.label(inside, structure=np.ones((3, 3)))[1] == 1


def test_clicks_of_another_image_size_are_refused() -> None:
    with pytest.raises(SeminarError, match=r"60 x 100 pixels .* got clicks of 5 x 5"):
        instances_from_clicks(discs((30, 30, 5)), ClickSet(5, 5))


def test_nothing_predicted_gives_no_objects() -> None:
    assert instances_from_shape(np.zeros((5, 5), np.uint8)).max() == 0


def test_written_as_a_16_bit_tif(tmp_path: Path) -> None:
    instances = instances_from_shape(discs((30, 30, 14), (30, 54, 14)))
    write_instances(tmp_path / "deep" / "a_instances.tif", instances)
    read = tifffile.imread(tmp_path / "deep" / "a_instances.tif")
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, instances)


def test_more_objects_than_16_bit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SeminarError, match="70,000 objects are more than the 65,535"):
        write_instances(tmp_path / "a.tif", np.array([[70_000]], np.int32))
    assert not list(tmp_path.iterdir())


def test_real_nuclei_are_counted(shared_data: Path) -> None:
    """From the true mask, clicks find every object of an image; the shape alone finds most."""
    from seminar.project.project import Project

    project = Project.open(shared_data / "dsb2018_fluo")
    errors = []
    for image_id in project.image_ids()[:6]:
        truth, objects = project.read_truth(image_id), project.read_objects(image_id)
        assert truth is not None and objects is not None
        numbers = np.unique(objects[objects > 0])
        inner = [
            np.argwhere(objects == number)[np.sum(objects == number) // 2] for number in numbers
        ]
        clicked = instances_from_clicks(
            truth, ClickSet(*truth.shape, np.array(inner), np.ones(len(inner)))
        )
        owned = clicked[tuple(np.array(inner).T)]
        assert len(np.unique(owned[owned > 0])) == len(numbers)
        assert clicked.max() < 1.1 * len(numbers)
        errors.append(abs(int(instances_from_shape(truth).max()) - len(numbers)) / len(numbers))
    assert np.mean(errors) < 0.15
