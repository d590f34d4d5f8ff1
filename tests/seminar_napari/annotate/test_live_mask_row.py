"""The live mask's switch and line, with a small process in place of the probe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from seminar.project.project import Project
from seminar_napari.annotate.live_mask import LiveMask
from seminar_napari.annotate.live_mask_row import LiveMaskRow
from seminar_napari.annotate.tab import AnnotateTab
from seminar_napari.session.probe import Mask, Waiting
from seminar_napari.session.session import Session

STAND_IN = Path(__file__).parents[1] / "small_probe.py"


def stand_in(project: Path, *_: object) -> tuple[str, ...]:
    return (sys.executable, str(STAND_IN), str(project), "answer")


@pytest.fixture
def row(
    qtbot: QtBot, three_fields: Project, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveMaskRow]:
    monkeypatch.setattr("seminar_napari.annotate.live_mask.NEEDED_CLASSES", 2)
    session = Session()
    session.open_project(three_fields.path)
    row = LiveMaskRow(session, LiveMask(session, stand_in))
    qtbot.addWidget(row)
    row.resize(320, 80)
    row.show()
    yield row
    row.shut_down()


def test_the_line_says_how_the_mask_is_and_the_switch_what_it_is_learnt_from(
    row: LiveMaskRow, qtbot: QtBot
) -> None:
    assert not row._timer.isActive(), "nothing to do before clicks are known"
    row._live._session.image_states.wait(5)
    assert row._timer.isActive()
    qtbot.waitUntil(lambda: row.line.text().startswith("From 2 clicks"), timeout=60_000)
    assert row.line.toolTip() == row.line.text() and "learnt from filters" in row.switch.toolTip()
    row.switch.click()
    assert row.line.text() == ""
    qtbot.waitUntil(lambda: not row._timer.isActive(), timeout=60_000)
    row.switch.click()
    qtbot.waitUntil(lambda: row.line.text().startswith("From 2 clicks"), timeout=60_000)


def test_the_next_click_is_told_in_the_line_until_the_mask_changes(
    row: LiveMaskRow, qtbot: QtBot
) -> None:
    session, notices = row._session, []
    session.notice.connect(notices.append)
    session.image_states.wait(5)
    qtbot.waitUntil(lambda: row.line.text().startswith("From 2 clicks"), timeout=60_000)
    session.next_click_said.emit("b: unsure on 49 px")
    row._live._take(Mask("c", 2, 0.1))  # another image was done meanwhile
    assert row.line.text() == row.line.toolTip() == "b: unsure on 49 px"
    row._live._take(Mask("a", 3, 0.1))
    assert row.line.text() == "From 3 clicks · unsure on 10 %" and notices == []
    row.hide()
    session.next_click_said.emit("b: unsure on 49 px")
    assert notices == ["b: unsure on 49 px"] and row.line.text().startswith("From 3")


def test_nothing_jumps_whatever_the_line_says(row: LiveMaskRow, qtbot: QtBot) -> None:
    height, width = row.sizeHint().height(), row.minimumSizeHint().width()
    long = "The weights cannot be had without a network, so filters alone are used. " * 4
    row._live._take(Waiting(long))
    assert row.line.text() == long and row.line.toolTip() == long
    assert row.sizeHint().height() == row.minimumSizeHint().height() == height
    assert row.minimumSizeHint().width() == width <= 300


def test_a_tab_that_is_destroyed_leaves_no_listener_and_no_process(
    three_fields: Project, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seminar_napari.annotate.live_mask.NEEDED_CLASSES", 2)
    monkeypatch.setattr("seminar_napari.annotate.live_mask.follow_command", stand_in)
    session = Session()
    tab = AnnotateTab(session, ViewerModel())
    live = tab.live_mask
    session.open_project(three_fields.path)
    session.image_states.wait(5)
    qtbot.waitUntil(lambda: live.pid is not None, timeout=60_000)
    pid = live.pid
    assert pid is not None
    with qtbot.waitSignal(tab.destroyed):
        tab.deleteLater()
    assert not len(live.changed) and live.pid is None
    qtbot.waitUntil(lambda: not psutil.pid_exists(pid), timeout=60_000)
    session.set_live_mask(True)
    assert session.flush()
