"""The form of the settings: five in sight, the rest folded, all made from TrainConfig's fields."""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Sequence
from typing import Any

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from seminar.config.fit import FITTED, Scene, fitted, told
from seminar.config.presets import PresetName
from seminar.config.settings import TrainConfig, preset
from seminar.errors import ConfigError
from seminar.run.folder import stage_names
from seminar.runtime.device_facts import Device
from seminar_napari.qt.builders import Fold, column
from seminar_napari.session.setting_labels import SETTINGS, label
from seminar_napari.session.start_weights import remember_weights, remembered_weights
from seminar_napari.train.form.budget import Budget
from seminar_napari.train.form.fields import Field, WheelGuard, choice, make_field
from seminar_napari.train.setting_texts import (
    BACKBONE_TEXTS,
    FILE_CHOICE,
    KEPT_BY_PRESETS,
    PRESET_TEXTS,
    SECTIONS,
    WEIGHT_TEXTS,
)

FACE = ("preset", "backbone", "weights", "device", "iterations")
"""The settings that are not folded."""

WEIGHT_NAMES = tuple(name for _, name in WEIGHT_TEXTS)

AUTO_DEVICE = ("auto: the best there is", "auto")


class ConfigForm(QWidget):
    """Shows a TrainConfig and returns it; settings that nobody touched come back bit by bit.

    Attributes
    ----------
    changed : Signal
        A person changed something.
    weights_chosen : Signal
        A person chose other weights to start from; `start_weights` remembers a file.
    """

    changed = Signal()
    weights_chosen = Signal()

    def __init__(self, config: TrainConfig | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._writing = False
        self._scene: Scene | None = None
        self._guard = WheelGuard(self)
        hints = typing.get_type_hints(TrainConfig)
        special = {
            "preset": choice([(text, name) for name, text in PRESET_TEXTS.items()], "balanced"),
            "backbone": choice(BACKBONE_TEXTS, "efficientnet_lite0"),
            "weights": choice(WEIGHT_TEXTS, "imagenet"),
            "device": choice([AUTO_DEVICE], "auto"),
        }
        self.budget = Budget()
        special["iterations"] = Field(
            self.budget.spin,
            self.budget.iterations,
            self.budget.set_iterations,
            self.budget.changed,
        )
        self._fields = {
            name: special.get(name) or make_field(setting, hints[name])
            for name, setting in SETTINGS.items()
        }
        self._lay_out()
        self._weights_before = "imagenet"
        for name, field in self._fields.items():
            field.changed.connect(lambda *_, name=name: self._on_change(name))
        self.write(config or TrainConfig())
        if config is None:
            self._take_weights()

    # values
    def read(self) -> TrainConfig:
        """The settings as they stand.

        Raises
        ------
        ConfigError
            They contradict each other; the message says which.
        """
        return TrainConfig(**{name: field.read() for name, field in self._fields.items()})

    def value(self, name: str) -> Any:
        """One setting as it stands."""
        return self._fields[name].read()

    def write(self, config: TrainConfig) -> None:
        """Show these settings."""
        self._writing = True
        try:
            for name, field in self._fields.items():
                field.write(getattr(config, name))
            self._weights_before = config.weights
        finally:
            self._writing = False
        self._refresh()

    def show_devices(self, devices: Sequence[Device]) -> None:
        """List these devices; those that cannot be used stay, greyed, with the reason."""
        combo: Any = self._fields["device"].widget
        chosen = combo.value
        entries = [AUTO_DEVICE, *((device.label, device.name) for device in devices)]
        if chosen not in [value for _, value in entries]:
            entries.append((f"{chosen} — not found here", chosen))
        self._writing = True
        combo.choices = entries
        combo.value = chosen
        self._writing = False
        model = combo.native.model()
        for row, device in enumerate(devices, start=1):
            model.item(row).setEnabled(not device.problem)
            combo.native.setItemData(
                row, device.problem or device.label, Qt.ItemDataRole.ToolTipRole
            )
        self.changed.emit()

    def show_costs(self, costs: dict[PresetName, str]) -> None:
        """Write behind each preset what it costs on this machine."""
        native = self._fields["preset"].widget.native
        for row, (name, text) in enumerate(PRESET_TEXTS.items()):
            native.setItemText(row, f"{text}: {costs[name]}")

    def preset_config(self, name: PresetName) -> TrainConfig:
        """A preset that fits the images, with what this form says of the data and the machine."""
        fitting = fitted(preset(name), self._scene)
        try:
            kept = {key: self._fields[key].read() for key in KEPT_BY_PRESETS}
            return fitting.replace(**kept)
        except ConfigError:  # what is shown contradicts itself; said when the person presses Train
            return fitting

    def fit(self, scene: Scene | None) -> None:
        """Fit the preset to these images; what the person changed stays."""
        before, self._scene = self._fitted(), scene
        after = self._fitted()
        self._writing = True
        for name in FITTED:
            if self._shows(name, getattr(before, name)):
                self._fields[name].write(getattr(after, name))
        self._writing = False
        self._refresh()

    def told(self) -> str:
        """What of the preset was fitted; empty where nothing was."""
        return told(preset(self.value("preset")), self._fitted(), self._scene)

    def _fitted(self) -> TrainConfig:
        return fitted(preset(self.value("preset")), self._scene)

    # drawing
    def _lay_out(self) -> None:
        face, rest = _form_layout(), QWidget()
        for name in FACE:
            beside = self.budget.unit.native if name == "iterations" else None
            field = self._native(name)
            face.addRow(_label(label(name)), _row(field, beside) if beside is not None else field)
        self._guard_wheel(self.budget.unit.native)
        folded = _form_layout(rest)
        for name in SETTINGS:
            if name in SECTIONS:
                heading = QLabel(f"<b>{SECTIONS[name]}</b>")
                heading.setContentsMargins(0, 6, 0, 0)
                folded.addRow(heading)
            if name not in FACE:
                native = self._native(name)
                title = _label(label(name))
                title.setToolTip(native.toolTip())
                folded.addRow(title, native)
        self.fold = Fold("More settings", rest)
        self._rows = column(face, self.fold, spacing=4)
        self.setLayout(self._rows)

    def add_below(self, widget: QWidget) -> None:
        """Show a widget under the settings, and hide it with them."""
        self._rows.addWidget(widget)

    def _native(self, name: str) -> QWidget:
        native: QWidget = self._fields[name].widget.native
        native.setToolTip(_tooltip(name))
        native.setSizePolicy(QSizePolicy.Policy.Expanding, native.sizePolicy().verticalPolicy())
        self._guard_wheel(native)
        for child in native.findChildren(QWidget):
            self._guard_wheel(child)
        return native

    def _guard_wheel(self, widget: QWidget) -> None:
        widget.setFocusPolicy(widget.focusPolicy() & ~0x4)  # Qt.WheelFocus without its wheel
        widget.installEventFilter(self._guard)

    def _on_change(self, name: str) -> None:
        if self._writing:
            return
        if name == "preset":
            self.write(self.preset_config(self._fields["preset"].read()))
        if name == "backbone":
            self._take_weights()
        if name == "weights" and not self._choose_weights():
            return
        self._refresh()
        self.changed.emit()

    def _choose_weights(self) -> bool:
        chosen = self._fields["weights"].read()
        if chosen == FILE_CHOICE:
            chosen, _ = QFileDialog.getOpenFileName(
                self, "Start weights", "", "Weights (*.pt *.pth *.safetensors);;All files (*)"
            )
            self._writing = True
            self._fields["weights"].write(chosen or self._weights_before)
            self._writing = False
            if not chosen:
                return False
        self._weights_before = chosen
        remember_weights(self._fields["backbone"].read(), chosen)
        self.weights_chosen.emit()
        return True

    def _take_weights(self) -> None:
        """A file fits one network: take the one that was chosen for this network, if any."""
        kept = remembered_weights(self._fields["backbone"].read())
        is_file = self._weights_before not in WEIGHT_NAMES
        if kept or is_file:
            self._weights_before = kept or "imagenet"
            self._writing = True
            self._fields["weights"].write(self._weights_before)
            self._writing = False

    def _refresh(self) -> None:
        with contextlib.suppress(ConfigError):  # reported when the person presses Train
            self.budget.set_stages(len(stage_names(self.read())))
        start = self._fitted()
        changed = 0
        for name, setting in SETTINGS.items():
            kept = name in KEPT_BY_PRESETS
            if name not in (*FACE, "channels"):  # a new project's channels are not the default
                usual = setting.default if kept else getattr(start, name)
                changed += not self._shows(name, usual)
        self.fold.set_title(f"More settings ({changed} changed)" if changed else "More settings")

    def _shows(self, name: str, value: Any) -> bool:
        try:
            return bool(self._fields[name].read() == value)
        except ConfigError:  # half typed; said when the person presses Train
            return False


def _form_layout(parent: QWidget | None = None) -> QFormLayout:
    layout = QFormLayout(parent)  # type: ignore[arg-type,unused-ignore]
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(6)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setMinimumWidth(56)
    return label


def _row(first: QWidget, second: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    layout.addWidget(first, 2)
    layout.addWidget(second, 2)
    return layout


def _tooltip(name: str) -> str:
    meta = SETTINGS[name].metadata
    span = meta["unit"]
    if meta["low"] is not None:
        span = f"{meta['low']:g} to {meta['high']:g} {span}".strip()
    return "".join(
        f"<p>{line}</p>"
        for line in (f"{meta['help']}.", span, f"In a terminal: --{name.replace('_', '-')}")
        if line
    )
