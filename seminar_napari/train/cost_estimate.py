"""The time that each preset takes on this machine, shown in the form once it is known."""

from __future__ import annotations

from typing import cast

from seminar.config.presets import PresetName
from seminar.errors import SeminarError
from seminar.run.folder import RunFolder, stage_names
from seminar_napari.train.devices import DeviceProbe
from seminar_napari.train.form.config_form import ConfigForm
from seminar_napari.train.progress import RunProgress, duration
from seminar_napari.train.setting_texts import PRESET_TEXTS
from seminar_napari.train.speed import Pace, SpeedBook

UNKNOWN = "time unknown"
FEWEST_ITERATIONS = 10
"""A shorter run says nothing about the speed."""


class Costs:
    """Writes the time of each preset and of the budget into a form, for the device chosen there."""

    def __init__(self, form: ConfigForm, devices: DeviceProbe, speeds: SpeedBook) -> None:
        self._form, self._devices, self._speeds = form, devices, speeds

    def show(self) -> None:
        """Bring the form up to date."""
        device = self._device()
        costs: dict[PresetName, str] = {}
        for name in PRESET_TEXTS:
            config = self._form.preset_config(name)
            estimate = self._speeds.estimate(config, device)
            if estimate is None:
                costs[name] = UNKNOWN
            else:
                seconds = config.iterations * len(stage_names(config)) / estimate.rate
                about = "about" if estimate.measured else "roughly"
                costs[name] = f"{about} {duration(seconds)}"
        self._form.show_costs(costs)
        try:
            estimate = self._speeds.estimate(self._form.read(), device)
        except SeminarError:  # reported when the person presses Train
            estimate = None
        self._form.budget.set_rate(estimate.rate if estimate is not None else None)

    def learn(self, run: RunFolder, progress: RunProgress) -> None:
        """Remember how fast a run of this machine was."""
        if progress.step is None or progress.iteration < FEWEST_ITERATIONS:
            return
        try:
            config = run.read_config()
        except SeminarError:
            return
        self._speeds.remember(Pace.of(config, progress.device, progress.step.iterations_per_second))
        self.show()

    def _device(self) -> str:
        chosen = cast(str, self._form.value("device"))
        if chosen != "auto":
            return chosen
        return next((device.name for device in self._devices.known if not device.problem), "cpu")
