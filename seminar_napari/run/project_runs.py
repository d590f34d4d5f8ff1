"""The runs of a project: which is the last, what became of each, and how the next is called."""

from __future__ import annotations

import time
from dataclasses import dataclass

from seminar.config.settings import TrainConfig, preset
from seminar.project.layout import PROBE
from seminar.project.project import Project
from seminar.run.events import Failed, Finished, Judged
from seminar.run.folder import RunFolder
from seminar_napari.run.command import next_run_name
from seminar_napari.run.past_events import is_finished


@dataclass(frozen=True)
class RunSummary:
    """What became of a run.

    Attributes
    ----------
    when : float
        Time of its last event, or of its settings; seconds since the epoch.
    state : str
        In one word.
    score : float or None
        Of its model; None where it was never judged.
    measure : str
        What the score is, in words.
    """

    run: RunFolder
    when: float
    state: str
    score: float | None = None
    measure: str = ""

    @property
    def date(self) -> str:
        """For the list: the time of today, the day of this year, or the date."""
        then, now = time.localtime(self.when), time.localtime()
        if then[:3] == now[:3]:
            return time.strftime("%H:%M", then)
        return time.strftime("%d %b" if then.tm_year == now.tm_year else "%Y-%m-%d", then)


def summary_of(run: RunFolder) -> RunSummary:
    """Read what became of a run; slow, a long run has many events.

    Raises
    ------
    OSError
        Its files cannot be read.
    """
    when = run.config_path.stat().st_mtime
    state, score, measure = "", None, ""
    for event, at, _ in run.read_events():
        when = at
        match event:
            case Judged(is_best=True):
                score, measure, state = event.score, event.measure, ""
            case Finished(reason=reason):
                state = "finished" if reason == "completed" else "stopped"
            case Failed():
                state = "failed"
            case _:
                state = ""
    if not state:
        state = "interrupted" if run.is_alive() is False else "going on"
    return RunSummary(run, when, state, score, measure)


def started_runs(project: Project | None) -> tuple[RunFolder, ...]:
    """Runs of the project, that which was started or resumed last comes last.

    Without the probe, which is not trained, and those that failed before they began: their names
    are free.
    """
    if project is None:
        return ()
    runs = (RunFolder.of(project.path, name) for name in project.runs() if name != PROBE)
    return tuple(run for run in runs if run.config_path.exists())


def run_to_show(project: Project | None) -> RunFolder | None:
    """The run that a project opens with: one that goes on, or else the last."""
    runs = started_runs(project)[::-1]
    return next((run for run in runs if run.is_alive()), runs[0] if runs else None)


def last_run(project: Project | None) -> RunFolder | None:
    """The run that was started or resumed last."""
    return next(reversed(started_runs(project)), None)


def lengthened(run: RunFolder) -> TrainConfig:
    """The settings with which a finished run goes on: as many iterations again as its preset has.

    A run that was lengthened before, and then interrupted, keeps its length.

    Raises
    ------
    SeminarError
        Its settings cannot be read.
    """
    config = run.read_config()
    if not is_finished(run):
        return config
    again = min(config.iterations, preset(config.preset).iterations)
    return config.replace(iterations=config.iterations + again)


def differences(one: RunFolder, other: RunFolder) -> dict[str, tuple[object, object]]:
    """The settings in which two runs differ, by name, with both values.

    Raises
    ------
    SeminarError
        Settings that cannot be read.
    """
    here, there = one.read_config(), other.read_config()
    names = here.__dataclass_fields__
    pairs = {name: (getattr(here, name), getattr(there, name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def next_name(project: Project | None) -> str:
    """The name of the project's next run."""
    return next_run_name(run.path.name for run in started_runs(project))
