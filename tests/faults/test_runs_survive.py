"""A run survives kills, power cuts and damaged files: it resumes from a good checkpoint and
learns what it would have learnt.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from forked import FORKS, run_python, start_seminar

from seminar.clicks.click_set import ClickSet
from seminar.data.dataset import ClickDataset
from seminar.errors import CheckpointError, SeminarError
from seminar.io.files import write_bytes
from seminar.labels import ClassNames
from seminar.models.checkpoint import load_checkpoint, load_model, save_checkpoint
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.training import stage
from seminar.training.recording import record
from seminar.training.trainer import train

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    from run_kills import make_project

    return make_project(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
@pytest.mark.slow
def test_killed_over_and_over_a_run_learns_the_same_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import run_kills

    monkeypatch.setattr(run_kills.multiprocessing, "get_context", lambda _: FORKS)
    found = run_kills.run_trials(2, iterations=3, record=tmp_path / "record.jsonl")
    assert sum(outcome["exit"] == -signal.SIGKILL for outcome in found) == 2
    assert not [outcome for outcome in found if outcome["different"] or outcome["unusable"]]
    assert sum(outcome["compared"] for outcome in found) >= 1


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
@pytest.mark.slow
def test_sigterm_saves_and_ends_well(project: Project, tmp_path: Path) -> None:
    options = "--run june --backbone none --crop-size 32 --batch-size 1 --iterations 100000"
    options += " --losses pce --device cpu"
    run, log = RunFolder.of(project.path, "june"), tmp_path / "log.txt"
    process = start_seminar("train", project.path, *options.split(), log=log)
    until = time.monotonic() + 300
    while not any(isinstance(event, events.Step) for event, _, _ in run.read_events()):
        assert process.is_alive(), log.read_text()
        assert time.monotonic() < until
        time.sleep(0.05)
    process.terminate()  # SIGTERM
    process.join(200)
    assert process.exitcode == 0, log.read_text()
    assert "stopped at iteration" in log.read_text()
    last = [event for event, _, _ in run.read_events()][-1]
    assert isinstance(last, events.Finished)
    assert last.reason == "stopped"
    assert run.is_alive() is False
    content, faults = load_checkpoint(run.checkpoint_path("ancillary"))
    assert content is not None
    assert (content["iteration"], faults) == (last.iteration, [])
    load_model(run.path)


# --- power cuts: the order in which things reach the disk


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was flushed and renamed, in that order."""
    noted: list[str] = []
    fsync, replace = os.fsync, os.replace

    def flush(descriptor: int) -> None:
        noted.append(f"flush {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def rename(old: os.PathLike[str], new: os.PathLike[str]) -> None:
        noted.append(f"rename {Path(old).name} {Path(new).name}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    monkeypatch.setattr(Path, "replace", lambda self, target: rename(self, target))
    return noted


def plain(noted: list[str]) -> list[str]:
    """Temporary names, which are random, as one word."""
    return [
        " ".join("part" if word.endswith(".part") else word for word in call.split())
        for call in noted
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_file_is_on_disk_before_its_name_is(tmp_path: Path, calls: list[str]) -> None:
    write_bytes(tmp_path / "new" / "x.json", b"{}")
    assert plain(calls) == [
        "flush part",
        "rename part x.json",
        "flush new",
        f"flush {tmp_path.name}",
    ]
    calls.clear()
    write_bytes(tmp_path / "new" / "x.json", b"[]")
    assert plain(calls) == ["flush part", "rename part x.json", "flush new"]
    calls.clear()
    write_bytes(tmp_path / "new" / "y.png", b"", durable=False)
    assert plain(calls) == ["rename part y.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_the_checkpoint_before_goes_only_when_the_new_one_is_on_disk(
    tmp_path: Path, calls: list[str]
) -> None:
    save_checkpoint(tmp_path / "s" / "checkpoint.pt", {"iteration": 1})
    calls.clear()
    save_checkpoint(tmp_path / "s" / "checkpoint.pt", {"iteration": 2})
    assert plain(calls) == [
        *("flush part", "rename part checkpoint.new", "flush s"),
        *("rename checkpoint.pt previous.pt", "flush s"),
        *("rename checkpoint.new checkpoint.pt", "flush s"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_click_that_is_acknowledged_has_reached_the_disk(
    project: Project, calls: list[str]
) -> None:
    project.write_clicks("noise_0", ClickSet(64, 64, [(1, 1)], [1]))
    assert plain(calls) == [
        "flush part",
        "rename part noise_0.json",
        "flush Clicks",
        "rename part noise_0.png",
    ]


# --- damaged checkpoints


def two_checkpoints(folder: Path) -> Path:
    path = folder / "checkpoint.pt"
    for iteration in (1, 2):
        save_checkpoint(path, {"iteration": iteration, "student": {"weight": torch.arange(20.0)}})
    return path


def is_noticed_or_harmless(path: Path) -> bool:
    """Whether the newest checkpoint was found to be damaged and the one before used; False where
    it reads as if nothing were.
    """
    content, faults = load_checkpoint(path)
    assert content is not None
    assert content["student"]["weight"].tolist() == list(range(20))
    if content["iteration"] == 2:
        assert faults == []
        return False
    assert str(path) in faults[0]
    return True


def test_a_checkpoint_flipped_anywhere_is_noticed_or_unharmed(tmp_path: Path) -> None:
    path = two_checkpoints(tmp_path)
    good = path.read_bytes()
    noticed = 0
    places = range(0, len(good), 5)
    for place in places:
        path.write_bytes(good[:place] + bytes([good[place] ^ (1 << place % 8)]) + good[place + 1 :])
        noticed += is_noticed_or_harmless(path)
    assert noticed > len(places) / 4  # the rest is padding


def test_a_checkpoint_cut_anywhere_is_noticed(tmp_path: Path) -> None:
    path = two_checkpoints(tmp_path)
    good = path.read_bytes()
    for length in range(0, len(good), 37):
        path.write_bytes(good[:length])
        assert is_noticed_or_harmless(path)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named_and_the_run_goes_on_from_the_one_before(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from run_kills import settings

    monkeypatch.setattr("seminar.training.saving.CHECKPOINT_INTERVAL", 0.0)
    monkeypatch.setattr("seminar.training.saving.MAX_CHECKPOINT_SHARE", 1e9)
    config, run = settings(3).replace(losses=("pce",)), RunFolder.of(project.path, "june")
    list(train(project, run, config))
    learnt = load_model(run.path).network.state_dict()
    path = run.checkpoint_path("ancillary")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    seen = list(record(run, train(project, run, config, resume=True)))
    (warned,) = (event for event in seen if isinstance(event, events.Warned))
    assert f"{path}: damaged (checksum of" in warned.message
    assert warned.message.endswith("the checkpoint before it is used")
    again = load_model(run.path).network.state_dict()
    assert all(torch.equal(again[name], value) for name, value in learnt.items())


def test_a_checkpoint_of_other_classes_is_refused_with_a_sentence(project: Project) -> None:
    from run_kills import settings

    config, run = settings(1).replace(losses=("pce",)), RunFolder.of(project.path, "june")
    list(train(project, run, config))
    more = ClassNames.of("background", "cell", "fibre")
    (project.path / "classes.txt").write_text(more.format())
    with pytest.raises(
        CheckpointError, match=r"of another network .* were classes, channels or settings changed"
    ):
        list(train(Project.open(project.path), run, config.replace(iterations=2), resume=True))


# --- what goes bad while it learns


def test_divergence_names_iteration_and_term_and_keeps_the_last_good_checkpoint(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from run_kills import settings

    monkeypatch.setattr("seminar.training.saving.CHECKPOINT_INTERVAL", 0.0)
    monkeypatch.setattr("seminar.training.saving.MAX_CHECKPOINT_SHARE", 1e9)
    config = settings(200).replace(losses=("pce",), optimizer="sgd")
    run = RunFolder.of(project.path, "june")
    with pytest.raises(
        SeminarError, match=r"iteration \d+: (loss term \w+ is (nan|inf)|the network's weights)"
    ) as caught:
        list(
            record(
                run,
                train(
                    project,
                    run,
                    config.replace(base_lr=min(10.0, 1000 * config.base_lr), head_lr_factor=1000.0),
                ),
            )
        )
    assert "choose a smaller --base-lr" in str(caught.value)
    last = [event for event, _, _ in run.read_events()][-1]
    assert last == events.Failed(message=str(caught.value))
    content, faults = load_checkpoint(run.checkpoint_path("ancillary"))
    assert content is not None
    assert not faults
    assert all(bool(value.isfinite().all()) for value in content["student"].values())


def test_an_image_poisoned_during_the_run_ends_it_with_its_name(project: Project) -> None:
    import numpy as np
    import tifffile
    from run_kills import settings

    poisoned = project.path / "JPEGImages" / "noise_2.png"
    stream = train(
        project, RunFolder.of(project.path, "june"), settings(50).replace(losses=("pce",))
    )
    with pytest.raises(SeminarError, match=r"NaN or infinite"):
        for event in stream:
            if isinstance(event, events.Started):  # the image was checked, and will be read now
                poisoned.unlink()
                tifffile.imwrite(
                    poisoned.with_suffix(".tif"),
                    np.full((64, 64, 3), np.nan, np.float32),
                    photometric="rgb",
                )


def test_numbers_too_large_for_half_precision_end_the_run_with_the_term(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We train in bfloat16, which reaches as far as float32, and on CUDA alone; float16 on the
    processor does overflow.
    """
    from run_kills import settings

    def with_large_weights(*values: object, **named: object) -> torch.nn.Module:
        network = build_network(*values, **named)  # type: ignore[arg-type]
        with torch.no_grad():
            next(network.parameters()).mul_(1e6)
        return network

    build_network = stage.build_network
    config = settings(3).replace(losses=("pce",))
    monkeypatch.setattr(stage, "build_network", with_large_weights)
    assert list(train(project, RunFolder.of(project.path, "may"), config))  # float32 holds them
    monkeypatch.setattr(
        "seminar.training.learner.devices.mixed_precision",
        lambda _: torch.autocast("cpu", dtype=torch.float16),
    )
    run = RunFolder.of(project.path, "june")
    with pytest.raises(SeminarError, match=r"iteration 0: loss term pce is nan; .*--base-lr"):
        list(record(run, train(project, run, config)))
    assert not run.model_path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of the process")
@pytest.mark.slow
def test_out_of_memory_the_batch_is_halved_and_the_run_goes_on(project: Project) -> None:
    code = f"""
import resource, sys
import psutil, torch
from run_kills import settings
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.training.trainer import train
from seminar.project.project import Project
project = Project.open({str(project.path)!r})
config = settings(2).replace(losses=("pce",), crop_size=128, batch_size=8)
config = config.replace(pseudo_by_image=False)  # its start leaves memory that steps could use
torch.set_num_threads(1)
for event in train(project, RunFolder.of(project.path, "june"), config):
    if isinstance(event, events.StageStarted):
        limit = psutil.Process().memory_info().vms + 260 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if isinstance(event, events.BatchHalved | events.Finished):
        print(type(event).__name__, flush=True)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    said = done.stdout.split()
    assert said[0] == "BatchHalved"
    assert said[-1] == "Finished"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_out_of_memory_on_a_gpu_the_batch_is_halved_and_the_run_goes_on(project: Project) -> None:
    code = f"""
import torch
from run_kills import settings
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.training.trainer import train
from seminar.project.project import Project
project = Project.open({str(project.path)!r})
whole = torch.cuda.get_device_properties(0).total_memory
torch.cuda.set_per_process_memory_fraction(1.5 * 2**30 / whole)
config = settings(3).replace(device="cuda", crop_size=256, batch_size=64)
for event in train(project, RunFolder.of(project.path, "june"), config):
    if isinstance(event, events.BatchHalved | events.Finished):
        print(type(event).__name__, flush=True)
"""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks' / 'soak'}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.split()
    assert said[0] == "BatchHalved"
    assert said[-1] == "Finished"


def test_memory_that_runs_out_while_images_are_read_is_one_sentence(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from run_kills import settings

    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ClickDataset, "batch", no_memory)
    with pytest.raises(SeminarError, match="memory ran out while images were read"):
        list(train(project, RunFolder.of(project.path, "june"), settings(2)))


def test_memory_that_runs_out_at_the_start_of_a_run_from_the_probe_is_one_sentence(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from run_kills import settings

    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ClickDataset, "batch", no_memory)
    config = settings(2).replace(start="probe", backbone="none")
    with pytest.raises(SeminarError, match="memory ran out while images were read"):
        list(train(project, RunFolder.of(project.path, "june"), config))


def test_a_run_from_the_probe_whose_classes_changed_is_refused_with_a_sentence(
    project: Project,
) -> None:
    from run_kills import settings

    config = settings(1).replace(losses=("pce",), start="probe", backbone="none")
    run = RunFolder.of(project.path, "june")
    list(train(project, run, config))
    more = ClassNames.of("background", "cell", "fibre")
    (project.path / "classes.txt").write_text(more.format())
    with pytest.raises(CheckpointError, match=r"of another network .* were classes, channels"):
        list(train(Project.open(project.path), run, config.replace(iterations=2), resume=True))
