"""Random crops: what happens to a pixel happens to its click."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seminar.clicks.click_set import ClickSet
from seminar.data.transforms import (
    Window,
    _colour_change,
    auto_scale_range,
    crop_image,
    crop_labels,
    random_window,
    rasterize_crop,
    strong_view,
)
from seminar.labels import IGNORE_INDEX

windows = st.builds(
    Window,
    top=st.floats(-20, 40),
    left=st.floats(-20, 40),
    scale=st.floats(0.5, 2),
    size=st.just(32),
    mirror=st.booleans(),
    flip=st.booleans(),
    turn=st.booleans(),
)


@given(windows, st.integers(0, 47), st.integers(0, 59))
def test_a_click_stays_on_its_pixel(window: Window, row: int, col: int) -> None:
    """A dense map of numbered rows, sampled where the moved click lies, gives the click's own
    row and column back.
    """
    clicks = ClickSet(48, 60, np.array([[row, col]]), np.array([7]))
    crop = rasterize_crop(clicks, window)
    places = torch.nonzero(crop == 7)
    moved = window.move(clicks.points)[0]
    inside = np.all((moved >= -0.5) & (moved < window.size - 0.5))
    assert len(places) == int(inside)
    if len(places) and window.scale >= 1:
        rows = np.repeat(np.arange(48, dtype=np.uint8)[:, None], 60, axis=1)
        cols = np.repeat(np.arange(60, dtype=np.uint8)[None], 48, axis=0)
        at = tuple(places[0].tolist())
        assert abs(int(crop_labels(rows, window)[at]) - row) <= 1
        assert abs(int(crop_labels(cols, window)[at]) - col) <= 1


ORIENTATIONS = list(itertools.product((False, True), repeat=3))


def oriented(pixels: np.ndarray, mirror: bool, flip: bool, turn: bool) -> np.ndarray:
    """Rows reversed, columns reversed, then rows and columns exchanged, of the last two axes."""
    pixels = pixels[..., ::-1, :] if flip else pixels
    pixels = pixels[..., ::-1] if mirror else pixels
    return pixels.swapaxes(-2, -1) if turn else pixels


@settings(max_examples=40)
@given(
    st.floats(0.4, 2.5),
    st.sampled_from(ORIENTATIONS),
    st.floats(0.3, 0.7),
    st.floats(0.3, 0.7),
    st.floats(-0.5, 0.5),
)
def test_a_point_moves_as_the_pixels_do(
    scale: float, orientation: tuple[bool, bool, bool], down: float, right: float, shift: float
) -> None:
    """The centre of mass of a blob in the crop is where its middle is said to be."""
    side, middle = 40 / scale, np.array([50.0 + shift, 61.0])
    window = Window(middle[0] - down * side, middle[1] - right * side, scale, 40, *orientation)
    rows, cols = np.mgrid[:120, :130]
    width = 2.5 / min(scale, 1)
    blob = 255 * np.exp(-((rows - middle[0]) ** 2 + (cols - middle[1]) ** 2) / (2 * width**2))
    crop = crop_image(blob[None].astype(np.float32), window)[0][0].double().numpy()
    moved = window.move(middle[None])[0]
    near = np.hypot(*(np.indices(crop.shape) - moved[:, None, None])) < 9
    weights = crop * near
    found = np.array([(weights * index).sum() for index in np.indices(crop.shape)]) / weights.sum()
    np.testing.assert_allclose(found, moved, atol=0.3)


@pytest.mark.parametrize(("mirror", "flip", "turn"), ORIENTATIONS)
def test_a_small_image_lies_in_its_crop_and_the_rest_is_padding(
    mirror: bool, flip: bool, turn: bool
) -> None:
    rng = np.random.default_rng(3)
    image = rng.uniform(0, (80, 160, 255), (20, 25, 3)).transpose(2, 0, 1).astype(np.float32)
    labels = rng.integers(0, 5, (20, 25), dtype=np.uint8)
    clicks = ClickSet(20, 25, np.argwhere(labels == 2), np.full((labels == 2).sum(), 2))
    window = Window(-5, -3, 1.0, 32, mirror, flip, turn)
    expected = np.repeat(image.mean(axis=(1, 2)), 32 * 32).reshape(3, 32, 32)
    expected[:, 5:25, 3:28] = image
    inside = np.zeros((32, 32), bool)
    inside[5:25, 3:28] = True
    dense, sparse = np.full((2, 32, 32), IGNORE_INDEX)
    dense[5:25, 3:28] = labels
    sparse[5:25, 3:28] = np.where(labels == 2, 2, IGNORE_INDEX)
    crop, valid = crop_image(image, window)
    np.testing.assert_allclose(crop.numpy(), oriented(expected, mirror, flip, turn), atol=2e-2)
    np.testing.assert_array_equal(valid.numpy(), oriented(inside, mirror, flip, turn))
    np.testing.assert_array_equal(
        crop_labels(labels, window).numpy(), oriented(dense, mirror, flip, turn)
    )
    np.testing.assert_array_equal(
        rasterize_crop(clicks, window).numpy(), oriented(sparse, mirror, flip, turn)
    )


def test_clicks_beside_the_image_are_none_in_its_padding() -> None:
    clicks = ClickSet(20, 20, [(-2, 5), (5, 25), (19.6, 3), (10, 10)], [1, 1, 1, 1])
    assert torch.nonzero(rasterize_crop(clicks, Window(-6, -6, 1.0, 32)) == 1).tolist() == [
        [16, 16]
    ]


def test_a_crop_has_the_clicks_up_to_its_rim() -> None:
    """Rows 4 to 19 and columns 8 to 23 of the image; a pixel reaches half a pixel around its
    centre.
    """
    kept = [(4, 8), (3.6, 12), (19, 23), (19.4, 10), (7, 7.6), (9, 23.4)]
    beside = [(3, 8), (3.4, 9), (20, 9), (19.6, 9), (7, 7.4), (9, 23.6), (12, 7), (12, 24)]
    clicks = ClickSet(40, 40, kept + beside, [1] * len(kept) + [2] * len(beside))
    crop = rasterize_crop(clicks, Window(4, 8, 1.0, 16))
    assert torch.nonzero(crop == 1).tolist() == [[0, 0], [0, 4], [3, 0], [5, 15], [15, 2], [15, 15]]
    assert not (crop == 2).any()


@pytest.mark.parametrize("scale", [0.6, 1.7])
def test_dense_labels_are_never_mixed(scale: float) -> None:
    labels = (2 * (np.indices((60, 60)).sum(axis=0) // 3 % 2)).astype(np.uint8)
    found = crop_labels(labels, Window(3.3, 4.4, scale, 32))
    assert set(found.unique().tolist()) == {0, 2}


@pytest.mark.parametrize(("mirror", "flip", "turn"), ORIENTATIONS)
def test_an_enlarged_crop_is_interpolated_between_pixels(
    mirror: bool, flip: bool, turn: bool
) -> None:
    """On a slope the value says the place: 2 grey values a row and 1 a column, also between the
    first pixel of the window and the one beside it.
    """
    slope = (2.0 * np.arange(60)[:, None] + np.arange(60)).astype(np.float32)[None]
    places = (np.arange(32) + 0.5) / 2 - 0.5
    expected = 2 * (10 + places)[:, None] + 20 + places
    crop, valid = crop_image(slope, Window(10, 20, 2.0, 32, mirror, flip, turn))
    assert valid.all()
    np.testing.assert_allclose(crop[0].numpy(), oriented(expected, mirror, flip, turn), atol=1e-3)


def test_a_reduced_crop_averages_what_it_leaves_out() -> None:
    """Of noise of deviation d the mean over 4 x 4 pixels has d / 4; single pixels would keep d."""
    noise = np.random.default_rng(0).uniform(0, 255, (1, 200, 200)).astype(np.float32)
    crop, _ = crop_image(noise, Window(20, 20, 0.25, 32))
    assert crop.std() < noise.std() / 4
    assert abs(float(crop.mean()) - 127.5) < 3


@given(windows)
def test_image_labels_and_validity_agree(window: Window) -> None:
    image = np.random.default_rng(0).uniform(0, 255, (1, 48, 60)).astype(np.float32)
    crop, valid = crop_image(image, window)
    assert crop.shape == (1, 32, 32)
    assert crop.min() >= -1e-3
    assert crop.max() <= 255.001
    labels = crop_labels(np.zeros((48, 60), dtype=np.uint8), window)
    assert torch.equal(labels == 0, valid)


def test_at_scale_one_the_crop_is_the_image() -> None:
    image = np.arange(3 * 40 * 50, dtype=np.float32).reshape(3, 40, 50) % 256
    crop, valid = crop_image(image, Window(4, 8, 1.0, 32))
    assert valid.all()
    np.testing.assert_allclose(crop.numpy(), image[:, 4:36, 8:40], atol=1e-2)
    mirrored, _ = crop_image(image, Window(4, 8, 1.0, 32, mirror=True))
    np.testing.assert_allclose(mirrored.numpy()[..., ::-1], crop.numpy(), atol=1e-6)
    turned, _ = crop_image(image, Window(4, 8, 1.0, 32, turn=True))
    np.testing.assert_allclose(turned.numpy().swapaxes(1, 2), crop.numpy(), atol=1e-6)


@given(st.integers(0, 10_000), st.integers(8, 200), st.integers(8, 200))
def test_crops_are_drawn_towards_clicks(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    point = rng.uniform((0, 0), (height - 1, width - 1))
    clicks = ClickSet(height, width, point[None], np.array([1]))
    window = random_window(
        clicks, size=32, scale_range=(0.75, 1.5), rotations=True, rng=rng, focus=1.0
    )
    assert (rasterize_crop(clicks, window) != IGNORE_INDEX).sum() == 1


def drawn(clicks: ClickSet, count: int, **options: object) -> list[Window]:
    chosen = {
        "size": 32,
        "scale_range": (1.0, 1.0),
        "rotations": False,
        "rng": np.random.default_rng(0),
    } | options
    return [random_window(clicks, **chosen) for _ in range(count)]  # type: ignore[arg-type]


def test_rare_classes_are_drawn_as_often_as_frequent_ones() -> None:
    """Twenty clicks of one class against one of another, too far apart for one crop: half of the
    crops each.
    """
    many = np.stack([np.full(20, 20.0), np.arange(20) * 10.0 + 10], axis=1)
    clicks = ClickSet(500, 400, np.vstack([many, [[480, 200]]]), np.array([0] * 20 + [3]))
    crops = [rasterize_crop(clicks, window) for window in drawn(clicks, 400, focus=1.0)]
    assert all((crop == 0).any() != (crop == 3).any() for crop in crops)
    assert 160 < sum(bool((crop == 3).any()) for crop in crops) < 240


def test_each_click_of_a_class_is_drawn() -> None:
    points = np.array([[20, 20], [20, 380], [480, 20], [480, 380], [250, 200]])
    clicks = ClickSet(500, 400, points, np.ones(5))
    hits = np.zeros(5)
    for window in drawn(clicks, 300, focus=1.0):
        moved = window.move(clicks.points)
        hits += np.all((moved > -0.5) & (moved < 31.5), axis=1)
    assert hits.sum() == 300
    assert (hits > 35).all()  # 60 each, give or take 7


def test_three_crops_in_four_are_drawn_around_a_click_and_the_others_anywhere() -> None:
    clicks = ClickSet(2000, 1000, np.array([[1500, 300]]), np.array([1]))
    windows = drawn(clicks, 1000)
    around = [bool((rasterize_crop(clicks, window) == 1).any()) for window in windows]
    assert 0.70 < np.mean(around) < 0.80
    elsewhere = np.array(
        [(window.top, window.left) for window, hit in zip(windows, around, strict=True) if not hit]
    )
    np.testing.assert_allclose(
        np.quantile(elsewhere, [0.25, 0.5, 0.75], axis=0)[:, 0], [492, 984, 1476], atol=250
    )
    np.testing.assert_allclose(
        np.quantile(elsewhere, [0.25, 0.5, 0.75], axis=0)[:, 1], [242, 484, 726], atol=125
    )


def test_a_click_lies_anywhere_in_its_crops() -> None:
    clicks = ClickSet(500, 400, np.array([[250, 200]]), np.array([1]))
    places = np.array([window.move(clicks.points)[0] for window in drawn(clicks, 400, focus=1.0)])
    np.testing.assert_allclose(
        np.quantile(places, [0.1, 0.5, 0.9], axis=0).T, [[2.7, 15.5, 28.3]] * 2, atol=3
    )


def test_a_click_beside_the_image_draws_no_crop() -> None:
    clicks = ClickSet(300, 300, np.array([[-50, 20], [200, 200], [20, 900]]), np.array([1, 0, 2]))
    for window in drawn(clicks, 60, focus=1.0):
        assert (rasterize_crop(clicks, window) == 0).sum() == 1


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.integers(33, 300), st.integers(33, 300))
def test_a_crop_smaller_than_the_image_stays_inside(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    clicks = ClickSet(
        height, width, rng.uniform((0, 0), (height - 1, width - 1), (3, 2)), np.array([0, 1, 1])
    )
    (window,) = drawn(clicks, 1, rng=rng)
    assert -1e-9 <= window.top <= height - 32 + 1e-9
    assert -1e-9 <= window.left <= width - 32 + 1e-9


def test_an_image_smaller_than_its_crop_lies_anywhere_in_it_and_whole() -> None:
    windows = drawn(ClickSet(10, 14), 300)
    tops, lefts = np.array([(window.top, window.left) for window in windows]).T
    np.testing.assert_allclose(np.quantile(tops, [0, 0.5, 1]), [-22, -11, 0], atol=2)
    np.testing.assert_allclose(np.quantile(lefts, [0, 0.5, 1]), [-18, -9, 0], atol=2)
    for window in windows[:20]:
        assert crop_image(np.zeros((1, 10, 14), np.float32), window)[1].sum() == 10 * 14


def test_the_zoom_is_as_often_in_as_out() -> None:
    scales = [window.scale for window in drawn(ClickSet(900, 900), 500, scale_range=(0.25, 4.0))]
    np.testing.assert_allclose(
        np.quantile(np.log2(scales), [0, 0.25, 0.5, 0.75, 1]), [-2, -1, 0, 1, 2], atol=0.3
    )


@pytest.mark.parametrize("rotations", [False, True])
def test_crops_are_turned_only_where_there_is_no_up(rotations: bool) -> None:
    windows = drawn(ClickSet(90, 90), 400, rotations=rotations)
    counts = Counter((window.mirror, window.flip, window.turn) for window in windows)
    assert len(counts) == (8 if rotations else 2)
    assert min(counts.values()) > 0.6 * 400 / len(counts)
    assert rotations or {key[1:] for key in counts} == {(False, False)}


def test_between_few_and_many_images_the_zoom_goes_over_geometrically() -> None:
    for number in range(1, 20):
        expected = [
            np.exp(np.interp(number, [3, 10], np.log(ends))) for ends in ([1.0, 0.8], [2.5, 1.25])
        ]
        assert auto_scale_range(number) == pytest.approx(tuple(expected))


def test_few_images_are_zoomed_into_and_many_are_not() -> None:
    ranges = [auto_scale_range(n) for n in range(1, 30)]
    assert ranges[:3] == [pytest.approx((1.0, 2.5))] * 3
    assert ranges[9:] == [(0.8, 1.25)] * 20
    assert all(before[1] > after[1] for before, after in itertools.pairwise(ranges[2:10]))


def test_images_smaller_than_the_crop_are_padded_and_marked() -> None:
    clicks = ClickSet(1, 1, np.array([[0, 0]]), np.array([1]))
    window = random_window(
        clicks, size=32, scale_range=(1, 1), rotations=False, rng=np.random.default_rng(0)
    )
    crop, valid = crop_image(np.full((1, 1, 1), 77.0, dtype=np.float32), window)
    assert int(valid.sum()) == 1
    torch.testing.assert_close(crop, torch.full((1, 32, 32), 77.0))
    assert (rasterize_crop(clicks, window) == 1).nonzero().tolist() == valid.nonzero().tolist()


def test_the_strong_view_is_another_picture_of_the_same_range() -> None:
    crop = torch.from_numpy(
        np.random.default_rng(0).uniform(0, 255, (3, 32, 32)).astype(np.float32)
    )
    strong = strong_view(crop, np.random.default_rng(1), colours=False)
    assert strong.shape == crop.shape
    assert strong.min() >= 0
    assert strong.max() <= 255
    assert (strong - crop).abs().mean() > 1
    torch.testing.assert_close(strong, strong_view(crop, np.random.default_rng(1), colours=False))


def test_the_strong_view_lights_a_crop_unevenly() -> None:
    even = torch.full((1, 96, 96), 120.0)
    spans = []
    for seed in range(8):
        corners = (
            strong_view(even, np.random.default_rng(seed), colours=False)
            .unfold(1, 24, 24)
            .unfold(2, 24, 24)
            .mean(dim=(-1, -2))
        )
        spans.append(float(corners.max() - corners.min()))  # the noise is averaged away
    assert min(spans) > 5
    assert len({round(span) for span in spans}) > 3


def test_the_strong_view_keeps_places() -> None:
    picture = torch.full((1, 64, 64), 60.0)
    picture[:, 8:28, 6:20] = 200  # near one corner
    for seed in range(20):
        view = strong_view(picture, np.random.default_rng(seed), colours=False)
        assert np.corrcoef(view.numpy().ravel(), picture.numpy().ravel())[0, 1] > 0.6


def test_the_strong_view_has_a_haze_in_every_second_crop_which_only_lightens() -> None:
    """On black neither gamma nor light shows: what is uneven there is the haze."""
    black = torch.zeros(1, 96, 96)
    hazy = 0
    for seed in range(60):
        blocks = (
            strong_view(black, np.random.default_rng(seed), colours=False)
            .unfold(1, 24, 24)
            .unfold(2, 24, 24)
            .mean(dim=(-1, -2))
        )
        hazy += float(blocks.max()) > 4  # of noise alone, cut off at black, 3.2 are left at most
    assert 15 < hazy < 45


def test_the_strong_view_has_noise_a_gain_of_each_channel_and_a_gamma() -> None:
    noises, gains, greys = [], [], []
    for seed in range(40):
        view = strong_view(
            torch.full((3, 64, 64), 90.0), np.random.default_rng(seed), colours=False
        )
        noises.append(float((view[:, :, 1:] - view[:, :, :-1]).std()) / 2**0.5)
        ratios = view.mean(dim=(1, 2)) / view.mean()
        gains.append(float(ratios.max() / ratios.min()))
        greys.append(
            float(
                strong_view(
                    torch.full((1, 64, 64), 20.0), np.random.default_rng(seed), colours=False
                ).median()
            )
        )
    assert min(noises) < 2 < 6 < max(noises) < 9  # up to 8, and a little of the light
    assert 1.05 < np.median(gains) < 1.15 and max(gains) < 1.1 / 0.9
    assert min(greys) < 10  # 255 (20 / 255)^1.4 is 7; light and gains alone leave more


def test_other_colours_turn_hue_and_saturation_and_leave_grey_grey_but_for_gains() -> None:
    """The gains of the channels are within 0.7 to 1.3; hue turns by up to 9 degrees."""
    for seed in range(20):
        change = _colour_change(3, np.random.default_rng(seed)).numpy()
        gains = change @ np.ones(3)  # grey only gets the gains
        assert ((gains > 0.69) & (gains < 1.31)).all()
        turned = np.linalg.solve(np.diag(gains), change)  # what is done before the gains
        red = turned @ [1.0, 0.0, 0.0] - 1 / 3  # its difference to grey
        plain = np.array([2 / 3, -1 / 3, -1 / 3])
        cosine = red @ plain / np.linalg.norm(red) / np.linalg.norm(plain)
        assert cosine > np.cos(0.06 * np.pi)
        assert np.exp(-0.41) < np.linalg.norm(red) / np.linalg.norm(plain) < np.exp(0.41)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_of_other_numbers_of_channels_only_the_gains_change(channels: int) -> None:
    change = _colour_change(channels, np.random.default_rng(0)).numpy()
    assert np.count_nonzero(change) == np.count_nonzero(np.diag(change)) == channels
    even = strong_view(
        torch.full((channels, 32, 32), 100.0), np.random.default_rng(3), colours=True
    )
    assert even.shape == (channels, 32, 32) and even.min() >= 0 and even.max() <= 255
