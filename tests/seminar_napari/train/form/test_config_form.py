"""The form shows settings and gives exactly those back."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import QApplication, QFileDialog

from seminar.config.backbones import PYRAMIDS, Backbone
from seminar.config.fit import Scene, fitted
from seminar.config.settings import TERMS, TrainConfig, preset
from seminar.errors import ConfigError
from seminar.runtime.device_facts import Device
from seminar_napari.train.form.config_form import ConfigForm
from seminar_napari.train.setting_texts import FILE_CHOICE

WORDS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=12
)


def values(setting: dataclasses.Field[Any], hint: Any) -> st.SearchStrategy[Any]:
    low, high = setting.metadata["low"], setting.metadata["high"]
    if setting.name == "losses":
        without = st.permutations(["pce", "crf", "pcons", "pseudo"]).flatmap(
            lambda terms: st.integers(1, 4).map(lambda n: tuple(terms[:n]))
        )
        return st.one_of(st.just(("full",)), without.filter(lambda terms: "pce" in terms))
    if setting.name == "channels":
        return st.lists(st.integers(0, 99), unique=True, max_size=4).map(tuple)
    if typing.get_origin(hint) is typing.Literal:
        return st.sampled_from(typing.get_args(hint))
    number = st.floats(low, high, allow_nan=False) if low is not None else st.nothing()
    if typing.get_origin(hint) is tuple:
        pairs = (
            st.tuples(number, number).map(sorted).filter(lambda pair: pair[0] < pair[1]).map(tuple)
        )
        return pairs | (st.just(()) if setting.metadata["empty"] else st.nothing())
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(low, high)
    return number if hint is float else WORDS


@st.composite
def configs(draw: st.DrawFn) -> TrainConfig:
    hints = typing.get_type_hints(TrainConfig)
    chosen = {
        setting.name: draw(values(setting, hints[setting.name]))
        for setting in dataclasses.fields(TrainConfig)
    }
    if chosen["norm"] == "batch" or chosen["backbone"] not in PYRAMIDS:
        chosen["start"] = "random"
    if chosen["start"] == "random" and chosen["backbone"] not in get_args(Backbone):
        chosen["backbone"] = "resnet50"
    if chosen["norm"] == "batch":
        chosen["batch_size"] = max(2, chosen["batch_size"])
    if chosen["convention"] == "paper" and "crf_normalize" in chosen:
        chosen["crf_normalize"] = False
    if chosen["convention"] == "paper" and "crf_relaxation" in chosen:
        chosen["crf_relaxation"] = "bilinear"
    try:
        return TrainConfig(**chosen)
    except ConfigError:  # settings that exclude each other
        reject()


@pytest.fixture(scope="module")
def shown(qapp: Any) -> typing.Iterator[ConfigForm]:
    widget = ConfigForm()
    yield widget
    widget.close()
    widget.deleteLater()


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(config=configs())
def test_gives_back_what_it_was_given(shown: ConfigForm, config: TrainConfig) -> None:
    shown.write(config)
    assert shown.read() == config


@pytest.mark.parametrize("name", ["quick", "balanced", "paper"])
def test_presets_come_back(qtbot: QtBot, name: Any) -> None:
    widget = ConfigForm(preset(name))
    qtbot.addWidget(widget)
    assert widget.read() == preset(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ema_decay", 0.999),
        ("weight_decay", 5e-4),
        ("base_lr", 1e-5),
        ("pcons_ramp", 2 / 3),
        ("sigma_rgb", 0.1),
    ],
)
def test_floats_that_magicgui_rounds_survive_and_are_shown(
    qtbot: QtBot, name: str, value: float
) -> None:
    widget = ConfigForm(TrainConfig().replace(**{name: value}))
    qtbot.addWidget(widget)
    spin = widget._fields[name].widget.native
    assert getattr(widget.read(), name) == value
    assert float(spin.text()) == pytest.approx(value, rel=1e-4) and len(spin.text()) <= 9
    spin.interpretText()  # as Qt does when the focus leaves
    assert getattr(widget.read(), name) == value
    spin.stepUp()
    spin.stepDown()
    assert getattr(widget.read(), name) == pytest.approx(value, rel=0.1)


def test_a_typed_float_is_taken_as_typed(qtbot: QtBot) -> None:
    widget = ConfigForm()
    qtbot.addWidget(widget)
    spin = widget._fields["ema_decay"].widget.native
    spin.lineEdit().setText("0.9995")
    spin.interpretText()
    assert widget.read().ema_decay == 0.9995


def test_a_step_leaves_no_crumbs(qtbot: QtBot) -> None:
    widget = ConfigForm(TrainConfig(base_lr=4e-4))
    qtbot.addWidget(widget)
    spin = widget._fields["base_lr"].widget.native
    spin.stepUp()
    assert widget.read().base_lr == 0.00041
    assert spin.text() == "0.00041"


def test_choosing_a_preset_loads_it_but_keeps_data_and_machine(qtbot: QtBot) -> None:
    widget = ConfigForm(TrainConfig(channels=(1,), device="cpu", seed=7, sigma_rgb=3.0))
    qtbot.addWidget(widget)
    widget._fields["preset"].widget.value = "quick"
    assert widget.read() == preset("quick").replace(channels=(1,), device="cpu", seed=7)


def test_a_half_typed_list_is_said_when_it_is_read(qtbot: QtBot) -> None:
    widget = ConfigForm(TrainConfig())
    qtbot.addWidget(widget)
    line = widget._fields["scale_range"].widget
    line.value = "0.5, two"
    with pytest.raises(
        ConfigError,
        match=r"scale_range: expected numbers such as 1\.0, 2\.0, or nothing for auto, got",
    ):
        widget.read()
    assert "1 changed" in widget.fold.text()
    line.value = "0.5 2"
    assert widget.read() == TrainConfig(scale_range=(0.5, 2.0))


def test_contradictions_are_said(qtbot: QtBot) -> None:
    widget = ConfigForm()
    qtbot.addWidget(widget)
    widget._fields["losses"].write(("crf",))
    with pytest.raises(ConfigError, match="pce"):
        widget.read()


def test_every_setting_has_a_tooltip_with_help_and_range(qtbot: QtBot) -> None:
    widget = ConfigForm()
    qtbot.addWidget(widget)
    for setting in dataclasses.fields(TrainConfig):
        tip = widget._fields[setting.name].widget.native.toolTip()
        assert setting.metadata["help"] in tip
        if setting.metadata["low"] is not None:
            assert f"{setting.metadata['low']:g} to {setting.metadata['high']:g}" in tip


def test_unusable_devices_are_greyed_with_the_reason(qtbot: QtBot) -> None:
    widget = ConfigForm(TrainConfig(device="cuda:1"))
    qtbot.addWidget(widget)
    widget.show_devices(
        [
            Device("cuda:0", "Some GPU", 20 * 2**30, 24 * 2**30),
            Device("mps", "Apple GPU", problem="built without it"),
            Device("cpu", "CPU"),
        ]
    )
    native = widget._fields["device"].widget.native
    texts = [native.itemText(row) for row in range(native.count())]
    enabled = [native.model().item(row).isEnabled() for row in range(native.count())]
    assert texts == [
        "auto: the best there is",
        "cuda:0 Some GPU, 20 GB free",
        "mps — built without it",
        "cpu CPU",
        "cuda:1 — not found here",
    ]
    assert enabled == [True, True, False, True, True]
    assert widget.read().device == "cuda:1"


def test_minutes_need_a_known_speed_and_set_iterations(qtbot: QtBot) -> None:
    widget = ConfigForm(TrainConfig(iterations=333))
    qtbot.addWidget(widget)
    assert not widget.budget.unit.native.model().item(1).isEnabled()
    widget.budget.set_rate(5.0)
    widget.budget.unit.value = "minutes"
    assert widget.read().iterations == 333, "looking at minutes changes nothing"
    widget.budget.spin.value = 10
    assert widget.read().iterations == 10 * 60 * 5 // 2, "two stages share the minutes"
    widget.budget.set_rate(None)
    assert widget.budget.unit.value == "iterations"
    assert widget.read().iterations == 1500


def test_all_terms_can_be_chosen(qtbot: QtBot) -> None:
    widget = ConfigForm()
    qtbot.addWidget(widget)
    assert len(widget._fields["losses"].widget) == len(TERMS)


def test_minutes_are_of_all_stages_and_within_the_range(qtbot: QtBot) -> None:
    widget = ConfigForm(TrainConfig(iterations=1500))
    qtbot.addWidget(widget)
    widget.budget.set_rate(5.0)
    widget.budget.unit.value = "minutes"
    assert widget.budget.seconds() == 600 and widget.budget.spin.value == 10, (
        "two stages of 1500 at 5 a second"
    )
    widget.budget.set_stages(1)
    assert widget.budget.spin.value == 5
    most = TrainConfig.__dataclass_fields__["iterations"].metadata["high"]
    widget.budget.set_rate(1e6)
    widget.budget.spin.value = widget.budget.spin.max
    assert widget.read().iterations == most


def test_weights_that_are_not_chosen_after_all_are_the_ones_before(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = ConfigForm(TrainConfig(start="random", backbone="mobilenet_v2", weights="none"))
    qtbot.addWidget(widget)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    widget._fields["weights"].widget.value = FILE_CHOICE
    assert widget.read().weights == "none"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/some/where/start.pt", ""))
    widget._fields["weights"].widget.value = FILE_CHOICE
    assert widget.read().weights == "/some/where/start.pt"
    widget._fields["backbone"].widget.value = "resnet50"
    assert widget.read().weights == "imagenet", "the file is of another network"


def test_a_weights_file_is_there_again_in_the_next_window(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "lite0.pth"
    file.write_bytes(b"")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    for widget in (ConfigForm(), ConfigForm()):
        qtbot.addWidget(widget)
        if widget.read().weights == "imagenet":
            widget._fields["weights"].widget.value = FILE_CHOICE
        assert widget.read().weights == str(file)
    widget._fields["backbone"].widget.value = "resnet50"
    assert widget.read().weights == "imagenet"
    widget._fields["backbone"].widget.value = "efficientnet_lite0"
    assert widget.read().weights == str(file)


def test_steps_and_typed_numbers_stay_within_the_range(qtbot: QtBot) -> None:
    widget = ConfigForm(TrainConfig(ema_decay=0.999))
    qtbot.addWidget(widget)
    spin = widget._fields["ema_decay"].widget.native
    spin.stepBy(100_000)
    assert widget._fields["ema_decay"].read() == spin.maximum()
    spin.stepBy(-1_000_000_000)
    assert widget._fields["ema_decay"].read() == spin.minimum() == 0
    state = QValidator.State
    for text, expected in (
        ("0.5", state.Acceptable),
        ("7", state.Intermediate),
        ("inf", state.Intermediate),
    ):
        assert spin.validate(text, 0)[0] == expected
    assert (
        spin.validate("half", 0)[0] == state.Invalid
        and spin.validate("1e-", 0)[0] == state.Intermediate
    )
    spin.lineEdit().setText("0,25")
    spin.interpretText()
    assert widget.read().ema_decay == 0.25


def test_the_wheel_scrolls_past_a_setting_that_has_not_the_focus(qtbot: QtBot) -> None:
    widget = ConfigForm(TrainConfig(ema_decay=0.5))
    qtbot.addWidget(widget)
    spin = widget._fields["ema_decay"].widget.native
    point, zero = QPointF(5, 5), QPoint(0, 0)
    turn = QWheelEvent(
        point,
        point,
        zero,
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(spin, turn)
    assert widget.read().ema_decay == 0.5 and not turn.isAccepted()


def test_a_preset_fits_the_images_and_leaves_what_a_person_changed(qtbot: QtBot) -> None:
    streets = Scene(
        images=9, clicks=900, classes=5, height=600, width=800, spacing=60, by_height=0.3
    )
    form = ConfigForm()
    qtbot.addWidget(form)
    form.write(TrainConfig(crop_size=96))
    form.fit(streets)
    assert form.read() == fitted(TrainConfig(crop_size=96), streets, keep=["crop_size"])
    assert "no rotations" in form.told()
    assert "1 changed" in form.fold.text()
    form.fit(None)
    assert form.read() == TrainConfig(crop_size=96)
    assert form.told() == ""
    form.fit(streets)
    assert form.preset_config("quick").crop_size > preset("quick").crop_size
    assert form.preset_config("paper").crop_size == preset("paper").crop_size
