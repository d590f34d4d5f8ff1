"""All settings of a training run: one frozen dataclass, checked when it is made, TOML in and
out.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import tomli_w

from seminar.errors import ConfigError

PresetName = Literal["quick", "balanced", "paper"]
Term = Literal["pce", "crf", "pcons", "pseudo", "presence", "full"]
Backbone = Literal["mobilenet_v2", "mobilenet_v3_large", "resnet50", "resnet101"]
Convention = Literal["scale_free", "paper"]
CrfMethod = Literal["nystrom", "exact", "lattice"]
CrfRelaxation = Literal["auto", "bilinear", "quadratic"]
Norm = Literal["group", "batch"]
Optimizer = Literal["adamw", "sgd"]
SelfGeneration = Literal["off", "reset", "unchanged"]
Network = Literal["student", "teacher"]

TERMS: tuple[Term, ...] = get_args(Term)


def _setting(
    default: Any,
    text: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    empty: str = "",
) -> Any:
    """A field with what a form, `--help` and the range check need to know of it; `empty` says in
    a word what an empty list stands for.
    """
    return field(
        default=default,
        metadata={
            "help": text,
            "unit": unit,
            "low": low,
            "high": high,
            "step": step,
            "empty": empty,
        },
    )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that repeats a run; the defaults are the preset `balanced`.

    Each field's metadata holds `help`, `unit`, `low`, `high`, `step` and `empty`: the command line
    and the window's form are made from them.

    Raises
    ------
    ConfigError
        A value of the wrong type or out of its range, or terms that exclude each other.
    """

    preset: PresetName = _setting("balanced", "Where the other settings started from")
    # what the networks learn from
    losses: tuple[Term, ...] = _setting(
        ("pce", "crf", "pcons", "pseudo"),
        "Loss terms: clicks (pce), dense CRF (crf), pixel consistency (pcons), pseudo-labels from a"
        " second stage (pseudo), classes that an image has or lacks (presence, of What's the"
        " Point); or full, dense masks instead of clicks",
    )
    modules: int = _setting(
        1,
        "Student-student modules: how often a fresh network learns from the one before (paper: 1)",
        low=0,
        high=9,
        step=1,
    )
    self_generation: SelfGeneration = _setting(
        "off",
        "Fig. 4's control: the same network goes on with its own pseudo-labels, learning rate reset"
        " or unchanged",
    )
    pseudo_labels: str = _setting(
        "",
        "Folder with label PNGs of another origin, used in place of the ancillary network's"
        " pseudo-labels",
    )
    objectness: str = _setting(
        "",
        "Folder with a prior of where objects are, 8-bit grey PNGs named as the images, 255 ="
        " surely an object (What's the Point)",
    )
    absent_class: bool = _setting(
        False,
        "Push down classes that are clicked nowhere in an image; only when every class present in"
        " an image is clicked",
    )
    split: str = _setting(
        "train",
        "ImageSets/Segmentation/<split>.txt to train on; without a train.txt every image with"
        " clicks trains",
    )
    val_split: str = _setting("val", "Split that is scored during the run where dense truth exists")
    limit: int = _setting(
        0,
        "Train on the first so many images only; 0 takes all",
        unit="images",
        low=0,
        high=10_000_000,
        step=1,
    )
    # network
    backbone: Backbone = _setting("mobilenet_v2", "Feature extractor under the DeepLabv3+ head")
    weights: str = _setting(
        "imagenet", "Start weights of the backbone: imagenet (downloaded once), none, or a file"
    )
    norm: Norm = _setting(
        "group",
        "Normalisation: group (frozen batch norm in the backbone, GroupNorm in the head) or batch"
        " (plain batch norm)",
    )
    # input
    channels: tuple[int, ...] = _setting(
        (), "Channels of the images to use, from 0; empty takes all of them", empty="all"
    )
    stretch: tuple[float, float] = _setting(
        (0.1, 99.9),
        "Percentiles of each image that become black and white; 0 and 100 on 8-bit images leave"
        " them as they are",
        unit="%",
        low=0,
        high=100,
        step=0.1,
    )
    crop_size: int = _setting(
        192, "Side of the training crops", unit="px", low=32, high=4096, step=32
    )
    batch_size: int = _setting(4, "Crops in one optimiser step", low=1, high=1024, step=1)
    scale_range: tuple[float, ...] = _setting(
        (),
        "Random zoom of the training crops, from and to; empty is 0.8, 1.25 of 10 images and more,"
        " 1, 2.5 of 3 and fewer, which show things in few sizes, and in between of 4 to 9",
        low=0.1,
        high=10,
        step=0.05,
        empty="auto",
    )
    rotations: bool = _setting(
        True,
        "Turn crops upside down and sideways too, for images without an up such as micrographs; off"
        " for street scenes",
    )
    # budget and optimiser
    iterations: int = _setting(250, "Optimiser steps of one stage", low=1, high=10_000_000, step=10)
    optimizer: Optimizer = _setting(
        "adamw", "Optimiser: adamw, or sgd with momentum as in the paper"
    )
    base_lr: float = _setting(
        8e-4, "Learning rate of the backbone at the start", low=0, high=10, step=1e-5
    )
    head_lr_factor: float = _setting(
        2.5,
        "Learning rate of the head, as a multiple of the backbone's",
        low=0.01,
        high=1000,
        step=0.5,
    )
    lr_by_classes: bool = _setting(
        True,
        "Of K > 2 classes a pretrained backbone learns at 2/K of its rate, the head as ever: many"
        " classes live on what ImageNet taught it (paper: off)",
    )
    momentum: float = _setting(
        0.9, "Momentum of sgd; unused by adamw", low=0, high=0.9999, step=0.01
    )
    weight_decay: float = _setting(1e-4, "Weight decay", low=0, high=1, step=1e-5)
    power: float = _setting(
        0.9, "Exponent of the polynomial learning-rate schedule", low=0, high=10, step=0.1
    )
    # losses
    convention: Convention = _setting(
        "scale_free",
        "How the losses are scaled: scale_free, or the paper's own (only with its lambdas)",
    )
    lambda_crf: float = _setting(20.0, "Weight of the dense-CRF loss", low=0, high=1e6, step=0.5)
    lambda_pcons: float = _setting(
        0.1, "Weight of the pixel-consistency loss", low=0, high=1e6, step=0.5
    )
    lambda_pseudo: float = _setting(
        1.0, "Weight of the pseudo-label cross-entropy", low=0, high=1e6, step=0.1
    )
    lambda_absent: float = _setting(
        0.1, "Weight of the absent-class loss, where it is on", low=0, high=1e6, step=0.05
    )
    lambda_presence: float = _setting(
        1.0,
        "Weight of the presence loss; its absent classes need every class in an image to be"
        " clicked",
        low=0,
        high=1e6,
        step=0.1,
    )
    lambda_objectness: float = _setting(
        1.0, "Weight of the objectness prior, where there is one", low=0, high=1e6, step=0.1
    )
    crf_ramp: float = _setting(
        0.2, "Share of a stage over which the CRF's weight grows from 0", low=0, high=1, step=0.05
    )
    pcons_ramp: float = _setting(
        2 / 3,
        "Share of a stage over which the consistency's weight grows from 0 (paper: 40 of 60"
        " epochs)",
        low=0,
        high=1,
        step=0.05,
    )
    sigma_rgb: float = _setting(
        15.0,
        "Colour distance of the CRF at which two pixels still belong together",
        unit="0-255",
        low=0.1,
        high=500,
        step=1,
    )
    sigma_xy: float = _setting(
        30.0,
        "Distance of the CRF at which two pixels still belong together, in a crop of 513 px (paper:"
        " 100); scaled to the crop",
        unit="px",
        low=1,
        high=10_000,
        step=5,
    )
    crf_scale: float = _setting(
        0.5, "Resolution of the CRF against the crop", low=0.05, high=1, step=0.05
    )
    crf_method: CrfMethod = _setting("nystrom", "How the CRF is computed")
    crf_normalize: bool = _setting(
        True,
        "Normalise the CRF's kernel by its degrees, so that a large even background does not eat"
        " into small objects (a departure from the paper)",
    )
    crf_relaxation: CrfRelaxation = _setting(
        "auto",
        "What the CRF does within a region: bilinear makes it decide for a class, quadratic only"
        " makes its pixels agree; auto is bilinear for two classes, and for more quadratic with"
        " 2/classes of lambda_crf",
    )
    crf_landmarks: int = _setting(
        256, "Landmarks of the Nystrom method: more is truer and slower", low=8, high=4096, step=64
    )
    ema_decay: float = _setting(
        0.99, "Share of the old teacher that each step keeps", low=0, high=0.999999, step=1e-4
    )
    strong_augmentation: bool = _setting(
        True,
        "Gamma, uneven light, haze and noise for the student only (a departure from the paper,"
        " after French et al. 2020)",
    )
    pseudo_network: Network = _setting(
        "teacher", "Which ancillary network makes the pseudo-labels (paper: student)"
    )
    pseudo_confidence: float = _setting(
        0.7,
        "Pseudo-labels less probable than this count for nothing; of K > 2 classes, less probable"
        " than 2/K of it (paper: 0, all count)",
        low=0,
        high=0.999,
        step=0.05,
    )
    pseudo_balance: float = _setting(
        0.5,
        "Of more than two classes, how much more a pseudo-label of a scarce one counts, so that the"
        " second stage does not forget it: its pixels to the power of minus this (paper: 0)",
        low=0,
        high=1,
        step=0.1,
    )
    # running
    device: str = _setting("auto", "auto, cpu, cuda, cuda:1, mps")
    seed: int = _setting(
        0,
        "Repeats the run; stage s uses another seed derived from it",
        low=0,
        high=2**31 - 1,
        step=1,
    )
    validations: int = _setting(
        5,
        "How often in a stage the val split is scored, where dense truth exists; 0 never",
        low=0,
        high=1000,
        step=1,
    )
    validation_images: int = _setting(
        8,
        "Images of the val split that are scored during a stage",
        unit="images",
        low=1,
        high=1_000_000,
        step=1,
    )

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        faults = []
        for setting in dataclasses.fields(self):
            try:
                value = _coerce(getattr(self, setting.name), hints[setting.name])
            except TypeError as error:
                faults.append(f"{setting.name}: {error}")
                continue
            object.__setattr__(self, setting.name, value)
            low, high = setting.metadata["low"], setting.metadata["high"]
            numbers = value if isinstance(value, tuple) else (value,)
            if low is not None and not all(low <= number <= high for number in numbers):
                faults.append(f"{setting.name}: expected {low:g} to {high:g}, got {value}")
        if not faults:
            faults = list(self._contradictions())
        if faults:
            raise ConfigError("settings: " + "; ".join(faults) + "; correct the setting")

    def _contradictions(self) -> typing.Iterator[str]:
        if "full" in self.losses and len(self.losses) > 1:
            yield f"losses: full stands alone, got {','.join(self.losses)}"
        if "full" not in self.losses and "pce" not in self.losses:
            yield f"losses: pce is always needed (or full alone), got {','.join(self.losses)}"
        if len(set(self.losses)) < len(self.losses):
            yield f"losses: a term stands twice in {','.join(self.losses)}"
        if self.stretch[0] >= self.stretch[1]:
            yield f"stretch: expected the lower percentile first, got {self.stretch}"
        if self.scale_range and len(self.scale_range) != 2:
            yield f"scale_range: expected two scales or none, got {self.scale_range}"
        elif self.scale_range and self.scale_range[0] > self.scale_range[1]:
            yield f"scale_range: expected the smaller scale first, got {self.scale_range}"
        if any(channel < 0 for channel in self.channels) or len(set(self.channels)) < len(
            self.channels
        ):
            yield f"channels: expected different numbers from 0 up, got {self.channels}"
        if self.crf_normalize and self.convention == "paper":
            yield (
                "crf_normalize: the paper's convention knows no normalised CRF; turn it off, or"
                " take the scale_free convention"
            )
        if self.crf_relaxation == "quadratic" and self.convention == "paper":
            yield (
                "crf_relaxation: the paper's convention is bilinear; take bilinear or auto, or the"
                " scale_free convention"
            )
        if self.norm == "batch" and self.batch_size < 2:
            yield "batch_size: batch norm needs at least 2 crops a step"

    def to_toml(self) -> str:
        """The settings as the text of a config.toml; `from_toml` reads it back as an equal
        value.
        """
        return tomli_w.dumps(dataclasses.asdict(self))

    @classmethod
    def from_toml(cls, text: str, where: str = "config.toml") -> TrainConfig:
        """Read `to_toml`'s text; a missing setting is as in the preset that the text names, an
        unknown one is refused.

        Raises
        ------
        ConfigError
            Not TOML, an unknown setting (the nearest known one is named), a wrong value.
        """
        try:
            settings = tomllib.loads(text)
            return preset(settings.get("preset", "balanced")).replace(**settings)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError(f"{where}: not readable as TOML ({error}); correct it") from None
        except ConfigError as error:
            raise ConfigError(f"{where}, {error}") from None

    def replace(self, /, **changes: Any) -> TrainConfig:
        """A copy with some settings changed; an unknown name is refused and the nearest known
        one named.
        """
        check_names(changes)
        return dataclasses.replace(self, **changes)


