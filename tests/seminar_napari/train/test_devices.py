"""The devices, asked of a real child process."""

from __future__ import annotations

import json
import sys

import pytest
from pytestqt.qtbot import QtBot

from seminar.runtime.device_facts import Device
from seminar_napari.train import devices
from seminar_napari.train.devices import DeviceProbe, parse_devices


def test_a_real_child_lists_the_cpu_and_this_process_stays_free_of_torch(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeviceProbe, "_answer", ())
    had_torch = "torch" in sys.modules
    probe = DeviceProbe()
    answers: list[tuple[Device, ...]] = []
    probe.answered.connect(answers.append)
    probe.failed.connect(pytest.fail)
    probe.ask()
    qtbot.waitUntil(lambda: bool(answers), timeout=330_000)
    cpu = {device.name: device for device in answers[0]}["cpu"]
    assert not cpu.problem and cpu.total_bytes > cpu.free_bytes > 0
    assert all(device.title for device in answers[0])
    assert ("torch" in sys.modules) == had_torch
    probe.ask()
    assert answers[1] == answers[0] and probe._child is None, "a fresh answer needs no second child"


def test_a_program_that_fails_is_a_sentence(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeviceProbe, "_answer", ())
    monkeypatch.setattr(
        devices,
        "seminar_command",
        lambda arguments: (sys.executable, "-c", "raise OSError('no torch here')"),
    )
    probe = DeviceProbe()
    said: list[str] = []
    probe.failed.connect(said.append)
    probe.ask()
    qtbot.waitUntil(lambda: bool(said), timeout=60_000)
    assert "no torch here" in said[0] and "auto" in said[0]


def test_closing_ends_the_child(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeviceProbe, "_answer", ())
    monkeypatch.setattr(
        devices,
        "seminar_command",
        lambda arguments: (sys.executable, "-c", "import time; time.sleep(600)"),
    )
    probe = DeviceProbe()
    probe.ask()
    qtbot.waitUntil(lambda: probe._child is not None, timeout=60_000)
    child = probe._child
    assert child is not None
    probe.close()
    qtbot.waitUntil(lambda: child.poll() is not None and probe._child is None, timeout=60_000)


def test_warnings_around_the_answer_are_passed_over() -> None:
    devices = [
        {
            "name": "cuda",
            "title": "NVIDIA GPU",
            "free_bytes": 0,
            "total_bytes": 0,
            "problem": "no driver",
        }
    ]
    assert parse_devices(f"UserWarning: old driver\n{json.dumps(devices)}\n") == (
        Device("cuda", "NVIDIA GPU", problem="no driver"),
    )
    assert "no answer" in str(parse_devices(""))
    assert "could not be listed" in str(parse_devices("[1, 2]\n"))


def test_the_label_names_memory_or_the_reason() -> None:
    assert Device("cuda:0", "RTX 4090", 22 << 30, 24 << 30).label == "cuda:0 RTX 4090, 22 GB free"
    assert Device("mps", "Apple GPU", problem="built without it").label == "mps — built without it"
