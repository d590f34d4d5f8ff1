"""Arrays of any depth become network input."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seminar.errors import SeminarError
from seminar.io.intensities import not_finite, to_float

HEIGHT, WIDTH = 12, 17


def noise(*shape: int, dtype: str = "uint8") -> npt.NDArray[Any]:
    values = np.random.default_rng(0).uniform(0, 255 if dtype == "uint8" else 65535, shape)
    return values.astype(dtype)


def test_8_bit_stays_as_it_is() -> None:
    pixels = noise(HEIGHT, WIDTH, 3)
    result = to_float(pixels, channels=(), stretch=(0, 100))
    assert result.dtype == np.float32
    assert (result == np.moveaxis(pixels, 2, 0)).all()


def test_channels_are_taken_in_the_order_asked_for() -> None:
    pixels = noise(HEIGHT, WIDTH, 5)
    result = to_float(pixels, channels=(4, 1), stretch=(0, 100))
    assert (result == np.stack([pixels[:, :, 4], pixels[:, :, 1]])).all()


def test_a_two_dimensional_image_has_one_channel() -> None:
    assert to_float(noise(HEIGHT, WIDTH)).shape == (1, HEIGHT, WIDTH)


def test_a_missing_channel_is_said() -> None:
    with pytest.raises(
        SeminarError,
        match=(
            r"x\.png: channel 3 is asked for, the image has 3 \(0 to 2\); change the setting"
            r" 'channels'"
        ),
    ):
        to_float(noise(4, 4, 3), channels=(0, 3), where="x.png")


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64", "int32", ">u2"])
def test_deeper_images_are_spread_from_least_to_greatest(dtype: str) -> None:
    pixels = np.array([[[100, 7]], [[200, 8]], [[300, 9]]]).astype(dtype)
    result = to_float(pixels, stretch=(0, 100))
    assert result.dtype == np.float32
    assert np.allclose(result[:, :, 0], [[0, 127.5, 255], [0, 127.5, 255]])


def test_bools_are_black_and_white() -> None:
    assert to_float(np.array([[True, False]])).tolist() == [[[255, 0]]]


def test_values_beyond_the_percentiles_are_clipped() -> None:
    pixels = np.arange(101, dtype=np.uint8).reshape(1, 101)
    result = to_float(pixels, stretch=(10, 90))[0, 0]
    assert np.allclose(result, np.clip((np.arange(101) - 10) / 80, 0, 1) * 255, atol=1e-4)


@pytest.mark.parametrize("stretch", [(0, 100), (10, 90)])
def test_each_channel_is_spread_by_itself(stretch: tuple[int, int]) -> None:
    pixels = np.dstack([np.arange(101).reshape(1, 101) * factor + 7 for factor in (1, 50)]).astype(
        np.uint16
    )
    low, high = stretch
    expected = np.clip((np.arange(101) - low) / (high - low), 0, 1) * 255
    np.testing.assert_allclose(
        to_float(pixels, stretch=stretch)[:, 0], [expected, expected], atol=1e-3
    )


def test_percentiles_are_exact_up_to_a_million_pixels() -> None:
    """Few bright pixels in a pattern that samples of every second row or column would miss."""
    pixels = np.zeros((300, 300), np.uint16)
    pixels[1::2, 1::2] = np.arange(150 * 150).reshape(150, 150) // 10 + 1
    black, white = np.percentile(pixels.astype(float), [1, 95])
    expected = np.clip((pixels - black) / (white - black), 0, 1) * 255
    np.testing.assert_allclose(to_float(pixels, stretch=(1, 95))[0], expected, atol=1e-3)


def test_an_8_bit_image_is_stretched_where_percentiles_are_asked_for() -> None:
    pixels = np.arange(50, 151, dtype=np.uint8).reshape(1, 101)
    assert to_float(pixels, stretch=(0, 50))[0, 0, [0, 25, 50, 100]].tolist() == pytest.approx(
        [0, 127.5, 255, 255]
    )


def test_a_negative_channel_is_not_counted_from_the_end() -> None:
    with pytest.raises(SeminarError, match=r"channel -1 is asked for, the image has 3"):
        to_float(noise(4, 4, 3), channels=(-1,))


def test_signed_numbers_keep_their_sign() -> None:
    assert to_float(np.array([[-100, 0, 100]], dtype=np.int8))[0].tolist() == [[0, 127.5, 255]]
    assert to_float(np.array([[-3000, 0, 3000]], dtype=np.int16))[0].tolist() == [[0, 127.5, 255]]


def test_an_even_channel_becomes_0() -> None:
    pixels = np.dstack(
        [np.full((4, 4), 900, np.uint16), np.arange(16, dtype=np.uint16).reshape(4, 4)]
    )
    result = to_float(pixels)
    assert (result[0] == 0).all()
    assert result[1].max() == 255


@given(
    hnp.arrays(
        np.float32, (3, 4, 2), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
    ),
    st.floats(0, 49),
    st.floats(51, 100),
)
def test_any_finite_image_ends_in_0_to_255(
    image: npt.NDArray[np.float32], low: float, high: float
) -> None:
    result = to_float(image, stretch=(low, high))
    assert np.isfinite(result).all()
    assert 0 <= result.min() <= result.max() <= 255


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_is_said_with_its_place(bad: float) -> None:
    image = np.zeros((4, 5, 2), dtype=np.float32)
    image[2, 3, 1] = bad
    with pytest.raises(
        SeminarError, match=r"x\.tif: a value is NaN or infinite, first at row 2, column 3; replace"
    ):
        to_float(image, where="x.tif")
    assert to_float(image, channels=(0,)).shape == (1, 4, 5)  # an unused channel may hold anything
    image[2, 3] = bad
    assert not_finite(np.moveaxis(image, 2, 0)).startswith("2 values are NaN")
