"""The overlays over the image, tested with napari's model alone."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from PIL import Image as PillowImage

from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.layout import PROBE, UNSURE, preview_path
from seminar.project.project import Project
from seminar.run.events import Preview
from seminar.run.folder import RunFolder
from seminar_napari.inspect.frames import Frames, FrameSource
from seminar_napari.inspect.overlay_kinds import prediction_path
from seminar_napari.inspect.overlays import Overlays
from seminar_napari.inspect.update_pace import HURRY_SECONDS, POLL_SECONDS, UPDATE_SECONDS
from seminar_napari.session.session import Session

SIZE = (40, 60)


@dataclass
class Window:
    """A viewer with overlays whose clock the test sets."""

    viewer: ViewerModel
    session: Session
    overlays: Overlays
    run: RunFolder
    now: list[float]

    def poll(self, seconds: float = 0.1) -> None:
        self.now[0] += seconds
        self.overlays.poll()
        assert self.overlays._reader.wait(5)

    def settle(self) -> None:
        for _ in range(12):
            self.poll()

    def preview(
        self,
        value: int,
        image_id: str = "a",
        kinds: tuple[str, ...] = ("student",),
        size: tuple[int, int] = SIZE,
    ) -> None:
        assert self.session.project is not None
        time.sleep(0.002)  # another mtime
        for kind in kinds:
            self.run.write_preview(
                image_id, kind, np.full(size, value, dtype=np.uint8), self.session.project.classes
            )
        self.session.receive(
            Preview(stage="ancillary", iteration=1, image_id=image_id, layers=kinds)
        )


@pytest.fixture
def window(three_fields: Project, followed_run: RunFolder) -> Iterator[Window]:
    viewer = ViewerModel()
    session = Session()
    session.open_project(three_fields.path)
    session.image_layer = viewer.add_image(
        np.zeros(SIZE),
        name="image",
        scale=(0.5, 0.25),
        translate=(3, 4),
        rotate=10,
        units=("um", "um"),
    )
    viewer.add_points(np.zeros((0, 2)), name="Clicks")
    session.set_run(followed_run)
    now = [0.0]
    overlays = Overlays(viewer, session, clock=lambda: now[0])
    yield Window(viewer, session, overlays, followed_run, now)
    overlays.close()


def names(window: Window) -> list[str]:
    return [layer.name for layer in window.viewer.layers]


def test_the_newest_of_preview_and_prediction_is_shown(window: Window) -> None:
    window.preview(1)
    window.settle()
    assert window.session.project is not None
    predicted = prediction_path(window.run, "a")
    write_label_png(predicted, np.full(SIZE, 2, dtype=np.uint8), window.session.project.classes)
    window.overlays.look_again()
    window.settle()
    assert np.all(window.overlays.data("student") == 2), "predicted after the last preview"
    window.preview(1)
    window.settle()
    assert np.all(window.overlays.data("student") == 1), "the run went on"
    predicted.unlink()
    window.overlays.look_again()
    window.settle()
    assert np.all(window.overlays.data("student") == 1)


def test_layers_appear_with_their_first_frame_below_the_clicks_and_leave_the_selection(
    window: Window,
) -> None:
    window.settle()
    assert names(window) == ["image", "truth", "Clicks"]
    window.preview(1, kinds=("student", "teacher", "pseudo_label", "disagreement"))
    clicks = window.viewer.layers["Clicks"]
    window.viewer.layers.selection.active = clicks
    window.overlays.choice.toggle("disagreement", True)
    window.settle()
    assert names(window) == [
        "image",
        "truth",
        "student",
        "teacher",
        "pseudo-label",
        "disagreement",
        "Clicks",
    ]
    assert (
        window.viewer.layers.selection == {clicks}
        and window.viewer.layers.selection.active is clicks
    )
    assert isinstance(window.overlays.layers["student"], Labels) and isinstance(
        window.overlays.layers["disagreement"], Image
    )


def test_the_geometry_of_the_image_is_inherited_and_followed(window: Window) -> None:
    window.preview(1, kinds=("student", "disagreement"))
    window.settle()
    image = window.session.image_layer
    for kind in ("student", "truth", "disagreement"):
        layer = window.overlays.layers[kind]
        assert np.allclose(layer.data_to_world((7, 11)), image.data_to_world((7, 11)))
        assert layer.units == image.units
    image.scale = (2, 3)
    image.affine = [[1, 0.2, 5], [0, 1, 6], [0, 0, 1]]
    window.session.image_layer = image
    for layer in window.overlays.layers.values():
        assert np.allclose(layer.data_to_world((7, 11)), image.data_to_world((7, 11)))
    image.events.translate.connect(lambda: window.session.keep_geometry(image), position="first")
    image.translate = (100, 200)  # by napari's transform tool
    for layer in window.overlays.layers.values():
        assert np.allclose(layer.data_to_world((7, 11)), image.data_to_world((7, 11)))


def test_colours_are_the_classes_and_background_and_unknown_are_clear(window: Window) -> None:
    window.settle()
    layer = window.overlays.layers["truth"]
    assert np.allclose(layer.get_color(1), [1, 128 / 255, 0, 1])
    assert layer.colormap.map(np.array([0, 255], dtype=np.uint8))[:, 3].tolist() == [0, 0]
    window.session.set_classes(ClassNames.parse("background\ncell #0000ff\nfibre"))
    assert np.allclose(layer.get_color(1), [0, 0, 1, 1])


def test_a_layer_is_reused_and_the_newest_frame_wins(window: Window) -> None:
    window.preview(1)
    window.settle()
    layer = window.overlays.layers["student"]
    array = layer.data
    for value in (2, 1, 2):
        window.preview(value)
    window.settle()
    assert window.overlays.layers["student"] is layer and layer.data is array
    assert (layer.data == 2).all()


def test_updates_come_at_most_twice_a_second_and_only_for_changed_data(window: Window) -> None:
    window.preview(1)
    window.settle()
    layer = window.overlays.layers["student"]
    pushed: list[float] = []
    layer.events.set_data.connect(lambda event: pushed.append(window.now[0]))
    for number in range(50):  # five seconds, a new frame every 0.1 s
        window.preview(1 + number)
        window.poll(0.1)
    assert 5 <= len(pushed) <= 10
    assert min(np.diff(pushed)) >= UPDATE_SECONDS - 1e-6
    window.settle()
    pushed.clear()
    window.preview(int(layer.data[0, 0]))  # written again with the same values
    window.settle()
    assert pushed == []


def test_where_drawing_is_slow_updates_become_rarer(window: Window) -> None:
    window.preview(1)
    window.settle()
    pushed: list[float] = []
    window.overlays.layers["student"].events.set_data.connect(
        lambda event: pushed.append(window.now[0])
    )
    for number in range(250):
        window.preview(1 + number)
        just_pushed = bool(pushed) and pushed[-1] == window.now[0]
        window.poll(0.1 + (0.2 if just_pushed else 0.0))  # the frame that follows takes 0.2 s
    gaps = np.diff(pushed)[2:]
    assert len(gaps) >= 3
    assert gaps.min() > 3.0  # 0.2 s in 3 s and more


def test_only_what_is_seen_is_read_while_the_run_goes_on(window: Window) -> None:
    window.preview(1, kinds=("student", "teacher"))
    window.settle()
    window.preview(2, kinds=("student", "teacher"))
    window.settle()
    layers = window.overlays.layers
    assert (layers["student"].data == 2).all() and (layers["teacher"].data == 1).all()
    assert layers["student"].visible and not layers["teacher"].visible
    window.overlays.choice.hold("teacher")  # what comes into view is brought up to date
    window.settle()
    assert (layers["teacher"].data == 2).all()


def test_what_appears_later_in_the_run_is_noticed_though_it_is_not_shown(window: Window) -> None:
    window.settle()
    window.preview(1, kinds=("student", "teacher"))
    window.settle()
    assert window.overlays.has("teacher") and not window.overlays.layers["teacher"].visible
    window.preview(
        1, kinds=("student", "teacher", "pseudo_label", "disagreement")
    )  # the second stage
    window.settle()
    assert window.overlays.has("pseudo_label") and window.overlays.has("disagreement")


def test_held_keys_flick_and_release_goes_back(window: Window) -> None:
    window.preview(1, kinds=("student", "teacher"))
    window.settle()
    layers = window.overlays.layers

    def seen() -> list[str]:
        return [kind for kind, layer in layers.items() if layer.visible]

    assert seen() == ["student"]
    window.overlays.choice.hold("teacher")
    assert seen() == ["teacher"]
    window.overlays.choice.hold("truth")
    window.overlays.choice.release("teacher")  # the first of two keys is released
    assert seen() == ["truth"]
    window.overlays.choice.release("truth")
    assert seen() == ["student"]
    window.overlays.choice.choose(None)
    assert seen() == []


def test_another_image_shows_its_own_masks_or_none(window: Window) -> None:
    window.preview(2, kinds=("student", "teacher"))
    window.settle()
    window.preview(1, image_id="b")
    window.session.show_image("b")
    assert not window.overlays.layers["student"].data.any()  # at once, not when something was read
    window.settle()
    assert (window.overlays.layers["student"].data == 1).all()
    assert not window.overlays.layers["teacher"].data.any() and not window.overlays.has("teacher")
    assert window.overlays.has("student") and window.overlays.has("truth")


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What is read of the run's folder is handed over only when the event is set."""
    through = threading.Event()
    read = FrameSource.read

    def late(self: FrameSource, *arguments: Any) -> Frames:
        frames = read(self, *arguments)
        assert through.wait(10)
        return frames

    monkeypatch.setattr(FrameSource, "read", late)
    yield through
    through.set()


