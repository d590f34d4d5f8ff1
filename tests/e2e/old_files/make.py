"""How the files in this folder were made: by the command line of commit a080ed9 and nothing else.

    git worktree add --detach OLD a080ed982917135b9156d29e3ce8c68be5495a7d
    python tests/e2e/old_files/make.py OLD          (with the packages that `make test` installs)

They are what a user of that commit has: a project with a run that was stopped in the middle of its
second stage, a finished model, and the settings of each preset; and what that commit itself then
made of them. `test_old_files.py` compares the present code with it.

Networks of usual size are stored in a megabyte, for most of their weights are zeros:

- The backbone starts from a file whose values are few: blurs and edges, zeros elsewhere. A path
  whose weights are zero gets no gradient and stays so. `flat.pt` gives the pyramid (ASPP) zeros,
  so that it does not learn; `deep.pt` gives it two channels.
- The head starts at random. lr * weight decay is 1 in the first iteration, so that AdamW leaves
  lr * sign(gradient) of it, and zero where there is no gradient. power 6 makes the later
  iterations small.
"""

from __future__ import annotations

import io
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from PIL import Image
from torchvision.models import mobilenet_v2

COMMIT = "a080ed982917135b9156d29e3ce8c68be5495a7d"
HERE = Path(__file__).parent
NAMES = ("cells", "field", "plate")
PRESETS = ("quick", "balanced", "paper")
STOP_AT = 17

COMMON = (
    "--channels 0 --crf-landmarks 32 --device cpu"
    " --base-lr 0.001953125 --head-lr-factor 512 --weight-decay 1 --power 6"
)
STOPPED = (
    "train project --run stopped --preset quick --weights flat.pt --iterations 30 --batch-size 4"
    f" --crop-size 64 --scale-range 1,1.2 --lambda-crf 5 --validations 3 {COMMON}"
)
FINISHED = (
    "train project --run finished --losses pce --weights deep.pt --iterations 1 --batch-size 4"
    " --crop-size 320 --scale-range 1,1 --no-strong-augmentation --validations 0 --seed 23"
    f" {COMMON}"
)


def main() -> None:
    old = Path(sys.argv[1]).resolve()
    git = ["git", "-C", str(old)]
    head = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
    changed = subprocess.check_output([*git, "status", "--porcelain"], text=True)
    assert (head, changed) == (COMMIT, ""), f"{old}: expected {COMMIT} as it is"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["PYTHONPATH"] = str(old)
        write_backbone(Path("flat.pt"), deep=False)
        write_backbone(Path("deep.pt"), deep=True)
        make_project()
        run_and_stop()
        seminar(FINISHED)
        shutil.copy("project/runs/finished/model.pt", "model.pt")
        shutil.rmtree("project/runs/finished")
        pack("stopped_run.tar.xz", "project")
        expected = {"commit": COMMIT, "stopped": STOPPED, "finished": FINISHED}
        expected |= {"versions": {"torch": torch.__version__, "numpy": np.__version__}}
        expected["resumed"] = resume()
        write_strip(Path("strip.png"))
        seminar("predict model.pt project/JPEGImages --out expected/model --device cpu")
        seminar("predict model.pt strip.png --out expected/model --probabilities --device cpu")
        expected["evaluated"] = evaluate("model.pt")
        pack("model.tar.xz", "model.pt", "strip.png", "expected")
        text = json.dumps(expected, indent=1) + "\n"
        (HERE / "expected.json").write_text(text, encoding="utf-8")
        for name in PRESETS:
            shutil.copy(settings_of(name), HERE / f"{name}.toml")


def seminar(words: str) -> str:
    """One command of the old version; what it printed."""
    return subprocess.check_output([sys.executable, "-m", "seminar", *words.split()], text=True)


def write_backbone(path: Path, *, deep: bool) -> None:
    """A torchvision MobileNetV2: blurs and edges to stride 4, two channels or none to stride 16."""
    state = mobilenet_v2(weights=None).state_dict()
    for key, value in state.items():
        is_one = key.endswith("running_var") or (key.endswith(".weight") and value.ndim == 1)
        value.fill_(1 if is_one else 0)
    blur = torch.full((3, 3), 1 / 8)
    slope = torch.tensor([[-1.0, 0.0, 1.0]] * 3) / 8
    kernels = (blur, -blur, slope, -slope, slope.T, -slope.T)
    count = len(kernels)
    for number, kernel in enumerate(kernels):
        state["features.0.0.weight"][number] = kernel / 2
        state["features.1.conv.1.weight"][number, number] = 1
        state["features.2.conv.0.0.weight"][2 * number, number] = 1
        state["features.2.conv.0.0.weight"][2 * number + 1, number] = -1
        state["features.2.conv.2.weight"][2 * number, 2 * number] = 1
        state["features.2.conv.2.weight"][2 * number + 1, 2 * number + 1] = 1
    state["features.1.conv.0.0.weight"][:count] = 1 / 8
    state["features.2.conv.1.0.weight"][: 2 * count] = 1 / 8
    for block in (4, 7, 11) if deep else ():
        state[f"features.{block}.conv.1.0.weight"][:2] = 1 / 8
        for channel in range(2):
            state[f"features.{block}.conv.0.0.weight"][channel, channel] = 1
            state[f"features.{block}.conv.2.weight"][channel, channel] = 1
    torch.save(state, path)


