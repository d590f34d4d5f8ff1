"""One magicgui widget for each kind of setting; each gives back exactly the value that it was
given.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from magicgui.backends._qtpy.widgets import QBaseRangedWidget
from magicgui.widgets import CheckBox, ComboBox, Container, LineEdit, SpinBox
from magicgui.widgets.bases import RangedWidget, Widget
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QWidget

from seminar.config.settings import TERMS
from seminar.errors import ConfigError

NARROW_CHARACTERS = 9


class ExactSpinBox(QDoubleSpinBox):
    """A spin box that shows and keeps floats as Python writes them: 0.999 and 0.0005 stay what
    they are.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._given = self._rounded = 0.0
        self.setDecimals(60)
        self.setKeyboardTracking(False)

    def setValue(self, value: float) -> None:
        """Show `value`; what Qt would round is kept beside it."""
        self._given = self._rounded = value
        super().setValue(value)
        self._rounded = super().value()

    def value(self) -> float:
        """The number as it was set or typed."""
        value = super().value()
        return self._given if value == self._rounded else value

    def textFromValue(self, value: float) -> str:
        """The shortest text that stands for this very number."""
        value = self._given if value == self._rounded else value
        return repr(value).removesuffix(".0")

    def valueFromText(self, text: str | None) -> float:
        """The number typed, with a decimal point or comma."""
        return float((text or "0").strip().replace(",", "."))

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Any number within the range; the beginning of one while typing."""
        text = text or ""
        try:
            number = float(text.strip().replace(",", "."))
        except ValueError:
            begun = all(character in "0123456789.,eE+- " for character in text)
            return (
                (QValidator.State.Intermediate if begun else QValidator.State.Invalid),
                text,
                position,
            )
        inside = math.isfinite(number) and self.minimum() <= number <= self.maximum()
        return (
            (QValidator.State.Acceptable if inside else QValidator.State.Intermediate),
            text,
            position,
        )

    def stepBy(self, steps: int) -> None:
        """Up or down without 0.30000000000000004."""
        step = self.singleStep()
        digits = max(0, -math.floor(math.log10(step))) + 1
        self.setValue(
            min(max(round(self.value() + steps * step, digits), self.minimum()), self.maximum())
        )

    def sizeHint(self) -> QSize:
        """Room for a dozen characters, not for 60 decimals."""
        return QSize(
            self.fontMetrics().horizontalAdvance("0" * (NARROW_CHARACTERS - 2)) + 40,
            super().sizeHint().height(),
        )

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class _ExactBackend(QBaseRangedWidget):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ExactSpinBox, **kwargs)


class ExactFloat(RangedWidget[float]):
    """magicgui's FloatSpinBox without its rounding."""

    def __init__(self, value: float, *, low: float, high: float, step: float) -> None:
        super().__init__(value, min=low, max=high, step=step, widget_type=_ExactBackend)


@dataclass(frozen=True)
class Field:
    """A setting's widget, and how its value is read and written."""

    widget: Widget
    read: Callable[[], Any]
    write: Callable[[Any], None]
    changed: Any  # a psygnal SignalInstance


def make_field(setting: dataclasses.Field[Any], hint: Any) -> Field:
    """The widget for a field of TrainConfig, from its type and metadata; it shows the field's
    default.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    low, high, step = (setting.metadata[key] for key in ("low", "high", "step"))
    default: Any = setting.default
    if setting.name == "losses":
        return _terms(default)
    if origin is Literal:
        return choice(
            [(str(argument).replace("_", " "), argument) for argument in arguments], default
        )
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
    """A list to choose from; a value that is not in it, such as a file, is added by its name
    when it is written.
    """
    combo = ComboBox(choices=list(choices), value=value)
    combo.native.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    combo.native.setMinimumContentsLength(NARROW_CHARACTERS - 4)

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
                f"{name}: expected numbers such as {like}, or nothing for {empty}, got"
                f" {line.value!r}; correct the setting"
            ) from None

    return Field(
        line, read, lambda values: line.set_value(", ".join(map(str, values))), line.changed
    )


_TERM_TEXTS = {
    "pce": "clicks (pce)",
    "crf": "edges (crf)",
    "pcons": "consistency (pcons)",
    "pseudo": "second stage (pseudo)",
    "presence": "classes (presence)",
    "full": "dense masks (full)",
}


def _terms(default: tuple[str, ...]) -> Field:
    boxes = {term: CheckBox(value=term in default, text=_TERM_TEXTS[term]) for term in TERMS}
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
