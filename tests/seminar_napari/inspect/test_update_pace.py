"""How often overlays are drawn again."""

from __future__ import annotations

from seminar_napari.inspect.update_pace import (
    HURRY_SECONDS,
    LONGEST_PAUSE,
    POLL_SECONDS,
    UpdatePace,
)


def test_the_first_update_is_due_at_once_and_the_next_after_half_a_second() -> None:
    pace = UpdatePace()
    assert pace.is_due(0.0)
    pace.drawn(0.0)
    pace.turn(POLL_SECONDS)
    assert not pace.is_due(0.45) and pace.is_due(0.5)


def test_slow_drawing_makes_the_pause_longer_up_to_a_limit() -> None:
    pace = UpdatePace()
    pace.drawn(0.0)
    pace.turn(POLL_SECONDS + 0.08)  # half of 0.08 s is 4 per cent of 1 s
    assert not pace.is_due(0.99) and pace.is_due(1.01)
    pace.turn(60.0)
    assert pace.is_due(1.01), "only the turn that follows an update is measured"
    pace.drawn(60.0)
    pace.turn(160.0)
    assert not pace.is_due(60.0 + LONGEST_PAUSE - 0.01) and pace.is_due(60.0 + LONGEST_PAUSE)


def test_an_answer_is_due_at_once_and_later_only_where_drawing_is_slow() -> None:
    pace = UpdatePace()
    assert pace.answer_is_due(0.0)
    pace.drawn(0.0, HURRY_SECONDS)
    pace.turn(HURRY_SECONDS)
    assert pace.answer_is_due(HURRY_SECONDS) and not pace.is_due(HURRY_SECONDS)
    pace.drawn(1.0, HURRY_SECONDS)
    pace.turn(1.0 + HURRY_SECONDS + 0.3)  # half of 0.3 s is a fifth of 0.75 s
    assert not pace.answer_is_due(1.74) and pace.answer_is_due(1.76)
