"""Exporting from the real window: the real exporter in its own process, on a run of 0.1.0."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from qtpy.QtWidgets import QFileDialog
from window_hands import settle, wait_until

from seminar.project.project import Project

pytestmark = pytest.mark.slow

SECONDS = 580.0
"""Importing torch, on a busy machine."""

OLD_RUN = Path(__file__).parent / "old_files" / "stopped_run.tar.xz"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one run."""
    folder = tmp_path_factory.mktemp("export")
    with tarfile.open(OLD_RUN) as tar:
        files = [entry for entry in tar if Path(entry.name).name != "checkpoint.pt"]
        tar.extractall(folder, members=files, filter="data")
    return Project.open(folder / "project")


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """No exporter outlives a test."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=10)
    for child in alive:
        child.kill()
    assert not alive, [child.cmdline() for child in alive]


Window = Callable[[], Any]


@pytest.fixture
def export_tab(open_window: Window, project: Project) -> Window:
    """Opens a window on the tab Export of the project."""

    def open_() -> Any:
        dock = open_window()
        dock.open_project(project.path)
        dock.tabs.setCurrentWidget(dock.export)
        settle(0.3)
        return dock.export

    return open_


def press_export(tab: Any, name: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose a format, press the button, and name the file in the dialog."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    tab.format.setCurrentIndex(tab.format.findData(name))
    tab.export.click()


def test_a_model_is_exported_with_progress_and_checked_and_a_cancelled_export_leaves_nothing(
    export_tab: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quickest format with the real exporter. The tab's test has the command of each format,
    and the library's tests have each exporter.
    """
    tab, target = export_tab(), tmp_path / "model"
    press_export(tab, "folder", target, monkeypatch)
    assert tab.jobs.bar.isVisible() and tab.jobs.stop.isVisible() and not tab.export.isEnabled()
    wait_until(lambda: tab.jobs.activity.bar is not None, 60, "napari's activity")
    assert tab.jobs.result.text() == "Exporting…"
    wait_until(tab.export.isEnabled, SECONDS, "the export")
    assert tab.jobs.job.outcome.ended, tab.jobs.result.text()
    assert f"{target} written." in tab.jobs.result.text() and "cells" in tab.jobs.result.text()
    assert (target / "model.pt").stat().st_size > 1_000_000
    assert zipfile.is_zipfile(target / "model.pt")
    assert not tab.jobs.bar.isVisible() and tab.jobs.activity.bar is None
    assert "torch" not in sys.modules

    # another one, cancelled
    folder = tmp_path / "given"
    folder.mkdir()
    press_export(tab, "pt2", folder / "model.pt2", monkeypatch)
    wait_until(lambda: _exporter() is not None, 60, "the process")
    settle(2)
    tab.jobs.stop.click()
    wait_until(tab.export.isEnabled, 60, "the end")
    assert tab.jobs.result.text().startswith("Cancelled")
    assert _exporter() is None and list(folder.iterdir()) == []


def _exporter() -> psutil.Process | None:
    for child in psutil.Process().children():
        if "export" in child.cmdline():
            return child
    return None