def check_names(names: Mapping[str, object]) -> None:
    """Refuse names that are no setting of `TrainConfig`."""
    known = [setting.name for setting in dataclasses.fields(TrainConfig)]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
            raise ConfigError(f"setting '{name}' is unknown{hint}")


def preset(name: PresetName) -> TrainConfig:
    """The settings that a preset stands for.

    `paper` is faithful to the paper and to Tang et al. 2018, on which it builds. `quick` and
    `balanced` depart from it, because a laptop's budget is hundreds of iterations and not 50,000:

    - of more than two classes the pretrained backbone learns at 2/classes of its rate
      (lr_by_classes): ccp after 400 iterations .272 at 8e-4, .288 at 4e-4, .312 at 2e-4, while two
      classes are as good or better at 8e-4;
    - AdamW, frozen batch norm and a GroupNorm head, a lighter MobileNetV2 and crops of 192 px, for
      speed and small batches;
    - intensities stretched by percentiles of each image (fluorescence differs by a factor of ten
      from image to image);
    - scale-free losses, the CRF weighted 20, ramped up over the first fifth, reaching less far
      (sigma_xy 30 in place of 100 px), and normalised by its degrees, without which the students
      draw small objects too small; of more than two classes in its quadratic form, with 2/classes
      of the weight, since the bilinear one hands whole regions to whichever class leads at first;
    - a wider random zoom, and into the image, while fewer than 10 images train
      (`transforms.auto_scale_range`): three images do not show the sizes that others have;
    - a strong view for the student, the plain crop for teacher, CRF and pseudo-labels;
    - ema_decay 0.99 in place of 0.999, whose horizon of 1,000 iterations is longer than the run,
      and lambda_pcons 0.1: a teacher that only lags brakes a short run;
    - pseudo-labels from the ancillary teacher in place of the student, and 255 where it is less
      than 0.7 sure (of K > 2 classes, less than 2/K of that); of more than two classes the scarce
      ones count more (pseudo_balance), without which the second stage forgets them.
    """
    if name not in get_args(PresetName):
        raise ConfigError(
            f"preset '{name}' is unknown; known are {', '.join(get_args(PresetName))}"
        )
    return TrainConfig(preset=name).replace(**_PRESETS[name])


