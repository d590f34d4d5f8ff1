"""Wrong clicks: as many as asked for, half of them beside their object, and really wrong."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from seminar.clicks.click_set import ClickSet
from seminar.clicks.mistakes import BESIDE, REACH
from seminar.clicks.simulate import ClickStyle, simulate_clicks

Labels = npt.NDArray[np.uint8]


def simulate(
    truth: Labels,
    wrong: float,
    seed: int = 0,
    *,
    num_classes: int = 4,
    objects: npt.NDArray[np.int64] | None = None,
    background: int | None = None,
) -> ClickSet:
    rng = np.random.default_rng(seed)
    style = ClickStyle(wrong=wrong, background=background)
    return simulate_clicks(truth, objects, rng, style=style, num_classes=num_classes)


def squares(rim: int = 0, size: int = 160) -> Labels:
    """16 squares of 12 pixels, 28 apart, of classes 1 and 2 in turn; void around them."""
    truth = np.zeros((size, size), np.uint8)
    for number in range(16):
        row, col = 14 + 40 * (number // 4), 14 + 40 * (number % 4)
        truth[row - rim : row + 12 + rim, col - rim : col + 12 + rim] = 255
        truth[row : row + 12, col : col + 12] = 1 + number % 2
    return truth


def kinds(right: ClickSet, clicks: ClickSet) -> list[str]:
    """What became of each click."""
    moved = (right.points != clicks.points).any(axis=1)
    renamed = right.class_ids != clicks.class_ids
    assert not (moved & renamed).any()
    return [
        "beside" if m else "class" if r else "right" for m, r in zip(moved, renamed, strict=True)
    ]


@given(
    hnp.arrays(np.uint8, (24, 31), elements=st.sampled_from([0, 0, 0, 1, 1, 1, 1, 2, 255])),
    st.booleans(),
    st.floats(0, 1),
    st.integers(0, 5),
    st.integers(3, 5),
)
def test_right_clicks_are_right_and_wrong_ones_wrong(
    truth: Labels, with_objects: bool, share: float, seed: int, num_classes: int
) -> None:
    objects = np.where(truth == 1, 1 + np.arange(31) // 9, 0) if with_objects else None
    right = simulate(truth, 0, seed, objects=objects)
    clicks = simulate(truth, share, seed, objects=objects, num_classes=num_classes)
    what = kinds(right, clicks)
    assert clicks.inside().all()
    assert len(set(map(tuple, clicks.points.tolist()))) == len(clicks)
    assert np.isin(clicks.class_ids, range(num_classes)).all()
    rows, cols = clicks.points.astype(int).T
    is_right = np.array([kind == "right" for kind in what], dtype=bool)
    assert ((truth[rows, cols] == clicks.class_ids) == is_right).all()
    assert not (truth[rows, cols] == 255).any()
    assert abs((~is_right).sum() - share * len(clicks)) < 1
    assert what.count("beside") <= (what.count("class") + 1)
    assert simulate(truth, share, seed, objects=objects, num_classes=num_classes) == clicks


def test_half_of_the_wrong_clicks_are_beside_their_object() -> None:
    truth = squares()
    right = simulate(truth, 0)
    assert Counter(kinds(right, simulate(truth, 0.5))) == {"right": 16, "beside": 8, "class": 8}
    assert Counter(kinds(right, simulate(truth, 1.0))) == {"beside": 16, "class": 16}


@pytest.mark.parametrize("rim", [0, 5])
def test_beside_is_a_few_pixels_outside_the_edge_or_the_void_around_it(rim: int) -> None:
    truth = squares(rim)
    distances = []
    for seed in range(10):
        right, clicks = simulate(truth, 0, seed), simulate(truth, 1, seed)
        for before, after, kind in zip(
            right.points, clicks.points, kinds(right, clicks), strict=True
        ):
            if kind == "beside":
                squares_numbered = ndimage.label((truth != 0) & (truth != 255))[0]
                own = squares_numbered == squares_numbered[tuple(before.astype(int))]
                distances.append(ndimage.distance_transform_edt(~own)[tuple(after.astype(int))])
    assert len(distances) == 160
    assert min(distances) == rim + 1
    assert rim + BESIDE - 1 < max(distances) <= rim + 1 + BESIDE


def test_the_shares_hold_on_average_over_images() -> None:
    """5 % of 32 clicks are 1.6: one or two an image, half of them beside."""
    truth = squares()
    counts = Counter[str]()
    for seed in range(100):
        what = kinds(simulate(truth, 0, seed), simulate(truth, 0.05, seed))
        assert 32 - what.count("right") in (1, 2)
        counts.update(f"{kind} {index < 16}" for index, kind in enumerate(what))
    assert abs(3200 - counts["right True"] - counts["right False"] - 160) < 20  # 4 deviations
    assert abs(counts["beside True"] - 80) < 25
    assert counts["beside False"] == 0
    assert min(counts["class True"], counts["class False"]) > 20


def test_another_class_is_any_other_one() -> None:
    truth = squares()
    found: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}
    for seed in range(20):
        right, clicks = simulate(truth, 0, seed), simulate(truth, 0.9, seed, num_classes=5)
        for was, now in zip(right.class_ids.tolist(), clicks.class_ids.tolist(), strict=True):
            found[was].add(now)
    assert {was: now - {was} for was, now in found.items()} == {
        was: set(range(5)) - {was} for was in range(3)
    }


def test_with_two_classes_another_class_is_the_other_one() -> None:
    truth = np.minimum(squares(), 1).astype(np.uint8)
    right, clicks = simulate(truth, 0), simulate(truth, 1, num_classes=2)
    for was, now, kind in zip(right.class_ids, clicks.class_ids, kinds(right, clicks), strict=True):
        assert kind == "beside" or now == 1 - was


@pytest.mark.parametrize(("gap", "kind"), [(REACH - 1, "beside"), (REACH, "class")])
def test_an_object_with_nothing_wrong_near_it_is_clicked_with_another_class(
    gap: int, kind: str
) -> None:
    """Void all around; the background begins at `gap` + 1 pixels from the object."""
    truth = np.full((80, 80), 255, np.uint8)
    truth[:, 40:50], truth[:, 50 + gap :] = 1, 0
    for seed in range(6):
        right = simulate(truth, 0, seed, background=0)
        assert len(right) == 1
        found = kinds(right, simulate(truth, 1, seed, background=0))
        assert found == ["class"] or found == [kind]
    assert kind in {
        kinds(simulate(truth, 0, seed, background=0), simulate(truth, 1, seed, background=0))[0]
        for seed in range(6)
    }


def test_a_neighbour_of_the_same_class_is_not_beside() -> None:
    """Two objects of one class fill the image: no pixel is wrong."""
    truth = np.ones((30, 30), np.uint8)
    objects = np.where(np.arange(30) < 15, 1, 2)[None].repeat(30, axis=0)
    for seed in range(6):
        assert kinds(
            simulate(truth, 0, seed, objects=objects), simulate(truth, 1, seed, objects=objects)
        ) == ["class", "class"]