@pytest.mark.parametrize("other", ["image", "run", "project"])
def test_a_mask_that_comes_late_is_not_shown_over_another(
    window: Window, three_fields: Project, slow_disk: threading.Event, tmp_path: Path, other: str
) -> None:
    overlays, session = window.overlays, window.session
    window.preview(2)
    overlays.poll()
    assert overlays._reader.busy, "being read while something else is chosen"
    if other == "image":
        session.show_image("b")
    elif other == "run":
        session.set_run(RunFolder.of(three_fields.path, "second"))
    else:
        session.open_project(shutil.copytree(three_fields.path, tmp_path / "other"))
        assert session.image_id == "a"
    slow_disk.set()
    assert overlays._reader.wait(5)
    overlays.poll()
    assert not overlays.has("student") and overlays.data("student") is None
    assert all(not layer.data.any() for kind, layer in overlays.layers.items() if kind != "truth")
    window.settle()
    assert not overlays.has("student")
    assert (overlays.data("truth") == three_fields.read_truth("a")).all(), (
        "what belongs there is read all the same"
    )


def test_another_run_shows_its_own_masks_or_none(window: Window, three_fields: Project) -> None:
    window.preview(2, kinds=("student", "teacher"))
    window.settle()
    second = RunFolder.of(three_fields.path, "second")
    second.write_preview("a", "student", np.full(SIZE, 1, dtype=np.uint8), three_fields.classes)
    window.session.set_run(second)
    assert not window.overlays.layers["student"].data.any() and not window.overlays.has("student")
    window.settle()
    assert (window.overlays.data("student") == 1).all() and not window.overlays.has("teacher")
    assert not window.overlays.layers["teacher"].data.any()
    window.session.set_run(None)
    window.settle()
    assert not window.overlays.has("student") and window.overlays.has("truth")


