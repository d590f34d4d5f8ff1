"""The runs of a project: which is the last, and what became of each."""

from __future__ import annotations

import os
import time

import pytest

from seminar.config.settings import TrainConfig, preset
from seminar.errors import SeminarError
from seminar.project.project import Project
from seminar.run.events import Finished, Judged, StageStarted
from seminar.run.folder import RunFolder
from seminar_napari.inspect.scores import Scores
from seminar_napari.run.project_runs import (
    differences,
    last_run,
    lengthened,
    next_name,
    run_to_show,
    started_runs,
    summary_of,
)
from seminar_napari.session.session import Session


def test_the_probe_is_no_run_to_resume_or_compare_with(three_fields: Project) -> None:
    for name in ("run-1", "probe"):
        run = RunFolder.of(three_fields.path, name)
        run.path.mkdir(parents=True)
        run.config_path.write_text("")
        run.model_path.write_bytes(b"model")
    assert three_fields.runs()[-1] == "probe", "the newest folder"
    assert [run.path.name for run in started_runs(three_fields)] == ["run-1"]
    newest = last_run(three_fields)
    assert newest is not None and newest.path.name == "run-1"
    assert next_name(three_fields) == "run-2"
    session = Session()
    session.open_project(three_fields.path)
    scores = Scores(session)
    assert scores.earlier_runs() == ("run-1",)
    scores.close()


def made(project: Project, name: str, age: float, *, completed: bool = True) -> RunFolder:
    """A run that was started so many seconds ago."""
    run = RunFolder.of(project.path, name)
    run.path.mkdir(parents=True)
    run.write_config(TrainConfig(preset="quick", iterations=80))
    os.utime(run.config_path, (time.time() - age,) * 2)
    run.append_event(StageStarted(stage="ancillary", iteration=0, iterations=80))
    for network, score, is_best in (("student", 0.7, True), ("teacher", 0.6, False)):
        run.append_event(
            Judged(
                stage="ancillary",
                network=network,
                score=score,
                measure="mean IoU",
                is_best=is_best,
            )
        )
    reason = "completed" if completed else "stopped"
    run.append_event(Finished(reason=reason, stage="ancillary", iteration=80))  # type: ignore[arg-type]
    return run


def test_the_last_run_is_the_last_and_one_that_goes_on_is_shown(
    three_fields: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert last_run(three_fields) is None and run_to_show(None) is None
    old = made(three_fields, "old", 900, completed=False)
    new = made(three_fields, "a-new-one", 60)
    assert last_run(three_fields) == run_to_show(three_fields) == new
    monkeypatch.setattr(RunFolder, "is_alive", lambda run: run == old)
    assert run_to_show(three_fields) == old
    os.utime(old.config_path)  # resumed
    assert last_run(three_fields) == old


def test_a_summary_has_date_state_and_the_score_of_the_model(three_fields: Project) -> None:
    run = made(three_fields, "run-1", 60)
    summary = summary_of(run)
    assert (summary.state, summary.score, summary.measure) == ("finished", 0.7, "mean IoU")
    assert summary.date == time.strftime("%H:%M")
    run.append_event(StageStarted(stage="ancillary", iteration=80, iterations=160))
    assert summary_of(run).state == "interrupted"
    assert summary_of(made(three_fields, "run-2", 0, completed=False)).state == "stopped"


def test_a_finished_run_goes_on_for_as_long_again_and_only_once(three_fields: Project) -> None:
    run = made(three_fields, "run-1", 60)
    again = min(80, preset("quick").iterations)
    assert lengthened(run).iterations == 80 + again
    run.write_config(lengthened(run))
    run.append_event(StageStarted(stage="ancillary", iteration=80, iterations=80 + again))
    assert lengthened(run).iterations == 80 + again, "interrupted: it only goes on"


def test_settings_that_differ_are_named(three_fields: Project) -> None:
    one, other = made(three_fields, "run-1", 60), made(three_fields, "run-2", 30)
    assert differences(one, other) == {}
    other.write_config(other.read_config().replace(seed=3, iterations=90))
    assert differences(one, other) == {"iterations": (80, 90), "seed": (0, 3)}
    other.config_path.unlink()
    with pytest.raises(SeminarError):
        differences(one, other)