_PRESETS: Mapping[PresetName, Mapping[str, Any]] = {
    "balanced": {},
    "quick": {"iterations": 120},
    "paper": {
        "backbone": "resnet101",
        "norm": "batch",
        "stretch": (0.0, 100.0),
        "crop_size": 513,
        "batch_size": 12,
        "scale_range": (0.5, 2.0),
        "rotations": False,
        "iterations": 52_920,  # 60 epochs of 882 iterations (section 4.1)
        "optimizer": "sgd",
        "base_lr": 0.007,
        "head_lr_factor": 10.0,
        "weight_decay": 5e-4,
        "convention": "paper",
        "lambda_crf": 1.0,
        "lambda_pcons": 200.0,
        "crf_normalize": False,
        "sigma_xy": 100.0,
        "crf_ramp": 0.0,
        "crf_method": "lattice",
        "ema_decay": 0.999,
        "strong_augmentation": False,
        "pseudo_network": "student",
        "pseudo_confidence": 0.0,
        "pseudo_balance": 0.0,
        "lr_by_classes": False,
    },
}


def _coerce(value: Any, hint: Any) -> Any:
    """`value` as the type of `hint`, or TypeError; lists become tuples, whole numbers become
    floats where one is asked for.
    """
    origin, arguments = typing.get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in arguments:
            near = difflib.get_close_matches(
                str(value), [str(argument) for argument in arguments], n=1
            )
            raise TypeError(
                f"expected one of {', '.join(map(str, arguments))}, got {value!r}"
                + (f" (did you mean {near[0]}?)" if near else "")
            )
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError(f"expected a list, got {value!r}")
        if arguments[-1] is Ellipsis:
            return tuple(_coerce(item, arguments[0]) for item in value)
        if len(value) != len(arguments):
            raise TypeError(f"expected {len(arguments)} values, got {value!r}")
        return tuple(
            _coerce(item, argument) for item, argument in zip(value, arguments, strict=True)
        )
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bool) is not (hint is bool) or not isinstance(value, hint):
        raise TypeError(f"expected {_plain_name(hint)}, got {value!r}")
    return value


def _plain_name(hint: type) -> str:
    names: Mapping[type, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
    }
    return names[hint]


def load_config(path: Path) -> TrainConfig:
    """Read a config.toml from disk."""
    try:
        return TrainConfig.from_toml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: expected the settings of a run, found no file; give the folder of a run"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not readable as text; restore the file") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; put a readable file there") from None
