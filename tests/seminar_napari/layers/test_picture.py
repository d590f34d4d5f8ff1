"""How images of any kind are shown."""

from __future__ import annotations

import numpy as np
import pytest

from seminar_napari.layers.picture import picture


@pytest.mark.parametrize(
    ("shape", "dtype", "shown", "rgb"),
    [
        ((5, 7, 1), np.uint8, (5, 7), False),
        ((5, 7, 1), np.uint16, (5, 7), False),
        ((5, 7, 3), np.uint8, (5, 7, 3), True),
        ((5, 7, 3), np.uint16, (5, 7, 3), True),
        ((5, 7, 3), np.float32, (5, 7, 3), True),
        ((5, 7, 2), np.uint16, (2, 5, 7), False),
        ((5, 7, 6), np.float32, (6, 5, 7), False),
    ],
)
def test_every_kind_of_image_has_a_picture(
    shape: tuple[int, ...], dtype: type, shown: tuple[int, ...], rgb: bool
) -> None:
    image = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    result = picture(image)
    assert result.data.shape == shown
    assert result.rgb == rgb
    if rgb:
        assert result.data.dtype == np.uint8
    elif dtype != np.uint8:
        assert result.contrast_limits == (image.min(), image.max())
    if shown[0] != 5:
        np.testing.assert_array_equal(result.data[1], image[..., 1])


def test_flat_and_not_finite_images_have_limits_that_napari_takes() -> None:
    assert picture(np.full((4, 4, 1), 7, dtype=np.uint16)).contrast_limits == (7, 8)
    assert picture(np.array([[[np.nan], [1], [3]]], dtype=np.float32)).contrast_limits == (1, 3)
    assert picture(np.full((2, 2, 1), np.nan, dtype=np.float32)).contrast_limits == (0, 1)


def test_eight_bits_are_shown_as_they_are_and_more_between_their_least_and_most() -> None:
    assert picture(np.array([[[50], [200]]], dtype=np.uint8)).contrast_limits == (0, 255)
    deep = picture(np.array([[[100, 300, 500], [200, 100, 300]]], dtype=np.uint16))
    assert deep.data.tolist() == [[[0, 127, 255], [63, 0, 127]]]  # (value - 100) / 400 * 255
