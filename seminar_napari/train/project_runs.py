"""The runs of a project: which can be resumed, and how the next is called."""

from __future__ import annotations

from seminar.project.layout import PROBE
from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.run.command import next_run_name
from seminar_napari.run.past_events import is_finished


def started_runs(project: Project | None) -> tuple[RunFolder, ...]:
    """Runs of the project, newest last.

    Without the probe, which is not trained, and those that failed before they began: their names
    are free.
    """
    if project is None:
        return ()
    runs = (RunFolder.of(project.path, name) for name in project.runs() if name != PROBE)
    return tuple(run for run in runs if run.config_path.exists())


def newest_unfinished(project: Project | None) -> RunFolder | None:
    """The newest run that can be resumed."""
    return next((run for run in reversed(started_runs(project)) if not is_finished(run)), None)


def next_name(project: Project | None) -> str:
    """The name of the project's next run."""
    return next_run_name(run.path.name for run in started_runs(project))
