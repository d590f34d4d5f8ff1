"""Features that are kept: within limits, whole or made again, and never of another image."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seminar.probe import store as store_module
from seminar.probe.features import Patch
from seminar.probe.samples import PixelFeatures
from seminar.probe.store import FeatureStore, key_of

Mount = Callable[[str], Path]


def patch(number: int = 0, side: int = 8) -> Patch:
    """Two maps of 4 * side^2 + 4 bytes, another content for each number."""
    generator = torch.Generator().manual_seed(number)
    core, window = (slice(0, side), slice(3, side)), (slice(0, side + 4), slice(0, side + 7))
    maps = [
        torch.rand(1, 2, side, side, generator=generator).half(),
        torch.full((1, 2, 1, 1), number).half(),
    ]
    return Patch(core, window, maps)


def assert_equal(found: tuple[Patch, ...] | None, expected: tuple[Patch, ...]) -> None:
    assert found is not None and len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.core, one.window) == (other.core, other.window)
        for left, right in zip(one.maps, other.maps, strict=True):
            assert left.dtype == torch.float16 and torch.equal(left, right)


def clicks(number: int = 0) -> PixelFeatures:
    rng = np.random.default_rng(number)
    features = rng.normal(size=(5, 7)).astype(np.float16)
    around = rng.normal(size=(2, 7)).astype(np.float32)
    return PixelFeatures(rng.integers(0, 99, (5, 2)), features, around, 3 + number)


def files(store: FeatureStore) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in store.folder.iterdir()}


def test_what_is_kept_comes_back_from_memory_and_from_disk(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    assert store.get("a") is None and store.clicks("a") is None
    whole = (patch(1), patch(2))
    store.put("a", whole)
    store.put_clicks("a", clicks())
    assert store.get("a") is not None
    another = FeatureStore(tmp_path)
    for each in (store, another):
        assert_equal(each.get("a"), whole)
        found = each.clicks("a")
        assert found is not None
        np.testing.assert_array_equal(found.pixels, clicks().pixels)
        np.testing.assert_array_equal(found.features, clicks().features)  # to the last bit
        np.testing.assert_array_equal(found.around, clicks().around)
        assert (found.features.dtype, found.channels) == (np.float16, 3)
    assert another.get("b") is None and another.clicks("b") is None
    assert not store.fault


def test_without_a_disk_limit_to_fill_nothing_is_written(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features", disk_bytes=0)
    store.put("a", (patch(),))
    store.put_clicks("a", clicks())
    assert_equal(store.get("a"), (patch(),))
    assert not (tmp_path / "features").exists() and not store.fault


# limits
def in_memory(store: FeatureStore, keys: str) -> str:
    return "".join(key for key in keys if key in store._kept)


def test_memory_keeps_what_was_used_last(tmp_path: Path) -> None:
    each = patch().nbytes
    store = FeatureStore(tmp_path, memory_bytes=3 * each, disk_bytes=0)
    for number, key in enumerate("abc"):
        store.put(key, (patch(number),))
    assert store.get("a") is not None
    store.put("d", (patch(3),))
    assert in_memory(store, "abcd") == "acd"
    store.put("d", (patch(4),))  # again: it counts once
    assert in_memory(store, "abcd") == "acd"
    assert_equal(store.get("d"), (patch(4),))


def test_an_image_that_alone_is_too_large_is_kept_until_the_next(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, memory_bytes=10, disk_bytes=0)
    store.put("a", (patch(1),))
    assert_equal(store.get("a"), (patch(1),))
    store.put("b", (patch(2),))
    assert in_memory(store, "ab") == "b"


@given(sides=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 20)), max_size=30))
def test_memory_stays_under_its_limit(sides: list[tuple[str, int]]) -> None:
    store = FeatureStore(Path("nowhere"), memory_bytes=2000, disk_bytes=0)
    for key, side in sides:
        store.put(key, (patch(side=side),))
        held = [sum(each.nbytes for each in patches) for patches in store._kept.values()]
        assert sum(held) <= 2000 or len(held) == 1
        assert key in store._kept


def test_when_memory_is_short_half_of_it_is_given_back(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, memory_bytes=4 * patch().nbytes)
    for number, key in enumerate("abcd"):
        store.put(key, (patch(number),))
    store.shrink()
    assert in_memory(store, "abcd") == "cd"
    assert_equal(store.get("a"), (patch(0),))  # from the disk
    assert in_memory(store, "abcd") == "ad"


def test_what_comes_from_the_disk_is_held_in_memory_next(tmp_path: Path) -> None:
    FeatureStore(tmp_path).put("a", (patch(),))
    store = FeatureStore(tmp_path)
    first = store.get("a")
    (tmp_path / "a.npz").unlink()
    assert store.get("a") is first


def aged(store: FeatureStore, key: str, minutes: int) -> None:
    """As if its file had been used so long ago."""
    path = store.folder / f"{key}.npz"
    when = path.stat().st_mtime_ns - minutes * 60_000_000_000
    os.utime(path, ns=(when, when))


def test_on_the_disk_those_go_that_were_not_used_for_longest(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    for number, key in enumerate("abcd"):
        store.put(key, (patch(number),))
        aged(store, key, 10 - number)
    store.put_clicks("b", clicks())
    aged(store, "b-clicks", 60)
    size, more = files(store)["a.npz"], files(store)["b-clicks.npz"]
    fresh = FeatureStore(tmp_path, disk_bytes=int(4.5 * size + 1.2 * more))
    assert fresh.get("a") is not None  # used now
    fresh.put("e", (patch(5),))
    assert set(files(fresh)) == {"a.npz", "d.npz", "e.npz", "c.npz", "b-clicks.npz"}
    assert fresh.get("b") is None
    FeatureStore(tmp_path, disk_bytes=10).put("f", (patch(6),))
    assert set(files(fresh)) <= {"f.npz"}, "where all is too much, they go as well"


def test_the_disk_stays_under_its_limit_over_many_starts(tmp_path: Path) -> None:
    """Each of which writes less than is worth a look at the folder."""
    for number in range(30):
        store = FeatureStore(tmp_path, disk_bytes=20_000)
        store.put(f"{number:02}", (patch(number),))
        aged(store, f"{number:02}", 100 - number)
        assert files(store)[f"{number:02}.npz"] < 2_000
        assert sum(files(store).values()) <= 20_000
    assert "29.npz" in files(store) and "00.npz" not in files(store)
    assert sum(files(store).values()) > 10_000


def test_the_disk_stays_under_its_limit_within_one_start(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, disk_bytes=30_000)
    for number in range(60):
        store.put(f"{number:02}", (patch(number),))
        if number % 5 == 0:
            store.put_clicks(f"{number:02}", clicks())
        aged(store, f"{number:02}", 100 - number)
        assert sum(files(store).values()) <= 30_000 + 5_000
    assert sum(files(store).values()) > 15_000


# damage
@pytest.mark.parametrize("where", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["flipped", "cut"])
def test_a_damaged_file_is_as_none(tmp_path: Path, where: float, kind: str) -> None:
    """Or, where the byte does not matter, as it was."""
    whole = (patch(1, side=40), patch(2))
    store = FeatureStore(tmp_path)
    store.put("a", whole)
    store.put_clicks("a", clicks())
    for name in files(store):
        data = bytearray((tmp_path / name).read_bytes())
        place = int(where * len(data))
        if kind == "cut":
            del data[place:]
        else:
            data[place] ^= 0x55
        (tmp_path / name).write_bytes(data)
    again = FeatureStore(tmp_path)
    found, kept = again.get("a"), again.clicks("a")
    if kind == "cut":
        assert found is None and kept is None
    if found is not None:
        assert_equal(found, whole)
    if kept is not None:
        np.testing.assert_array_equal(kept.features, clicks().features)
        np.testing.assert_array_equal(kept.pixels, clicks().pixels)
    again.put("a", whole)
    again.put_clicks("a", clicks())
    assert_equal(FeatureStore(tmp_path).get("a"), whole)
    assert FeatureStore(tmp_path).clicks("a") is not None


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"spans": np.array("nonsense"), "pixels": np.zeros((1, 2))},
        {"spans": np.array("5"), "features": np.zeros((1, 2))},
        {"spans": np.array("[[[0, 1], [0, 1, 0, 1], 1]]")},
        {"spans": np.array(["[]", None], dtype=object)},
    ],
)
def test_a_file_of_something_else_is_as_none(tmp_path: Path, arrays: dict[str, Any]) -> None:
    for name in ("a.npz", "a-clicks.npz"):
        np.savez(tmp_path / name, **arrays)
    store = FeatureStore(tmp_path)
    assert store.get("a") is None and store.clicks("a") is None


def test_a_folder_in_place_of_a_file_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "a.npz").mkdir()
    (tmp_path / "a-clicks.npz").mkdir()
    store = FeatureStore(tmp_path)
    assert store.get("a") is None and store.clicks("a") is None


def test_the_folder_may_be_deleted_at_any_time(tmp_path: Path) -> None:
    import shutil

    store = FeatureStore(tmp_path / "features")
    store.put("a", (patch(),))
    shutil.rmtree(store.folder)
    assert_equal(store.get("a"), (patch(),))
    store.put("b", (patch(1),))
    assert set(files(store)) == {"b.npz"} and not store.fault


def test_another_process_that_tidies_at_the_same_time_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file goes between the listing and the look at its size."""

    class Gone:
        path = str(tmp_path / "gone.npz")

        def stat(self) -> os.stat_result:
            return os.stat(self.path)

    class Listing(list[Gone]):
        def __enter__(self) -> Listing:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    store = FeatureStore(tmp_path, disk_bytes=1)
    monkeypatch.setattr(store_module.os, "scandir", lambda _: Listing([Gone()]))
    store.put("a", (patch(),))
    assert not store.fault


