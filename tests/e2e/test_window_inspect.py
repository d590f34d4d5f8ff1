"""Inspecting in the real window: held keys, next click, grid and live overlays are seen on the
canvas.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from window_hands import Hands, make_project, settle, wait_until

from seminar.clicks.click_set import ClickSet
from seminar.project.project import Project
from seminar.run.folder import RunFolder

SIZE = (120, 160)
LEFT, RIGHT = (slice(20, 100), slice(10, 70)), (slice(20, 100), slice(90, 150))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def mask(where: tuple[slice, slice], value: int = 1) -> np.ndarray:
    labels = np.zeros(SIZE, dtype=np.uint8)
    labels[where] = value
    return labels


@pytest.fixture
def window(open_window: Callable[[], Any], project: Project) -> Callable[[], tuple[Any, Hands]]:
    """A dock that follows a run whose student sees class 1 on the left and whose teacher sees it
    on the right.
    """

    def open_() -> tuple[Any, Hands]:
        run = RunFolder.of(project.path, "run-1")
        run.path.mkdir(parents=True)
        run.write_preview("image_1", "student", mask(LEFT), project.classes)
        run.write_preview("image_1", "teacher", mask(RIGHT), project.classes)
        run.write_preview("image_1", "disagreement", mask(LEFT, 0), project.classes)
        run.write_preview(
            "image_2", "disagreement", mask((slice(40, 60), slice(100, 120)), 255), project.classes
        )
        dock = open_window()
        dock.open_project(project.path)
        dock.session.set_run(run)
        wait_until(lambda: dock.inspect.overlays.has("teacher"), 20, "the overlays")
        settle(0.5)
        return dock, Hands(dock.viewer)

    return open_


def colour_at(dock: Any, hands: Hands, row: float, col: float) -> np.ndarray:
    """Mean colour of the canvas over a few image pixels, (3,)."""
    picture = dock.viewer.screenshot(canvas_only=True, flash=False)
    place = hands.where(row, col)
    return (
        picture[place.y() - 8 : place.y() + 8, place.x() - 8 : place.x() + 8, :3]
        .reshape(-1, 3)
        .astype(float)
        .mean(axis=0)
    )


def is_marked(dock: Any, hands: Hands, row: float, col: float) -> bool:
    """Whether class 1 (dark red in these colours) lies over the grey noise there."""
    red, green, _ = colour_at(dock, hands, row, col)
    return bool(red - green > 20)


def held_keys_flick_on_the_canvas_while_the_clicks_are_active(dock: Any, hands: Hands) -> None:
    assert dock.viewer.layers.selection.active is dock.viewer.layers["Clicks"]
    native = hands._native
    assert (is_marked(dock, hands, 60, 40), is_marked(dock, hands, 60, 120)) == (True, False)
    QTest.keyPress(native, Qt.Key.Key_W)
    settle(0.3)
    assert (is_marked(dock, hands, 60, 40), is_marked(dock, hands, 60, 120)) == (False, True)
    QTest.keyRelease(native, Qt.Key.Key_W)
    settle(0.3)
    assert (is_marked(dock, hands, 60, 40), is_marked(dock, hands, 60, 120)) == (True, False)
    assert dock.viewer.layers["Clicks"].mode == "add"


def keys_reach_the_window_after_a_button_of_the_dock_was_used(dock: Any, hands: Hands) -> None:
    dock.tabs.setCurrentWidget(dock.inspect)
    dock.inspect.show_panel.nothing.setFocus()
    QTest.keyPress(dock.inspect.show_panel.nothing, Qt.Key.Key_W)
    settle(0.3)
    assert is_marked(dock, hands, 60, 120)
    QTest.keyRelease(dock.inspect.show_panel.nothing, Qt.Key.Key_W)
    settle(0.3)
    assert not is_marked(dock, hands, 60, 120)


def the_grid_shows_each_network_over_the_image_and_takes_clicks(dock: Any, hands: Hands) -> None:
    dock.tabs.setCurrentWidget(dock.inspect)
    dock.inspect.show_panel.two_by_two.click()
    settle(1.0)
    picture = dock.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float)
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    redness = picture[..., 0] - picture[..., 1]
    cells = [redness[:height, :width], redness[:height, width:], redness[height:, :width]]
    redder = [cell[:, : width // 2].mean() - cell[:, width // 2 :].mean() for cell in cells]
    assert abs(redder[0]) < 3 and redder[1] > 8 and redder[2] < -8
    hands.click(50, 80)
    assert len(dock.session.clicks("image_1")) == 1
    assert np.abs(dock.session.clicks("image_1").points[0] - (50, 80)).max() < 1.5
    dock.inspect.show_panel.two_by_two.click()
    settle(0.5)
    assert not dock.viewer.canvas.grid.enabled
    assert [layer.name for layer in dock.viewer.layers] == [
        "image_1",
        "student",
        "teacher",
        "disagreement",
        "Clicks",
    ]


def next_click_shows_the_image_centred_and_a_click_there_is_taken(
    dock: Any, hands: Hands, project: Project
) -> None:
    hands.key(Qt.Key.Key_N)
    wait_until(lambda: dock.session.image_id == "image_2", 20, "the next image")
    settle(0.5)
    native = hands._native
    centre = QPoint(native.width() // 2, native.height() // 2)
    assert np.abs(hands.pixel_of(centre) - (49.5, 109.5)).max() < 2
    QTest.mouseMove(native, centre)
    QTest.mouseClick(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, centre)
    wait_until(
        lambda: not dock.session.unsaved() and project.clicks_path("image_2").exists(),
        20,
        "the writer",
    )
    clicks = ClickSet.from_json(project.clicks_path("image_2").read_bytes())
    assert len(clicks) == 1 and np.abs(clicks.points[0] - (49.5, 109.5)).max() < 2
    hands.key(Qt.Key.Key_N)
    wait_until(lambda: "No place left" in dock.inspect.next_text.text(), 20, "that nothing is left")


def test_networks_by_held_keys_and_in_the_grid_and_the_next_click(
    window: Callable[[], tuple[Any, Hands]], project: Project
) -> None:
    """In one window, which takes longer to open than each of them."""
    dock, hands = window()
    held_keys_flick_on_the_canvas_while_the_clicks_are_active(dock, hands)
    keys_reach_the_window_after_a_button_of_the_dock_was_used(dock, hands)
    the_grid_shows_each_network_over_the_image_and_takes_clicks(dock, hands)
    next_click_shows_the_image_centred_and_a_click_there_is_taken(dock, hands, project)
