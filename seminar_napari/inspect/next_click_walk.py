"""From image to image, to the places where a click helps most."""

from __future__ import annotations

from typing import Any

import numpy as np
from psygnal import Signal

from seminar.errors import SeminarError
from seminar.run.events import Event, StageStarted, Step
from seminar.run.folder import RunFolder
from seminar_napari.inspect.next_click import NextClick, NextClickFinder
from seminar_napari.session.session import Session
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault

SHOWN_PIXELS = 160.0
"""Image pixels that are seen around the place at most; small images are shown whole."""


class NextClickWalk:
    """Looks in the background for the next place to click, shows its image and centres it."""

    said = Signal(str)

    def __init__(self, viewer: Any, session: Session) -> None:
        self._viewer = viewer
        self._session = session
        self._search: Latest[NextClick | bool] = Latest("seminar-next-click")
        self._finder: NextClickFinder | None = None
        self._stage = ""
        self._asked = False
        session.run_changed.connect(self._on_run)
        session.event_received.connect(self._on_event)

    def close(self) -> None:
        """Listen to nothing any more."""
        self._session.run_changed.disconnect(self._on_run)
        self._session.event_received.disconnect(self._on_event)

    def go(self) -> None:
        """Go to the next place once it is found; further calls until then change nothing."""
        project, run = self._session.project, self._session.run
        if project is None or run is None:
            self.said.emit(
                "Train first, or attach to a run: the next click is where its networks disagree."
            )
            return
        if self._asked:
            return
        if (
            self._finder is None
            or self._finder.run != run
            or self._finder.project.path != project.path
        ):
            self._finder = NextClickFinder(project, run)
        self._asked = True
        self.said.emit("Looking …")
        finder, held_out = self._finder, self._session.image_states.held_out
        self._search.submit(lambda: finder.find(held_out) or False)

    def poll(self) -> None:
        """Go to what was found, in the window's thread."""
        outcome = self._search.take()
        if outcome is None:
            self._asked = self._asked and self._search.busy
            return
        self._asked = False
        if isinstance(outcome, Fault):
            self.said.emit(outcome.reason)
        elif isinstance(outcome, NextClick):
            self._show(outcome)
        else:
            self.said.emit("No place left where the networks disagree and no click is near.")

    def _show(self, found: NextClick) -> None:
        try:
            self._session.show_image(found.image_id)
        except SeminarError as error:
            self.said.emit(str(error))
            return
        self.centre(found.spot.row, found.spot.col)
        who = disagreeing(self._stage)
        self.said.emit(f"{found.image_id}: {who} disagree on {found.spot.area:,} px")

    def centre(self, row: int, col: int) -> None:
        """Bring this pixel of the shown image to the middle of the view, large enough to click."""
        layer = self._session.image_layer
        if layer is None:
            return
        centre = layer.data_to_world((*(0,) * (layer.ndim - 2), row, col))
        camera = self._viewer.scene.camera
        edge = layer.data_to_world((*(0,) * (layer.ndim - 2), row + SHOWN_PIXELS, col))
        span = float(np.linalg.norm(np.subtract(edge, centre)))
        height, width = self._viewer.canvas.viewbox_size(self._viewer.layers)
        camera.zoom = max(camera.zoom, min(height, width) / span)
        camera.center = (*camera.center[: len(camera.center) - 2], *centre[-2:])

    def _on_run(self, run: RunFolder | None) -> None:
        self._stage = ""
        self._search, self._asked = Latest("seminar-next-click"), False  # the old one is too late
        self.said.emit("")

    def _on_event(self, event: Event, _when: float) -> None:
        if isinstance(event, Step | StageStarted):
            self._stage = event.stage


def disagreeing(stage: str) -> str:
    """The networks that are compared in a stage, in plain words."""
    if stage == "primary":
        return "stage 1 and 2"
    if stage.startswith("primary-") and stage.removeprefix("primary-").isdigit():
        number = int(stage.removeprefix("primary-"))
        return f"stage {number} and {number + 1}"
    return "student and teacher"