# a disk that takes nothing more
def assert_goes_on_in_memory(store: FeatureStore, reason: str) -> None:
    assert store.fault.startswith(f"{store.folder}: {reason}; features are kept in memory alone")
    assert len(store.fault.splitlines()) == 1
    store.put("later", (patch(7),))
    store.put_clicks("later", clicks())
    assert_equal(store.get("later"), (patch(7),))


@pytest.mark.parametrize("writes_clicks", [False, True])
def test_a_full_disk_is_said_and_work_goes_on_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes_clicks: bool
) -> None:
    import errno

    def full(file: Any, **_: object) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = FeatureStore(tmp_path)
    store.put("earlier", (patch(),))
    monkeypatch.setattr(store_module.np, "savez", full)
    if writes_clicks:
        store.put_clicks("a", clicks())
    else:
        store.put("a", (patch(1),))
        assert_equal(store.get("a"), (patch(1),))
    assert set(files(store)) == {"earlier.npz"}  # nothing torn is left
    assert_goes_on_in_memory(store, "No space left on device")


@pytest.mark.skipif(os.name == "nt", reason="no such limit")
def test_the_operating_system_refuses_to_write(tmp_path: Path) -> None:
    import resource

    store = FeatureStore(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        store.put("a", (patch(),))
        assert_goes_on_in_memory(store, "File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not files(store)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FeatureStore(tmp_path / "file" / "features")
    store.put("a", (patch(),))
    assert_goes_on_in_memory(store, "Not a directory")


# keys
def test_the_key_changes_with_the_file_and_with_what_makes_the_features(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(b"12345")
    os.utime(image, ns=(0, 10**18))
    parts = ("efficientnet_lite0", "imagenet", (0, 1), (0.1, 99.9))
    keys = [key_of(image, *parts)]
    assert key_of(image, *parts) == keys[0]
    keys += [
        key_of(image, "mobilenet_v2", *parts[1:]),
        key_of(image, parts[0], "file", *parts[2:]),
        key_of(image, *parts[:2], (1, 0), parts[3]),
        key_of(image, *parts[:3], (0.0, 100.0)),
    ]
    os.utime(image, ns=(0, 10**18 + 1000))
    keys.append(key_of(image, *parts))
    image.write_bytes(b"123456")
    os.utime(image, ns=(0, 10**18))
    keys.append(key_of(image, *parts))
    (tmp_path / "b.png").write_bytes(b"12345")
    os.utime(tmp_path / "b.png", ns=(0, 10**18))
    keys.append(key_of(tmp_path / "b.png", *parts))
    assert len(set(keys)) == len(keys) == 8
    assert all(key.isalnum() for key in keys)  # names of files


def test_the_key_does_not_depend_on_the_folder_one_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    assert key_of(Path("a.png")) == key_of(tmp_path / "a.png")


def test_another_version_of_the_features_is_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").touch()
    before = key_of(tmp_path / "a.png")
    monkeypatch.setattr(store_module, "VERSION", -1)
    assert key_of(tmp_path / "a.png") != before
