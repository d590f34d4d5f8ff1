"""The objects of the shown image: a labels layer that follows mask and clicks."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.inference.instances.files import write_instances
from seminar_napari.inspect.objects.dividing import (
    Box,
    Mask,
    Objects,
    after_click,
    instances_path,
    make_objects,
    read_objects,
)
from seminar_napari.inspect.overlay_layers import add_layer, push
from seminar_napari.layers.geometry import follow_geometry, set_geometry
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault

NAME = "instances"
TAKES_CLICKS = "seminar takes clicks"
"""In the layer's metadata: a click on it chooses an object, see `annotate.stray_clicks`."""

PATIENCE_SECONDS = 1.0
EVERYWHERE: Box = (slice(None), slice(None))
REMEMBERED = 8
"""States of the shown image that undo goes back to at once."""


class ObjectsLayer:
    """One labels layer "instances" that follows the shown image, its mask and its clicks.

    A click on an object is answered at once; the whole mask is divided in the background, when it
    is a newer one.

    Attributes
    ----------
    layer : Labels or None
        Made with the first objects and then reused.
    is_on : bool
        Whether masks are divided, on every image that one goes to.
    shown : Objects or None
        What the layer shows.
    """

    said = Signal(str)
    changed = Signal()  # what is shown

    def __init__(self, viewer: Any, session: Session) -> None:
        self.layer: Labels | None = None
        self.is_on = False
        self.shown: Objects | None = None
        self._viewer = viewer
        self._session = session
        self._mask: Mask | None = None  # of the shown image
        self._worker: Latest[Objects] = Latest("seminar-instances")
        self._writer: Latest[None] = Latest("seminar-instances-file")
        self._before: deque[Objects] = deque(maxlen=REMEMBERED)
        self._image_layer: Any = None
        self._cleanup = Cleanup(self._follow_nothing)
        for signal, slot in (
            (session.project_changed, self._on_project),
            (session.image_changed, self._on_image),
            (session.image_layer_changed, self._on_image_layer),
            (session.clicks_changed, self._on_clicks),
            (viewer.layers.events.removed, self._on_removed),
        ):
            self._cleanup.connect(signal, slot)
        self._on_image_layer(session.image_layer)

    def close(self) -> None:
        """Disconnect; the layer stays, as its objects are on disk."""
        self._cleanup()
        self._writer.wait(PATIENCE_SECONDS)

    def switch(self, is_on: bool) -> None:
        """Divide the masks of the images that are shown from now on, or no more."""
        self.is_on = is_on
        if self.layer is not None:
            self.layer.visible = is_on
        if is_on and self._mask is None:
            self._say_what_is_missing()
        elif is_on:
            self._divide()
        else:
            self.said.emit("")

    def follow(self, mask: Mask | None) -> None:
        """This is the best mask of the shown image now; None where there is none yet."""
        before, self._mask = self._mask, mask
        is_new = mask is not None and (before is None or before.stamp != mask.stamp)
        if is_new:
            self._before.clear()
        if self.is_on and is_new:
            self._divide()
        elif self.is_on and mask is None and self.shown is None:
            self._say_what_is_missing()

    def _say_what_is_missing(self) -> None:
        self.said.emit(
            "No mask of this image yet: click on two classes with the live mask on, train, or "
            "predict all images in the tab Export."
        )

    def _divide(self) -> None:
        """Divide the whole mask in the background, show and save what is found."""
        project, image_id, mask = self._session.project, self._session.image_id, self._mask
        clicks = self._clicks()
        if project is None or not image_id or mask is None or clicks is None:
            return
        if self.shown is None:
            self.said.emit("Finding objects …")
        kept = replace(mask, labels=mask.labels.copy())
        numbers = self.shown.numbers if self.shown is not None else None
        path = instances_path(project, image_id)
        self._worker.submit(partial(make_objects, path, image_id, kept, clicks, numbers))

    def _clicks(self) -> ClickSet | None:
        try:
            return self._session.clicks(self._session.image_id)
        except (SeminarError, OSError) as error:
            self.said.emit(str(error))
            return None

    def poll(self) -> None:
        """Show what was found, in the window's thread."""
        outcome, written = self._worker.take(), self._writer.take()
        if isinstance(written, Fault):
            self.said.emit(written.reason)
        if isinstance(outcome, Fault):
            self.said.emit(outcome.reason)
        elif outcome is not None and outcome.image_id == self._session.image_id:
            if outcome.clicks is None:
                if self.shown is None:  # nothing newer has come
                    self._show(outcome)
            elif _same(outcome.clicks, self._session.clicks(outcome.image_id)):
                self._show(outcome)
            else:
                self._divide()

    def _show(self, found: Objects, box: Box = EVERYWHERE) -> None:
        """Show objects that differ from those that are shown only in the box."""
        if found.numbers is None:
            return
        self.shown = found
        if found.clicks is not None:
            self._before.append(found)
        if self.layer is None:
            self.layer = Labels(
                found.numbers.copy(),
                name=NAME,
                opacity=0.6,
                metadata={TAKES_CLICKS: True},
                **self._session.layer_geometry(),
            )
            add_layer(self._viewer, self.layer)
        elif box != EVERYWHERE and self.layer.data.shape == found.numbers.shape:
            places = np.nonzero(np.asarray(self.layer.data)[box] != found.numbers[box])
            rows, cols = places[0] + box[0].start, places[1] + box[1].start
            self.layer.data_setitem((rows, cols), found.numbers[rows, cols])
        else:
            push(self.layer, found.numbers)
        self.layer.editable = False
        self.said.emit(found.text)
        self.changed.emit()

    # what happens elsewhere
    def _on_clicks(self, image_id: str) -> None:
        shown = self.shown
        if not self.is_on or shown is None or image_id != self._session.image_id:
            return
        clicks = self._session.clicks(image_id)
        if shown.clicks is None or shown.numbers is None or shown.mask is None:
            self._divide()
            return
        if _same(clicks, shown.clicks):
            return
        found = next((kept for kept in self._before if _same(kept.clicks, clicks)), None)
        box = EVERYWHERE
        if found is None and _is_one_more(shown.clicks, clicks):
            try:
                found, box = after_click(shown, shown.mask.labels, clicks) or (None, EVERYWHERE)
            except SeminarError as error:
                self.said.emit(str(error))
                return
        if found is None or self._worker.busy:
            self._divide()
        if found is not None:
            self._show(found, box)
            self._save(found)

    def _save(self, found: Objects) -> None:
        assert self._session.project is not None and found.numbers is not None
        path, numbers = instances_path(self._session.project, found.image_id), found.numbers
        self._writer.submit(lambda: write_instances(path, numbers.astype(np.int32)))

    def _on_project(self, _project: object) -> None:
        self._worker = Latest("seminar-instances")  # what the last one was asked for comes too late

    def _on_image(self, image_id: str) -> None:
        project = self._session.project
        self.shown = self._mask = None
        self._before.clear()
        self.said.emit("")
        self.changed.emit()
        if self.layer is None:
            return
        size = self._session.image_size() or self.layer.data.shape
        push(self.layer, np.zeros(size, dtype=self.layer.data.dtype))
        if project is not None and image_id:
            self._worker.submit(partial(read_objects, instances_path(project, image_id), image_id))

    def _on_image_layer(self, image_layer: Any) -> None:
        follow_geometry(self._image_layer, image_layer, self._lie_over_image)
        self._image_layer = image_layer
        self._lie_over_image()

    def _follow_nothing(self) -> None:
        follow_geometry(self._image_layer, None, self._lie_over_image)

    def _lie_over_image(self) -> None:
        if self.layer is not None:
            set_geometry(self.layer, self._session.layer_geometry())

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer = self.shown = None
            self.changed.emit()


def _same(one: ClickSet | None, other: ClickSet) -> bool:
    """Whether they are the same clicks, however long they took."""
    return (
        one is not None
        and np.array_equal(one.points, other.points)
        and np.array_equal(one.class_ids, other.class_ids)
    )


def _is_one_more(before: ClickSet, clicks: ClickSet) -> bool:
    return (
        len(clicks) == len(before) + 1
        and np.array_equal(before.points, clicks.points[:-1])
        and np.array_equal(before.class_ids, clicks.class_ids[:-1])
    )
