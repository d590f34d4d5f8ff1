from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from seminar.errors import SeminarError
from seminar.project.project import Project
from seminar_napari.layers.image_cache import ImageCache, picture


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


def test_read_ahead_makes_the_next_image_ready_and_leaves_no_thread(three_fields: Project) -> None:
    cache = ImageCache(three_fields)
    cache.read_ahead(["b", "no-such-image", "c"])
    deadline = time.monotonic() + 5
    while not (cache.holds("b") and cache.holds("c")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    np.testing.assert_array_equal(cache.get("b").data, three_fields.read_image("b")[..., 0])


def test_old_pictures_go(three_fields: Project) -> None:
    cache = ImageCache(three_fields, kept_images=2)
    for image_id in ("a", "b", "a", "c"):
        cache.get(image_id)
    assert [cache.holds(image_id) for image_id in "abc"] == [True, False, True]


def test_an_image_that_is_gone_is_said(three_fields: Project) -> None:
    three_fields.image_path("b").unlink()
    with pytest.raises(SeminarError, match="b"):
        ImageCache(three_fields).get("b")


def test_pictures_of_more_bytes_than_are_kept_go(three_fields: Project) -> None:
    cache = ImageCache(three_fields, kept_bytes=2 * 40 * 60)
    for image_id in "abc":
        cache.get(image_id)
    assert [cache.holds(image_id) for image_id in "abc"] == [False, True, True]
    small = ImageCache(three_fields, kept_bytes=1)
    small.get("a")
    assert small.holds("a"), "the newest always stays"


def test_eight_bits_are_shown_as_they_are_and_more_between_their_least_and_most() -> None:
    assert picture(np.array([[[50], [200]]], dtype=np.uint8)).contrast_limits == (0, 255)
    deep = picture(np.array([[[100, 300, 500], [200, 100, 300]]], dtype=np.uint16))
    assert deep.data.tolist() == [[[0, 127, 255], [63, 0, 127]]]  # (value - 100) / 400 * 255


def test_earlier_wishes_are_dropped(three_fields: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, begun, read = threading.Event(), threading.Event(), list[str]()
    real = Project.read_image

    def slow(self: Project, image_id: str) -> np.ndarray:
        read.append(image_id)
        begun.set()
        assert gate.wait(10)
        return real(self, image_id)

    monkeypatch.setattr(Project, "read_image", slow)
    cache = ImageCache(three_fields)
    cache.read_ahead(["a", "b"])
    assert begun.wait(5)
    cache.read_ahead(["c"])
    gate.set()
    assert cache._ahead.wait(10)
    assert read == ["a", "c"] and not cache.holds("b")
