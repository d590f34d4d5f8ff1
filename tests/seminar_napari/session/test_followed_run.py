"""The run that is followed."""

from __future__ import annotations

from typing import Any

from seminar.project.project import Project
from seminar.run.events import Step
from seminar.run.folder import RunFolder
from seminar_napari.session.session import Session


class Heard(list[Any]):
    """What a signal said."""

    def __init__(self, signal_: Any) -> None:
        super().__init__()
        signal_.connect(self._hear)

    def _hear(self, value: Any) -> None:
        self.append(value)


def test_the_followed_run(session: Session, three_fields: Project) -> None:
    runs, states = Heard(session.run_changed), Heard(session.state_changed)
    run = RunFolder.of(three_fields.path, "first")
    session.set_run(run)
    session.set_state("running")
    session.set_state("running")
    step = Step(
        stage="ancillary",
        iteration=3,
        iterations=9,
        losses={},
        lr=0.1,
        iterations_per_second=1,
        seconds_left=6,
        memory_bytes=1,
    )
    heard: list[Any] = []
    session.event_received.connect(lambda event, when: heard.append((event, when)))
    session.receive(step, 12.5)
    assert heard == [(step, 12.5)]
    assert session.last_step == step
    session.set_run(None)
    assert session.last_step is None
    assert runs == [run, None]
    assert states == ["running", "none"]
