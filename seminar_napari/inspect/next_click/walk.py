"""From image to image, to the places where a click helps most."""

from __future__ import annotations

from typing import Any

import numpy as np
from psygnal import Signal

from seminar.errors import SeminarError
from seminar.run.events import Event, StageStarted, Step
from seminar_napari.inspect.next_click.doubts import Kind
from seminar_napari.inspect.next_click.finder import NextClick, NextClickFinder
from seminar_napari.inspect.next_click.ring import Ring
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault

SHOWN_PIXELS = 160.0
"""Image pixels that are seen around the place at most; small images are shown whole."""

LOOKING = "Looking …"


class NextClickWalk:
    """Looks in the background for the next place to click, shows its image, centres and rings it.

    Attributes
    ----------
    ring : Ring
        Goes with the next click in the image, another image, or the next search.
    """

    said = Signal(str)

    def __init__(self, viewer: Any, session: Session) -> None:
        self.ring = Ring(viewer)
        self._viewer = viewer
        self._session = session
        self._search: Latest[NextClick | bool] = Latest("seminar-next-click")
        self._finder: NextClickFinder | None = None
        self._stage = ""
        self._asked = False
        self._cleanup = Cleanup(self.ring.hide)
        for signal, slot in (
            (session.run_changed, self._on_run),
            (session.project_changed, self._forget),
            (session.live_mask_changed, self._forget),
            (session.event_received, self._on_event),
            (session.image_changed, self._on_image),
            (session.clicks_changed, self._on_clicks),
        ):
            self._cleanup.connect(signal, slot)

    def close(self) -> None:
        """Listen to nothing any more."""
        self._cleanup()

    def go(self) -> None:
        """Go to the next place once it is found; further calls until then change nothing."""
        session, project = self._session, self._session.project
        if project is None or (session.run is None and not session.has_live_mask):
            self.said.emit(
                "Click on two classes first, with the live mask on, or train: the next click is "
                "where the mask is unsure, or where the networks disagree."
            )
            return
        if self._asked:
            return
        if self._finder is None:
            self._finder = NextClickFinder(project, session.run, session.has_live_mask)
        self._asked = True
        self.ring.hide()
        self.said.emit(LOOKING)
        finder, held_out = self._finder, session.image_states.held_out
        unsure = dict(session.unsure_shares)
        self._search.submit(lambda: finder.find(held_out, unsure) or finder.has_looked)

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
        elif outcome or self._session.run is not None:
            doubt = "the networks disagree" if self._session.run else "the live mask is unsure"
            self.said.emit(f"No place left where {doubt} and no click is near.")
        else:
            self.said.emit("No mask yet: it comes within seconds, then ask again.")

    def _show(self, found: NextClick) -> None:
        try:
            self._session.show_image(found.image_id)
        except SeminarError as error:
            self.said.emit(str(error))
            return
        row, col = found.spot.row, found.spot.col
        self.centre(row, col)
        if self._session.image_layer is not None:
            self.ring.show(row, col, self._session.layer_geometry())
        doubt = in_words(found.kind, self._stage)
        self.said.emit(f"{found.image_id}: {doubt} on {found.spot.area:,} px")

    def centre(self, row: float, col: float) -> None:
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

    def _on_run(self, _run: object) -> None:
        self._stage = ""
        self._forget()

    def _forget(self, _value: object = None) -> None:
        """Another run, project or live mask: what is being looked for comes too late."""
        self._finder = None
        self._search, self._asked = Latest("seminar-next-click"), False
        self.ring.hide()
        self.said.emit("")

    def _on_event(self, event: Event, _when: float) -> None:
        if isinstance(event, Step | StageStarted):
            self._stage = event.stage

    def _on_image(self, _image_id: str) -> None:
        self.ring.hide()

    def _on_clicks(self, image_id: str) -> None:
        if image_id == self._session.image_id:
            self.ring.hide()


def in_words(kind: Kind, stage: str) -> str:
    """What is in doubt, in plain words."""
    if kind == "unsure":
        return kind
    return f"{disagreeing(stage) if kind == 'networks' else kind} disagree"


def disagreeing(stage: str) -> str:
    """The networks that are compared in a stage, in plain words."""
    if stage == "primary":
        return "stage 1 and 2"
    if stage.startswith("primary-") and stage.removeprefix("primary-").isdigit():
        number = int(stage.removeprefix("primary-"))
        return f"stage {number} and {number + 1}"
    return "student and teacher"
