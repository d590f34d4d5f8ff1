"""Exporting from the real window: the real exporter in its own process, on a model that was just
trained.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from qtpy.QtWidgets import QFileDialog
from window_hands import make_project, settle, wait_until

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.project.project import Project
from seminar_napari.run.command import train_arguments
from seminar_napari.workers.child import seminar_command

pytestmark = pytest.mark.slow

SECONDS = 580.0
"""Importing torch and tracing the network, on a busy machine."""

TINY = TrainConfig(
    preset="quick",
    iterations=1,
    crop_size=64,
    batch_size=2,
    weights="none",
    device="cpu",
    losses=("pce",),
    validations=0,
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one run of one iteration."""
    made = make_project(tmp_path_factory.mktemp("export"), sizes=((96, 96),))
    made.write_clicks(
        "image_1", ClickSet(96, 96, [[20.0, 20.0], [70.0, 60.0], [50.0, 9.0]], [0, 1, 2])
    )  # type: ignore[arg-type]
    subprocess.run(
        seminar_command(train_arguments(made.path, "small", TINY)), check=True, capture_output=True
    )
    return made


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


def test_a_trained_model_is_exported_with_progress_and_checked(
    export_tab: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One format with the real exporter. The tab's test has the command of each format, and the
    library's tests have each exporter.
    """
    tab, target = export_tab(), tmp_path / "model.pt2"
    press_export(tab, "pt2", target.with_suffix(""), monkeypatch)  # the ending is added
    assert tab.jobs.bar.isVisible() and tab.jobs.stop.isVisible() and not tab.export.isEnabled()
    wait_until(lambda: tab.jobs.activity.bar is not None, 5, "napari's activity")
    assert tab.jobs.result.text() == "Exporting…"
    wait_until(tab.export.isEnabled, SECONDS, "the export")
    assert tab.jobs.job.outcome.ended, tab.jobs.result.text()
    assert f"{target} written." in tab.jobs.result.text() and "image_1" in tab.jobs.result.text()
    assert target.stat().st_size > 1_000_000 and zipfile.is_zipfile(target)
    assert not tab.jobs.bar.isVisible() and tab.jobs.activity.bar is None
    assert "torch" not in sys.modules


def test_a_cancelled_export_leaves_no_file_and_no_process(
    export_tab: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, folder = export_tab(), tmp_path / "given"
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
