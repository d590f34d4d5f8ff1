"""The tab Inspect and its keys, with real widgets and napari's model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.key_bindings import KeymapHandler
from pytestqt.qtbot import QtBot

from seminar.inference.metrics import confusion_matrix
from seminar.io.label_png import write_label_png
from seminar.project.layout import PROBE, preview_path
from seminar.project.project import Project
from seminar.run.events import Validated
from seminar.run.folder import RunFolder
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.inspect import scores
from seminar_napari.inspect.tab import InspectTab
from seminar_napari.session.session import Session


class Window:
    def __init__(self, qtbot: QtBot, project: Project, run: RunFolder) -> None:
        self.qtbot, self.project, self.run = qtbot, project, run
        self.viewer = ViewerModel()
        self.session = Session()
        self.annotation = Annotation(self.session, self.viewer)
        self.tab = InspectTab(self.session, self.viewer)
        qtbot.addWidget(self.tab)
        self.tab.resize(340, 600)
        self.tab.show()
        self.keys = KeymapHandler()
        self.viewer.layers.selection.events.active.connect(self._on_active)
        self.session.open_project(project.path)
        self.session.set_run(run)

    def _on_active(self, event: object = None) -> None:
        active = self.viewer.layers.selection.active
        self.keys.keymap_providers = [self.viewer] if active is None else [active, self.viewer]

    def seen(self) -> set[str]:
        return {layer.name for layer in self.tab.overlays.layers.values() if layer.visible}

    def preview(self, *kinds: str) -> None:
        truth = self.project.read_truth("a")
        assert truth is not None
        for kind in kinds:
            values = np.roll(truth, 12, axis=0) * 255 if kind == "disagreement" else truth
            self.run.write_preview(
                self.session.image_id, kind, values.astype(np.uint8), self.project.classes
            )
        self.tab.overlays._everything = True
        self.qtbot.waitUntil(
            lambda: all(self.tab.overlays.has(kind) for kind in kinds), timeout=10_000
        )  # type: ignore[arg-type]


@pytest.fixture
def window(qtbot: QtBot, three_fields: Project, followed_run: RunFolder) -> Iterator[Window]:
    window = Window(qtbot, three_fields, followed_run)
    yield window
    window.tab.shut_down()
    window.annotation.close()
    assert window.session.flush()


def test_the_radio_buttons_choose_and_say_what_there_is(window: Window) -> None:
    window.preview("student", "teacher")
    tab = window.tab
    assert tab.show_panel.choices["student"].isChecked() and window.seen() == {"student"}
    assert (
        tab.show_panel.choices["teacher"].isEnabled()
        and not tab.show_panel.choices["pseudo_label"].isEnabled()
    )
    tab.show_panel.choices["teacher"].click()
    assert window.seen() == {"teacher"}
    tab.show_panel.nothing.click()
    assert window.seen() == set()
    tab.show_panel.toggles["disagreement"].click()
    window.preview("disagreement")
    assert window.seen() == {"disagreement"}


@pytest.mark.parametrize("active", ["Clicks", "student", "a", None])
def test_held_keys_flick_whatever_layer_is_active(window: Window, active: str | None) -> None:
    window.preview("student", "teacher")
    layers = window.viewer.layers
    layers.selection.active = layers[active] if active else None
    for key, name in (("W", "teacher"), ("R", "truth"), ("Q", "student")):
        window.keys.press_key(key)
        assert window.seen() == {name}
        window.keys.release_key(key)
        assert window.seen() == {"student"}


def test_the_keys_of_other_layers_stay_napari_s(window: Window) -> None:
    own = window.viewer.add_labels(np.zeros((40, 60), dtype=int), name="somebody's own")
    window.viewer.layers.selection.active = own
    pressed: list[object] = []
    own.bind_key("E", pressed.append, overwrite=True)
    window.keys.press_key("E")
    assert pressed == [own] and window.tab.overlays.choice.held is None
    window.preview("student")
    student = window.viewer.layers["student"]
    window.viewer.layers.selection.active = student
    window.keys.press_key("E")
    assert student.mode == "pan_zoom" and window.tab.overlays.choice.held == "pseudo_label"


def test_a_key_that_somebody_bound_is_left_alone(qtbot: QtBot, three_fields: Project) -> None:
    viewer = ViewerModel()
    pressed: list[str] = []
    viewer.bind_key("Q", lambda viewer: pressed.append("theirs"))
    tab = InspectTab(Session(), viewer)
    qtbot.addWidget(tab)
    handler = KeymapHandler()
    handler.keymap_providers = [viewer]
    handler.press_key("Q")
    assert pressed == ["theirs"]
    tab.shut_down()
    assert [str(key) for key in viewer.keymap] == ["Q"]


def test_a_new_dock_takes_over_what_a_destroyed_one_has_left(window: Window, qtbot: QtBot) -> None:
    window.preview("student")
    window.tab._timer.stop()  # destroyed by Qt: nobody called shut_down
    session = Session()
    session.open_project(window.project.path)
    tab = InspectTab(session, window.viewer)
    qtbot.addWidget(tab)
    assert "student" not in [layer.name for layer in window.viewer.layers]
    window.viewer.layers.selection.active = window.viewer.layers["Clicks"]
    window.keys.press_key("W")
    assert tab.overlays.choice.held == "teacher"
    tab.shut_down()


def test_outline_opacity_and_grid(window: Window) -> None:
    window.preview("student", "teacher", "pseudo_label")
    tab = window.tab
    tab.show_panel.outline.click()
    assert window.viewer.layers["student"].contour == 1 and not tab.show_panel.fill.isChecked()
    tab.show_panel.opacity.setValue(20)
    assert window.viewer.layers["teacher"].opacity == pytest.approx(0.4)
    tab.show_panel.two_by_two.click()
    assert window.viewer.canvas.grid.enabled and not tab.show_panel.choices["teacher"].isEnabled()
    tab.show_panel.two_by_two.click()
    assert not window.viewer.canvas.grid.enabled and tab.show_panel.choices["teacher"].isEnabled()
    assert window.seen() == {"student"}


def test_next_click_by_key_goes_there_and_says_so(window: Window) -> None:
    window.session.show_image("b")
    window.preview("student", "disagreement")
    window.session.show_image("a")
    window.keys.press_key("N")
    window.qtbot.waitUntil(lambda: window.session.image_id == "b", timeout=10_000)
    assert window.tab.next_text.text() == "b: student and teacher disagree on 100 px"


def test_the_key_says_on_other_tabs_what_it_has_found(window: Window) -> None:
    told: list[str] = []
    window.session.next_click_said.connect(told.append)
    window.session.show_image("b")
    window.preview("student", "disagreement")
    window.keys.press_key("N")
    window.qtbot.waitUntil(lambda: "disagree on" in window.tab.next_text.text(), timeout=10_000)
    assert told == [], "it stands on this tab"
    window.tab.hide()
    window.keys.press_key("N")
    window.qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    assert told == ["b: student and teacher disagree on 100 px"]


def test_the_answer_to_a_click_is_looked_for_in_a_hurry(window: Window) -> None:
    window.qtbot.waitUntil(lambda: window.tab._timer.interval() == 100, timeout=10_000)
    window.session.set_live_mask(True)
    window.session.mask_written.emit("b")  # of another image
    window.qtbot.waitUntil(lambda: window.tab._timer.interval() == 100, timeout=10_000)
    window.session.mask_written.emit("a")
    assert window.tab._timer.interval() == 10
    window.qtbot.waitUntil(lambda: window.tab._timer.interval() == 100, timeout=10_000)


def test_scores_of_the_image_the_set_and_against_an_earlier_run(window: Window) -> None:
    earlier = RunFolder.of(window.project.path, "earlier")
    earlier.path.mkdir()
    score = Validated(
        stage="primary", iteration=1, network="student", mean_iou=0.7, per_class_iou={}, images=3
    )
    earlier.append_event(score)
    window.session.set_state("running")
    window.preview("student")
    window.qtbot.waitUntil(lambda: window.tab.overlays.has("truth"), timeout=10_000)
    window.session.receive(
        Validated(
            stage="primary",
            iteration=1,
            network="student",
            mean_iou=0.8,
            per_class_iou={},
            images=3,
        )
    )
    window.qtbot.waitUntil(
        lambda: window.tab.score_text.text().endswith(": this image 1.00 · 3 images 0.80"),
        timeout=10_000,
    )
    window.tab.compared_run.setCurrentText("earlier")
    window.tab.compared_run.textActivated.emit("earlier")
    window.qtbot.waitUntil(
        lambda: "+0.10 against earlier" in window.tab.score_text.text(), timeout=10_000
    )


def test_flicking_between_overlays_counts_nothing_in_the_window_s_thread(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted_in: list[str] = []

    def counting(*arguments: Any) -> Any:
        counted_in.append(threading.current_thread().name)
        return confusion_matrix(*arguments)

    monkeypatch.setattr(scores, "confusion_matrix", counting)
    window.preview("student", "teacher")
    window.qtbot.waitUntil(
        lambda: window.tab.score_text.text().endswith(": this image 1.00"), timeout=10_000
    )
    for key in "QWER" * 3:
        window.keys.press_key(key)
        window.keys.release_key(key)
        window.tab._poll()
    assert set(counted_in) == {"seminar-image-score"} and len(counted_in) <= 2
    window.session.show_image("b")
    assert "this image" not in window.tab.score_text.text()


def test_objects_are_counted_in_the_mask_that_is_chosen_and_listed(window: Window) -> None:
    panel, truth = window.tab.objects, window.project.read_truth("a")
    assert truth is not None
    write_label_png(preview_path(window.project.path, "a", PROBE), truth, window.project.classes)
    window.session.set_live_mask(True)
    window.qtbot.waitUntil(lambda: window.tab.overlays.has(PROBE), timeout=10_000)
    panel.count.click()
    window.qtbot.waitUntil(
        lambda: panel.text.text().startswith("1 object from the live mask"), timeout=10_000
    )
    window.preview("student", "teacher")
    window.qtbot.waitUntil(lambda: "from the student of" in panel.text.text(), timeout=10_000)
    window.tab.overlays.choice.choose("teacher")
    window.qtbot.waitUntil(lambda: "from the teacher of" in panel.text.text(), timeout=10_000)
    panel.open_table.click()
    window.qtbot.waitUntil(lambda: panel.table.count.text() == "a: 1 object", timeout=10_000)
    layer = panel.objects.layer
    assert layer is not None
    assert layer.features["index"].tolist() == [1] and layer.features["area"].tolist() == [100]
    panel.table.chosen.emit(1)
    ring = panel.ring.layer
    assert ring is not None and ring.data[0].tolist() == [14.5, 14.5] and layer.selected_label == 1
    window.session.show_image("b")
    assert panel.ring.layer is None and "listed here" in panel.table.count.text()


def test_a_click_with_shift_chooses_the_object_under_it(window: Window) -> None:
    panel = window.tab.objects
    window.preview("student")
    panel.count.click()
    panel.open_table.click()
    window.qtbot.waitUntil(
        lambda: len(panel.table.view.model().index(0, 0).data() or ""), timeout=10_000
    )
    for place, modifiers, chosen in (
        ((1, 1), ("Shift",), None),
        ((15, 15), (), None),
        ((15, 15), ("Shift",), 1),
    ):
        event = SimpleNamespace(
            type="mouse_press", button=1, modifiers=modifiers, pos=(5.0, 5.0), position=place
        )
        going = panel._pressed(None, event)
        next(going, None)
        event.type = "mouse_release"
        next(going, None)
        assert panel.table.chosen_number == chosen
    assert panel.ring.layer is not None


def test_the_tab_fits_the_narrowest_dock(window: Window) -> None:
    window.preview("student", "teacher", "pseudo_label", "disagreement")
    assert window.tab.minimumSizeHint().width() <= 320
    content = window.tab.show_panel.two_by_two.parentWidget()
    assert content is not None and content.minimumSizeHint().width() <= 320


def test_shutting_down_leaves_no_listener_layer_key_or_timer(window: Window, qtbot: QtBot) -> None:
    viewer, session = ViewerModel(), Session()
    signals = (
        "image_changed",
        "image_layer_changed",
        "clicks_changed",
        "run_changed",
        "project_changed",
        "state_changed",
        "event_received",
        "classes_changed",
        "live_mask_changed",
        "mask_written",
        "masks_withdrawn",
    )
    tab = InspectTab(session, viewer)
    qtbot.addWidget(tab)
    assert all(len(getattr(session, name)) for name in signals)
    tab.shut_down()
    assert [len(getattr(session, name)) for name in signals] == [0] * len(signals)
    assert not viewer.keymap and not tab._timer.isActive()
