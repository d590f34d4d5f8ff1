"""A mask while one clicks, in the real window, with the real probe on filters alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication
from window_hands import Hands, drop, settle, wait_until

from seminar.labels import ClassNames
from seminar.project.layout import PROBE
from seminar.project.project import Project
from seminar_napari.dock.new_project.dialog import NewProjectDialog

Open = Callable[..., tuple[Any, Hands]]

SIZE = (120, 160)
SECONDS = 120
FILTERS = ("--backbone", "none", "--store", "0")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three images of dark noise with a bright square, at another place in each."""
    rng = np.random.default_rng(0)
    files = []
    (tmp_path / "fields").mkdir()
    for number in range(3):
        picture = rng.normal(60, 8, (*SIZE, 3))
        picture[truth(number)] += 120
        files.append(tmp_path / "fields" / f"field_{number}.png")
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(files[-1])
    return Project.create(tmp_path / "project", files, ClassNames.of("background", "cell"))


def truth(number: int) -> np.ndarray:
    mask = np.zeros(SIZE, dtype=bool)
    mask[30:80, 20 + 30 * number : 70 + 30 * number] = True
    return mask


@pytest.fixture
def window(
    open_window: Callable[[], Any], project: Project, monkeypatch: pytest.MonkeyPatch
) -> Open:
    """A dock with the project, whose probe uses filters alone."""
    from seminar_napari.annotate import live_mask

    whole = live_mask.follow_command
    monkeypatch.setattr(live_mask, "NEEDED_CLASSES", 2)
    monkeypatch.setattr(live_mask, "follow_command", lambda *given: (*whole(*given), *FILTERS))

    def open_(is_empty: bool = False) -> tuple[Any, Hands]:
        dock = open_window()
        if not is_empty:
            dock.open_project(project.path)
        settle(0.5)
        return dock, Hands(dock.viewer)

    return open_


def agreement(dock: Any, number: int) -> float:
    """IoU of the square with the live mask that is shown."""
    data = dock.inspect.overlays.data(PROBE)
    if data is None:
        return 0.0
    shown, wanted = data == 1, truth(number)
    return float((shown & wanted).sum() / (shown | wanted).sum())


def click(hands: Hands, key: Any, *places: tuple[float, float]) -> None:
    hands.key(key)
    for place in places:
        hands.click(*place)


def test_the_mask_follows_clicks_undo_images_the_switch_and_the_dock(
    window: Open, project: Project
) -> None:
    from seminar_napari.contributions.open_dock import open_dock

    dock, hands = window()
    live, layers = dock.annotate.live_mask, dock.viewer.layers
    line = dock.annotate.live_mask_row.line
    click(hands, Qt.Key.Key_1, (55, 45), (40, 30))
    settle(0.3)
    assert live.pid is None and "Click on two classes" in line.text()
    clicks, camera = layers["Clicks"], dock.viewer.scene.camera
    before = (camera.center, camera.zoom)
    click(hands, Qt.Key.Key_0, (100, 45), (50, 120))
    wait_until(lambda: agreement(dock, 0) > 0.6, SECONDS, "the first mask")
    assert layers["live mask"].visible and layers.selection.active is clicks
    assert (camera.center, camera.zoom) == before
    assert line.text().startswith("From 4 clicks · unsure on")

    click(hands, Qt.Key.Key_1, (100, 100))  # against the picture, and taken back
    wait_until(lambda: line.text().startswith("From 5 clicks"), SECONDS, "the fifth click")
    hands.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait_until(lambda: line.text().startswith("From 4 clicks"), SECONDS, "the undo")
    wait_until(lambda: agreement(dock, 0) > 0.6, SECONDS, "the mask of before")

    hands.key(Qt.Key.Key_D)
    assert not layers["live mask"].data.any() or agreement(dock, 1) > 0.6, "of no other image"
    wait_until(lambda: agreement(dock, 1) > 0.6, SECONDS, "the mask of the next image")

    first = live.pid
    dock.annotate.live_mask_row.switch.click()
    assert not dock.inspect.overlays.has(PROBE) and not layers["live mask"].data.any()
    wait_until(lambda: not psutil.pid_exists(first), SECONDS, "the end of the probe")
    dock.annotate.live_mask_row.switch.click()
    wait_until(lambda: agreement(dock, 1) > 0.6, SECONDS, "the mask of the probe that came back")

    wait_until(lambda: dock.export.models.combo.count(), SECONDS, "its model")
    assert dock.export.models.combo.currentText() == "live mask (probe)"
    assert not dock.train.resume_last.isEnabled()

    second, viewer = live.pid, dock.viewer
    assert second not in (None, first)
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    wait_until(lambda: not psutil.pid_exists(second), SECONDS, "the end with the dock")
    again = open_dock(viewer)
    again.open_project(project.path)
    wait_until(lambda: again.inspect.overlays.has(PROBE), SECONDS, "the mask of before")
    wait_until(lambda: again.annotate.live_mask.pid not in (None, second), SECONDS, "a new probe")


def test_a_folder_becomes_a_mask_in_three_actions_and_the_clicks_and_next_click_rings(
    window: Open, tmp_path: Path
) -> None:
    """At most four actions were asked for; of the window before, 8 to 14 were counted."""
    dock, hands = window(is_empty=True)
    layers = dock.viewer.layers
    drop(dock.viewer.window._qt_viewer, tmp_path / "fields")  # 1
    (form,) = dock.findChildren(NewProjectDialog)
    wait_until(form.create_button.isEnabled, 20, "the images")
    form.create_button.click()  # 2
    wait_until(lambda: "Clicks" in layers, 20, "the project")
    settle(0.3)
    hands.click(55, 45)
    click(hands, Qt.Key.Key_0, (100, 45))  # 3
    wait_until(lambda: dock.inspect.overlays.has(PROBE), SECONDS, "the first mask")
    assert layers["live mask"].visible and agreement(dock, 0) > 0.3
    assert dock.session.project.path == tmp_path / "fields-seminar"

    def has_ring() -> bool:
        hands.key(Qt.Key.Key_N)
        settle(0.3)
        return "next click" in layers

    wait_until(has_ring, SECONDS, "an unsure place")
    assert (
        "unsure on" in dock.annotate.live_mask_row.line.text()
        and layers.selection.active is layers["Clicks"]
    )
    centre = layers["next click"].data[0]
    image_id, number = dock.session.image_id, len(dock.session.clicks(dock.session.image_id))
    hands.click(*centre)
    assert "next click" not in layers
    assert len(dock.session.clicks(image_id)) == number + 1
    assert np.abs(dock.session.clicks(image_id).points[-1] - centre).max() < 1.5
