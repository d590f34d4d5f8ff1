"""The presets: named sets of settings, as changes to the defaults of `TrainConfig`.

`balanced` is the default, `quick` is shorter: both start at the linear probe of the clicks
(benchmarks/training.md). `paper` is faithful to the paper and to Tang et al.
2018, on which it builds. `quick` and `balanced` depart from it, because the budget of a laptop is
hundreds of iterations and not 50,000:

- With more than two classes the pretrained backbone learns at 2/classes of its rate
  (lr_by_classes): ccp after 400 iterations reaches .272 at 8e-4, .288 at 4e-4 and .312 at 2e-4.
  Two classes are as good or better at 8e-4.
  From the probe the decoder does so, too, and the backbone at the square of it: on 40 images of ccp
  the first stage ends at .382 with the full rate, at .409 with the lower one, and the second at
  .434; the probe has .423.
- AdamW, frozen batch norm with a GroupNorm head, the lighter EfficientNet-Lite0, whose early layers
  stay as they are, and crops of 192 px suit small batches and are fast.
- Intensities are stretched by percentiles of each image, because fluorescence differs by a factor
  of ten between images.
- Losses are scale-free. Clicks of a class count by their number to the power of -1 (click_balance):
  people place few on the background, and unweighted ones end with everything foreground.
- The weight of the CRF is 20, ramped up over the first tenth, and times the share in which colour
  tells the classes apart (crf_by_colour, seminar.training.colour). The CRF
  reaches less far (sigma_xy 30 instead of 100 px) and is normalised by its degrees: otherwise the
  students draw small objects too small. With more than two classes it is quadratic with 2/classes
  of the weight, because the bilinear one gives whole regions to the class that leads at first.
- The random zoom is wider, and goes into the image, while fewer than 10 images train
  (`transforms.auto_scale_range`): three images do not show the sizes that others have.
- The student sees a strong view; teacher, CRF and pseudo-labels see the plain crop.
- 60 iterations a stage: from the probe, more overfit. The learning rate warms up over a twentieth.
- The run's model is the best network so far, not the last student (keep_best).
- ema_decay is 0.95 instead of 0.999, whose horizon of 1,000 iterations is longer than the run, and
  lambda_pcons is 0.1: a teacher that only lags slows a short run down.
- The probe at the start has learnt from masks of the clicked images, and pseudo-labels are drawn as
  those are (pseudo_by_image, seminar.probe.self_training): ccp .418 to .465 before the first step.
  Where whole images tell which classes they show (seminar.probe.presence): VOC .490 to .503.
- Pseudo-labels come from the ancillary teacher instead of the student, and are 255 where it is
  less than 0.7 sure (with K > 2 classes, less than 2/K of that). With more than two classes the
  scarce ones count more (pseudo_balance): otherwise the second stage forgets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

PresetName = Literal["quick", "balanced", "paper"]

PRESETS: Mapping[PresetName, Mapping[str, Any]] = {
    "balanced": {},
    "quick": {"iterations": 30},
    "paper": {
        "start": "random",
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
        "pseudo_by_image": False,
        "pseudo_balance": 0.0,
        "click_balance": 0.0,
        "lr_warmup": 0.0,
        "crf_by_colour": False,
        "keep_best": False,
        "strong_colours": False,
        "lr_by_classes": False,
    },
}

VERSION_0_1: Mapping[str, Any] = {
    "start": "random",
    "click_balance": 0.0,
    "lr_warmup": 0.0,
    "crf_by_colour": False,
    "keep_best": False,
    "strong_colours": False,
    "pseudo_by_image": False,
}
"""What version 0.1 did and had no setting for."""
