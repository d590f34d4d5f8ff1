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
        assert result.contrast_range == (image.min(), image.max())
        np.testing.assert_allclose(
            result.contrast_limits,
            [np.percentile(image[..., plane], (0.1, 99.9)) for plane in range(shape[2])],
        )
    if shown[0] != 5:
        np.testing.assert_array_equal(result.data[1], image[..., 1])


def test_flat_and_not_finite_images_have_limits_that_napari_takes() -> None:
    assert picture(np.full((4, 4, 1), 7, dtype=np.uint16)).contrast_limits == ((7, 8),)
    assert picture(np.full((4, 4, 1), 255, dtype=np.uint8)).contrast_limits == ((0, 255),)
    half = picture(np.array([[[np.nan], [1], [3]]], dtype=np.float32))
    assert half.contrast_range == (1, 3) and 1 < half.contrast_limits[0][0] < 1.01
    assert picture(np.full((2, 2, 1), np.nan, dtype=np.float32)).contrast_limits == ((0, 1),)


def test_dim_images_are_stretched_as_training_stretches_them() -> None:
    dim = np.tile(np.arange(10, 50, dtype=np.uint8), (40, 1))[..., np.newaxis]
    dim[0, 0] = 255  # one hot pixel makes nothing dark
    shown = picture(dim)
    assert shown.data.max() == 255 and shown.contrast_range == (0, 255)
    assert shown.contrast_limits == ((10, 49),)
    photo = picture(np.concatenate([dim, dim // 2, np.zeros_like(dim)], axis=2))
    assert photo.data[5, -1].tolist() == [255, 124, 0], "it keeps its colours"
    deep = picture(np.array([[[100, 300, 500], [200, 100, 300]]] * 2, dtype=np.uint16))
    assert deep.data[0].tolist() == [[0, 255, 255], [255, 0, 0]]  # each channel by itself
