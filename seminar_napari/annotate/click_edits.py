"""The edits that keys and mouse ask for, and their undo."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import ClickSet
from seminar_napari.annotate.shown_clicks import ShownClicks
from seminar_napari.annotate.undo import History
from seminar_napari.qt.cleanup import Cleanup

REACH_PIXELS = 60.0  # on screen: the key X looks for the nearest click within this distance


class ClickEdits:
    """Changes the clicks of the shown image, and keeps the history of all images.

    Positions are in world coordinates, as in napari's events; an index is that of a click.

    Attributes
    ----------
    take_back_import : callable
        Called by `undo` with the image id; whether an import was the last change, and goes back.
    """

    def __init__(self, shown: ShownClicks) -> None:
        self._shown = shown
        self._session = shown.session
        self._histories: defaultdict[str, History] = defaultdict(History)
        self._known: dict[str, ClickSet] = {}
        self._is_stepping = False  # undo or redo is at work
        self.take_back_import: Callable[[str], bool] = lambda image_id: False
        self._cleanup = Cleanup()
        self._cleanup.connect(self._session.project_changed, self._on_project)
        self._cleanup.connect(self._session.clicks_changed, self._record)

    def close(self) -> None:
        """Record no more changes."""
        self._cleanup()

    def tick(self) -> None:
        """Count the time until now as work."""
        self._shown.tick()

    # clicks
    def place(self, position: npt.ArrayLike) -> None:
        """Add a click of the current class, inside the image only."""
        if (clicks := self._clicks()) is None:
            return
        point = self._shown.in_pixels(position)
        if not ClickSet(clicks.height, clicks.width, point[None], np.array([0])).inside()[0]:
            self._session.notice.emit("That is outside the image: no click added.")
            return
        class_ids = np.append(clicks.class_ids, self._session.current_class)
        points = np.append(clicks.points, point[None], axis=0)
        self._shown.commit(replace(clicks, points=points, class_ids=class_ids))

    def nearest(self, position: npt.ArrayLike, reach: float) -> int | None:
        """The click nearest to a position, within `reach` world units; None without one."""
        layer = self._shown.layer
        if layer is None or not len(layer.data):
            return None
        offsets = layer.data[:, -2:] - self._shown.in_pixels(position)
        to_world = layer._data_to_world.linear_matrix[-2:, -2:]
        distances = np.linalg.norm(offsets @ to_world.T, axis=1)
        index = int(distances.argmin())
        return index if distances[index] <= reach else None

    def give_class(self, index: int) -> None:
        """Give a click the current class."""
        clicks = self._session.clicks(self._shown.image_id)
        class_ids = clicks.class_ids.copy()
        if class_ids[index] != self._session.current_class:
            class_ids[index] = self._session.current_class
            self._shown.commit(replace(clicks, class_ids=class_ids))

    def drag(self, index: int, position: npt.ArrayLike) -> None:
        """Show a click elsewhere while the button is down."""
        clicks = self._session.clicks(self._shown.image_id)
        if index < len(clicks):
            self._shown.draw(_moved(clicks, index, self._shown.in_pixels(position)))

    def drop(self, index: int, position: npt.ArrayLike) -> None:
        """Move a click; outside the image it goes back."""
        clicks = self._session.clicks(self._shown.image_id)
        if index >= len(clicks):
            return
        moved = _moved(clicks, index, self._shown.in_pixels(position))
        if moved.inside()[index]:
            self._shown.commit(moved)
        else:
            self._shown.draw(clicks)
            self._session.notice.emit("That is outside the image: the click stays where it was.")

    def delete(self, index: int) -> None:
        """Delete a click."""
        clicks = self._session.clicks(self._shown.image_id)
        points = np.delete(clicks.points, index, axis=0)
        class_ids = np.delete(clicks.class_ids, index)
        self._shown.commit(replace(clicks, points=points, class_ids=class_ids))

    def delete_nearest(self) -> None:
        """Delete the click nearest to the mouse."""
        viewer = self._shown.viewer
        index = self.nearest(viewer.cursor.position, REACH_PIXELS / viewer.scene.camera.zoom)
        if index is None:
            self._session.notice.emit("No click near the mouse to delete.")
        else:
            self.delete(index)

    # undo
    def begin(self, image_id: str) -> None:
        """Record the changes to this image from now on."""
        self._known[image_id] = self._session.clicks(image_id)

    def undo(self) -> None:
        """Undo the last change to the clicks of this image; if it was an import, all of it."""
        if not self.take_back_import(self._shown.image_id):
            self._step(History.undo, "Nothing to undo on this image.")

    def redo(self) -> None:
        """Redo the change that was undone last."""
        self._step(History.redo, "Nothing to redo on this image.")

    def count(self, image_id: str) -> int:
        """Number of changes that can be undone."""
        return len(self._histories[image_id].done)

    def forget(self, image_ids: Iterable[str]) -> None:
        """Forget the changes to these images, whose clicks are no longer what they were."""
        for image_id in image_ids:
            self._histories.pop(image_id, None)

    @contextlib.contextmanager
    def unrecorded(self) -> Iterator[None]:
        """Changes until the block ends are not recorded."""
        self._is_stepping = True
        try:
            yield
        finally:
            self._is_stepping = False

    def _step(self, step: Callable[[History, ClickSet], ClickSet | None], otherwise: str) -> None:
        if (now := self._clicks()) is None:
            return
        clicks = step(self._histories[self._shown.image_id], now)
        if clicks is None:
            self._session.notice.emit(otherwise)
            return
        with self.unrecorded():
            self._shown.commit(clicks)

    def _record(self, image_id: str) -> None:
        clicks, before = self._session.clicks(image_id), self._known.get(image_id)
        if before is not None and not self._is_stepping:
            self._histories[image_id].record(before, clicks)
        self._known[image_id] = clicks

    def _on_project(self, _project: object) -> None:
        self._histories.clear()
        self._known.clear()

    # classes and images
    def choose_class(self, class_id: int) -> None:
        """Make this the class of the next click."""
        if class_id < self._num_classes:
            self._session.set_class(class_id)
        else:
            self._session.notice.emit(
                f"There is no class {class_id}; add one with + in the Annotate tab."
            )

    def step_class(self, step: int) -> None:
        """Choose the next or previous class; the first one follows the last one."""
        self._session.set_class((self._session.current_class + step) % self._num_classes)

    def next_image(self) -> None:
        self._session.next_image()

    def previous_image(self) -> None:
        self._session.previous_image()

    @property
    def _num_classes(self) -> int:
        assert self._session.project is not None
        return self._session.project.classes.num_classes

    def _clicks(self) -> ClickSet | None:
        """The clicks that can be changed; None where no layer shows any."""
        if self._shown.layer is None or not self._shown.image_id:
            return None
        return self._session.clicks(self._shown.image_id)


def _moved(clicks: ClickSet, index: int, point: npt.NDArray[np.float64]) -> ClickSet:
    points = clicks.points.copy()
    points[index] = point
    return replace(clicks, points=points)