def test_overlays_of_an_earlier_dock_are_taken_away_and_layers_of_others_stay(
    window: Window,
) -> None:
    window.preview(1)
    window.settle()
    mine = window.viewer.add_labels(np.ones(SIZE, dtype=np.uint8), name="mine")
    again = Overlays(window.viewer, window.session)
    assert names(window) == ["image", "Clicks", "mine"] and mine in window.viewer.layers
    again.close()


def test_an_image_of_another_size_and_a_frame_of_the_wrong_size(window: Window) -> None:
    window.preview(1)
    window.settle()
    assert window.session.project is not None
    PillowImage.fromarray(np.zeros((30, 20), dtype=np.uint8)).save(
        window.session.project.path / "JPEGImages" / "c.png"
    )
    window.session.show_image("c")
    layer = window.overlays.layers["student"]
    assert layer.data.shape == (30, 20)
    window.preview(1, image_id="c", size=(30, 20))
    window.settle()
    assert layer.data.shape == (30, 20) and layer.data.all()
    window.preview(1, image_id="c", size=(31, 20))
    window.settle()
    assert layer.data.shape == (30, 20) and not layer.data.any()


def test_outline_and_opacity_are_of_all_layers(window: Window) -> None:
    window.preview(1, kinds=("student", "teacher", "disagreement"))
    window.settle()
    window.overlays.outline = True
    window.overlays.opacity = 0.3
    labels = [layer for layer in window.overlays.layers.values() if isinstance(layer, Labels)]
    assert {layer.contour for layer in labels} == {1}
    everything = window.overlays.layers.values()
    assert {round(layer.opacity, 3) for layer in everything} == {0.6}, "they cover little"
    window.overlays.outline = False
    assert {layer.contour for layer in labels} == {0}
    assert {round(layer.opacity, 3) for layer in labels} == {0.3}
    window.overlays.choice.toggle("disagreement", True)
    assert {layer.contour for layer in labels} == {1}, "heat is not seen over filled regions"
    window.overlays.choice.toggle("disagreement", False)
    assert {layer.contour for layer in labels} == {0}
    window.overlays.outline = True
    student = window.overlays.layers["student"]
    student.data[...] = 0
    student.data[10:20, 10:20] = 1
    student.refresh()
    assert np.count_nonzero(student._slice.image.view) == 36  # the rim of a 10 x 10 square
    window.overlays.outline = False
    assert np.count_nonzero(student._slice.image.view) == 100


