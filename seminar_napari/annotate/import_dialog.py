"""What a person has to say before clicks of another program can come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

from seminar.clicks.readers.found_clicks import Unanswered
from seminar.io.names import shown
from seminar_napari.annotate.click_import import counted
from seminar_napari.qt.builders import boxed, column, scrolled, wrapped_label

NEW, LEAVE_OUT = "Add as a new class", "Leave out"
BY_FRAME = "Frame n is the nth image of the project"
CHOICES = {
    "centre": "ImageJ or Fiji (from the middle of a pixel)",
    "edge": "QuPath (from its corner)",
    "name": "Name of the selection",
    "counter": "Counter",
    "group": "Group",
}
"""What the choices of a question are called on the screen."""


class _Dialog(QDialog):
    """A sentence, something to fill in, and the buttons."""

    def __init__(self, sentence: str, content: QWidget, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import clicks")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        import_button = buttons.addButton("Import", QDialogButtonBox.ButtonRole.AcceptRole)
        assert import_button is not None  # for the type checker: Qt makes one
        self.import_button = import_button
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.setLayout(column(wrapped_label(sentence), content, buttons, stretch=1, margin=9))
        self.setMinimumWidth(420)


class QuestionDialog(_Dialog):
    """Asks what a file does not say.

    Attributes
    ----------
    field : QComboBox, QSpinBox or QDoubleSpinBox
        Where the answer goes.
    """

    def __init__(
        self,
        question: Unanswered,
        image_ids: Sequence[str],
        classes: Sequence[str],
        parent: QWidget | None = None,
    ) -> None:
        self.question = question.question
        self.field: QComboBox | QSpinBox | QDoubleSpinBox
        match question.question:
            case "pixel_size":
                self.field = QDoubleSpinBox()
                self.field.setDecimals(6)
                self.field.setRange(1e-6, 1e6)
                self.field.setValue(1.0)
            case "channels" | "slices":
                self.field = QSpinBox()
                self.field.setRange(1, 100_000)
            case "image":
                self.field = _combo({name: name for name in image_ids} | {BY_FRAME: BY_FRAME})
            case "label":
                self.field = _combo({name: name for name in classes})
            case "origin" | "classes_from":
                self.field = _combo({CHOICES.get(one, one): one for one in question.choices})
        super().__init__(str(question), self.field, parent)

    def answer(self) -> str | float | int:
        """What was filled in."""
        if isinstance(self.field, QComboBox):
            return str(self.field.currentData())
        return self.field.value()


class ClassesDialog(_Dialog):
    """Asks which classes of the project the unknown ones of a file are.

    Attributes
    ----------
    fields : mapping of str to QComboBox
        By the name in the file.
    """

    def __init__(
        self, unknown: Mapping[str, int], classes: Sequence[str], parent: QWidget | None = None
    ) -> None:
        choices = {NEW: NEW} | {name: name for name in classes} | {LEAVE_OUT: LEAVE_OUT}
        self.fields = {label: _combo(choices) for label in unknown}
        grid = QGridLayout()
        for number, (label, count) in enumerate(unknown.items()):
            grid.addWidget(QLabel(f"{shown(label)}  ({counted(count, 'click')})"), number, 0)
            grid.addWidget(self.fields[label], number, 1)
        grid.setColumnStretch(1, 1)
        super().__init__(
            "The project has no classes of these names. What are they?",
            scrolled(boxed(grid)),
            parent,
        )

    def mapping(self) -> dict[str, str]:
        """Name in the file -> class of the project, "" for clicks that are left out."""
        chosen = {label: str(field.currentData()) for label, field in self.fields.items()}
        return {
            label: label if value == NEW else "" if value == LEAVE_OUT else value
            for label, value in chosen.items()
        }


def _combo(choices: Mapping[str, str]) -> QComboBox:
    made = QComboBox()
    for text, value in choices.items():
        made.addItem(text, value)
    return made
