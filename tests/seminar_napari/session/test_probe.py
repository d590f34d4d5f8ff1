"""What the probe's lines mean."""

from __future__ import annotations

from typing import Any

import pytest

from seminar_napari.session.probe import (
    Mask,
    Notice,
    ProbeState,
    Ready,
    Said,
    Saved,
    Waiting,
    understood,
)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"event": "ready", "features": "filters"}, Ready("filters")),
        (
            {
                "event": "mask",
                "image_id": "a",
                "clicks": 12,
                "unsure": 0.07,
                "trust": None,
                "seconds": 0.2,
            },
            Mask("a", 12, 0.07, None),
        ),
        (
            {"event": "mask", "image_id": "a", "clicks": 2, "unsure": 0, "trust": 1},
            Mask("a", 2, 0.0, 1.0),
        ),
        ({"event": "waiting", "text": "Click."}, Waiting("Click.")),
        ({"event": "notice", "text": "Less memory."}, Notice("Less memory.")),
        ({"event": "saved", "model": "runs/probe/model.pt"}, Saved("runs/probe/model.pt")),
        ({"event": "mask", "image_id": "a"}, None),
        ({"event": "mask", "image_id": 3, "clicks": 2, "unsure": 0.5}, None),
        ({"event": "of a later version"}, None),
        ({"event": ["mask"]}, None),
        ({}, None),
    ],
)
def test_a_line_is_understood_or_left_out(words: dict[str, Any], said: Said | None) -> None:
    assert understood(words) == said


def test_a_change_is_told_once() -> None:
    state, told = ProbeState(), []
    state.live_mask_changed.connect(told.append)
    for has_live_mask in (False, True, True, False):
        state.set_live_mask(has_live_mask)
    assert told == [True, False]
