"""Which runs of a project can be resumed."""

from __future__ import annotations

from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.inspect.scores import Scores
from seminar_napari.session.session import Session
from seminar_napari.train.project_runs import newest_unfinished, next_name, started_runs


def test_the_probe_is_no_run_to_resume_or_compare_with(three_fields: Project) -> None:
    for name in ("run-1", "probe"):
        run = RunFolder.of(three_fields.path, name)
        run.path.mkdir(parents=True)
        run.config_path.write_text("")
        run.model_path.write_bytes(b"model")
    assert three_fields.runs()[-1] == "probe", "the newest folder"
    assert [run.path.name for run in started_runs(three_fields)] == ["run-1"]
    newest = newest_unfinished(three_fields)
    assert newest is not None and newest.path.name == "run-1"
    assert next_name(three_fields) == "run-2"
    session = Session()
    session.open_project(three_fields.path)
    scores = Scores(session)
    assert scores.earlier_runs() == ("run-1",)
    scores.close()
