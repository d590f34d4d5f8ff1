"""How long to train: in iterations of a stage, or in minutes of this machine."""

from __future__ import annotations

from magicgui.widgets import ComboBox, SpinBox
from psygnal import Signal
from qtpy.QtWidgets import QComboBox

from seminar.config.settings import TrainConfig

_META = TrainConfig.__dataclass_fields__["iterations"].metadata


class Budget:
    """A number and its unit: iterations, or minutes once the machine's speed is known."""

    changed = Signal()

    def __init__(self) -> None:
        self._iterations = 400
        self._rate: float | None = None
        self._stages = 2
        self._writing = False
        self.spin = SpinBox(
            value=400, min=int(_META["low"]), max=int(_META["high"]), step=int(_META["step"])
        )
        self.unit = ComboBox(
            choices=[("iterations", "iterations"), ("minutes", "minutes")], value="iterations"
        )
        self.unit.native.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.unit.native.setMinimumContentsLength(5)
        self.unit.native.model().item(1).setEnabled(False)
        self.unit.native.setToolTip(
            "Iterations of each stage, or minutes of the whole run; minutes can be chosen once a "
            "first run has shown how fast this machine is"
        )
        self.spin.changed.connect(self._on_spin)
        self.unit.changed.connect(self._show)

    def iterations(self) -> int:
        """Optimiser steps of one stage."""
        return self._iterations

    def set_iterations(self, iterations: int) -> None:
        """Show this budget, in the unit that is chosen."""
        self._iterations = iterations
        self._show()

    def set_rate(self, rate: float | None) -> None:
        """Iterations a second on this machine with the settings shown; None where unknown."""
        self._rate = rate
        self.unit.native.model().item(1).setEnabled(rate is not None)
        if rate is None and self.unit.value == "minutes":
            self.unit.value = "iterations"
        self._show()

    def set_stages(self, stages: int) -> None:
        """How many stages share the minutes."""
        self._stages = stages
        self._show()

    def seconds(self) -> float | None:
        """The time for the budget on this machine; None where the speed is unknown."""
        return None if self._rate is None else self._iterations * self._stages / self._rate

    def _on_spin(self, value: int) -> None:
        if self._writing:
            return
        if self.unit.value == "minutes" and self._rate is not None:
            most = int(_META["high"])
            self._iterations = min(max(round(value * 60 * self._rate / self._stages), 1), most)
        else:
            self._iterations = value
        self.changed.emit()

    def _show(self, *_: object) -> None:
        self._writing = True
        seconds = self.seconds()
        in_minutes = self.unit.value == "minutes" and seconds is not None
        self.spin.step = 1 if in_minutes else int(_META["step"])
        self.spin.value = max(1, round((seconds or 0) / 60)) if in_minutes else self._iterations
        self._writing = False
