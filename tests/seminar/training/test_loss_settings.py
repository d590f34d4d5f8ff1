"""Weights and scales of an iteration's loss, worked out from the settings."""

from __future__ import annotations

import math

import pytest

from seminar.config.settings import TrainConfig, preset
from seminar.training.loss_settings import (
    backbone_lr,
    click_weights,
    crf_form,
    loss_settings,
    pseudo_form,
)

LAMBDAS = {
    "crf": 2.0,
    "pcons": 3.0,
    "pseudo": 5.0,
    "absent": 7.0,
    "presence": 11.0,
    "objectness": 13.0,
}

ALL_ON = TrainConfig(
    losses=("pce", "crf", "pcons", "pseudo", "presence"),
    absent_class=True,
    objectness="priors",
    crf_ramp=0.0,
    pcons_ramp=0.0,
    **{f"lambda_{name}": value for name, value in LAMBDAS.items()},  # type: ignore[arg-type]
)


def lambdas(
    config: TrainConfig, *, num_classes: int = 2, iteration: int = 0, epoch: int = 1
) -> dict[str, float]:
    made = loss_settings(config, [1] * num_classes, iteration, epoch)
    return {name: made.weights[name] for name in LAMBDAS}


@pytest.mark.parametrize(
    ("changes", "off"),
    [
        ({}, []),
        ({"losses": ("pce", "crf")}, ["pcons", "presence"]),
        ({"losses": ("pce", "pcons")}, ["crf", "presence"]),
        ({"losses": ("pce", "presence")}, ["crf", "pcons"]),
        ({"absent_class": False}, ["absent"]),
        ({"objectness": ""}, ["objectness"]),
    ],
)
def test_every_term_has_its_own_weight_where_it_is_trained_on(
    changes: dict[str, object], off: list[str]
) -> None:
    expected = {name: 0.0 if name in off else value for name, value in LAMBDAS.items()}
    assert lambdas(ALL_ON.replace(**changes)) == expected


@pytest.mark.parametrize(
    ("share", "iteration", "factor"),
    [(0.2, 0, 0.1), (0.2, 4, 0.5), (0.2, 9, 1.0), (0.2, 10, 1.0), (0.2, 49, 1.0),
     (1.0, 24, 0.5), (1.0, 49, 1.0), (0, 0, 1)],
)  # fmt: skip
def test_the_crf_grows_from_its_first_iteration_on(
    share: float, iteration: int, factor: float
) -> None:
    config = ALL_ON.replace(iterations=50, crf_ramp=share)
    found = lambdas(config, iteration=iteration)
    assert found == pytest.approx(LAMBDAS | {"crf": 2.0 * factor})


@pytest.mark.parametrize(
    ("iteration", "epoch", "steady"),
    [
        (0, 1, 0), (7, 1, 7), (7, 4, 4), (8, 4, 8),
        # of a long epoch 1/40 of the ramp, 10 iterations
        (9, 1000, 0), (19, 1000, 10), (399, 1000, 390),
        (399, 1, 399), (400, 1, 400), (599, 1, 400), (599, 1000, 400),
    ],
)  # fmt: skip
def test_the_consistency_grows_once_an_epoch_or_in_40_steps(
    iteration: int, epoch: int, steady: int
) -> None:
    config = ALL_ON.replace(iterations=600, pcons_ramp=2 / 3)  # 400 iterations
    found = lambdas(config, iteration=iteration, epoch=epoch)
    assert found == pytest.approx(LAMBDAS | {"pcons": 3.0 * steady / 400})


@pytest.mark.parametrize(
    ("changes", "num_classes", "form", "share"),
    [
        ({}, 2, "bilinear", 1.0),
        ({}, 3, "quadratic", 2 / 3),
        ({}, 8, "quadratic", 0.25),
        ({"crf_relaxation": "bilinear"}, 8, "bilinear", 1.0),
        ({"crf_relaxation": "quadratic"}, 2, "quadratic", 1.0),
        ({"crf_relaxation": "quadratic"}, 8, "quadratic", 1.0),
        ({"crf_normalize": False, "convention": "paper"}, 21, "bilinear", 1.0),
    ],
)
def test_the_crf_of_many_classes_is_gentler(
    changes: dict[str, object], num_classes: int, form: str, share: float
) -> None:
    config = ALL_ON.replace(**changes)
    assert crf_form(config, num_classes) == (form, pytest.approx(share))
    made = loss_settings(config, [1] * num_classes, 0, 1)
    assert made.crf_relaxation == form
    assert made.weights["crf"] == pytest.approx(2.0 * share)


