"""TrainConfig ↔ form: a short face, the rest folded away, everything made from the fields of the
dataclass.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing
from collections.abc import Sequence
from typing import Any

from psygnal import Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from seminar.config.presets import PresetName
from seminar.config.settings import TrainConfig, preset
from seminar.errors import ConfigError
from seminar.run.folder import stage_names
from seminar_napari.train.budget import Budget
from seminar_napari.train.devices import Device
from seminar_napari.train.fields import Field, WheelGuard, choice, make_field
from seminar_napari.train.setting_names import (
    BACKBONE_TEXTS,
    FILE_CHOICE,
    KEPT_BY_PRESETS,
    PRESET_TEXTS,
    SECTIONS,
    WEIGHT_TEXTS,
)


class ConfigForm(QWidget):
    """Shows a TrainConfig and gives it back; whatever is not touched comes back bit by bit.

    Attributes
    ----------
    changed : Signal
        A person changed something.
    """

    changed = Signal()

    def __init__(self, config: TrainConfig | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._writing = False
        self._changed_settings = 0
        self._guard = WheelGuard(self)
        hints = typing.get_type_hints(TrainConfig)
        self._settings = {setting.name: setting for setting in dataclasses.fields(TrainConfig)}
        special = {
            "preset": choice([(text, name) for name, text in PRESET_TEXTS.items()], "balanced"),
            "backbone": choice(BACKBONE_TEXTS, "mobilenet_v2"),
            "weights": choice(WEIGHT_TEXTS, "imagenet"),
            "device": choice([("auto: the best there is", "auto")], "auto"),
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
            for name, setting in self._settings.items()
        }
        self._lay_out()
        self._weights_before = "imagenet"
        for name, field in self._fields.items():
            field.changed.connect(lambda *_, name=name: self._on_change(name))
        self.write(config or TrainConfig())

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
        entries = [
            ("auto: the best there is", "auto"),
            *((device.label, device.name) for device in devices),
        ]
        if chosen not in [value for _, value in entries]:
            entries.append((f"{chosen} — not found here", chosen))
        self._writing = True
        combo.choices = entries
        combo.value = chosen
        self._writing = False
        model = combo.native.model()
        for row, device in enumerate(devices, start=1):
            model.item(row).setEnabled(not device.problem)
            combo.native.setItemData(row, device.problem or device.label, 3)  # Qt.ToolTipRole
        self.changed.emit()

    def show_costs(self, costs: dict[PresetName, str]) -> None:
        """Write behind each preset what it costs on this machine."""
        native = self._fields["preset"].widget.native
        for row, name in enumerate(PRESET_TEXTS):
            native.setItemText(
                row,
                f"{PRESET_TEXTS[name]}: {costs[name]}" if costs.get(name) else PRESET_TEXTS[name],
            )

    def preset_config(self, name: PresetName) -> TrainConfig:
        """A preset with what this form says of the data and the machine."""
        try:
            kept = {key: self._fields[key].read() for key in KEPT_BY_PRESETS}
            return preset(name).replace(**kept)
        except ConfigError:  # what is shown contradicts itself; said when the person presses Train
            return preset(name)

    # drawing
    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        face = _form_layout()
        face.addRow(_label("Preset"), self._native("preset"))
        face.addRow(
            _label("Network"), _row(self._native("backbone"), self._native("weights"), first=3)
        )
        face.addRow(_label("Device"), self._native("device"))
        face.addRow(_label("Budget"), _row(self._native("iterations"), self.budget.unit.native))
        self._guard_wheel(self.budget.unit.native)
        layout.addLayout(face)
        self.fold = QCollapsible("More settings", expandedIcon=QIcon(), collapsedIcon=QIcon())
        if (inside := self.fold.layout()) is not None:
            inside.setContentsMargins(0, 0, 0, 0)
        self.fold.setDuration(120)
        self.fold.toggled.connect(lambda _: self._title_fold())
        self.fold.toggleButton().setStyleSheet(
            "QPushButton {text-align: left; border: none; background: transparent; padding: 4px 0}"
        )
        rest = QWidget()
        form = _form_layout(rest)
        for name in self._settings:
            if name in ("preset", "backbone", "weights", "device", "iterations"):
                continue
            if name in SECTIONS:
                heading = QLabel(f"<b>{SECTIONS[name]}</b>")
                heading.setContentsMargins(0, 6, 0, 0)
                form.addRow(heading)
            label = _label(self._name(name))
            native = self._native(name)
            label.setToolTip(native.toolTip())
            form.addRow(label, native)
        self.fold.addWidget(rest)
        layout.addWidget(self.fold)

    def _native(self, name: str) -> QWidget:
        native: QWidget = self._fields[name].widget.native
        native.setToolTip(self._tooltip(name))
        native.setSizePolicy(QSizePolicy.Policy.Expanding, native.sizePolicy().verticalPolicy())
        self._guard_wheel(native)
        for child in native.findChildren(QWidget):
            self._guard_wheel(child)
        return native

    def _guard_wheel(self, widget: QWidget) -> None:
        widget.setFocusPolicy(widget.focusPolicy() & ~0x4)  # Qt.WheelFocus without its wheel
        widget.installEventFilter(self._guard)

    def _name(self, name: str) -> str:
        return self._settings[name].metadata["label"] or name.replace("_", " ").capitalize()

    def _tooltip(self, name: str) -> str:
        meta = self._settings[name].metadata
        span = (
            f"{meta['low']:g} to {meta['high']:g} {meta['unit']}".strip()
            if meta["low"] is not None
            else meta["unit"]
        )
        lines = [
            f"<p>{meta['help']}.</p>",
            f"<p>{span}</p>" if span else "",
            f"<p><code>--{name.replace('_', '-')}</code></p>",
        ]
        return "".join(lines)

    def _on_change(self, name: str) -> None:
        if self._writing:
            return
        if name == "preset":
            self.write(self.preset_config(self._fields["preset"].read()))
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
        return True

    def _refresh(self) -> None:
        with contextlib.suppress(ConfigError):  # said when the person presses Train
            self.budget.set_stages(len(stage_names(self.read())))
        start = preset(self._fields["preset"].read())
        hidden = [
            name
            for name in self._settings
            if name not in ("preset", "backbone", "weights", "device", "iterations")
        ]
        changed = 0
        for name in hidden:
            if name not in KEPT_BY_PRESETS:
                changed += not self._shows(name, getattr(start, name))
            elif name != "channels":
                changed += not self._shows(name, self._settings[name].default)
        self._changed_settings = changed
        self._title_fold()

    def _shows(self, name: str, value: Any) -> bool:
        try:
            return bool(self._fields[name].read() == value)
        except ConfigError:  # half typed; said when the person presses Train
            return False

    def _title_fold(self) -> None:
        arrow = "▾" if self.fold.isExpanded() else "▸"
        changed = f" ({self._changed_settings} changed)" if self._changed_settings else ""
        self.fold.setText(f"{arrow} More settings{changed}")


def form(config: TrainConfig, parent: QWidget | None = None) -> ConfigForm:
    """A form that shows `config`."""
    return ConfigForm(config, parent)


def read(shown: ConfigForm) -> TrainConfig:
    """The settings that a form shows: `read(form(config)) == config`."""
    return shown.read()


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


def _row(*widgets: QWidget, first: int = 2) -> QWidget:
    row = QFrame()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for number, widget in enumerate(widgets):
        layout.addWidget(widget, 2 if number else first)
    return row
