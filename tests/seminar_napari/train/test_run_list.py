"""The list of runs: name, date, score; show, compare, rename, delete."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from seminar.config.settings import TrainConfig
from seminar.project.project import Project
from seminar.run.events import Finished, Judged
from seminar.run.folder import RunFolder
from seminar_napari.run.control import RunControl
from seminar_napari.session.session import Session
from seminar_napari.train.run_list import RunList


def made(project: Project, name: str, score: float, age: float, **settings: int) -> RunFolder:
    run = RunFolder.of(project.path, name)
    run.path.mkdir(parents=True)
    run.write_config(TrainConfig(preset="quick", **settings))  # type: ignore[arg-type]
    os.utime(run.config_path, (time.time() - age,) * 2)
    run.append_event(
        Judged(stage="ancillary", network="student", score=score, measure="IoU", is_best=True)
    )
    run.append_event(Finished(reason="completed", stage="ancillary", iteration=60))
    return run


@pytest.fixture
def runs(three_fields: Project, qtbot: QtBot) -> Iterator[RunList]:
    """Two runs, of which the second is followed."""
    made(three_fields, "run-1", 0.82, 60)
    made(three_fields, "run-2", 0.86, 30, seed=7)
    session = Session()
    control = RunControl(session)
    shown = RunList(session, control, ask=lambda *_: True)
    qtbot.addWidget(shown)
    shown.resize(300, 400)
    shown.show()
    session.open_project(three_fields.path)
    qtbot.waitUntil(lambda: session.state == "finished")
    shown.title.click()
    qtbot.waitUntil(lambda: rows(shown)[0][2] == "0.86")
    yield shown
    control.close()


def rows(runs: RunList) -> list[tuple[str, ...]]:
    items = [runs.tree.topLevelItem(row) for row in range(runs.tree.topLevelItemCount())]
    return [tuple(item.text(column) for column in range(3)) for item in items if item is not None]


def choose(runs: RunList, *places: int) -> None:
    runs.tree.clearSelection()
    for place in places:
        item = runs.tree.topLevelItem(place)
        assert item is not None
        item.setSelected(True)


def rename(runs: RunList, place: int, name: str, qtbot: QtBot) -> None:
    item = runs.tree.topLevelItem(place)
    assert item is not None
    item.setText(0, name)
    qtbot.wait(50)


def test_the_last_run_comes_first_with_date_and_score(runs: RunList) -> None:
    now = time.strftime("%H:%M")
    assert rows(runs) == [("run-2", now, "0.86"), ("run-1", now, "0.82")]
    assert runs.title.text() == "▾ Runs (2)"
    first = runs.tree.topLevelItem(0)
    assert first is not None and first.font(0).bold()
    assert runs.minimumSizeHint().width() <= 300


def test_another_run_is_shown_and_two_are_compared(runs: RunList, qtbot: QtBot) -> None:
    choose(runs, 1)
    runs.show_run.click()
    assert runs._session.run is not None and runs._session.run.path.name == "run-1"
    qtbot.waitUntil(lambda: runs._session.state == "finished")
    choose(runs, 0)
    runs.compare.click()
    assert runs.text.text().splitlines() == [
        "run-2 against run-1",
        "Score 0.86 against 0.82 (+0.04)",
        "Seed: 7 against 0",
    ]
    wanted: list[RunFolder] = []
    runs.continue_wanted.connect(wanted.append)
    runs.go_on.click()
    assert [run.path.name for run in wanted] == ["run-2"]
    choose(runs, 0, 1)
    assert not runs.go_on.isEnabled() and runs.compare.isEnabled()


def test_a_run_is_renamed_with_its_masks_and_stays_followed(
    runs: RunList, three_fields: Project, qtbot: QtBot
) -> None:
    (three_fields.predictions_path / "run-2").mkdir(parents=True)
    rename(runs, 0, "run-1", qtbot)
    assert runs.text.text() == "run-1: there is a run of this name; choose another"
    assert rows(runs)[0][0] == "run-2" and runs._session.run is not None
    assert runs._session.run.path.name == "run-2"
    rename(runs, 0, "the good one", qtbot)
    assert rows(runs)[0][0] == "the good one" and not runs.text.text()
    assert runs._session.run.path.name == "the good one"
    assert [path.name for path in three_fields.predictions_path.iterdir()] == ["the good one"]
    assert three_fields.runs() == ("run-1", "the good one")


def test_runs_are_deleted_also_those_that_are_gone_already(
    runs: RunList, three_fields: Project, qtbot: QtBot
) -> None:
    choose(runs, 0)
    runs.ask = lambda *_: False
    runs.delete.click()
    assert len(three_fields.runs()) == 2
    runs.ask = lambda *_: True
    runs.delete.click()
    assert three_fields.runs() == ("run-1",) and runs._session.run is None
    assert [row[0] for row in rows(runs)] == ["run-1"]
    choose(runs, 0)
    shutil.rmtree(three_fields.path / "runs" / "run-1")
    runs.show_run.click()
    assert "found neither" in runs.text.text()
    runs.delete.click()
    assert "no such run any more" in runs.text.text()
    assert not rows(runs) and not runs.isVisible()
