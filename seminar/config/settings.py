"""All settings of a training run: one frozen dataclass, checked when it is made."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import tomli_w

from seminar.config.backbones import PYRAMIDS, Backbone, NetworkBackbone
from seminar.config.fields import check_names, convert_fields, intensity_faults, setting
from seminar.config.presets import PRESETS, VERSION_0_1, PresetName
from seminar.errors import ConfigError

Term = Literal["pce", "crf", "pcons", "pseudo", "presence", "full"]
Convention = Literal["scale_free", "paper"]
CrfMethod = Literal["nystrom", "exact", "lattice"]
CrfRelaxation = Literal["bilinear", "quadratic"]
CrfRelaxationChoice = Literal["auto", CrfRelaxation]
Norm = Literal["group", "batch"]
Optimizer = Literal["adamw", "sgd"]
SelfGeneration = Literal["off", "reset", "unchanged"]
Network = Literal["student", "teacher"]
Start = Literal["probe", "random"]

TERMS: tuple[Term, ...] = get_args(Term)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that repeats a run; the defaults are the preset `balanced`.

    Each field's metadata holds `help`, `label`, `unit`, `low`, `high`, `step` and `empty`: the
    command line and the window's form are made from them.

    Raises
    ------
    ConfigError
        A value of the wrong type or out of its range, or settings that contradict each other.
    """

    preset: PresetName = setting("balanced", "Preset that the other settings started from")

    # training data and loss terms
    losses: tuple[Term, ...] = setting(
        ("pce", "crf", "pcons", "pseudo"),
        "Loss terms: clicks (pce), dense CRF (crf), pixel consistency (pcons), pseudo-labels for a "
        "second stage (pseudo), classes that an image contains or lacks (presence, from What's the "
        "Point); or full, dense masks instead of clicks",
    )
    modules: int = setting(
        1,
        "Student-student modules: how often a new network learns from the one before (paper: 1)",
        (0, 9, 1),
    )
    self_generation: SelfGeneration = setting(
        "off",
        "Control of Fig. 4: the same network continues on its own pseudo-labels, with the learning "
        "rate reset or unchanged",
        label="Self-generation",
    )
    pseudo_labels: str = setting(
        "",
        "Folder with label PNGs to use instead of the ancillary network's pseudo-labels",
        label="Pseudo-labels from",
    )
    objectness: str = setting(
        "",
        "Folder with a prior of where objects are: 8-bit grey PNGs named as the images, 255 = "
        "certainly an object (What's the Point)",
        label="Objectness from",
    )
    absent_class: bool = setting(
        False, "Penalise classes without a click in an image; needs a click on every class in it"
    )
    split: str = setting(
        "train",
        "Train on ImageSets/Segmentation/<split>.txt; without train.txt, on all clicked images",
    )
    val_split: str = setting(
        "val",
        "Split that is scored during the run, where dense masks exist",
        label="Validation split",
    )
    limit: int = setting(
        0,
        "Train on the first images only, at most this many; 0 takes all",
        (0, 10_000_000, 1),
        label="Max. images",
        unit="images",
    )

    # network
    start: Start = setting(
        "probe",
        "Where the network starts: probe, the linear probe of the clicks, which a decoder then "
        "refines; random, DeepLabv3+ with a random head, as in the paper",
    )
    backbone: NetworkBackbone = setting(
        "efficientnet_lite0",
        "Feature extractor under the DeepLabv3+ decoder; none: from the probe on filters alone, "
        "which need no weights",
        label="Network",
    )
    weights: str = setting(
        "imagenet",
        "Start weights of the backbone: imagenet (downloaded once), a file, or none; a random "
        "backbone is worth nothing to a probe, so from there none is filters alone",
    )
    norm: Norm = setting(
        "group",
        "Normalisation: group (frozen batch norm in the backbone, GroupNorm in the head) or batch "
        "(plain batch norm)",
    )

    # input
    channels: tuple[int, ...] = setting(
        (), "Channels of the images to use, from 0; empty takes all", empty="all"
    )
    stretch: tuple[float, float] = setting(
        (0.1, 99.9),
        "Percentiles of each image that become black and white; 0 and 100 leave 8-bit images as "
        "they are",
        (0, 100, 0.1),
        unit="%",
    )
    crop_size: int = setting(192, "Side of the training crops", (32, 4096, 32), unit="px")
    batch_size: int = setting(4, "Crops in one optimiser step", (1, 1024, 1))
    scale_range: tuple[float, ...] = setting(
        (),
        "Random zoom of the training crops, from and to; empty is 0.8, 1.25 with 10 images or "
        "more, 1, 2.5 with 3 or fewer, which show things in few sizes, and in between with 4 to 9",
        (0.1, 10, 0.05),
        empty="auto",
    )
    rotations: bool = setting(
        True,
        "Also flip crops vertically and rotate them by 90°; for images without an up, such as "
        "micrographs",
    )

    # budget and optimiser
    iterations: int = setting(
        60, "Optimiser steps of one stage", (1, 10_000_000, 10), label="Budget"
    )
    optimizer: Optimizer = setting(
        "adamw", "Optimiser: adamw, or sgd with momentum as in the paper", label="Optimiser"
    )
    base_lr: float = setting(
        8e-4, "Learning rate of the backbone at the start", (0, 10, 1e-5), label="Learning rate"
    )
    head_lr_factor: float = setting(
        2.5,
        "Head's learning rate as a multiple of base_lr",
        (0.01, 1000, 0.5),
        label="Head's rate ×",
    )
    lr_by_classes: bool = setting(
        True,
        "With K > 2 classes a pretrained backbone learns at 2/K of its rate: many classes depend "
        "on what ImageNet taught it; from the probe, all learns at 2/K, the backbone at its square "
        "(paper: off)",
        label="Rate by classes",
    )
    momentum: float = setting(0.9, "Momentum of sgd; unused by adamw", (0, 0.9999, 0.01))
    weight_decay: float = setting(1e-4, "Weight decay", (0, 1, 1e-5))
    lr_warmup: float = setting(
        0.05,
        "Share of a stage in which the learning rate grows from 0, so that the first steps do not "
        "undo the start (paper: 0)",
        (0, 1, 0.05),
        label="Rate's warm-up",
    )
    power: float = setting(0.9, "Exponent of the polynomial learning-rate schedule", (0, 10, 0.1))

    # losses: their scale, weights and ramps
    convention: Convention = setting(
        "scale_free",
        "How the losses are scaled: scale_free, or as in the paper (only with its lambdas)",
    )
    click_balance: float = setting(
        1.0,
        "Weight a class by its number of clicks to the power of minus this, so that few clicks on "
        "the background count as much as many on objects (paper: 0)",
        (0, 1, 0.1),
        label="Scarce clicks",
    )
    lambda_crf: float = setting(
        20.0, "Weight of the dense-CRF loss", (0, 1e6, 0.5), label="CRF weight"
    )
    lambda_pcons: float = setting(
        0.1, "Weight of the pixel-consistency loss", (0, 1e6, 0.5), label="Consistency weight"
    )
    lambda_pseudo: float = setting(
        1.0, "Weight of the pseudo-label cross-entropy", (0, 1e6, 0.1), label="Pseudo-label weight"
    )
    lambda_absent: float = setting(
        0.1,
        "Weight of the absent-class loss, where it is on",
        (0, 1e6, 0.05),
        label="Absent-class weight",
    )
    lambda_presence: float = setting(
        1.0,
        "Weight of the presence loss; its absent classes need a click on every class in an image",
        (0, 1e6, 0.1),
        label="Presence weight",
    )
    lambda_objectness: float = setting(
        1.0,
        "Weight of the objectness prior, where there is one",
        (0, 1e6, 0.1),
        label="Objectness weight",
    )
    crf_ramp: float = setting(
        0.1,
        "Share of a stage in which the CRF's weight grows from 0",
        (0, 1, 0.05),
        label="CRF ramp",
    )
    pcons_ramp: float = setting(
        2 / 3,
        "Share of a stage in which the consistency's weight grows from 0 (paper: 40/60 epochs)",
        (0, 1, 0.05),
        label="Consistency ramp",
    )

    # the dense CRF
    sigma_rgb: float = setting(
        15.0,
        "Colour distance at which the CRF still couples two pixels",
        (0.1, 500, 1),
        label="CRF colour σ",
        unit="0-255",
    )
    sigma_xy: float = setting(
        30.0,
        "Distance at which the CRF still couples two pixels, in a crop of 513 px (paper: 100); "
        "scaled to the crop",
        (1, 10_000, 5),
        label="CRF distance σ",
        unit="px",
    )
    crf_by_colour: bool = setting(
        True,
        "Weight the CRF by how well colour tells the classes apart at the clicks: where it does "
        "not, the CRF erases objects (paper: off)",
        label="CRF by colour",
    )
    crf_scale: float = setting(
        0.5, "Resolution of the CRF relative to the crop", (0.05, 1, 0.05), label="CRF resolution"
    )
    crf_method: CrfMethod = setting("nystrom", "How the CRF is computed", label="CRF method")
    crf_normalize: bool = setting(
        True,
        "Normalise the CRF's kernel by its degrees, so that a large even background does not eat "
        "into small objects (a departure from the paper)",
        label="Normalise the CRF",
    )
    crf_relaxation: CrfRelaxationChoice = setting(
        "auto",
        "The CRF within a region: bilinear makes it choose a class, quadratic only makes its "
        "pixels agree; auto is bilinear for two classes, and for more quadratic with 2/classes of "
        "lambda_crf",
        label="CRF within regions",
    )
    crf_landmarks: int = setting(
        256,
        "Landmarks of the Nystrom method; more are slower and more accurate",
        (8, 4096, 64),
        label="CRF landmarks",
    )

    # teacher and pseudo-labels
    ema_decay: float = setting(
        0.95,
        "Share of the old teacher that each step keeps",
        (0, 0.999999, 1e-4),
        label="EMA decay",
    )
    strong_augmentation: bool = setting(
        True,
        "Gamma, uneven light, haze and noise for the student only (a departure from the paper, "
        "after French et al. 2020)",
        label="Strong augment.",
    )
    strong_colours: bool = setting(
        True,
        "The student's view has other colours, too: another stain, white balance or channel gain",
        label="Other colours",
    )
    pseudo_network: Network = setting(
        "teacher",
        "Ancillary network that makes the pseudo-labels (paper: student)",
        label="Pseudo-labels by",
    )
    pseudo_confidence: float = setting(
        0.7,
        "Pseudo-labels with a lower probability are ignored; with K > 2 classes, lower than 2/K of "
        "this (paper: 0, none is ignored)",
        (0, 0.999, 0.05),
        label="Min. confidence",
    )
    pseudo_by_image: bool = setting(
        True,
        "Pseudo-labels, and those from which the probe at the start learns, have the background "
        "and the classes that are clicked in the image alone, and follow its edges; off where "
        "images show classes that nobody clicked there (paper: off)",
        label="Labels by image",
    )
    pseudo_balance: float = setting(
        0.5,
        "With more than two classes, weight a class by its number of pseudo-labelled pixels to the "
        "power of minus this, so that the second stage does not forget scarce classes (paper: 0)",
        (0, 1, 0.1),
        label="Scarce classes",
    )

    keep_best: bool = setting(
        True,
        "The run's model, and what makes the pseudo-labels, is the best network so far, judged by "
        "dense masks of the validation split, or else by how little masks change in another light "
        "(paper: off, the last student)",
        label="Keep the best",
    )

    # running
    device: str = setting("auto", "auto, cpu, cuda, cuda:1, mps")
    seed: int = setting(
        0, "Seed that repeats the run; stage s uses another seed derived from it", (0, 2**31 - 1, 1)
    )
    validations: int = setting(
        5,
        "How often the val split is scored in a stage, where dense masks exist; 0 never",
        (0, 1000, 1),
    )
    validation_images: int = setting(
        8,
        "Images of the val split that are scored during a stage",
        (1, 1_000_000, 1),
        unit="images",
    )

    def __post_init__(self) -> None:
        if faults := list(convert_fields(self)) or list(self._contradictions()):
            raise ConfigError("settings: " + "; ".join(faults) + "; correct the setting")

    def _contradictions(self) -> Iterator[str]:
        terms = ",".join(self.losses)
        if "full" in self.losses and len(self.losses) > 1:
            yield f"losses: full stands alone, got {terms}"
        if "full" not in self.losses and "pce" not in self.losses:
            yield f"losses: pce is always needed (or full alone), got {terms}"
        if len(set(self.losses)) < len(self.losses):
            yield f"losses: a term stands twice in {terms}"
        if len(self.scale_range) not in (0, 2):
            yield f"scale_range: expected two scales or none, got {self.scale_range}"
        elif self.scale_range != tuple(sorted(self.scale_range)):
            yield f"scale_range: expected the smaller scale first, got {self.scale_range}"
        known = (*PYRAMIDS, "none") if self.start == "probe" else get_args(Backbone)
        if self.backbone not in known:
            yield (
                f"backbone: a network with start {self.start} has one of {', '.join(known)}, got "
                f"{self.backbone}"
            )
        if self.start == "probe" and self.norm == "batch":
            yield "norm: batch goes with start random alone; take group"
        yield from intensity_faults(self.channels, self.stretch)
        if self.crf_normalize and self.convention == "paper":
            yield "crf_normalize: the paper's convention has none; turn it off, or take scale_free"
        if self.crf_relaxation == "quadratic" and self.convention == "paper":
            yield "crf_relaxation: the paper's convention is bilinear; take bilinear or scale_free"
        if self.norm == "batch" and self.batch_size < 2:
            yield "batch_size: batch norm needs at least 2 crops a step"

    def to_toml(self) -> str:
        """The settings as the text of a config.toml, which `from_toml` reads."""
        return tomli_w.dumps(dataclasses.asdict(self))

    @classmethod
    def from_toml(cls, text: str, where: str = "config.toml") -> TrainConfig:
        """The settings that the text of a config.toml holds.

        A missing setting is taken from the preset that the text names; an unknown one is refused.

        Raises
        ------
        ConfigError
            Not TOML, an unknown setting (the nearest known one is named), a wrong value.
        """
        try:
            settings = tomllib.loads(text)
            if "backbone" in settings and "start" not in settings:
                settings = {**VERSION_0_1, **settings}
            return preset(settings.get("preset", "balanced")).replace(**settings)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError(f"{where}: not readable as TOML ({error}); correct it") from None
        except ConfigError as error:
            raise ConfigError(f"{where}, {error}") from None

    def replace(self, /, **changes: Any) -> TrainConfig:
        """A copy with some settings changed; of an unknown name, the nearest known one is named."""
        check_names(changes, TrainConfig)
        return dataclasses.replace(self, **changes)


def preset(name: PresetName) -> TrainConfig:
    """The settings of a preset; `seminar.config.presets` gives the reasons."""
    if name not in get_args(PresetName):
        raise ConfigError(
            f"preset '{name}' is unknown; known are {', '.join(get_args(PresetName))}"
        )
    return TrainConfig(preset=name, **PRESETS[name])