def test_a_deleted_layer_comes_back_with_the_next_frame(window: Window) -> None:
    window.preview(1)
    window.settle()
    window.viewer.layers.remove("student")
    assert not window.overlays.has("student")
    window.preview(1)
    window.settle()
    assert "student" in names(window)


def test_closing_takes_every_layer_and_listener_away(window: Window) -> None:
    window.preview(1)
    window.settle()
    image, removed = window.session.image_layer, window.viewer.layers.events.removed
    heard = len(removed.callbacks), len(image.events.scale.callbacks)
    window.overlays.close()
    assert (len(removed.callbacks), len(image.events.scale.callbacks)) == (
        heard[0] - 1,
        heard[1] - 1,
    )
    assert names(window) == ["image", "Clicks"]
    signals = (
        "image_changed",
        "image_layer_changed",
        "run_changed",
        "project_changed",
        "classes_changed",
        "event_received",
    )
    assert [len(getattr(window.session, name)) for name in signals] == [0] * len(signals)
    window.overlays.viewer = ViewerModel()  # closing again, by the fixture, finds nothing to do
    window.overlays = Overlays(window.viewer, window.session)


def test_another_project_starts_without_layers(window: Window) -> None:
    window.preview(1)
    window.settle()
    window.session.close_project()
    assert names(window) == ["image", "Clicks"]


def test_a_damaged_truth_is_reported_once(window: Window, three_fields: Project) -> None:
    told: list[str] = []
    window.session.notice.connect(told.append)
    (three_fields.path / "SegmentationClass" / "b.png").write_bytes(b"not a picture")
    window.session.show_image("b")
    window.settle()
    assert len(told) == 1 and "b.png" in told[0]


