"""Settings that fit the images, and the line that says which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from seminar.config.fit import Scene
from seminar.project.scene import scene_of_project
from seminar_napari.qt.builders import timer
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session
from seminar_napari.session.setting_labels import in_labels
from seminar_napari.train.form.config_form import ConfigForm
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault

SOON_MILLISECONDS = 300


class FittingLine(QLabel):
    """Looks at the clicks while the tab is seen, fits the form, and says so in one line."""

    def __init__(self, session: Session, form: ConfigForm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._form = session, form
        self._looker: Latest[tuple[Path, Scene | None]] = Latest("seminar-scene")
        self._soon = timer(self, SOON_MILLISECONDS, self._poll)
        self._is_stale = True
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        cleanup = Cleanup()
        for signal in (session.project_changed, session.image_states.changed):
            cleanup.connect(signal, self.look_soon)
        self.destroyed.connect(cleanup)
        form.changed.connect(self._draw)
        self.hide()

    def look_soon(self, _changed: Any = None) -> None:
        """Look once for many changes, and only while the tab is seen."""
        self._is_stale = True
        parent = self.parentWidget()
        if parent is not None and parent.isVisible():
            self._soon.start()

    def _poll(self) -> None:
        project = self._session.project
        if self._is_stale and project is not None and not self._session.image_states.is_reading:
            self._is_stale = False
            split, limit = self._form.value("split"), self._form.value("limit")
            self._looker.submit(lambda: (project.path, scene_of_project(project, split, limit)))
        outcome = self._looker.take()
        if outcome is None:
            return
        if not self._looker.busy and not self._is_stale:
            self._soon.stop()
        if isinstance(outcome, Fault):  # a damaged file: the warnings name it
            return
        path, scene = outcome
        if project is not None and project.path == path:
            self._form.fit(scene)
            self._draw()

    def _draw(self) -> None:
        line = in_labels(self._form.told())
        self.setText(line[:1].upper() + line[1:])
        self.setVisible(bool(line))
