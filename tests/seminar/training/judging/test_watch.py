"""A network that collapses goes back to what it was, with less of the CRF."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from seminar.config.settings import TrainConfig
from seminar.data.dataset import ClickDataset
from seminar.models.probe import ProbeNetwork
from seminar.models.refined_probe import RefinedProbe
from seminar.project.project import Project
from seminar.run.events import Event, SteppedBack
from seminar.training.judging.watch import EVERY, Watch
from seminar.training.learner import Learner


@pytest.fixture
def dataset(tiny_project: Project, tiny_config: TrainConfig) -> ClickDataset:
    return ClickDataset(tiny_project, tiny_config, tiny_project.image_ids())


@pytest.fixture
def learner(tiny_config: TrainConfig) -> Learner:
    """Its student knows the bright discs by a filter."""
    probe = ProbeNetwork(None, channels=3, num_classes=3)
    with torch.no_grad():
        probe.heads[0][1, :3] = 10.0
        probe.bias.copy_(torch.tensor([18.0, 0.0, -1e4]))
    student = RefinedProbe(probe, num_classes=3, light=True)
    return Learner(student, tiny_config, torch.device("cpu"))


def biases(learner: Learner) -> list[float]:
    return learner.student.get_parameter("probe.bias").tolist()


def move(learner: Learner, *values: float) -> None:
    with torch.no_grad():
        learner.student.get_parameter("probe.bias").copy_(torch.tensor(values))


def look(watch: Watch, learner: Learner, iteration: int) -> list[Event]:
    learner.iteration = iteration
    return list(watch.look("ancillary"))


@pytest.mark.parametrize("collapsed", [(99.0, 0.0, -1e4), (-99.0, 0.0, -1e4)])
def test_where_one_of_two_classes_vanishes_the_last_good_networks_come_back(
    dataset: ClickDataset, learner: Learner, collapsed: tuple[float, ...]
) -> None:
    """The third class has no clicks and never covered anything: it is not missed."""
    watch = Watch(dataset, learner)
    move(learner, 17.9, 0.0, -1e4)
    assert look(watch, learner, EVERY) == []
    move(learner, *collapsed)
    assert look(watch, learner, EVERY + 1) == []  # not its time
    (event,) = look(watch, learner, 2 * EVERY)
    assert isinstance(event, SteppedBack)
    assert (event.iteration, event.to_iteration, event.crf_share) == (2 * EVERY, EVERY, 0.25)
    assert event.lost_classes == ((1,) if collapsed[0] > 0 else (0,))
    assert biases(learner) == pytest.approx([17.9, 0.0, -1e4])
    assert learner.iteration == 2 * EVERY  # the run gets no longer
    assert look(watch, learner, 3 * EVERY) == []
    move(learner, *collapsed)
    (again,) = look(watch, learner, 4 * EVERY)
    assert isinstance(again, SteppedBack) and again.crf_share == watch.crf_share == 0.0625
    assert again.to_iteration == 3 * EVERY


def test_the_teacher_goes_back_too_and_the_optimiser_starts_anew(
    dataset: ClickDataset, learner: Learner
) -> None:
    watch = Watch(dataset, learner)
    teacher = copy.deepcopy(learner.teacher.state_dict())
    learner.student.get_parameter("probe.bias").grad = torch.ones(3)
    learner._optimizer.step()
    move(learner, 99.0, 0.0, -1e4)
    learner.teacher.update_parameters(learner.student)
    assert learner._optimizer.state
    assert len(look(watch, learner, EVERY)) == 1
    assert not learner._optimizer.state
    for name, value in learner.teacher.state_dict().items():
        assert torch.equal(value, teacher[name]), name


def test_growing_and_shrinking_is_no_collapse(dataset: ClickDataset, learner: Learner) -> None:
    watch = Watch(dataset, learner)
    for iteration, bias in ((EVERY, 14.0), (2 * EVERY, 20.0)):
        move(learner, bias, 0.0, -1e4)
        assert look(watch, learner, iteration) == []
    assert watch.crf_share == 1.0


def test_a_resumed_watch_goes_back_to_what_the_first_one_kept(
    dataset: ClickDataset, learner: Learner, tmp_path: Path
) -> None:
    """Also when it is resumed after the collapse began."""
    watch = Watch(dataset, learner)
    move(learner, 17.5, 0.0, -1e4)
    assert look(watch, learner, EVERY) == []
    move(learner, 99.0, 0.0, -1e4)
    torch.save(watch.state(), tmp_path / "watch.pt")
    resumed = Watch(dataset, learner)
    resumed.restore(torch.load(tmp_path / "watch.pt", weights_only=True))
    (event,) = look(resumed, learner, 2 * EVERY)
    assert isinstance(event, SteppedBack) and event.to_iteration == EVERY
    assert biases(learner) == pytest.approx([17.5, 0.0, -1e4])