@pytest.mark.parametrize(
    ("num_classes", "confidence", "balance"), [(2, 0.6, 0.0), (3, 0.4, 0.3), (8, 0.15, 0.3)]
)
def test_pseudo_labels_of_many_classes_need_less_and_weigh_the_scarce(
    num_classes: int, confidence: float, balance: float
) -> None:
    config = TrainConfig(pseudo_confidence=0.6, pseudo_balance=0.3)
    made = loss_settings(config, [1] * num_classes, 0, 1)
    assert pseudo_form(config, num_classes) == pytest.approx((confidence, balance))
    assert (made.pseudo_confidence, made.pseudo_balance) == pytest.approx((confidence, balance))


@pytest.mark.parametrize(
    ("crop_size", "sigma_xy"), [(513, 100.0), (256, 100 * 256 / 513), (64, 100 * 64 / 513)]
)
def test_the_crf_reaches_over_the_same_share_of_any_crop(crop_size: int, sigma_xy: float) -> None:
    made = loss_settings(
        TrainConfig(sigma_xy=100.0, crop_size=crop_size, crf_scale=0.25), [1, 1], 0, 1
    )
    assert made.sigma_xy == pytest.approx(sigma_xy)  # of the full crop; `crf_scale` comes later
    assert made.crf_scale == 0.25


def test_what_is_no_weight_is_as_the_settings_say() -> None:
    config = TrainConfig(sigma_rgb=7.0, crf_method="exact", crf_normalize=False, crf_landmarks=99)
    made = loss_settings(config, [1, 1], 0, 1)
    assert (made.sigma_rgb, made.crf_method, made.crf_normalize, made.crf_landmarks) == (
        7.0,
        "exact",
        False,
        99,
    )
    assert made.convention == "scale_free"


def test_the_paper_s_preset_is_the_paper() -> None:
    """Sections 3 and 4.1; 21 classes, 882 iterations an epoch, 40 of 60 epochs of ramp."""
    config = preset("paper")
    for epoch in (0, 1, 20, 39, 40, 59):
        for iteration in (882 * epoch, 882 * epoch + 881):
            made = loss_settings(config, [1] * 21, iteration, 882)
            assert made.weights["pcons"] == pytest.approx(200 * min(epoch / 40, 1))
            assert made.weights["crf"] == 1.0
    assert (made.convention, made.crf_method, made.crf_relaxation, made.crf_normalize) == (
        "paper", "lattice", "bilinear", False,
    )  # fmt: skip
    others = [made.weights[name] for name in ("pseudo", "absent", "presence", "objectness")]
    assert others == [1, 0, 0, 0]
    assert (made.pseudo_confidence, made.pseudo_balance) == (0, 0)
    assert (made.sigma_rgb, made.sigma_xy) == (15, 100)


def test_few_clicks_of_a_class_count_as_much_as_many_of_another() -> None:
    """By hand: 30, 60 and 10 clicks with balance 1; the mean over all 100 is 1.

    Of many classes the background has an advantage of e^.7.
    """
    gain = math.exp(0.7)
    whole = 100 / (gain + 1 + 1)
    expected = (whole * gain / 30, whole / 60, whole / 10)
    assert click_weights([30, 60, 10], 1.0) == pytest.approx(expected)
    made = loss_settings(ALL_ON.replace(click_balance=1.0), [30, 60, 10], 0, 1)
    assert made.class_weights == pytest.approx(expected)
    half = click_weights([30, 60, 10], 0.5)
    assert half[2] / half[1] == pytest.approx(math.sqrt(6))
    assert (30 * half[0] + 60 * half[1] + 10 * half[2]) / 100 == pytest.approx(1.0)
    assert click_weights([90, 10], 0.0) == click_weights([0, 0], 1.0) == ()


@pytest.mark.parametrize(("background", "advantage"), [(80, 0.7), (40, 0.7), (10, 0.175), (0, 0)])
def test_objects_have_an_advantage_where_the_background_is_clicked_as_much(
    background: int, advantage: float
) -> None:
    """Of two classes; the third has no clicks."""
    first, second, third = click_weights([background, 40, 0], 1.0)
    assert third == 0
    if background:
        assert math.log(second * 40 / (first * background)) == pytest.approx(advantage)
    else:
        assert (first, second) == (0, pytest.approx(1))


def test_a_share_of_the_crf_leaves_the_other_terms() -> None:
    made = loss_settings(ALL_ON, [1, 1], 40, 1, crf_share=0.25)
    whole = loss_settings(ALL_ON, [1, 1], 40, 1)
    assert made.weights == {**whole.weights, "crf": whole.weights["crf"] / 4}


def test_the_learning_rate_warms_up_and_then_falls() -> None:
    config = TrainConfig(iterations=100, base_lr=1.0, power=1.0, lr_warmup=0.2)
    found = [backbone_lr(config, "ancillary", iteration) for iteration in (0, 9, 19, 50, 99)]
    assert found == pytest.approx([1 / 20, 0.91 * 10 / 20, 0.81, 0.5, 0.01])
    cold = config.replace(lr_warmup=0.0)
    assert backbone_lr(cold, "ancillary", 0) == 1.0
