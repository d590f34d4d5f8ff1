"""The menu of the image list: images come in, go, are held out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from seminar.io.images import EXTENSIONS
from seminar_napari.annotate.images.image_changes import ImageChanges
from seminar_napari.qt.builders import timer
from seminar_napari.session.session import Session
from seminar_napari.session.training_warnings import some

POLL_MILLISECONDS = 100
TITLE = "Images ▾"


class ImageMenu(QToolButton):
    """A button with the menu, which shows how many images are in while they are copied.

    Parameters
    ----------
    selected : callable
        Gives the ids of the selected images.
    """

    def __init__(
        self,
        changes: ImageChanges,
        session: Session,
        selected: Callable[[], tuple[str, ...]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._changes, self._session, self._selected = changes, session, selected
        self.setText(TITLE)
        self.setToolTip("Add images, remove them or hold them out; also a right click on the list")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.entries = QMenu(self)
        self.entries.aboutToShow.connect(self._fill)
        self.setMenu(self.entries)
        self._timer = timer(self, POLL_MILLISECONDS, self.poll)
        self._timer.start()

    def popup(self, place: QPoint) -> None:
        """Open the menu at this place of the screen."""
        self.entries.popup(place)

    def poll(self) -> None:
        """Show how far the copying is, and report what came in."""
        changes = self._changes
        self.setText(f"{changes.done}/{changes.total}" if changes.total else TITLE)
        changes.poll()

    def ask_files(self) -> None:
        """Let the user choose image files."""
        dialog = self._dialog("Add images to the project")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        patterns = " ".join(f"*{ending} *{ending.upper()}" for ending in EXTENSIONS)
        dialog.setNameFilters([f"Images ({patterns})", "All files (*)"])
        dialog.open()

    def ask_folder(self) -> None:
        """Let the user choose a folder with images."""
        dialog = self._dialog("Add the images of a folder to the project")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.open()

    def _dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self, title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(
            lambda names: self._changes.add([Path(name) for name in names])
        )
        return dialog

    def _fill(self) -> None:
        """The entries for what is selected now."""
        self.entries.clear()
        changes, chosen = self._changes, self._selected()
        if changes.is_busy:
            self._entry("Stop copying", changes.cancel)
            return
        self._entry("Add images…", self.ask_files)
        self._entry("Add a folder of images…", self.ask_folder)
        if chosen:
            states, names = self._session.image_states, _name(chosen)
            self.entries.addSeparator()
            if training := [name for name in chosen if not states[name].held_out]:
                title = f"Hold out {_name(training)} for scoring"
                self._entry(title, lambda: changes.hold_out(training))
            if held_out := [name for name in chosen if states[name].held_out]:
                self._entry(f"Train on {_name(held_out)}", lambda: changes.train_on(held_out))
            self._entry(f"Remove {names} from the project", lambda: changes.remove(chosen))
        if number := len(changes.removed()):
            self.entries.addSeparator()
            images = f"{number} removed images" if number > 1 else "the removed image"
            self._entry(f"Put back {images}", changes.put_back)

    def _entry(self, title: str, action: Callable[[], object]) -> None:
        entry = self.entries.addAction(title)
        assert entry is not None
        entry.triggered.connect(lambda _checked=False: action())


def _name(image_ids: list[str] | tuple[str, ...]) -> str:
    return some(image_ids) if len(image_ids) == 1 else f"{len(image_ids)} images"
