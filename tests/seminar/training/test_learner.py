"""One optimiser step, whole or in parts."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import Tensor, nn

from seminar.config.settings import Convention, TrainConfig
from seminar.data.batch import Batch
from seminar.errors import SeminarError
from seminar.labels import IGNORE_INDEX
from seminar.models.build_network import build_network
from seminar.models.deeplab import DeepLabV3Plus
from seminar.training.learner import Learner
from seminar.training.objectives import (
    Losses,
    LossSettings,
    click_objective,
    dense_objective,
    seminar_objective,
)
from seminar.training.pseudo_labels import pseudo_labelled

SETTINGS = LossSettings(
    convention="scale_free",
    weights={
        "pce": 1.0,
        "crf": 5.0,
        "pcons": 1.0,
        "pseudo": 1.0,
        "absent": 0.1,
        "presence": 0.5,
        "objectness": 0.5,
    },
    sigma_rgb=15.0,
    sigma_xy=20.0,
    crf_scale=0.5,
    crf_method="nystrom",
    crf_normalize=True,
    crf_landmarks=128,
    pseudo_confidence=0.0,
    pseudo_balance=0.5,
)


def batch_of(count: int, *, size: int = 32) -> Batch:
    across = torch.linspace(0, 200, size).expand(size, size)
    image = torch.stack(
        [torch.stack([across, across.T, across / (1 + number)]) for number in range(count)]
    )
    labels = torch.full((count, size, size), IGNORE_INDEX)
    labels[:, 4, 4] = 0
    for number in range(count):
        labels[number, 10 : 11 + number, 20] = 1  # a different number of clicks in each crop
    valid = torch.ones(count, size, size, dtype=torch.bool)
    valid[0, :, : size // 2] = False
    absent = torch.tensor([[False, False]] * count)
    return Batch(
        image=image,
        student_image=255 - image,
        labels=labels,
        valid=valid,
        absent=absent,
        pseudo_labels=torch.zeros(count, 0),
        objectness=image[:, 0] / 200,
    )


def objective(student: nn.Module, teacher: nn.Module, batch: Batch) -> Losses:
    return click_objective(student, teacher, batch, SETTINGS)


def network(*, dropout: float = 0.0) -> DeepLabV3Plus:
    torch.manual_seed(0)
    model = build_network(
        TrainConfig(start="random", backbone="mobilenet_v2", weights="none"),
        num_classes=2,
        channels=3,
    )
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
    return model


def learner_of(model: DeepLabV3Plus, config: TrainConfig) -> Learner:
    return Learner(copy.deepcopy(model), config, torch.device("cpu"))


@pytest.mark.parametrize("convention", ["scale_free", "paper"])
def test_a_batch_in_parts_gives_the_step_of_the_whole_batch(
    tiny_config: TrainConfig, convention: Convention
) -> None:
    config = tiny_config.replace(
        batch_size=3, optimizer="sgd", convention=convention, crf_normalize=False
    )
    settings = dataclasses.replace(SETTINGS, convention=convention, crf_normalize=False)
    model, batch = network(dropout=0.5), batch_of(3)

    def seminar(student: nn.Module, teacher: nn.Module, part: Batch) -> Losses:
        return seminar_objective(student, teacher, part, settings)

    def label(part: Batch) -> Batch:  # sure in the first crop alone
        unsure = part.labels.new_full(part.labels.shape, IGNORE_INDEX)
        unsure[(part.labels == 1).flatten(1).sum(dim=1) == 1, :9] = 1
        return dataclasses.replace(part, pseudo_labels=unsure)

    whole, parts = learner_of(model, config), learner_of(model, config)
    parts.part_size = 2
    for learner in (whole, parts):
        learner.teacher.update_parameters(model)
    values = []
    for learner in (whole, parts):
        torch.manual_seed(5)
        values.append(learner.step(batch, seminar, 1e-3, label))
    first, second = values
    assert first.keys() == {
        "pce",
        "crf",
        "pcons",
        "absent",
        "presence",
        "objectness",
        "pseudo",
        "total",
    }
    assert second == pytest.approx(first, rel=1e-3, abs=1e-6)
    for one, other in zip(whole.student.parameters(), parts.student.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-5)


def test_a_step_moves_backbone_and_head_at_their_rates_and_the_teacher_after_them(
    tiny_config: TrainConfig,
) -> None:
    plain = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0}
    config = tiny_config.replace(**plain, head_lr_factor=3.0, ema_decay=0.9)
    learner, batch, students = learner_of(network(), config), batch_of(2), []
    for lr in (1e-3, 5e-4):
        before = copy.deepcopy(learner.student)
        dense_objective(before, before, batch, SETTINGS).total().backward()
        learner.step(
            batch,
            lambda student, teacher, batch: dense_objective(student, teacher, batch, SETTINGS),
            lr,
        )
        backbone, both = list(before.backbone.parameters()), list(before.parameters())
        for group, factor in ((backbone, 1.0), (before.parameter_groups()["head"], 3.0)):
            places = [
                number for number, one in enumerate(both) if any(one is other for other in group)
            ]
            after = list(learner.student.parameters())
            moved = torch.cat([(after[place] - both[place]).flatten() for place in places])
            by_hand = torch.cat([-lr * factor * both[place].grad.flatten() for place in places])
            assert (moved - by_hand).norm() < 0.01 * by_hand.norm()
        students.append([parameter.detach().clone() for parameter in learner.student.parameters()])
    for one, first, second in zip(learner.teacher.parameters(), *students, strict=True):
        torch.testing.assert_close(one, (first + second) / 2)  # eq. 1 at t = 2


def test_a_step_returns_the_terms_and_what_they_are_worth_together(
    tiny_config: TrainConfig,
) -> None:
    model, batch = network().train(), batch_of(2)
    values = dict(learner_of(model, tiny_config).step(batch, objective, 1e-3))
    terms = click_objective(model, copy.deepcopy(model).eval(), batch, SETTINGS).terms
    total = values.pop("total")
    assert values == pytest.approx({name: term.item() for name, term in terms.items()}, rel=1e-3)
    lambdas = {
        "pce": 1.0,
        "crf": 5.0,
        "pcons": 1.0,
        "absent": 0.1,
        "presence": 0.5,
        "objectness": 0.5,
    }
    assert total == pytest.approx(
        sum(lambdas[name] * value for name, value in values.items()), rel=1e-5
    )


def test_the_objective_gets_a_learning_student_a_resting_teacher_and_the_labelled_crops(
    tiny_config: TrainConfig,
) -> None:
    learner, labelled, seen = learner_of(network(), tiny_config), batch_of(2), []

    def noted(student: nn.Module, teacher: nn.Module, batch: Batch) -> Losses:
        assert student is learner.student and teacher is learner.teacher and batch is labelled
        seen.append((student.training, any(module.training for module in teacher.modules())))
        return objective(student, teacher, batch)

    learner.step(batch_of(2), noted, 1e-3, lambda batch: labelled)
    assert seen == [(True, False)]


def test_when_memory_runs_out_the_batch_is_halved_until_it_fits(tiny_config: TrainConfig) -> None:
    sizes = []

    def greedy(student: nn.Module, teacher: nn.Module, batch: Batch) -> Losses:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return objective(student, teacher, batch)

    learner = learner_of(network(), tiny_config.replace(batch_size=4))
    learner.step(batch_of(4), greedy, 1e-3)
    assert sizes == [4, 2, 1, 1, 1, 1]
    assert (learner.part_size, learner.iteration) == (1, 1)


def test_where_onednn_found_no_room_for_its_code_the_step_goes_on_without_it(
    tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        torch.backends.mkldnn, "enabled", torch.backends.mkldnn.enabled
    )  # as it was, afterwards

    def compiled(student: nn.Module, teacher: nn.Module, batch: Batch) -> Losses:
        if torch.backends.mkldnn.enabled:  # the failure sticks to the thread, at any size
            raise RuntimeError("could not create a primitive")
        return objective(student, teacher, batch)

    learner = learner_of(network(), tiny_config.replace(batch_size=4))
    learner.step(batch_of(4), compiled, 1e-3)
    assert (learner.part_size, learner.iteration) == (2, 1)


def test_a_crop_that_never_fits_is_a_sentence(tiny_config: TrainConfig) -> None:
    def greedy(student: nn.Module, teacher: nn.Module, batch: Batch) -> Losses:
        raise RuntimeError(
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"
        )

    with pytest.raises(SeminarError, match="--crop-size"):
        learner_of(network(), tiny_config).step(batch_of(2), greedy, 1e-3)


def test_other_errors_are_not_swallowed(tiny_config: TrainConfig) -> None:
    def broken(student: nn.Module, teacher: nn.Module, batch: Batch) -> Losses:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        learner_of(network(), tiny_config).step(batch_of(2), broken, 1e-3)


def test_a_term_that_is_not_finite_is_named_and_the_student_left_alone(
    tiny_config: TrainConfig,
) -> None:
    def poisoned(student: nn.Module, teacher: nn.Module, batch: Batch) -> Losses:
        losses = objective(student, teacher, batch)
        return Losses({**losses.terms, "crf": losses.terms["crf"] * float("nan")}, losses.weights)

    learner = learner_of(network(), tiny_config)
    before = copy.deepcopy(learner.student.state_dict())
    with pytest.raises(SeminarError, match="iteration 0: loss term crf is nan"):
        learner.step(batch_of(2), poisoned, 1e-3)
    for name, value in learner.student.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_restored_learner_goes_on_bit_for_bit(tiny_config: TrainConfig) -> None:
    batch = batch_of(2)
    one = learner_of(network(), tiny_config)
    one.step(batch, objective, 1e-3)
    state = copy.deepcopy(one.state())
    other = learner_of(network(), tiny_config)
    other.restore(state)
    assert other.step(batch, objective, 1e-3) == one.step(batch, objective, 1e-3)
    for left, right in zip(
        one.teacher.state_dict().values(), other.teacher.state_dict().values(), strict=True
    ):
        assert torch.equal(left, right)


class Constant(nn.Module):
    """An ancillary network that says the same everywhere."""

    def __init__(self, class_id: int) -> None:
        super().__init__()
        self.class_id = class_id

    def forward(self, image: Tensor) -> Tensor:
        logits = torch.zeros(len(image), 2, *image.shape[-2:])
        logits[:, self.class_id] = 20.0
        return logits


def test_the_primary_student_learns_what_the_ancillary_says_on_valid_pixels() -> None:
    model, batch = network().eval(), batch_of(2)
    teacher = copy.deepcopy(model)
    right, wrong = (
        seminar_objective(
            model, teacher, pseudo_labelled(batch, Constant(k), confidence=0.0), SETTINGS
        ).terms["pseudo"]
        for k in (0, 1)
    )
    log_probs = model(batch.student_image).log_softmax(dim=1)
    torch.testing.assert_close(right, -log_probs[:, 0][batch.valid].mean())
    torch.testing.assert_close(wrong, -log_probs[:, 1][batch.valid].mean())


def test_pseudo_labels_of_another_origin_take_the_ancillary_s_place() -> None:
    model, batch = network().eval(), batch_of(2)
    given = torch.ones(2, 32, 32, dtype=torch.long)
    own = Batch(**{**batch.__dict__, "pseudo_labels": given})
    terms = seminar_objective(model, model, own, SETTINGS).terms
    labelled = pseudo_labelled(batch, Constant(1), confidence=0.0)
    same = seminar_objective(model, model, labelled, SETTINGS).terms
    torch.testing.assert_close(terms["pseudo"], same["pseudo"])


def test_of_many_classes_the_pretrained_backbone_learns_slower_than_the_head() -> None:
    rates = {}
    for classes in (2, 8):
        config = TrainConfig(
            start="random", backbone="mobilenet_v2", weights="none", crop_size=32, batch_size=2
        )
        student = build_network(config, num_classes=classes, channels=3)
        learner = Learner(
            student, config.replace(weights="imagenet"), torch.device("cpu")
        )  # as if its start had been
        learner.step(
            batch_of(2),
            lambda student, teacher, batch: dense_objective(student, teacher, batch, SETTINGS),
            1e-3,
        )
        rates[classes] = [group["lr"] for group in learner._optimizer.param_groups]
    assert rates[2] == pytest.approx([1e-3, 2.5e-3])
    assert rates[8] == pytest.approx([0.25e-3, 2.5e-3])
