"""A disk without room or without access: one sentence, earlier data whole, and on it goes when
there is room again.
"""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import seminar
from forked import start_seminar
from full_disk import fill

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project


@contextlib.contextmanager
def files_stay_below(size: int) -> Iterator[None]:
    """The operating system itself refuses to write more than `size` bytes into any file of this
    process.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def is_idle(pid: int) -> bool:
    """Whether a process waits for the disk: next to none of its threads works within two seconds,
    also where the machine is too busy to let them.
    """
    working = 0
    for _ in range(40):
        states = [
            task.read_text().rpartition(")")[2].split()[0]
            for task in Path(f"/proc/{pid}/task").glob("*/stat")
        ]
        working += not {"R", "D"}.isdisjoint(states)
        time.sleep(0.05)
    return working <= 4


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
@pytest.mark.parametrize("kind", ["full disk", "limit"])
def test_clicks_wait_for_room_and_then_go_to_disk(
    kind: str, small_disk: Callable[[str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("psygnal")
    from click_kills import make_project

    from seminar_napari.session.session import Session

    folder = small_disk("1m") if kind == "full disk" else tmp_path
    project = make_project(folder)
    session = Session(retry_seconds=0.05)
    said: list[str] = []
    session.notice.connect(said.append)
    session.open_project(project.path, show=False)
    session.set_clicks("field_0", ClickSet(64, 64, [(1, 1)], [1]))
    assert session.flush()
    earlier = content(project.path)
    with contextlib.ExitStack() as fault:
        if kind == "full disk":
            fault.callback(fill(folder).unlink)
        else:
            fault.enter_context(files_stay_below(10))
        for number in range(2, 30):
            old = session.clicks("field_0")
            points = [*old.points.tolist(), (number, number)]
            session.set_clicks("field_0", replace(old, points=points, class_ids=[1] * len(points)))
        wait_for(lambda: session.poll() or bool(said))
        assert session.unsaved() == ("field_0",)
        found = content(project.path)
        assert {name: found[name] for name in earlier} == earlier
        # it tries again all the time; each time it cleans up
        wait_for(lambda: not any(project.path.rglob("*.part")))
    wait_for(lambda: not session.unsaved())
    session.poll()
    assert len(project.read_clicks("field_0") or ()) == 29
    assert (read_label_png(project.sparse_mask_path("field_0")) != 255).sum() == 29
    assert len(said) == 2
    assert said[0].startswith("Clicks of field_0 are not on disk yet: ")
    assert said[1] == "Clicks of field_0 are on disk now."
    session.close_project()


def test_no_project_is_left_behind_on_a_full_disk(
    small_disk: Callable[[str], Path], tmp_path: Path
) -> None:
    from click_kills import make_project

    images = make_project(tmp_path).path / "JPEGImages"
    disk = small_disk("256k")
    fill(disk)
    with pytest.raises(OSError, match="No space left"):
        Project.create(disk / "project", [images], ClassNames.of("background", "cell"))
    assert [path.name for path in disk.iterdir()] == ["filler"]


@pytest.mark.slow
def test_a_run_waits_for_room_and_ends_as_if_there_had_always_been_some(
    small_disk: Callable[[str], Path],
) -> None:
    """The disk fills up at the first step; the log lies on it, too, as when the window starts
    the run.
    """
    from run_kills import make_project

    from seminar.models.checkpoint import load_checkpoint, load_model
    from seminar.run import events
    from seminar.run.folder import RunFolder

    disk = small_disk("300m")
    project = make_project(disk)
    run = RunFolder.of(project.path, "june")
    options = "--run june --backbone none --crop-size 32 --batch-size 1 --iterations 40"
    options += " --losses pce --device cpu"
    log = disk / "log.txt"
    process = start_seminar("train", project.path, *options.split(), log=log)
    try:
        wait_for(lambda: "Step" in {type(event).__name__ for event, _, _ in run.read_events()}, 300)
        filler = fill(disk)
        wait_for(lambda: not process.is_alive() or is_idle(process.pid), 300)
        assert process.is_alive(), log.read_text()
        assert not run.checkpoint_path("ancillary").exists()
        filler.unlink()
        process.join(300)
        assert process.exitcode == 0, log.read_text()
    finally:
        process.kill()
        process.join()
    seen = [event for event, _, _ in run.read_events()]
    assert isinstance(seen[-1], events.Finished)
    warned = [event.message for event in seen if isinstance(event, events.Warned)]
    assert len(warned) >= 1
    assert (
        "No space left on device; make room or give access, training waits and then goes on"
        in warned[0]
    )
    saved, faults = load_checkpoint(run.checkpoint_path("ancillary"))
    assert saved is not None
    assert (saved["iteration"], faults) == (40, [])
    load_model(run.path)


def test_predictions_on_a_full_disk_are_whole_or_absent(
    small_disk: Callable[[str], Path], tmp_path: Path
) -> None:
    from fuzz import make_project

    project = make_project(tmp_path)
    disk = small_disk("64k")
    names = ("png.png", "jpg.jpg", "palette.png")
    images = [project.path / "JPEGImages" / name for name in names]
    words = ["predict", project.path / "runs" / "run", "--out", disk / "masks", *images]
    filler = fill(disk)
    done = seminar(*words)
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1
    assert "No space left on device; make room" in done.stderr
    assert not [path for path in disk.rglob("*") if path.is_file() and path != filler]
    filler.unlink()
    done = seminar(*words)
    assert done.returncode == 0, done
    masks = [read_label_png(path) for path in (disk / "masks").glob("*.png")]
    assert [mask.shape for mask in masks] == [(24, 24)] * 3


def test_a_read_only_project_can_be_looked_at_and_says_so_when_clicked(
    small_disk: Callable[[str], Path],
) -> None:
    pytest.importorskip("psygnal")
    from click_kills import make_project

    from seminar_napari.session.session import Session

    disk = small_disk("1m")
    project = make_project(disk)
    project.write_clicks("field_0", ClickSet(64, 64, [(1, 1)], [1]))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    session = Session(retry_seconds=0.05)
    said: list[str] = []
    session.notice.connect(said.append)
    session.open_project(project.path, show=False)
    assert len(session.clicks("field_0")) == 1
    session.set_clicks("field_0", ClickSet(64, 64, [(1, 1), (2, 2)], [1, 1]))
    wait_for(lambda: session.poll() or bool(said))
    assert "Read-only file system" in said[0]
    assert len(project.read_clicks("field_0") or ()) == 1
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    wait_for(lambda: not session.unsaved())
    assert len(project.read_clicks("field_0") or ()) == 2
    session.close_project()


def test_training_predicting_and_exporting_onto_a_read_only_disk_is_one_sentence_each(
    small_disk: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from fuzz import make_project

    from seminar.cli.main import main

    disk = small_disk("16m")
    project = make_project(disk).path
    model, image = project / "runs" / "run", project / "JPEGImages" / "png.png"
    earlier = content(disk)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for words in (
        [
            "train",
            project,
            "--run",
            "june",
            "--channels",
            "0",
            "--backbone",
            "none",
            "--device",
            "cpu",
        ],
        ["predict", model, image, "--out", disk / "masks"],
        ["export", model, "--format", "pt2", "--out", disk / "model.pt2", "--image", image],
        ["simulate-clicks", project, "--overwrite"],
    ):
        monkeypatch.setattr(sys, "argv", ["seminar", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        (said,) = capsys.readouterr().err.splitlines()
        assert (stopped.value.code, f"seminar: {disk}" in said) == (2, True), said
        assert "Read-only file system; make room or give access" in said
        assert ".part" not in said and ".export-" not in said
    assert content(disk) == earlier


@pytest.mark.filterwarnings("ignore")  # about the insides of torch and bioimageio
@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("model.pt2", "4k"),
        ("model.pt2", "600k"),
        ("model.onnx", "600k"),
        pytest.param("model.zip", "600k", marks=pytest.mark.slow),
    ],
)
def test_an_export_on_a_full_disk_is_one_sentence_and_no_file(
    small_disk: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    room: str,
) -> None:
    """The real exporters, of a network that is quick to trace; the disk is full at once, or
    halfway through the file.
    """
    import torch
    from PIL import Image

    from seminar.cli.main import main
    from seminar.inference.predictor import Predictor

    name_of_format = {".pt2": "pt2", ".onnx": "onnx", ".zip": "bioimageio"}[Path(name).suffix]
    if name_of_format != "pt2":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    if name_of_format == "bioimageio":
        skip_without_bioimageio()
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 600, 17, padding=8), torch.nn.Conv2d(600, 2, 1)
    )
    predictor = Predictor(
        network.eval(), classes=ClassNames.of("background", "cell"), num_channels=1, device="cpu"
    )
    monkeypatch.setattr(Predictor, "from_folder", classmethod(lambda *_: predictor))
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(
        tmp_path / "image.png"
    )
    disk = small_disk(room)
    (disk / "earlier").write_bytes(b"whole")
    words = ["export", str(tmp_path), "--format", name_of_format, "--out", str(disk / name)]
    monkeypatch.setattr(sys, "argv", ["seminar", *words, "--image", str(tmp_path / "image.png")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(
        f"seminar: {disk / name}: No space left on device; make room or give access"
    )
    assert content(disk) == {"earlier": b"whole"}
    if name_of_format != "bioimageio":  # whose ten seconds the exporters' tests take, too
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        with contextlib.suppress(SystemExit):  # which typer makes of a command that went well
            main()
        assert capsys.readouterr().err == ""
        assert (disk / name).stat().st_size > 600_000
    del stopped  # its traceback holds files that bioimageio has left open
    gc.collect()


def skip_without_bioimageio() -> None:
    """bioimageio.spec 0.5.12 does not work with pydantic 2.14 or newer."""
    pytest.importorskip("bioimageio.core")
    import pydantic
    from bioimageio.spec import __version__ as spec

    if tuple(map(int, pydantic.VERSION.split(".")[:2])) >= (2, 14) and spec.startswith("0.5.12"):
        pytest.skip(f"bioimageio.spec {spec} does not work with pydantic {pydantic.VERSION}")
