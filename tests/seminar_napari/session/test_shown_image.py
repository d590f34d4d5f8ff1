"""The shown image and its neighbours."""

from __future__ import annotations

import numpy as np

from seminar.clicks.click_set import ClickSet
from seminar_napari.session.session import Session


def test_image_changed_comes_before_the_image_is_asked_for(session: Session) -> None:
    order: list[str] = []
    session.image_wanted.connect(lambda image_id: order.append(f"wanted {image_id}"))
    session.image_changed.connect(lambda image_id: order.append(f"changed {image_id}"))
    session.next_image()
    assert order == ["changed b", "wanted b"]


def test_next_and_previous_stay_at_the_ends_and_keep_to_what_is_to_do(session: Session) -> None:
    session.image_states.wait(5)
    session.previous_image()
    assert session.image_id == "a"
    session.set_clicks("b", ClickSet(40, 60, np.array([[1, 1], [2, 2]]), np.array([0, 1])))
    session.only_to_do = True
    session.next_image()
    assert session.image_id == "c"
    session.next_image()
    session.previous_image()
    assert session.image_id == "c"  # a and b are ready
    session.only_to_do = False
    session.previous_image()
    assert session.image_id == "b"
    assert session.flush()