def make_project() -> None:
    """An RGB png, a 16-bit grey tif and a jpg, all with clicks; two train, the third has truth."""
    rng = np.random.default_rng(14)
    rows, cols = np.mgrid[:64, :64]
    places = (((18, 20), (44, 42)), ((40, 18), (20, 46)), ((42, 44), (18, 18)))
    photos, truth = Path("photos"), Path("project/SegmentationClass")
    photos.mkdir()
    masks = []
    for name, (disc, square) in zip(NAMES, places, strict=True):
        labels = np.zeros((64, 64), np.uint8)
        labels[(rows - disc[0]) ** 2 + (cols - disc[1]) ** 2 < 11**2] = 1
        labels[np.maximum(abs(rows - square[0]), abs(cols - square[1])) < 10] = 2
        masks.append(labels)
        grey = np.array([90, 200, 20])[labels] + rng.normal(0, 4, (64, 64))
        if name == "field":
            pixels = (150 * grey).astype(np.uint16)
            tifffile.imwrite(photos / "field.tif", pixels, compression="zlib")
        else:
            colours = (grey, grey / 2, 255 - grey) if name == "cells" else (grey,) * 3
            image = Image.fromarray(np.stack(colours, axis=-1).clip(0, 255).astype(np.uint8))
            image.save(photos / ("cells.png" if name == "cells" else "plate.jpg"))
    seminar("new project photos --classes background,disc,square")
    Path("project/classes.txt").write_text("background\ndisc #ff8800\nsquare\n")
    truth.mkdir(exist_ok=True)
    for name, labels in zip(NAMES, masks, strict=True):
        Image.fromarray(labels).save(truth / f"{name}.png")
    seminar("simulate-clicks project")
    for name in NAMES[:2]:
        (truth / f"{name}.png").unlink()
    splits = Path("project/ImageSets/Segmentation")
    splits.mkdir(parents=True, exist_ok=True)
    (splits / "train.txt").write_text("cells\nfield\n")
    (splits / "val.txt").write_text("plate\n")
    print(seminar("check project"))


def write_strip(path: Path) -> None:
    """A picture long enough for the pyramid's farthest taps, 18 cells of 16 pixels away."""
    rows, cols = np.mgrid[:32, :320]
    grey = np.full((32, 320), 90, np.uint8)
    for number in range(5):
        row, col = abs(rows - 16), abs(cols - 32 - 64 * number)
        inside = np.maximum(row, col) < 13 if number % 2 else row**2 + col**2 < (9 + number) ** 2
        grey[inside] = 20 if number % 2 else 200
    Image.fromarray(grey).save(path)


def run_and_stop() -> None:
    """Ctrl+C in the middle of the second stage, which saves and ends."""
    process = subprocess.Popen([sys.executable, "-m", "seminar", *STOPPED.split()])
    while not any(event.get("iteration", 0) >= STOP_AT for event in events("Step", "primary")):
        assert process.poll() is None, "the run ended too early"
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 0
    (finished,) = events("Finished", "primary")
    assert finished["reason"] == "stopped"
    assert finished["iteration"] < STOP_AT + 3, finished


def events(kind: str, stage: str) -> list[dict[str, Any]]:
    path = Path("project/runs/stopped/events.jsonl")
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    found = [json.loads(line) for line in lines]
    return [event for event in found if event["event"] == kind and event.get("stage") == stage]


def resume() -> dict[str, Any]:
    """Go on with the run, and note what comes of it."""
    (stopped,) = events("Finished", "primary")
    before = len(events("Step", "primary")), len(events("Validated", "primary"))
    seminar("train project --run stopped --resume")
    steps = events("Step", "primary")[before[0] :]
    start, sums = stopped["iteration"], dict[str, float]()
    for last, step in zip([start, *(step["iteration"] for step in steps)], steps, strict=False):
        for name, value in step["losses"].items():
            sums[name] = sums.get(name, 0.0) + value * (step["iteration"] - last)
    count = steps[-1]["iteration"] - start
    seminar("predict project/runs/stopped project/JPEGImages --out expected/resumed --device cpu")
    return {
        "iteration": start,
        "iterations": steps[-1]["iterations"],
        "first_losses": steps[0]["losses"],
        "mean_losses": {name: total / count for name, total in sums.items()},
        "validated": [
            [event["iteration"], event["network"], event["mean_iou"]]
            for event in events("Validated", "primary")[before[1] :]
        ],
        "evaluated": evaluate("project/runs/stopped"),
    }


def evaluate(source: str) -> Any:
    return json.loads(seminar(f"evaluate {source} project --json --device cpu"))


def settings_of(preset: str) -> Path:
    """A run's config.toml; the run itself is killed as soon as it is there."""
    path = Path(f"project/runs/{preset}/config.toml")
    words = f"train project --run {preset} --preset {preset} --weights none --channels 0"
    process = subprocess.Popen([sys.executable, "-m", "seminar", *words.split()])
    while not path.exists():
        assert process.poll() is None, "the run did not start"
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert tomllib.loads(path.read_text(encoding="utf-8"))["preset"] == preset
    return path


def pack(archive: str, *names: str) -> None:
    """A .tar.xz of these folders and files; the same content gives the same bytes."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in names:
            for path in sorted([Path(name), *Path(name).rglob("*")]):
                if path.is_file():
                    member = tarfile.TarInfo(path.as_posix())
                    member.size = path.stat().st_size
                    with path.open("rb") as file:
                        tar.addfile(member, file)
    lzma2 = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lp": 2, "lc": 1}
    packed = lzma.compress(content.getvalue(), filters=[lzma2])
    (HERE / archive).write_bytes(packed)
    print(f"{archive}: {len(packed):,} bytes of {len(content.getvalue()):,}")


if __name__ == "__main__":
    main()
