"""The form's labels, and messages that speak them."""

from __future__ import annotations

import pytest

from seminar.config.settings import TERMS
from seminar_napari.train.setting_texts import in_labels, term_text


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("try a smaller --lambda-crf (now 20)", "try a smaller CRF weight (now 20)"),
        ("scale_range: expected two scales", "Scale range: expected two scales"),
        ("choose --norm group, or --resume", "choose Norm group, or --resume"),
        ("the device is busy; change its seed", "the device is busy; change its seed"),
        ("runs/a/pseudo_labels/x.png: gone", "runs/a/pseudo_labels/x.png: gone"),
        ("/data/crop_size/a.png, crop_size.txt", "/data/crop_size/a.png, crop_size.txt"),
    ],
)
def test_a_message_names_settings_as_the_form_does(message: str, said: str) -> None:
    assert in_labels(message) == said


def test_every_term_has_a_text_and_a_new_one_its_own_name() -> None:
    assert len({term_text(term) for term in TERMS}) == len(TERMS)
    assert term_text("size_prior") == "size_prior"
