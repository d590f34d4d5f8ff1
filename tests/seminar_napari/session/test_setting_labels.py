"""The form's labels, and messages that speak them."""

from __future__ import annotations

import pytest

from seminar_napari.session.setting_labels import SETTINGS, in_labels, label


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("try a smaller --lambda-crf (now 20)", "try a smaller CRF weight (now 20)"),
        ("scale_range: expected two scales", "Scale range: expected two scales"),
        ("choose --norm group, or --resume", "choose “Norm: group”, or “Resume”"),
        (
            "give a file with --weights FILE, or go without with --backbone none",
            "give a file with “Weights: file…”, or go without with “Network: none, filters alone”",
        ),
        ("a smaller --crop-size or another --device", "a smaller Crop size or another Device"),
        ("settings: backbone: expected", "settings: Network: expected"),
        ("the device is busy; change its seed", "the device is busy; change its seed"),
        ("runs/a/pseudo_labels/x.png: gone", "runs/a/pseudo_labels/x.png: gone"),
        ("/data/crop_size/a.png, crop_size.txt", "/data/crop_size/a.png, crop_size.txt"),
    ],
)
def test_a_message_names_settings_as_the_form_does(message: str, said: str) -> None:
    assert in_labels(message) == said


def test_labels_are_words_and_each_is_of_one_setting() -> None:
    labels = [label(name) for name in SETTINGS]
    assert len(set(labels)) == len(labels)
    assert not [text for text in labels if "_" in text or "Crf" in text or "Lambda" in text]
