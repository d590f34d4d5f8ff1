from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from seminar.errors import SeminarError
from seminar.project.project import Project
from seminar_napari.annotate.image_cache import ImageCache


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
