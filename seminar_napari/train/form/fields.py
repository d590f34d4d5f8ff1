"""One magicgui widget for each kind of setting; it returns exactly the value that it was given."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from magicgui.widgets import CheckBox, ComboBox, Container, LineEdit, SpinBox
from magicgui.widgets.bases import Widget
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QComboBox, QWidget

from seminar.config.settings import TERMS
from seminar.errors import ConfigError
from seminar_napari.train.form.exact_float import ExactFloat
from seminar_napari.train.setting_texts import term_text

CHARACTERS = 5
"""Of a choice that are always seen."""


@dataclass(frozen=True)
class Field:
    """A setting's widget, and how its value is read and written."""

    widget: Widget
    read: Callable[[], Any]
    write: Callable[[Any], None]
    changed: Any  # a psygnal SignalInstance


def make_field(setting: dataclasses.Field[Any], hint: Any) -> Field:
    """The widget for a field of TrainConfig, from its type and metadata; it shows the default."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    low, high, step = (setting.metadata[key] for key in ("low", "high", "step"))
    default: Any = setting.default
    if setting.name == "losses":
        return _terms(default)
    if origin is Literal:
        return choice([(str(word).replace("_", " "), word) for word in arguments], default)
    if origin is tuple and arguments == (float, float):
        return _pair(default, low, high, step)
    if origin is tuple:
        return _numbers(setting.name, arguments[0], setting.metadata["empty"])
    if hint is bool:
        return _of(CheckBox(value=default, text=""))
    if hint is int:
        field = _of(SpinBox(value=default, min=int(low), max=int(high), step=int(step)))
        field.widget.native.setMinimumWidth(60)
        return field
    if hint is float:
        return _of(ExactFloat(default, low=low, high=high, step=step))
    return _of(LineEdit(value=default))


def _of(widget: Any) -> Field:
    return Field(widget, widget.get_value, widget.set_value, widget.changed)


def choice(choices: Sequence[tuple[str, Any]], value: Any) -> Field:
    """A list to choose from.

    A value that is not in it, such as a file, is added by its name when it is written.
    """
    combo = ComboBox(choices=list(choices), value=value)
    combo.native.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    combo.native.setMinimumContentsLength(CHARACTERS)

    def write(new: Any) -> None:
        if new not in combo.choices:
            name = Path(str(new)).name
            combo.set_choice(name if combo.native.findText(name) < 0 else str(new), new)
            combo.native.setItemData(
                combo.native.findData(new), str(new), Qt.ItemDataRole.ToolTipRole
            )
        combo.value = new

    return Field(combo, lambda: combo.value, write, combo.changed)


def _pair(default: tuple[float, float], low: float, high: float, step: float) -> Field:
    spins = [ExactFloat(value, low=low, high=high, step=step) for value in default]
    row = Container(widgets=spins, layout="horizontal", labels=False)
    row.margins = (0, 0, 0, 0)

    def write(values: tuple[float, float]) -> None:
        for spin, value in zip(spins, values, strict=True):
            spin.value = value

    return Field(row, lambda: tuple(spin.value for spin in spins), write, row.changed)


def _numbers(name: str, kind: Callable[[str], Any], empty: str) -> Field:
    line = LineEdit(value="")
    line.native.setPlaceholderText(empty)

    def read() -> tuple[Any, ...]:
        try:
            return tuple(kind(part) for part in line.value.replace(",", " ").split())
        except ValueError:
            like = ", ".join(str(kind(number)) for number in "12")
            raise ConfigError(
                f"{name}: expected numbers such as {like}, or nothing for {empty}, got "
                f"{line.value!r}; correct the setting"
            ) from None

    return Field(
        line, read, lambda values: line.set_value(", ".join(map(str, values))), line.changed
    )


def _term_box(term: str) -> str:
    text = term_text(term)
    return text if text.casefold() == term else f"{text} ({term})"


def _terms(default: tuple[str, ...]) -> Field:
    boxes = {term: CheckBox(value=term in default, text=_term_box(term)) for term in TERMS}
    column = Container(widgets=list(boxes.values()), labels=False)
    column.margins = (0, 0, 0, 0)
    column.native.layout().setSpacing(2)
    order = list(default)

    def write(terms: tuple[str, ...]) -> None:
        order[:] = terms
        for term, box in boxes.items():
            box.value = term in terms

    def read() -> tuple[str, ...]:
        known = [term for term in order if boxes[term].value]  # type: ignore[index]
        return (*known, *(term for term in TERMS if boxes[term].value and term not in known))

    return Field(column, read, write, column.changed)


class WheelGuard(QObject):
    """Keeps the mouse wheel from changing a setting while one scrolls past it."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if (
            event is not None
            and event.type() == QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return False
