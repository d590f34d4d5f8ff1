"""A number field that gives back exactly the float that it was given; magicgui's own rounds."""

from __future__ import annotations

import math
from typing import Any

from magicgui.backends._qtpy.widgets import QBaseRangedWidget
from magicgui.widgets.bases import RangedWidget
from qtpy.QtCore import QSize
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

CHARACTERS = 7

LONGEST, DIGITS = 9, 4
"""Numbers of more characters are shown with so many digits: 0.6667 for two thirds."""


class ExactSpinBox(QDoubleSpinBox):
    """A spin box that shows and keeps floats as Python writes them, such as 0.999 and 0.0005."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._given = self._rounded = 0.0
        self.setDecimals(60)
        self.setKeyboardTracking(False)

    def setValue(self, value: float) -> None:
        """Show `value`, and keep what Qt rounds."""
        self._given = self._rounded = value
        super().setValue(value)
        self._rounded = super().value()

    def value(self) -> float:
        """The number as it was set or typed."""
        value = super().value()
        return self._given if value == self._rounded else value

    def textFromValue(self, value: float) -> str:
        """The shortest text that stands for this very number; rounded where that is long."""
        value = self._given if value == self._rounded else value
        text = repr(value).removesuffix(".0")
        return text if len(text) <= LONGEST else f"{value:.{DIGITS}g}"

    def valueFromText(self, text: str | None) -> float:
        """The number typed, with a decimal point or comma; what is shown rounded is kept."""
        if text is not None and text.strip() == self.textFromValue(self._rounded):
            return self._rounded
        return float((text or "0").strip().replace(",", "."))

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Any number within the range; the beginning of one while typing."""
        text = text or ""
        try:
            number = float(text.strip().replace(",", "."))
        except ValueError:
            begun = all(character in "0123456789.,eE+- " for character in text)
            state = QValidator.State.Intermediate if begun else QValidator.State.Invalid
        else:
            inside = math.isfinite(number) and self.minimum() <= number <= self.maximum()
            state = QValidator.State.Acceptable if inside else QValidator.State.Intermediate
        return state, text, position

    def stepBy(self, steps: int) -> None:
        """Up or down without 0.30000000000000004."""
        step = self.singleStep()
        digits = max(0, -math.floor(math.log10(step))) + 1
        value = round(self.value() + steps * step, digits)
        self.setValue(min(max(value, self.minimum()), self.maximum()))

    def sizeHint(self) -> QSize:
        """Room for a short number, not for 60 decimals."""
        width = self.fontMetrics().horizontalAdvance("0" * CHARACTERS) + 40
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class _ExactBackend(QBaseRangedWidget):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ExactSpinBox, **kwargs)


class ExactFloat(RangedWidget[float]):
    """magicgui's FloatSpinBox without its rounding."""

    def __init__(self, value: float, *, low: float, high: float, step: float) -> None:
        super().__init__(value, min=low, max=high, step=step, widget_type=_ExactBackend)
