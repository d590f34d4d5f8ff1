"""Self-training: what masks know that clicks do not say, without the clicks that are wrong."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from clicked_squares import HEIGHT, OUTSIDE, WIDTH, Click, MakeProbe, agreement, write

from seminar.probe import self_training
from seminar.probe.probe import Probe
from seminar.probe.self_training import self_train as learning
from seminar.project.project import Project


def learnt(probe: Probe) -> Probe:
    for image_id in probe.project.image_ids():
        probe.learn(image_id)
    assert probe.fit()
    return probe


def self_train(probe: Probe, *others: str) -> list[tuple[int, int]]:
    return list(learning(probe, others))


def several(number: int, *wrong: Click) -> list[Click]:
    """Twelve clicks in the square and twelve outside of it."""
    cols = 14 + 8 * number + 5 * np.arange(6)
    cells = [(row, float(col), 1) for row in (20.0, 38.0) for col in cols]
    return [*cells, *((row, col, 0) for row in (4.0, 55.0) for _, col, _ in cells[:6]), *wrong]


def test_an_image_without_clicks_is_no_worse(project: Project, make_probe: MakeProbe) -> None:
    probe = learnt(make_probe())
    before = agreement(probe.predict("f2").labels, 2)
    assert self_train(probe) == [(0, 2), (1, 2), (2, 2)]
    assert agreement(probe.predict("f2").labels, 2) >= max(before, 0.9)


def test_where_few_images_are_clicked_the_others_are_learnt_from_too(
    project: Project, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    pixels = self_training._pixels

    def noted(probe: Probe, image_id: str, present: object, count: int) -> object:
        seen.append((image_id, count))
        return pixels(probe, image_id, present, count)  # type: ignore[arg-type]

    monkeypatch.setattr(self_training, "_pixels", noted)
    monkeypatch.setattr(self_training, "PIXELS", 3000)
    probe = learnt(make_probe())
    alone = probe.weights()
    assert self_train(probe, "f2") == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert seen == [("f0", 1000), ("f1", 1000), ("f2", 1000)]
    assert agreement(probe.predict("f2").labels, 2) > 0.9
    assert any(not torch.equal(alone[name], value) for name, value in probe.weights().items())
    monkeypatch.setattr(self_training, "ENOUGH_IMAGES", 2)
    assert self_train(probe, "f2") == [(0, 2), (1, 2), (2, 2)]


def test_of_the_others_so_many_are_taken_evenly_as_there_is_room_for(
    project: Project, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe, others = make_probe(), [f"f{number % 3}" for number in range(9)]
    assert self_training._some(probe, others, 3) == ("f0", "f0", "f0")
    assert self_training._some(probe, others, 5) == ("f0", "f2", "f1", "f0", "f2")
    assert self_training._some(probe, others, 0) == self_training._some(probe, (), 5) == ()
    monkeypatch.setattr(self_training, "ROOM", 2 * HEIGHT * WIDTH)
    assert self_training._some(probe, others, 9) == ("f0", "f1")


def test_one_of_the_others_that_cannot_be_read_is_passed_over(
    project: Project, make_probe: MakeProbe
) -> None:
    probe = learnt(make_probe())
    path = project.image_path("f2")
    path.write_bytes(path.read_bytes()[:200])  # its header is whole
    assert self_train(probe, "f2")[-1] == (3, 3)
    assert agreement(probe.predict("f0").labels, 0) > 0.9


def test_masks_have_the_classes_that_are_clicked_in_their_image_alone(
    project: Project, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In f2 the same squares are another class, which no fit to all clicks could tell."""
    write(project, "f2", (30.0, 43.0, 2), OUTSIDE)
    found: dict[str, set[int]] = {}
    pixels = self_training._pixels

    def noted(probe: Probe, image_id: str, *others: object) -> object:
        features, class_ids, summary = pixels(probe, image_id, *others)  # type: ignore[arg-type]
        found[image_id] = set(class_ids.tolist())
        assert len(features) == len(class_ids) > 0
        return features, class_ids, summary

    monkeypatch.setattr(self_training, "_pixels", noted)
    self_train(learnt(make_probe()))
    assert found == {"f0": {0, 1}, "f1": {0, 1}, "f2": {0, 2}}


def test_clicks_that_the_others_contradict_are_left_out(
    project: Project, make_probe: MakeProbe
) -> None:
    wrong = [(30.0, 30.0, 0), (3.0, 50.0, 1)]
    write(project, "f0", *several(0, *wrong))
    write(project, "f1", *several(1))
    probe = learnt(make_probe())
    given = probe.lesson()
    kept = self_training._trusted(given, probe.network.num_filters)
    assert len(given.class_ids) - len(kept.class_ids) == len(wrong)
    assert kept.counts.tolist() == [24, 24, 0]
    self_train(probe)
    assert agreement(probe.predict("f2").labels, 2) > 0.9


def test_half_of_each_class_is_kept_at_least(project: Project, make_probe: MakeProbe) -> None:
    """Where clicks of two classes lie in the same places, none is more wrong than another."""
    rng = np.random.default_rng(0)
    for image_id in ("f0", "f1"):
        places = rng.choice(60 * 80, 40, replace=False)
        clicks = [(place // 80, place % 80, number % 2) for number, place in enumerate(places)]
        write(project, image_id, *clicks)
    probe = learnt(make_probe())
    given = probe.lesson()
    kept = self_training._trusted(given, probe.network.num_filters)
    assert (kept.counts >= given.counts / 2).all()


def test_it_leaves_a_probe_whose_masks_lack_a_class(
    project: Project, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_training, "OWN", 0.0)
    monkeypatch.setattr(
        self_training,
        "sharpened",
        lambda log_probs, *_: log_probs * torch.tensor([0.0, -9.0])[:, None, None],
    )
    probe = learnt(make_probe())
    before = probe.weights()
    self_train(probe)
    after = probe.weights()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_stop_leaves_the_probe_of_the_clicks(project: Project, make_probe: MakeProbe) -> None:
    probe = learnt(make_probe())
    before = probe.weights()
    with contextlib.closing(learning(probe)) as stream:
        assert (next(stream), next(stream)) == ((0, 2), (1, 2))
    after = probe.weights()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_the_same_clicks_give_the_same_weights(project: Project, make_probe: MakeProbe) -> None:
    first, second = learnt(make_probe()), learnt(make_probe())
    self_train(first)
    self_train(second)
    again = second.weights()
    assert all(torch.equal(again[name], value) for name, value in first.weights().items())


def test_a_large_image_is_learnt_from_part_by_part(
    project: Project, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in (("WHOLE_SIDE", 48), ("CORE", 32), ("HALO", 32)):
        monkeypatch.setattr(f"seminar.probe.features.{name}", size)
    probe = learnt(make_probe())
    assert len(probe.patches("f0")) == 6
    self_train(probe)
    assert agreement(probe.predict("f2").labels, 2) > 0.9
