"""Curves and marks of a run."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from seminar.run.events import ClicksTaken, Event, StageStarted, Started, Step, Validated
from seminar_napari.train.curve_history import MARKS, POINTS, History, Track
from seminar_napari.train.curves import Curves


def step(stage: str, iteration: int, **losses: float) -> Step:
    return Step(
        stage=stage,
        iteration=iteration,
        iterations=100,
        losses=losses,
        lr=1e-3,
        iterations_per_second=1.0,
        seconds_left=1.0,
        memory_bytes=1,
    )


def a_run() -> list[Event]:
    events: list[Event] = [
        Started(
            stages=("ancillary", "primary"),
            class_names=("a", "b"),
            images=1,
            clicks=2,
            device="cpu",
        )
    ]
    for stage in ("ancillary", "primary"):
        events.append(StageStarted(stage=stage, iteration=0, iterations=100))
        for iteration in (10, 50, 100):
            extra = {"pseudo": 0.2} if stage == "primary" else {}
            events.append(step(stage, iteration, pce=1 / iteration, crf=0.0, total=0.1, **extra))
        events.append(
            Validated(
                stage=stage,
                iteration=100,
                network="student",
                mean_iou=0.8,
                per_class_iou={"a": 0.8},
                images=1,
            )
        )
    events.insert(
        3, ClicksTaken(stage="ancillary", iteration=20, image_ids=("a",), added=2, removed=1)
    )
    return events


def test_stages_follow_each_other_on_one_axis() -> None:
    history = History()
    for event in a_run():
        history.take(event)
    pce = history.losses["pce"]
    assert [history.x(key) for key in pce.keys] == [10, 50, 100, 110, 150, 200]
    assert [history.x(key) for key in history.losses["pseudo"].keys] == [110, 150, 200]
    assert history.boundaries() == [(100, "primary")]
    assert history.clicks == {(0, 20): 3}
    assert history.scores["student"].values == [0.8, 0.8]


def test_a_resumed_stage_forgets_what_it_repeats() -> None:
    history = History()
    for event in a_run():
        history.take(event)
    history.take(StageStarted(stage="primary", iteration=50, iterations=100))
    assert [history.x(key) for key in history.losses["pce"].keys] == [10, 50, 100, 110, 150]
    history.take(StageStarted(stage="ancillary", iteration=10, iterations=100))
    assert [history.x(key) for key in history.losses["pce"].keys] == [10] and not history.clicks


def test_a_stage_that_is_done_takes_nothing_from_the_next_one() -> None:
    history = History()
    for event in (*a_run(), StageStarted(stage="ancillary", iteration=100, iterations=100)):
        history.take(event)
    assert any(stage == 1 for stage, _ in history.losses["total"].keys)


def test_events_that_come_twice_count_once() -> None:
    history = History()
    for event in a_run()[:5] * 2:
        history.take(event)
    assert len(history.losses["pce"].keys) == len(set(history.losses["pce"].keys))


def test_a_step_that_is_repeated_or_comes_late_has_its_place() -> None:
    track = Track()
    for iteration, value in ((10, 1.0), (30, 3.0), (20, 2.0), (10, 9.0)):
        track.add((0, iteration), value)
    assert track.keys == [(0, 10), (0, 20), (0, 30)] and track.values == [9, 2, 3]


def test_clicks_of_the_iteration_that_is_resumed_from_stay() -> None:
    history = History()
    history.take(
        Started(stages=("ancillary",), class_names=("a", "b"), images=1, clicks=2, device="cpu")
    )
    for iteration in (20, 21):
        taken = ClicksTaken(
            stage="ancillary", iteration=iteration, image_ids=("a",), added=1, removed=0
        )
        history.take(taken)
    history.take(StageStarted(stage="ancillary", iteration=20, iterations=100))
    assert history.clicks == {(0, 20): 1}


def test_a_long_curve_keeps_its_ends() -> None:
    track = Track()
    for iteration in range(10 * POINTS):
        track.add((0, iteration), float(iteration))
    assert len(track.keys) <= POINTS
    assert track.values[0] == 0 and track.values[-1] == 10 * POINTS - 1
    assert track.values == sorted(track.values)


def shown(qtbot: QtBot) -> Curves:
    pytest.importorskip("pyqtgraph")
    curves = Curves()
    qtbot.addWidget(curves)
    curves.resize(340, 400)
    curves.show()
    for event in a_run():
        curves.take(event)
    curves._redraw()
    return curves


def test_every_term_is_drawn_and_can_be_hidden(qtbot: QtBot) -> None:
    curves = shown(qtbot)
    assert {name for _, name in curves._items} == {"pce", "crf", "total", "pseudo", "student"}
    button = curves.legends["loss"].buttons["pce"]
    assert button.text().endswith("clicks")
    button.click()
    assert (
        not curves._items["loss", "pce"].isVisible() and curves._items["loss", "total"].isVisible()
    )
    button.click()
    assert curves._items["loss", "pce"].isVisible()


def visible_lines(curves: Curves) -> list[tuple[int, str]]:
    """Where lines are seen in both plots, and what stands at them."""
    pairs = [*curves._stage_lines, *curves._click_lines]
    assert all(one.isVisible() == other.isVisible() for one, other in pairs)
    seen = [(labelled, plain) for labelled, plain in pairs if labelled.isVisible()]
    assert all(one.value() == other.value() for one, other in seen)
    assert all(labelled.label.toPlainText() == labelled.label.format for labelled, _ in seen)
    return sorted((int(labelled.value()), labelled.label.format) for labelled, _ in seen)


def test_marks_stand_where_the_stage_changed_and_clicks_came(qtbot: QtBot) -> None:
    curves = shown(qtbot)
    assert visible_lines(curves) == [(20, "3 clicks"), (100, "stage 2")]
    lines = [*curves._stage_lines, *curves._click_lines]
    curves.take(step("primary", 60, total=0.1))
    curves.take(ClicksTaken(stage="ancillary", iteration=21, image_ids=("a",), added=1, removed=0))
    curves._redraw()
    assert visible_lines(curves) == [(20, "4 clicks"), (100, "stage 2")]
    assert [
        *curves._stage_lines,
        *curves._click_lines,
    ] == lines, "lines are kept; each that is made costs memory"


def test_thousands_of_clicks_are_a_handful_of_marks() -> None:
    """Somebody who clicks every second for an hour: a line for each would take longer to draw
    than the window may wait.
    """
    history = History()
    for iteration in range(1, 5000):
        history.take(step("ancillary", iteration, total=0.1))
        history.take(
            ClicksTaken(
                stage="ancillary", iteration=iteration, image_ids=("a",), added=1, removed=0
            )
        )
    marks = history.click_marks()
    assert len(marks) <= MARKS + 1
    assert sum(count for _, count in marks) == 4999


def test_another_run_begins_empty(qtbot: QtBot) -> None:
    curves = shown(qtbot)
    curves.clear()
    curves._redraw()
    assert (
        not curves._items
        and not visible_lines(curves)
        and not any(legend.buttons for legend in curves.legends.values())
    )


def test_the_total_takes_the_themes_colour(qtbot: QtBot) -> None:
    curves = shown(qtbot)
    curves.set_colours("#123456", "#ffffff")
    assert curves._items["loss", "total"].opts["pen"].color().name() == "#123456"


def test_without_pyqtgraph_a_line_says_what_to_install(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyqtgraph", None)
    curves = Curves()
    qtbot.addWidget(curves)
    for event in a_run():
        curves.take(event)
    curves.set_colours("#ffffff", "#000000")
    curves.clear()
    labels: list[Any] = [child for child in curves.children() if hasattr(child, "text")]
    assert "pip install 'seminar-napari[plots]'" in labels[0].text()
