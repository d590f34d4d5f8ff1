"""Clicks from dense truth fall where a person would place them."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.draw import disk

from seminar.clicks.click_set import ClickSet
from seminar.clicks.simulate import CAREFUL, NEAR, SPECK_PIXELS, ClickStyle, simulate_clicks
from seminar.errors import SeminarError

Labels = npt.NDArray[np.uint8]


def simulate(
    truth: npt.NDArray[Any],
    objects: npt.NDArray[Any] | None = None,
    seed: int = 0,
    style: ClickStyle = CAREFUL,
) -> ClickSet:
    rng = np.random.default_rng(seed)
    return simulate_clicks(truth.astype(np.uint8), objects, rng, style=style, num_classes=4)


def discs(*centres: tuple[int, int], radius: int = 12, size: int = 160) -> Labels:
    truth = np.zeros((size, size), np.uint8)
    for centre in centres:
        truth[disk(centre, radius, shape=truth.shape)] = 1
    return truth


def places(clicks: ClickSet, class_id: int) -> npt.NDArray[np.int64]:
    return clicks.points[clicks.class_ids == class_id].astype(np.int64)


@given(
    hnp.arrays(np.uint8, (24, 31), elements=st.sampled_from([0, 1, 1, 2, 255])),
    st.booleans(),
    st.integers(0, 5),
)
def test_no_click_misses_its_class(truth: Labels, with_objects: bool, seed: int) -> None:
    objects = (
        np.cumsum(truth != np.roll(truth, 1)).reshape(truth.shape) // 7 if with_objects else None
    )
    clicks = simulate(truth, objects, seed)
    rows, cols = clicks.points.astype(np.int64).T
    assert clicks.inside().all()
    assert (clicks.points == clicks.points.round()).all()
    if objects is None:
        assert (truth[rows, cols] == clicks.class_ids).all()
    assert not (truth[rows, cols] == 255).any()
    assert len({(row, col) for row, col in clicks.points.tolist()}) == len(clicks)
    assert (clicks.class_ids == 0).any() == (truth == 0).any()


def test_one_click_an_object_near_its_middle_but_not_always_the_same() -> None:
    centres = [(30, 30), (30, 100), (100, 40)]
    truth = discs(*centres)
    seen = set()
    for seed in range(20):
        clicks = places(simulate(truth, seed=seed), 1)
        assert len(clicks) == 3
        nearest = np.linalg.norm(clicks[:, None] - np.array(centres)[None], axis=2)
        assert sorted(nearest.argmin(axis=1).tolist()) == [0, 1, 2]
        assert nearest.min(axis=1).max() <= 0.3 * 12 + 1.5
        seen.add(tuple(clicks[0].tolist()))
    assert len(seen) > 5


def test_as_many_on_the_background_half_of_them_near() -> None:
    truth = discs(
        *[(row, col) for row in range(20, 160, 40) for col in range(20, 160, 40)], radius=8
    )
    distance = ndimage.distance_transform_edt(truth == 0)
    clicks = simulate(truth)
    background = places(clicks, 0)
    assert len(background) == len(places(clicks, 1)) == 16
    depths = distance[tuple(background.T)]
    assert ((depths >= NEAR[0]) & (depths <= NEAR[1])).sum() == 8
    assert (depths >= NEAR[0]).all()


def test_touching_objects_are_one_click_each_only_with_an_instance_mask() -> None:
    truth = np.zeros((40, 60), np.uint8)
    truth[10:30, 10:50] = 1
    objects = np.where(truth == 1, np.where(np.arange(60) < 30, 7, 900), 0)
    assert len(places(simulate(truth), 1)) == 1
    clicks = places(simulate(truth, objects), 1)
    assert sorted((clicks[:, 1] >= 30).tolist()) == [False, True]


def test_classes_touching_each_other_are_components_of_their_own() -> None:
    truth = np.repeat([1, 2, 1], 20)[None].repeat(30, axis=0)
    assert Counter(simulate(truth).class_ids.tolist()) == {1: 2, 2: 1}


def test_a_class_that_the_instance_mask_leaves_out_is_clicked_by_components() -> None:
    truth = np.zeros((60, 60), np.uint8)
    truth[5:20, 5:20], truth[30:50, 30:50] = 1, 2
    objects = np.where(truth == 1, 1, 0)
    assert Counter(simulate(truth, objects).class_ids.tolist()) == {1: 1, 2: 1, 0: 2}


def test_of_a_class_with_objects_only_the_objects_are_clicked() -> None:
    truth = np.zeros((60, 60), np.uint8)
    truth[5:20, 5:20] = truth[30:50, 30:50] = 1
    objects = np.where(np.arange(60)[:, None] < 25, truth, 0).astype(int)
    clicks = places(simulate(truth, objects), 1)
    assert len(clicks) == 1
    assert (clicks < 20).all()


def test_an_object_has_the_class_of_most_of_its_pixels() -> None:
    truth = np.zeros((60, 60), np.uint8)
    truth[10:40, 10:40], truth[10:14, 10:14] = 2, 1
    assert places(simulate(truth, np.where(truth > 0, 5, 0)), 2).shape == (1, 2)


def test_specks_are_left_out() -> None:
    truth = np.zeros((1000, 1000), np.uint8)
    truth[100:105, 100:110] = 1  # 50 pixels of a million
    truth[500:540, 500:540] = 1
    truth[700:702, 700:704] = 1  # 8 pixels
    objects = ndimage.label(truth)[0]
    assert len(places(simulate(truth), 1)) == 1
    assert len(places(simulate(truth, objects), 1)) == 2
    assert truth[700:702, 700:704].size < SPECK_PIXELS


@pytest.mark.parametrize(("pixels", "clicked"), [(8, False), (9, True)])
def test_nine_pixels_are_the_least_that_is_clicked(pixels: int, clicked: bool) -> None:
    truth = np.zeros((30, 30), np.uint8)
    truth[5, 5 : 5 + pixels] = 1
    for objects in (None, truth.astype(int)):
        assert len(places(simulate(truth, objects), 1)) == clicked


@pytest.mark.parametrize(("pixels", "clicked"), [(99, False), (100, True)])
def test_of_a_large_image_a_component_needs_a_ten_thousandth(pixels: int, clicked: bool) -> None:
    truth = np.zeros((1000, 1000), np.uint8)
    truth[100:110, 100:110] = 1
    truth[109, 109] = pixels == 100
    assert len(places(simulate(truth), 1)) == clicked
    assert len(places(simulate(truth, truth.astype(int)), 1)) == 1


def test_parts_that_touch_at_a_corner_are_one_component() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[5:15, 5:15] = truth[15:25, 15:25] = 1
    assert len(places(simulate(truth), 1)) == 1


def test_clicks_fill_the_middle_of_an_object_and_no_more() -> None:
    """A disc of radius 20: where the rim is at least 0.7 of the greatest distance away, that is
    within 6 or 7 of the middle.
    """
    truth = discs((80, 70), radius=20)
    found = np.array([places(simulate(truth, seed=seed), 1)[0] for seed in range(60)])
    distance = np.hypot(*(found - (80, 70)).T)
    assert 4 < distance.max() < 7.5
    assert np.abs(found.mean(axis=0) - (80, 70)).max() < 1.5


def test_the_middle_of_an_object_at_the_rim_of_the_image_is_not_at_the_rim() -> None:
    truth = np.zeros((60, 60), np.uint8)
    truth[:20, :40] = 1
    rows = [places(simulate(truth, seed=seed), 1)[0][0] for seed in range(20)]
    assert min(rows) > 5
    assert max(rows) < 14


def test_large_objects_are_clicked_in_their_middle() -> None:
    """More than 256 pixels long, so that only every n-th pixel is looked at."""
    truth = np.zeros((400, 340), np.uint8)
    truth[20:380, 20:320] = 1
    found = np.array([places(simulate(truth, seed=seed), 1)[0] for seed in range(4)])
    assert (
        np.abs(found - (199.5, 169.5)) < (80, 50)
    ).all()  # 360 x 300: at least 105 from the rim, as 150 is the most


def test_half_of_an_odd_number_is_rounded_either_way() -> None:
    truth = discs((40, 40), (100, 40), (70, 110), radius=8)
    distance = ndimage.distance_transform_edt(truth == 0)
    near = Counter(
        int((distance[tuple(places(simulate(truth, seed=seed), 0).T)] <= NEAR[1]).sum())
        for seed in range(30)
    )
    assert set(near) == {1, 2}
    assert min(near.values()) > 6


def test_an_image_of_background_alone_has_one_click() -> None:
    clicks = simulate(np.zeros((50, 60)))
    assert clicks.class_ids.tolist() == [0]


def test_truth_without_background_has_no_background_click() -> None:
    truth = np.where(np.arange(50)[None] < 25, 3, 255).repeat(40, axis=0)
    assert simulate(truth).class_ids.tolist() == [3]


def test_little_background_is_used_up_and_no_more() -> None:
    truth = discs(
        *[(row, col) for row in range(10, 80, 20) for col in range(10, 80, 20)], radius=6, size=80
    )
    truth[truth == 0] = 255
    truth[0, 0:5] = 0
    clicks = simulate(truth)
    assert len(places(clicks, 1)) == 16
    assert sorted(places(clicks, 0).tolist()) == [[0, col] for col in range(5)]


def test_all_void_has_no_clicks() -> None:
    assert len(simulate(np.full((20, 20), 255))) == 0


def test_big_and_thin_objects_are_hit() -> None:
    truth = np.zeros((600, 600), np.uint8)
    truth[np.arange(600), np.arange(600)] = 1  # a diagonal line, 1 pixel wide
    truth[20:570, 301:302] = 2
    for seed in range(3):
        clicks = simulate(truth, seed=seed)
        rows, cols = clicks.points.astype(int).T
        assert (truth[rows, cols] == clicks.class_ids).all()
        assert {1, 2} <= set(clicks.class_ids.tolist())


def test_the_same_seed_gives_the_same_clicks() -> None:
    truth = discs((40, 40), (90, 90))
    assert simulate(truth, seed=3) == simulate(truth, seed=3)
    assert simulate(truth, seed=3) != simulate(truth, seed=4)


# --- styles

maps = hnp.arrays(np.uint8, (24, 31), elements=st.sampled_from([0, 0, 0, 1, 1, 1, 1, 2, 255]))
seeds = st.integers(0, 5)


def four_objects() -> Labels:
    """Two of class 1, one of 2, one of 3 with a hole of void."""
    truth = np.zeros((160, 160), np.uint8)
    truth[20:50, 30:70] = truth[60:64, 100:150] = 1
    truth[90:130, 20:44], truth[100:150, 90:150], truth[118:132, 110:130] = 2, 3, 255
    return truth


@pytest.mark.parametrize(
    ("image_id", "points"),
    [
        ("a", "30,43 62,102 116,33 108,105 100,46 21,76 1,45 1,60"),
        ("2007_000032", "31,53 62,142 100,34 112,102 57,115 155,90 115,62 19,124"),
    ],
)
def test_careful_clicks_are_those_of_version_0_1(image_id: str, points: str) -> None:
    """Recorded before there were styles, with the seed that a project uses."""
    rng = np.random.default_rng([0, zlib.crc32(image_id.encode())])
    clicks = simulate_clicks(four_objects(), None, rng)
    assert clicks.points.tolist() == [[*map(float, point.split(","))] for point in points.split()]
    assert clicks.class_ids.tolist() == [1, 1, 2, 3, 0, 0, 0, 0]


@given(maps, seeds, st.integers(0, 9))
def test_as_many_background_clicks_as_asked_for(truth: Labels, seed: int, count: int) -> None:
    clicks = simulate(truth, seed=seed, style=ClickStyle(background=count))
    assert (clicks.class_ids == 0).sum() == min(count, (truth == 0).sum())
    num_objects = (clicks.class_ids > 0).sum()
    assert (
        clicks.points[:num_objects].tolist()
        == simulate(truth, seed=seed).points[:num_objects].tolist()
    )
    rows, cols = clicks.points.astype(int).T
    assert (truth[rows, cols] == clicks.class_ids).all()


def test_background_clicks_of_a_given_number_are_near_and_far_too() -> None:
    truth = discs((80, 80))
    distance = ndimage.distance_transform_edt(truth == 0)
    depths = distance[tuple(places(simulate(truth, style=ClickStyle(background=10)), 0).T)]
    assert ((depths >= NEAR[0]) & (depths <= NEAR[1])).sum() == 5
    assert (depths > NEAR[1]).sum() == 5


@pytest.mark.parametrize("count", [0, 3])
def test_an_image_without_objects_has_the_background_clicks_asked_for(count: int) -> None:
    clicks = simulate(np.zeros((50, 60)), style=ClickStyle(background=count))
    assert clicks.class_ids.tolist() == [0] * count


@given(maps, seeds, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_larger_share_adds_objects(truth: Labels, seed: int, one: float, other: float) -> None:
    everything, more, less = (
        Counter(map(tuple, on_objects.points[on_objects.class_ids > 0].tolist()))
        for share in (1, max(one, other), min(one, other))
        for on_objects in [simulate(truth, seed=seed, style=ClickStyle(share=share))]
    )
    assert everything >= more >= less
    for share, clicked in ((max(one, other), more), (min(one, other), less)):
        if total := everything.total():
            assert abs(clicked.total() - max(1, share * total)) <= 0.5
            assert clicked.total() >= 1


def test_a_share_of_the_objects_is_a_random_one_and_the_background_has_as_many() -> None:
    centres = [(row, col) for row in range(20, 160, 40) for col in range(20, 160, 40)]
    truth = discs(*centres, radius=8)
    clicked = Counter[int]()
    for seed in range(40):
        clicks = simulate(truth, seed=seed, style=ClickStyle(share=0.5))
        assert (clicks.class_ids == 1).sum() == (clicks.class_ids == 0).sum() == 8
        distance = np.linalg.norm(places(clicks, 1)[:, None] - np.array(centres), axis=2)
        clicked.update(distance.argmin(axis=1).tolist())
    assert len(clicked) == 16
    assert min(clicked.values()) >= 10  # 20 are expected, 3 standard deviations are 9.5
    assert max(clicked.values()) <= 30


@given(maps, st.booleans(), seeds)
def test_spread_clicks_hit_their_object(truth: Labels, with_objects: bool, seed: int) -> None:
    objects = np.where(truth == 1, 1 + np.arange(31) // 9, 0) if with_objects else None
    spread = simulate(truth, objects, seed, ClickStyle(spread=True))
    rows, cols = spread.points.astype(int).T
    assert (truth[rows, cols] == spread.class_ids).all()
    assert len(set(map(tuple, spread.points.tolist()))) == len(spread)
    middle = simulate(truth, objects, seed)
    assert (spread.class_ids == middle.class_ids).all()
    if objects is not None:
        hit, expected = (
            objects[tuple(clicks.points[clicks.class_ids == 1].astype(int).T)].tolist()
            for clicks in (spread, middle)
        )
        assert hit == expected


def test_spread_clicks_fill_their_object() -> None:
    """A disc: the share of clicks within a part of the radius is its square."""
    truth = discs((80, 70), radius=20)
    style = ClickStyle(spread=True)
    found = np.array([places(simulate(truth, seed=seed, style=style), 1)[0] for seed in range(100)])
    distance = np.hypot(*(found - (80, 70)).T) / 20
    for part in (0.5, 0.8):
        assert abs((distance < part).mean() - part**2) < 0.15  # 3 standard deviations


@given(maps, seeds)
def test_all_styles_together_repeat_with_the_seed(truth: Labels, seed: int) -> None:
    style = ClickStyle(background=3, share=0.5, wrong=0.3, spread=True)
    assert simulate(truth, seed=seed, style=style) == simulate(truth, seed=seed, style=style)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"background": -1}, "background: .*0 or more, got -1"),
        ({"share": 0.0}, r"share: .*above 0 and at most 1, got 0\.0"),
        ({"share": 1.5}, r"got 1\.5"),
        ({"share": float("nan")}, "got nan"),
        ({"wrong": -0.1}, r"wrong: .*from 0 to 1, got -0\.1"),
        ({"wrong": 1.1}, r"got 1\.1"),
        ({"wrong": float("nan")}, "got nan"),
    ],
)
def test_styles_out_of_range_are_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeminarError, match=sentence):
        ClickStyle(**values)
