from __future__ import annotations

import threading

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seminar.clicks.click_set import ClickSet
from seminar.labels import ClassNames
from seminar_napari.layers.clicks import make_clicks_layer, put_clicks, take_clicks
from seminar_napari.layers.colours import screen_palette

CLASSES = ClassNames.of("background", "one", "two")
click_sets = st.lists(
    st.tuples(st.floats(-1, 30), st.floats(-1, 30), st.integers(0, 2)), max_size=6
).map(
    lambda rows: ClickSet(
        30, 30, np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
    )
)


@settings(max_examples=25, deadline=None)
@given(st.lists(click_sets, min_size=1, max_size=4))
@example(
    [ClickSet(30, 30), ClickSet(30, 30, np.array([[0.0, 0.0]]), np.array([0]))]
)  # it was white, as napari has it
@example(
    [ClickSet(30, 30), ClickSet(30, 30, np.array([[0.0, 0.0]]), np.array([1]))] * 2
)  # it was grey
def test_what_is_put_on_the_layer_is_taken_off_again(sets: list[ClickSet]) -> None:
    layer = make_clicks_layer(sets[0], CLASSES, {})
    for clicks in sets:
        put_clicks(layer, clicks, CLASSES)
        assert take_clicks(layer, clicks, 1) == clicks
        colours = screen_palette(CLASSES)[1 : CLASSES.num_classes] / 255
        expected = np.array([[0.42] * 3, *colours])[clicks.class_ids]
        np.testing.assert_allclose(layer.face_color[:, :3], expected.reshape(-1, 3), atol=0.01)
        assert len(layer.border_width) == len(clicks)


def test_neither_the_clicks_nor_the_layer_sees_a_change_of_the_others_array() -> None:
    clicks = ClickSet(30, 30, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 2]))
    layer = make_clicks_layer(clicks, CLASSES, {})
    for moved in (5.0, 6.0):
        taken = take_clicks(layer, clicks, 1)
        layer.data[0] = moved  # as napari's select tool does
        assert clicks.points.tolist() == taken.points.tolist() == [[1, 2], [3, 4]]
        put_clicks(layer, clicks, CLASSES)


def test_marks_of_no_class_take_the_current_one() -> None:
    clicks = ClickSet(30, 30, np.array([[1.0, 2.0]]), np.array([1]))
    layer = make_clicks_layer(clicks, CLASSES, {})
    layer.features = {"class_id": [np.nan]}
    assert take_clicks(layer, clicks, 2).class_ids.tolist() == [2]


def test_the_status_line_can_be_asked_for_while_marks_are_taken_away() -> None:
    """napari asks in a thread of its own; whatever it raises there is shown to the person as an
    error.
    """
    rng = np.random.default_rng(0)
    many = ClickSet(30, 30, rng.random((90, 2)) * 29, rng.integers(0, 3, 90))
    layer = make_clicks_layer(many, CLASSES, {})
    failures: list[Exception] = []
    asked, done = threading.Event(), threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                layer.get_status((15.0, 15.0), dims_displayed=[0, 1], world=True)
            except Exception as error:  # noqa: BLE001
                failures.append(error)
            asked.set()

    thread = threading.Thread(target=ask)
    thread.start()
    asked.wait(10)
    for left in range(89, -1, -1):
        put_clicks(layer, ClickSet(30, 30, many.points[:left], many.class_ids[:left]), CLASSES)
    done.set()
    thread.join()
    assert failures == []


def test_the_layer_knows_the_size_of_the_image_that_it_shows() -> None:
    """The writer saves a sparse mask of this size when the layer is saved from napari's menu."""
    layer = make_clicks_layer(ClickSet(30, 40), CLASSES, {})
    put_clicks(layer, ClickSet(50, 60, np.array([[45.0, 55.0]]), np.array([1])), CLASSES)
    assert layer.metadata["seminar"] == {"height": 50, "width": 60}
