"""Fixtures of the tests of the whole window. The user's own folders are never touched."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for window_hands


@pytest.fixture(autouse=True)
def user_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the plugin keeps the sample and its list of recent projects, in this test."""
    pytest.importorskip("napari")
    folder = tmp_path / "user"
    monkeypatch.setattr("seminar_napari.dock.sample.sample_folder", lambda: folder / "sample")
    monkeypatch.setattr("seminar_napari.dock.recent._file", lambda: folder / "recent.txt")
    weights = folder / "weights.json"
    monkeypatch.setattr("seminar_napari.session.start_weights._file", lambda: weights)
    monkeypatch.setattr(
        "seminar_napari.dock.reader_rules._written", lambda: folder / "reader_rules_written"
    )
    return folder


@pytest.fixture
def open_window(make_napari_viewer: Callable[..., Any]) -> Callable[[], Any]:
    """A real napari window with the Seminar dock, which must leave no widget behind: call it,
    get the dock.
    """

    def open_() -> Any:
        from seminar_napari.contributions.open_dock import open_dock

        viewer = make_napari_viewer(show=True, strict_qt="raise")
        viewer.window.resize(1100, 750)
        return open_dock(viewer)

    return open_


@pytest.fixture(autouse=True)
def no_live_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """No probe is started by a project of two clicked classes; its own test asks for one."""
    monkeypatch.setattr("seminar_napari.annotate.live_mask.NEEDED_CLASSES", 1000)


@pytest.fixture(autouse=True)
def devices_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All windows of a program share the answer, which takes a process that imports torch."""
    monkeypatch.setattr("seminar_napari.train.devices.FRESH_SECONDS", float("inf"))
