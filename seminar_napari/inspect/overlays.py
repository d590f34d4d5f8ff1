"""What the networks see, over the image: one layer each, kept up to date while the run goes on."""

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
from seminar.run.events import Event, Preview
from seminar_napari.inspect.frames import (
    ALL,
    NO_FILE,
    Frame,
    Frames,
    FrameSource,
    Kind,
    Shown,
    Stamp,
    outline_width,
)
from seminar_napari.inspect.overlay_layers import (
    add_layer,
    class_colormap,
    lie_at,
    make_layer,
    push,
    remove_stale,
)
from seminar_napari.layers.image import hear_geometry
from seminar_napari.session.session import Session
from seminar_napari.workers.latest import Fault, Latest

TITLES: dict[Shown, str] = {
    "student": "student",
    "teacher": "teacher",
    "pseudo_label": "pseudo-label",
    "truth": "truth",
    "disagreement": "disagreement",
}

POLL_SECONDS = 0.1
"""How often `Overlays.poll` is to be called."""

UPDATE_SECONDS = 0.5
"""Shortest time between two updates while a run goes on."""

SHARE_OF_WINDOW = 0.04
"""Part of the window's time that drawing updates may take: slow graphics get them more rarely,
so that 95 of 100 moments stay free.
"""

LONGEST_PAUSE = 5.0
"""Seconds between two updates at most, however slow the machine is."""


