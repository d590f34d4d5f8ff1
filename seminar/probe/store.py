"""Features of images, kept: in memory first, then on disk, under a limit; all can be made again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch

from seminar.io.files import atomic_file
from seminar.probe.features import Patch
from seminar.probe.samples import PixelFeatures

VERSION = 5
"""Another number makes all that was kept before worthless."""

CLICKS = "-clicks.npz"
"""After the key, the name of the file with the features at an image's clicks."""

MEMORY_BYTES = 100_000_000
DISK_BYTES = 4_000_000_000

_DAMAGE = (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile)


class FeatureStore:
    """Features by key; beyond a limit those that were not used for longest go.

    Parameters
    ----------
    folder : Path, optional
        Where the files are; by default the user's cache folder. Safe to delete at any time.
    memory_bytes, disk_bytes : int
        The limits. A `disk_bytes` of 0 writes nothing.

    Attributes
    ----------
    fault : str
        Why nothing is written to the disk any more; "" while all is well.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        memory_bytes: int = MEMORY_BYTES,
        disk_bytes: int = DISK_BYTES,
    ) -> None:
        self.folder = folder or Path(platformdirs.user_cache_dir("seminar")) / "features"
        self.memory_bytes, self.disk_bytes = memory_bytes, disk_bytes
        self.fault = ""
        self._kept: OrderedDict[str, tuple[Patch, ...]] = OrderedDict()
        self._bytes = 0
        self._written = disk_bytes  # since it was tidied last: what is there may be too much

    def get(self, key: str) -> tuple[Patch, ...] | None:
        """The patches of this key; None where they have to be made."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        patches = self._read(key)
        if patches is not None:
            self._keep(key, patches)
        return patches

    def has_in_memory(self, key: str) -> bool:
        """Whether `get` is quick."""
        return key in self._kept

    def put(self, key: str, patches: Sequence[Patch]) -> None:
        """Keep these patches."""
        self._keep(key, tuple(patches))
        arrays: dict[str, Any] = {
            "spans": np.array(json.dumps([_numbers(each) for each in patches]))
        }
        for number, patch in enumerate(patches):
            arrays |= {f"{number}-{scale}": each.numpy() for scale, each in enumerate(patch.maps)}
        self._write(f"{key}.npz", arrays)

    def clicks(self, key: str) -> PixelFeatures | None:
        """What `put_clicks` kept; None without."""
        try:
            path = self.folder / (key + CLICKS)
            with path.open("rb") as file, np.load(file) as arrays:
                kept = {name: arrays[name] for name in ("pixels", "features", "around")}
                return PixelFeatures(**kept, channels=int(arrays["channels"]))
        except _DAMAGE:
            return None

    def put_clicks(self, key: str, clicks: PixelFeatures) -> None:
        """Keep the features at the clicks of an image, exactly."""
        self._write(key + CLICKS, dict(vars(clicks)))

    def shrink(self) -> bool:
        """Give half of the memory back, for good; False where there is nothing to give."""
        before = self._bytes
        self.memory_bytes = min(self.memory_bytes, before) // 2
        self._forget(at_least=0)
        return self._bytes < before

    def _keep(self, key: str, patches: tuple[Patch, ...]) -> None:
        self._bytes -= _bytes(self._kept.pop(key, ()))
        self._kept[key] = patches
        self._bytes += _bytes(patches)
        self._forget()

    def _forget(self, *, at_least: int = 1) -> None:
        while self._bytes > self.memory_bytes and len(self._kept) > at_least:
            self._bytes -= _bytes(self._kept.popitem(last=False)[1])

    def _read(self, key: str) -> tuple[Patch, ...] | None:
        path = self.folder / f"{key}.npz"
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                spans = json.loads(str(arrays["spans"]))
                patches = []
                for number, (core, window, scales) in enumerate(spans):
                    maps = [torch.from_numpy(arrays[f"{number}-{each}"]) for each in range(scales)]
                    patches.append(Patch(_slices(core), _slices(window), maps))
            os.utime(path)  # used now
        except _DAMAGE:
            return None
        return tuple(patches)

    def _write(self, name: str, arrays: dict[str, Any]) -> None:
        if self.disk_bytes <= 0 or self.fault:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(self.folder / name, durable=False) as file:
                np.savez(file, **arrays)
                self._written += file.tell()
            if self._written > self.disk_bytes // 10:
                self._written = 0
                self._tidy()
        except OSError as error:
            self.fault = (
                f"{self.folder}: {error.strerror or error}; features are kept in memory alone, "
                "so that the next start takes longer: make room or give access"
            )

    def _tidy(self) -> None:
        """Delete the files that were not used for longest, down to nine tenths of the limit.

        Those of clicks are small and come last: without them a start reads all clicked images.
        """
        files = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # another process tidies, too
                    files.append((entry.stat(), entry.path))
        total = sum(facts.st_size for facts, _ in files)
        for facts, path in sorted(
            files, key=lambda file: (file[1].endswith(CLICKS), file[0].st_mtime_ns)
        ):
            if total <= 0.9 * self.disk_bytes:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= facts.st_size


def key_of(image: Path, *parts: object) -> str:
    """A key that changes when the file, its size or its time changes, or one of `parts`."""
    facts = image.stat()
    words = [VERSION, str(image.absolute()), facts.st_size, facts.st_mtime_ns, *map(str, parts)]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:40]


def _numbers(patch: Patch) -> tuple[list[int], list[int], int]:
    core, window = (
        [n for each in pair for n in (each.start, each.stop)] for pair in (patch.core, patch.window)
    )
    return core, window, len(patch.maps)


def _slices(numbers: Sequence[int]) -> tuple[slice, slice]:
    top, bottom, left, right = numbers
    return slice(top, bottom), slice(left, right)


def _bytes(patches: Sequence[Patch]) -> int:
    return sum(patch.nbytes for patch in patches)
