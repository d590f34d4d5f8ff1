"""The overlays over the image: one layer each, kept up to date while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels
from psygnal import Signal

from seminar.labels import ClassNames
from seminar.project.layout import PROBE
from seminar.run.events import Event, Preview
from seminar_napari.inspect.frames import NO_FILE, Frame, Frames, FrameSource, Stamp
from seminar_napari.inspect.outlines import outline_width
from seminar_napari.inspect.overlay_choice import OverlayChoice
from seminar_napari.inspect.overlay_kinds import LIVE, OVERLAYS, STUDENT
from seminar_napari.inspect.overlay_layers import (
    add_layer,
    class_colormap,
    make_layer,
    push,
    remove_stale,
)
from seminar_napari.inspect.update_pace import HURRY_SECONDS, POLL_SECONDS, UpdatePace
from seminar_napari.layers.geometry import follow_geometry, set_geometry
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault


class Overlays:
    """A layer for each overlay of which there is something to show.

    Files are read in the background. Only a visible layer whose file has changed is touched, at
    most twice a second, and more rarely where drawing is slow; the live mask at once.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    session : Session
    clock : callable
        Seconds, never going back.

    Attributes
    ----------
    choice : OverlayChoice
        What is seen.
    layers : dict
        The layers that exist, by overlay.
    """

    changed = Signal()  # which layers exist, are chosen or have something to show
    layer_added = Signal(object)

    def __init__(
        self, viewer: Any, session: Session, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.viewer = viewer
        self.choice = OverlayChoice()
        self.layers: dict[str, Labels | Image] = {}
        self._session = session
        self._clock = clock
        self._pace = UpdatePace()
        self._reader: Latest[Frames] = Latest("seminar-overlays")
        self._source: FrameSource | None = None  # that the reader was last sent to
        self._known: dict[str, Stamp] = {}
        self._outline = False
        self._opacity = 0.5
        self._image_layer: Any = None
        # to be read: all; what is visible; the answer to a click
        self._everything = self._due = self._answers = False
        self._is_reading = False
        self._cleanup = Cleanup(lambda: self._follow_geometry(None))
        for signal, slot in (
            (self.choice.changed, self._show),
            (session.image_changed, self._on_image),
            (session.image_layer_changed, self._on_image_layer),
            (session.run_changed, self._on_image),
            (session.project_changed, self._on_project),
            (session.classes_changed, self._on_classes),
            (session.event_received, self._on_event),
            (session.live_mask_changed, self._on_live_mask),
            (session.mask_written, self._on_mask),
            (session.masks_withdrawn, self.look_again),
            (viewer.layers.events.removed, self._on_removed),
        ):
            self._cleanup.connect(signal, slot)
        remove_stale(viewer)
        self._follow_geometry(session.image_layer)
        self._on_image()

    def close(self) -> None:
        """Remove the layers and disconnect."""
        self.disconnect()
        self.remove_layers()

    def disconnect(self) -> None:
        """Listen to nothing any more; the layers stay."""
        self._cleanup()

    # what is seen
    @property
    def outline(self) -> bool:
        """Outlines instead of filled regions."""
        return self._outline

    @outline.setter
    def outline(self, outline: bool) -> None:
        self._outline = outline
        for layer in self.layers.values():
            self._dress(layer)
        self.changed.emit()

    @property
    def opacity(self) -> float:
        """Opacity of every overlay, 0..1."""
        return self._opacity

    @opacity.setter
    def opacity(self, opacity: float) -> None:
        self._opacity = opacity
        for layer in self.layers.values():
            self._dress(layer)

    def has(self, name: str) -> bool:
        """Whether there is something to show of the current image."""
        return name in self.layers and self.stamp(name)[0] != ""

    def data(self, name: str) -> npt.NDArray[np.uint8] | None:
        """The overlay of the current image as last read, (H, W) uint8, not to be written to."""
        return np.asarray(self.layers[name].data) if self.has(name) else None

    def stamp(self, name: str) -> Stamp:
        """The file, and its version, that `data` was read from."""
        return self._known.get(name, NO_FILE)

    def look_again(self) -> None:
        """Read what has changed on disk without an event, such as predicted masks."""
        self._everything = True

    # reading
    @property
    def turn_seconds(self) -> float:
        """Time until `poll` is to be called again."""
        is_awaited = self._everything or self._answers or self._is_reading
        return HURRY_SECONDS if is_awaited else POLL_SECONDS

    def poll(self) -> None:
        """Show what was read and read what is due; in the window's thread, see `turn_seconds`."""
        now = self._clock()
        self._pace.turn(now)
        self._is_reading = self._reader.busy
        outcome = self._reader.take()
        if isinstance(outcome, Fault):
            self._session.notice.emit(outcome.reason)
        elif outcome is not None and outcome.source is self._source:
            self._take(outcome)
        self._read_due(now)

    def _read_due(self, now: float) -> None:
        if self._reader.busy:
            return
        if self._everything or (self._due and self._pace.is_due(now)):
            names = [name for name in OVERLAYS if self._everything or self._is_wanted(name)]
            self._everything = self._due = self._answers = False
            self._request(names)
        elif self._answers and self._pace.answer_is_due(now):
            self._answers = False
            self._request([name for name in LIVE if self._is_wanted(name)])

    def _request(self, names: list[str]) -> None:
        project, image_id = self._session.project, self._session.image_id
        if project is not None and image_id:
            source = self._source = FrameSource(project, self._session.run, image_id)
            there = [name for name in names if self._session.has_live_mask or name not in LIVE]
            self._reader.submit(partial(source.read, there, dict(self._known)))
            self._is_reading = True

    def _is_wanted(self, name: str) -> bool:
        """What is seen, and what was not there when it was last looked for."""
        return self.choice.shows(name) or not self.has(name) or self.layers[name].visible

    def _take(self, frames: Frames) -> None:
        news = {
            name: frame
            for name, frame in frames.frames.items()
            if self._session.has_live_mask or name not in LIVE
        }
        if not news:
            return
        began = self._clock()
        for name, frame in news.items():
            self._known[name] = frame.stamp if frame.data is not None else ("", frame.stamp[1])
        self._suggest()
        for name, frame in news.items():
            if frame.data is None:
                self._clear(name)
            elif name in self.layers:
                push(self.layers[name], frame.data)
                self._dress(self.layers[name])
            else:
                self._make(name, frame)
        self.changed.emit()
        self._pace.drawn(began, self.turn_seconds)

    def _suggest(self) -> None:
        """The best that there is, where the person has not chosen: a student, or the live mask."""
        best = next((name for name in (STUDENT, PROBE) if self.stamp(name)[0]), None)
        if best is not None:
            self.choice.suggest(best)

    # layers
    def _make(self, name: str, frame: Frame) -> None:
        assert frame.data is not None and self._session.project is not None
        layer = make_layer(
            name,
            frame.data,
            self._session.project.classes,
            visible=self.choice.shows(name),
            **self._session.layer_geometry(),
        )
        self._dress(layer)
        self.layers[name] = layer
        add_layer(self.viewer, layer)
        layer.events.visible.connect(self._on_visible)
        self.layer_added.emit(layer)

    def _dress(self, layer: Labels | Image) -> None:
        layer.editable = False
        is_outline = self._outline or self.choice.has_heat  # heat is not seen over filled regions
        if isinstance(layer, Labels):
            contour = outline_width(layer.data.shape) if is_outline else 0
            if layer.contour != contour:
                layer.contour = contour
        is_filled = isinstance(layer, Labels) and not is_outline
        # outlines cover little, and heat is clear where there is none
        layer.opacity = self._opacity if is_filled else min(1.0, 2 * self._opacity)

    def _clear(self, name: str, size: tuple[int, int] | None = None) -> None:
        layer = self.layers.get(name)
        if layer is None:
            return
        size = size or layer.data.shape
        if layer.data.any() or size != layer.data.shape:
            push(layer, np.zeros(size, dtype=layer.data.dtype))

    def _show(self) -> None:
        for name, layer in self.layers.items():
            self._dress(layer)
            if layer.visible != self.choice.shows(name):
                layer.visible = self.choice.shows(name)
        self._everything = True  # a hidden layer may be older than its file
        self.changed.emit()

    def remove_layers(self) -> None:
        """Remove the layers from the viewer."""
        for layer in list(self.layers.values()):
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self.layers.clear()

    # what happens elsewhere
    def _on_image(self, _value: object = None) -> None:
        size = self._session.image_size() if self.layers else None
        for name in self.layers:
            self._clear(name, size)
        self._known.clear()
        self._source = None  # what is being read comes too late
        self._everything = True
        self.changed.emit()

    def _on_image_layer(self, layer: Any) -> None:
        self._follow_geometry(layer)
        self._lie_over_image()

    def _follow_geometry(self, layer: Any) -> None:
        follow_geometry(self._image_layer, layer, self._lie_over_image)  # the session knows first
        self._image_layer = layer

    def _lie_over_image(self) -> None:
        for overlay in self.layers.values():
            set_geometry(overlay, self._session.layer_geometry())

    def _on_project(self, project: object) -> None:
        self.choice.forget()
        self.remove_layers()
        self._on_image()

    def _on_classes(self, classes: ClassNames) -> None:
        for layer in self.layers.values():
            if isinstance(layer, Labels):
                layer.colormap = class_colormap(classes)

    def _on_event(self, event: Event, _when: float) -> None:
        if isinstance(event, Preview) and event.image_id == self._session.image_id:
            self._due = True

    def _on_mask(self, image_id: str) -> None:
        if image_id == self._session.image_id:
            self._answers = True
            self._read_due(self._clock())

    def _on_live_mask(self, has_live_mask: bool) -> None:
        if not has_live_mask:
            for name in LIVE:
                self._clear(name)
                self._known.pop(name, None)
            self.changed.emit()
        self._everything = True

    def _on_visible(self, _event: object = None) -> None:
        self._due = True

    def _on_removed(self, event: Any) -> None:
        for name, layer in tuple(self.layers.items()):
            if layer is event.value:  # the user deleted it: it comes back with the next preview
                layer.events.visible.disconnect(self._on_visible)
                del self.layers[name]
                self._known.pop(name, None)
                self.changed.emit()