def answer(window: Window, value: int, image_id: str = "a", unsure: int | None = 0) -> None:
    """The probe has written its mask of an image, and says so."""
    assert window.session.project is not None
    time.sleep(0.002)  # another mtime
    for name, values in ((PROBE, value), (UNSURE, unsure)):
        if values is not None:
            path = preview_path(window.session.project.path, image_id, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            PillowImage.fromarray(np.full(SIZE, values, dtype=np.uint8)).save(path)
    window.session.mask_written.emit(image_id)


def seen(window: Window) -> set[str]:
    return {kind for kind, layer in window.overlays.layers.items() if layer.visible}


def test_the_live_mask_is_shown_until_a_student_comes_or_the_person_chooses(
    window: Window, three_fields: Project
) -> None:
    window.session.set_run(None)
    window.session.set_live_mask(True)
    answer(window, 1)
    window.settle()
    assert seen(window) == {PROBE} and (window.overlays.data(PROBE) == 1).all()
    window.session.set_run(window.run)
    window.settle()
    assert seen(window) == {PROBE}, "a run without a mask of this image"
    window.preview(2)
    window.settle()
    assert seen(window) == {"student"}
    window.overlays.choice.choose(PROBE)
    window.preview(1)
    window.settle()
    assert seen(window) == {PROBE}, "the person's own choice stays"
    window.overlays.choice.choose(None)
    answer(window, 2)
    window.settle()
    assert seen(window) == set()
    window.session.open_project(three_fields.path)
    window.session.set_live_mask(True)
    window.settle()
    assert seen(window) == {PROBE}, "another project, another choice"


def test_an_answer_is_drawn_within_two_turns_and_again_at_once(window: Window) -> None:
    window.session.set_live_mask(True)
    window.settle()
    for value in (1, 2, 1):
        answer(window, value)
        assert window.overlays.turn_seconds == HURRY_SECONDS
        window.poll(HURRY_SECONDS)
        window.poll(HURRY_SECONDS)
        assert (window.overlays.data(PROBE) == value).all()
    window.settle()
    assert window.overlays.turn_seconds == POLL_SECONDS


def test_the_mask_of_before_stays_until_the_new_one_comes(window: Window) -> None:
    window.session.set_live_mask(True)
    answer(window, 1)
    window.settle()
    layer, emptied = window.overlays.layers[PROBE], []
    layer.events.set_data.connect(lambda event: emptied.append(not layer.data.any()))
    window.session.set_clicks("a", window.session.clicks("a"))
    assert window.session.flush()
    window.settle()
    answer(window, 2)
    window.settle()
    assert (layer.data == 2).all() and emptied and not any(emptied)


def test_an_answer_of_another_image_changes_nothing(window: Window) -> None:
    window.session.set_live_mask(True)
    answer(window, 1)
    window.settle()
    answer(window, 2, "b")
    assert window.overlays.turn_seconds == POLL_SECONDS
    window.settle()
    assert (window.overlays.data(PROBE) == 1).all()
    window.session.show_image("b")
    assert not window.overlays.layers[PROBE].data.any(), "at once"
    window.settle()
    assert (window.overlays.data(PROBE) == 2).all()
    window.session.show_image("c")
    window.settle()
    assert not window.overlays.has(PROBE)


def test_switched_off_it_is_gone_though_its_files_are_there(window: Window) -> None:
    window.session.set_live_mask(True)
    window.overlays.choice.toggle(UNSURE, True)
    answer(window, 1, unsure=200)
    window.settle()
    assert seen(window) >= {PROBE, UNSURE}
    window.session.set_live_mask(False)
    window.settle()
    assert not window.overlays.has(PROBE) and not window.overlays.has(UNSURE)
    assert not any(window.overlays.layers[name].data.any() for name in (PROBE, UNSURE))
    window.session.set_live_mask(True)
    window.settle()
    assert (window.overlays.data(PROBE) == 1).all() and (window.overlays.data(UNSURE) == 200).all()


def test_an_answer_that_is_being_read_while_it_is_switched_off_is_not_shown(
    window: Window, slow_disk: threading.Event
) -> None:
    window.session.set_live_mask(True)
    answer(window, 1)
    window.overlays.poll()
    assert window.overlays._reader.busy
    window.session.set_live_mask(False)
    slow_disk.set()
    assert window.overlays._reader.wait(5)
    window.overlays.poll()
    assert not window.overlays.has(PROBE)


def test_masks_that_are_withdrawn_are_taken_away(window: Window) -> None:
    window.session.set_live_mask(True)
    answer(window, 1)
    window.settle()
    assert window.session.project is not None
    preview_path(window.session.project.path, "a", PROBE).unlink()
    window.session.masks_withdrawn.emit()
    window.settle()
    assert not window.overlays.has(PROBE) and not window.overlays.layers[PROBE].data.any()
