"""One run in two real processes: the losses of one, one writer, errors that reach both."""

from __future__ import annotations

import json
import runpy
import shutil
import signal
import sys
from copy import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import start_method
from torch.distributed.run import main as torchrun

from seminar.config.settings import TrainConfig
from seminar.data.dataset import ClickDataset
from seminar.errors import SeminarError
from seminar.models import deeplab
from seminar.models.build_network import build_network
from seminar.models.decoder import CropDropout
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.runtime.distributed import ALONE, Ranks, joined, own_device
from seminar.training import stage
from seminar.training.inputs import read_inputs
from seminar.training.learner import Learner

SCRIPT = Path(__file__).with_name("distributed_runs.py")


@pytest.mark.parametrize(("count", "size"), [(4, 1), (4, 2), (3, 2), (12, 5)])
def test_shares_make_up_the_batch(count: int, size: int) -> None:
    shares = [Ranks(rank, size).share(count) for rank in range(size)]
    assert [slot for share in shares for slot in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_process_draws_its_crops_of_the_same_batch(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    dataset = ClickDataset(
        tiny_project, tiny_config.replace(batch_size=3), tiny_project.image_ids()
    )
    whole = dataset.batch(1, 5)
    parts = [dataset.batch(1, 5, Ranks(rank, 2).share(3)) for rank in range(2)]
    for name in ("image", "labels", "valid"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_dropout_treats_a_crop_alike_in_any_part(memory_format: torch.memory_format) -> None:
    dropout, crops = CropDropout(0.5), torch.rand(5, 8, 6, 6).to(memory_format=memory_format)
    torch.manual_seed(3)
    whole = dropout(crops)
    for first, last in ((0, 2), (2, 5)):
        torch.manual_seed(3)
        dropout.place = (first, 5)
        torch.testing.assert_close(dropout(crops[first:last]), whole[first:last])
    assert (whole == 0).float().mean() > 0.3
    assert torch.equal(dropout.eval()(crops), crops)


def test_one_process_alone_joins_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with joined(torch.device("cpu")) as ranks:
        assert ranks is ALONE
    assert own_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match="as it is"), ALONE.together():
        raise ValueError("as it is")


def test_more_processes_than_crops_are_refused(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    with pytest.raises(SeminarError, match="--batch-size 2: 3 processes share the crops"):
        read_inputs(tiny_project, tiny_config, Ranks(0, 3))


def test_batch_norm_of_several_processes_needs_gpus(tiny_config: TrainConfig) -> None:
    config = tiny_config.replace(norm="batch")
    network = build_network(config, num_classes=2, channels=3)
    with pytest.raises(SeminarError, match="--norm batch: several processes"):
        Learner(network, config, torch.device("cpu"), Ranks(0, 2))


@pytest.mark.slow
def test_two_processes_train_as_one(
    tiny_project: Project,
    tiny_config: TrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three crops a batch, so that one process has two of them and one has one, with different
    numbers of clicks.
    """
    config = tiny_config.replace(
        batch_size=3,
        optimizer="sgd",
        base_lr=1e-2,
        iterations=4,
        absent_class=True,
        pseudo_confidence=0.7,  # rounding may not decide which class a pseudo-label has
    )
    for place in ("one", "two"):
        for name in ("plain", "hurt"):
            shutil.copytree(tiny_project.path, tmp_path / place / name)
        (tmp_path / place / "config.toml").write_text(config.to_toml())
    words = f"--standalone --nproc-per-node 2 --start-method {start_method()} --run-path"
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    torchrun([*words.split(), str(SCRIPT), str(tmp_path / "two")])
    for number, handler in handlers.items():
        signal.signal(number, handler)
    (plain, hurt), failure = json.loads((tmp_path / "two" / "said by first.json").read_text())
    (nothing, nothing_either), own_failure = json.loads(
        (tmp_path / "two" / "said by second.json").read_text()
    )

    for module, name in (
        *((stage, name) for name in ("STEP_INTERVAL", "REFRESH_INTERVAL")),
        (deeplab, "build_backbone"),
        (sys, "path"),
    ):
        monkeypatch.setattr(module, name, copy(getattr(module, name)))  # the script changes them
    expected = runpy.run_path(str(SCRIPT))["equal_runs"](tmp_path / "one", config)
    for found, alone in zip((plain, hurt), expected, strict=True):
        assert [(name, iteration) for name, iteration, _ in found] == [
            (name, iteration) for name in ("ancillary", "primary") for iteration in (1, 2, 3, 4)
        ]
        for (name, iteration, losses), (_, _, same) in zip(found, alone, strict=True):
            # the first step is the same but for rounding, which grows from step to step: a ReLU may
            # fall to the other side, and in the second stage a pseudo-label with it
            is_early = name == "ancillary" and iteration < config.iterations
            relative, absolute = (1e-5 * 10 ** (iteration - 1), 1e-8) if is_early else (5e-3, 1e-4)
            assert losses == pytest.approx(same, rel=relative, abs=absolute)

    assert nothing == nothing_either == []  # one writer
    told = kinds(tmp_path / "two" / "plain", "run")
    assert told.count("Started") == told.count("Finished") == 1
    assert "ClicksTaken" in told
    assert (
        "2 processes"
        in next(RunFolder.of(tmp_path / "two" / "plain", "run").read_events())[0].device
    )
    assert kinds(tmp_path / "two" / "hurt", "run").count("BatchHalved") == 1
    one, two = (weights(tmp_path / place / "plain", "ancillary") for place in ("one", "two"))
    assert two.keys() == one.keys()
    # each tensor as a whole; the biases began at 0 and are nothing but steps (here they are within
    # a thousandth, but a ReLU may fall to the other side elsewhere)
    for name, weight in one.items():
        apart = torch.linalg.vector_norm(two[name].double() - weight.double())
        assert apart <= 2e-2 * torch.linalg.vector_norm(weight.double()) + 1e-5, name

    assert own_failure == "JPEGImages/disc_1.png: gone"
    assert failure.startswith("process 1 on ") and failure.endswith(own_failure)
    *_, (last, _, _) = RunFolder.of(tmp_path / "two" / "plain", "failing").read_events()
    assert last == events.Failed(message=failure)


def kinds(project: Path, name: str) -> list[str]:
    return [type(event).__name__ for event, _, _ in RunFolder.of(project, name).read_events()]


def weights(project: Path, stage: str) -> Any:
    return torch.load(RunFolder.of(project, "run").checkpoint_path(stage), weights_only=True)[
        "student"
    ]
