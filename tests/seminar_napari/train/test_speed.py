"""Paces remembered from run to run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from seminar.config.settings import preset
from seminar_napari.train.speed import Estimate, Pace, SpeedBook

QUICK = preset("quick")


def test_the_same_settings_are_measured_others_are_scaled(tmp_path: Path) -> None:
    book = SpeedBook(tmp_path / "speed.json")
    assert book.estimate(QUICK, "cpu") is None
    book.remember(Pace.of(QUICK, "cpu (7 threads)", 4.0))
    again = SpeedBook(tmp_path / "speed.json")
    assert again.estimate(QUICK, "cpu") == Estimate(4.0, measured=True)
    assert again.estimate(QUICK.replace(iterations=9, seed=3), "cpu") == Estimate(
        4.0, measured=True
    ), "the same work an iteration"
    assert again.estimate(QUICK.replace(batch_size=8), "cpu") == Estimate(2.0, measured=False)
    assert again.estimate(QUICK, "cuda:0") is None, "another device is another matter"


def test_a_newer_run_replaces_an_older_one(tmp_path: Path) -> None:
    book = SpeedBook(tmp_path / "speed.json")
    book.remember(Pace.of(QUICK, "cuda (NVIDIA)", 4.0))
    book.remember(Pace.of(QUICK, "cuda:0 (NVIDIA)", 5.0))
    assert len(book.paces()) == 1
    assert book.estimate(QUICK, "cuda:0") == Estimate(5.0, measured=True)


def test_a_damaged_or_unwritable_file_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    path.write_text('[{"host": 1}]')
    assert SpeedBook(path).paces() == []
    path.unlink()
    path.mkdir()
    book = SpeedBook(path)
    book.remember(Pace.of(QUICK, "cpu", 4.0))
    assert book.estimate(QUICK, "cpu") is not None


def test_the_newest_pace_of_this_machine_is_scaled_by_pixels_and_backbone(tmp_path: Path) -> None:
    book = SpeedBook(tmp_path / "speed.json")
    small = QUICK.replace(crop_size=128, batch_size=4, backbone="mobilenet_v2")
    book.remember(Pace.of(small.replace(batch_size=8), "cpu", 100.0))
    book.remember(Pace.of(small, "cpu", 8.0))
    assert book.estimate(small.replace(crop_size=256), "cpu") == Estimate(2.0, measured=False), (
        "four times the pixels"
    )
    assert book.estimate(small.replace(backbone="resnet50"), "cpu") == Estimate(
        8.0 / 5.0, measured=False
    )
    book.remember(
        dataclasses.replace(
            Pace.of(small.replace(crop_size=256), "cpu", 9.0), host="another machine"
        )
    )
    assert book.estimate(small.replace(crop_size=256), "cpu") == Estimate(2.0, measured=False), (
        "what others did"
    )


def test_a_pace_of_nothing_says_nothing(tmp_path: Path) -> None:
    book = SpeedBook(tmp_path / "speed.json")
    book.remember(Pace.of(QUICK, "cpu", 0.0))
    assert book.estimate(QUICK, "cpu") is None