class Overlays:
    """Labels layers of student, teacher, pseudo-label and truth, and the disagreement as an image
    layer.

    Layers are made when there is something to show and then kept; files are read in the background;
    only a visible layer whose file has changed is touched, at most twice a second, and more rarely
    where drawing is slow.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    session : Session
    clock : callable
        Seconds, never going back.

    Attributes
    ----------
    layers : dict
        The layers that exist now.
    """

    changed = Signal()  # which layers exist, are chosen or have something to show
    layer_added = Signal(object)

    def __init__(
        self, viewer: Any, session: Session, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.viewer = viewer
        self.layers: dict[Shown, Labels | Image] = {}
        self._session = session
        self._clock = clock
        self._reader: Latest[Frames] = Latest("seminar-overlays")
        self._source: FrameSource | None = None  # what the reader was sent to last
        self._known: dict[Shown, Stamp] = {}
        self._chosen: Kind | None = "student"
        self._held: Kind | None = None
        self._together: tuple[Shown, ...] = ()
        self._disagreement = False
        self._outline = False
        self._image_layer: Any = None
        self._opacity = 0.5
        self._everything = self._due = False  # what is to be read: all, or what is visible
        self._pushed_at = -np.inf
        self._drawing = False  # the last call pushed something, which is drawn before the next call
        self._cost = 0.0
        session.image_changed.connect(self._on_image)
        session.image_layer_changed.connect(self._on_image_layer)
        session.run_changed.connect(self._on_image)
        session.project_changed.connect(self._on_project)
        session.classes_changed.connect(self._on_classes)
        session.event_received.connect(self._on_event)
        viewer.layers.events.removed.connect(self._on_removed)
        remove_stale(viewer)
        self._follow_geometry(session.image_layer)
        self._on_image()

    def close(self) -> None:
        """Take the layers away and listen to nothing any more."""
        self.let_go()
        self.remove_layers()

    def let_go(self) -> None:
        """Listen to nothing any more; the layers stay."""
        session = self._session
        session.image_changed.disconnect(self._on_image)
        session.image_layer_changed.disconnect(self._on_image_layer)
        session.run_changed.disconnect(self._on_image)
        session.project_changed.disconnect(self._on_project)
        session.classes_changed.disconnect(self._on_classes)
        session.event_received.disconnect(self._on_event)
        self._follow_geometry(None)
        self.viewer.layers.events.removed.disconnect(self._on_removed)

    # what is seen
    @property
    def chosen(self) -> Kind | None:
        """The label map that is shown when no key is held; None for none."""
        return self._chosen

    def choose(self, kind: Kind | None) -> None:
        """Show this label map alone."""
        self._chosen, self._held = kind, None
        self._show()

    def hold(self, kind: Kind) -> None:
        """Show this label map alone until `release`."""
        self._held = kind
        self._show()

    def release(self, kind: Kind) -> None:
        """Go back to the chosen one, if `kind` is the one that is held."""
        if self._held == kind:
            self._held = None
            self._show()

    def show_together(self, kinds: tuple[Shown, ...]) -> None:
        """Show these at once, each in its own cell of a grid; the choice counts again after an
        empty tuple.
        """
        self._together = kinds
        self._show()

    @property
    def disagreement(self) -> bool:
        """Whether the heat map of disagreement is shown."""
        return self._disagreement

    @disagreement.setter
    def disagreement(self, shown: bool) -> None:
        self._disagreement = shown
        self._show()

    @property
    def outline(self) -> bool:
        """Outlines instead of filled regions."""
        return self._outline

    @outline.setter
    def outline(self, outline: bool) -> None:
        self._outline = outline
        for layer in self.layers.values():
            if isinstance(layer, Labels):
                layer.contour = self._contour(layer)
                layer.opacity = self._layer_opacity(layer)
        self.changed.emit()

    @property
    def opacity(self) -> float:
        """Opacity of every overlay, 0..1."""
        return self._opacity

    @opacity.setter
    def opacity(self, opacity: float) -> None:
        self._opacity = opacity
        for layer in self.layers.values():
            layer.opacity = self._layer_opacity(layer)

    def has(self, kind: Shown) -> bool:
        """Whether there is something to show of the current image."""
        return kind in self.layers and self.stamp(kind)[0] != ""

    def data(self, kind: Shown) -> npt.NDArray[np.uint8] | None:
        """The label map (or disagreement) of the current image as last read, (H, W) uint8; not
        to be written to.
        """
        return np.asarray(self.layers[kind].data) if self.has(kind) else None

    def stamp(self, kind: Shown) -> Stamp:
        """The file, and its version, that `data` was read from."""
        return self._known.get(kind, NO_FILE)

    def look_again(self) -> None:
        """Read what has changed on disk without an event: masks that were predicted, a truth
        that was drawn elsewhere.
        """
        self._everything = True

    # time
    def poll(self) -> None:
        """Show what was read, and have read what is due. Call it every `POLL_SECONDS`, in the
        window's thread.
        """
        now = self._clock()
        if self._drawing:
            late = max(0.0, now - self._pushed_at - POLL_SECONDS)
            self._cost = 0.5 * (self._cost + min(late, 1.0))
            self._drawing = False
        outcome = self._reader.take()
        if isinstance(outcome, Fault):
            self._session.notice.emit(outcome.reason)
        elif outcome is not None and outcome.source is self._source:
            self._take(outcome)
        pause = min(max(UPDATE_SECONDS, self._cost / SHARE_OF_WINDOW), LONGEST_PAUSE)
        if not self._reader.busy and (
            self._everything or (self._due and now - self._pushed_at >= pause)
        ):
            self._request()

    def _request(self) -> None:
        project, image_id = self._session.project, self._session.image_id
        kinds = ALL if self._everything else tuple(kind for kind in ALL if kind in self._wanted())
        self._everything = self._due = False
        if project is not None and image_id:
            source = self._source = FrameSource(project, self._session.run, image_id)
            self._reader.submit(partial(source.read, kinds, dict(self._known)))

    def _wanted(self) -> set[Shown]:
        """What is seen, and what was not there when it was last looked for."""
        return {
            kind
            for kind in ALL
            if self._is_shown(kind) or not self.has(kind) or self.layers[kind].visible
        }

    def _is_shown(self, kind: Shown) -> bool:
        if self._together:
            return kind in self._together
        return (
            self._disagreement if kind == "disagreement" else kind == (self._held or self._chosen)
        )

    def _take(self, frames: Frames) -> None:
        if not frames.frames:
            return
        self._pushed_at, self._drawing = self._clock(), True
        for kind, frame in frames.frames.items():
            self._known[kind] = frame.stamp if frame.data is not None else ("", frame.stamp[1])
            if frame.data is None:
                self._clear(kind)
            elif kind in self.layers:
                push(self.layers[kind], frame.data)
                self._dress(kind, self.layers[kind])
            else:
                self._make(kind, frame)
        self.changed.emit()

    # layers
    def _make(self, kind: Shown, frame: Frame) -> None:
        assert frame.data is not None and self._session.project is not None
        options: dict[str, Any] = {
            "name": TITLES[kind],
            "visible": self._is_shown(kind),
            **self._session.layer_geometry(),
        }
        layer = make_layer(kind, frame.data, self._session.project.classes, **options)
        self._dress(kind, layer)
        self.layers[kind] = layer
        add_layer(self.viewer, layer)
        layer.events.visible.connect(self._on_visible)
        self.layer_added.emit(layer)

    def _dress(self, kind: Shown, layer: Labels | Image) -> None:
        layer.editable = False
        layer.opacity = self._layer_opacity(layer)
        if isinstance(layer, Labels) and layer.contour != self._contour(layer):
            layer.contour = self._contour(layer)

    def _contour(self, layer: Labels) -> int:
        return outline_width(layer.data.shape) if self._outline else 0

    def _layer_opacity(self, layer: Labels | Image) -> float:
        """Outlines cover little: they are drawn up to twice as strong."""
        return (
            min(1.0, 2 * self._opacity)
            if self._outline and isinstance(layer, Labels)
            else self._opacity
        )

    def _clear(self, kind: Shown, size: tuple[int, int] | None = None) -> None:
        layer = self.layers.get(kind)
        if layer is not None and (
            layer.data.any() or (size or layer.data.shape) != layer.data.shape
        ):
            push(layer, np.zeros(size or layer.data.shape, dtype=layer.data.dtype))

    def _show(self) -> None:
        for kind, layer in self.layers.items():
            if layer.visible != self._is_shown(kind):
                layer.visible = self._is_shown(kind)
        self._everything = True  # what was hidden may be older than its file
        self.changed.emit()

    def remove_layers(self) -> None:
        """Take the layers away."""
        for layer in list(self.layers.values()):
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self.layers.clear()

    # what happens elsewhere
    def _on_image(self, _value: object = None) -> None:
        size = self._session.image_size() if self.layers else None
        for kind in tuple(self.layers):
            self._clear(kind, size)
        self._known.clear()
        self._source = None  # what is being read comes too late
        self._everything = True
        self.changed.emit()

    def _on_image_layer(self, layer: Any) -> None:
        self._follow_geometry(layer)
        self._lie_over_image()

    def _follow_geometry(self, layer: Any) -> None:
        hear_geometry(self._image_layer, layer, self._lie_over_image)  # the session knows first
        self._image_layer = layer

    def _lie_over_image(self) -> None:
        for overlay in self.layers.values():
            lie_at(overlay, self._session.layer_geometry())

    def _on_project(self, project: object) -> None:
        self.remove_layers()
        self._on_image()

    def _on_classes(self, classes: ClassNames) -> None:
        for layer in self.layers.values():
            if isinstance(layer, Labels):
                layer.colormap = class_colormap(classes)

    def _on_event(self, event: Event, _when: float) -> None:
        if isinstance(event, Preview) and event.image_id == self._session.image_id:
            self._due = True

    def _on_visible(self, _event: object = None) -> None:
        self._due = True

    def _on_removed(self, event: Any) -> None:
        for kind, layer in tuple(self.layers.items()):
            if layer is event.value:  # the user deleted it: it comes back with the next preview
                layer.events.visible.disconnect(self._on_visible)
                del self.layers[kind]
                self._known.pop(kind, None)
                self.changed.emit()
