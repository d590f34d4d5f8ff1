"""The model of a run is the best network so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from seminar.errors import SeminarError
from seminar.run import events
from seminar.run.events import PROBE
from seminar.training.judging.best import Best


class Judge:
    """Gives a network the score that is its bias."""

    measure = "bias"

    def score(self, network: Any) -> float:
        if network.bias.item() < 0:
            raise SeminarError("cell.png: damaged")
        return float(network.bias.item())


class Saver:
    """Notes the models that are written."""

    def __init__(self) -> None:
        self.saved: list[float] = []

    def save_model(self, network: Any) -> Iterator[events.Event]:
        self.saved.append(network.bias.item())
        yield from ()


def network(score: float) -> nn.Module:
    made = nn.Linear(1, 1)
    with torch.no_grad():
        made.bias.fill_(score)
    return made


def compared(
    best: Best, stage: str, networks: Mapping[str, nn.Module]
) -> list[tuple[str, str, float, bool]]:
    found = list(best.compare(stage, networks))
    assert all(isinstance(event, events.Judged) and event.measure == "bias" for event in found)
    return [
        (event.stage, event.network, event.score, event.is_best)
        for event in found
        if isinstance(event, events.Judged)
    ]


def made() -> tuple[Best, Saver]:
    saver = Saver()
    return Best(Judge(), saver), saver  # type: ignore[arg-type]


def test_what_is_better_becomes_the_model_and_what_is_not_is_dropped() -> None:
    best, saver = made()
    assert compared(best, PROBE, {"student": network(0.5)}) == [("probe", "student", 0.5, True)]
    stage = {"student": network(0.625), "teacher": network(0.75)}
    assert compared(best, "ancillary", stage) == [
        ("ancillary", "student", 0.625, True),
        ("ancillary", "teacher", 0.75, True),
    ]
    worse = {"student": network(0.75), "teacher": network(0.25)}
    assert [row[-1] for row in compared(best, "primary", worse)] == [False, False]
    assert saver.saved == [0.5, 0.75]  # once a stage, and only a better one
    assert best.network is not None and best.network.bias.item() == 0.75  # type: ignore[union-attr, operator]


def test_the_best_is_a_copy_that_does_not_learn() -> None:
    best, _ = made()
    student = network(0.5)
    compared(best, PROBE, {"student": student})
    with torch.no_grad():
        student.bias.fill_(0.0)  # type: ignore[union-attr, operator]
    kept = best.network
    assert kept is not None and not kept.training
    assert [each.requires_grad for each in kept.parameters()] == [False, False]
    assert compared(best, "ancillary", {"student": network(0.25)})[0][-1] is False


def test_a_network_that_cannot_be_judged_costs_a_sentence() -> None:
    best, saver = made()
    found = list(best.compare("ancillary", {"student": network(-1.0), "teacher": network(0.5)}))
    assert found[0] == events.Warned(message="not judged: cell.png: damaged")
    assert saver.saved == [0.5]


def test_where_nothing_can_be_judged_there_is_a_model_all_the_same() -> None:
    best, saver = made()
    list(best.compare("ancillary", {"student": network(-1.0), "teacher": network(-2.0)}))
    assert saver.saved == [-1.0]
    assert compared(best, "primary", {"student": network(0.0)})[0][-1] is True


def test_a_resumed_run_keeps_its_model_until_there_is_a_better_one() -> None:
    best, saver = made()
    best.resume(network(0.5))
    assert compared(best, "primary", {"student": network(0.25)})[0][-1] is False
    assert saver.saved == []
    assert compared(best, "primary", {"teacher": network(0.75)})[0][-1] is True
    assert saver.saved == [0.75]
