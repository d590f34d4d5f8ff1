"""`seminar probe` as a person types it, and as the process that the window starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.inference.predictor import Predictor
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames
from seminar.models.backbones import pyramid_weights
from seminar.project.layout import PROBE, preview_path
from seminar.project.project import Project

Cli = Callable[..., tuple[int, str, str]]

FILTERS = ("--backbone", "none")
SIZE = (40, 50)
PATIENCE = 120.0


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where features are kept, here and in processes that are started."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(folder / name))
    return folder / "seminar" / "features"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Grey images a, b, c with a bright disc; a and b have a click on it and one next to it."""
    files = []
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    disc = (rows - 20) ** 2 + (cols - 20) ** 2 < 120
    for number, name in enumerate("abc"):
        noise = np.random.default_rng(number).normal(60, 6, SIZE)
        files.append(tmp_path / f"{name}.png")
        Image.fromarray((noise + 100 * disc).astype(np.uint8)).save(files[-1])
    made = Project.create(tmp_path / "project", files, ClassNames.of("background", "cell"))
    for image_id in "ab":
        click(made, image_id, (20, 20, 1), (4, 44, 0))
    return made


def click(project: Project, image_id: str, *clicks: tuple[int, int, int]) -> None:
    points, class_ids = [each[:2] for each in clicks], [each[2] for each in clicks]
    project.write_clicks(image_id, ClickSet(*SIZE, np.array(points), np.array(class_ids)))


def test_it_prints_what_it_learnt_from_and_where_the_model_is(
    cli: Cli, project: Project, cache: Path
) -> None:
    status, out, err = cli("probe", project.path, *FILTERS)
    assert (status, err) == (0, "")
    first, second = out.splitlines()
    assert first.startswith("4 clicks on 2 images, filters alone: features ")
    model = project.path / "runs" / "probe" / "model.pt"
    assert second == str(model)
    labels = Predictor.from_folder(model, "cpu").predict(project.read_image("c"))
    assert labels[15:25, 15:25].all() and not labels[:5].any()
    assert list(cache.glob("*.npz"))


def test_as_json_it_prints_nothing_else(cli: Cli, project: Project, tmp_path: Path) -> None:
    status, out, _ = cli(
        "probe", project.path, *FILTERS, "--out", tmp_path / "there", "--json", "--limit", 1
    )
    assert status == 0
    said = json.loads(out)
    assert Path(said["model"]) == tmp_path / "there" / "model.pt"
    assert (said["clicks"], said["images"], said["features"]) == (2, 1, "filters alone")
    assert said["notice"] == ""
    assert said["feature_seconds"] >= 0 and said["fit_seconds"] >= 0
    assert Path(said["model"]).exists() and not (project.path / "runs").exists()


def test_without_a_store_nothing_is_kept_on_the_disk(
    cli: Cli, project: Project, cache: Path
) -> None:
    assert cli("probe", project.path, *FILTERS, "--store", 0)[0] == 0
    assert not cache.exists()


def test_the_clicks_of_another_split_are_learnt_from(cli: Cli, project: Project) -> None:
    path = project.split_path("some")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("b\nc\n")
    status, out, _ = cli("probe", project.path, *FILTERS, "--split", "some")
    assert status == 0 and out.startswith("2 clicks on 1 image,")


def test_the_same_clicks_make_the_same_model(cli: Cli, project: Project, tmp_path: Path) -> None:
    for name in ("one", "other"):  # the second time with features that were kept
        assert cli("probe", project.path, *FILTERS, "--out", tmp_path / name)[0] == 0
    probs = [
        Predictor.from_folder(tmp_path / name, "cpu").predict_probs(project.read_image("c"))
        for name in ("one", "other")
    ]
    np.testing.assert_array_equal(*probs)


def test_offline_it_says_so_and_uses_filters_alone(
    cli: Cli, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(pyramid_weights, "packaged", lambda name: None)
    monkeypatch.setattr(pyramid_weights, "urlopen", refuse)
    status, out, _ = cli("probe", project.path)
    assert status == 0
    notice, learnt, _ = out.splitlines()
    assert "no route to host" in notice and notice.endswith("Filters were used alone.")
    assert "filters alone" in learnt


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["PROJECT", "--backbone", "nosuch"], "backbone: expected one of efficientnet_lite0, "),
        (["PROJECT", "--channels", "x"], "--channels: expected numbers with commas"),
        (["PROJECT", "--channels", "0,-1"], "channels: expected different numbers from 0 up"),
        (["PROJECT", "--channels", "7"], "a.png: channel 7 is asked for, the image has 1"),
        (["PROJECT", "--weights", "no.pth"], "weights 'no.pth': no such file"),
        (["PROJECT", "--device", "nosuch"], "device 'nosuch'"),
        (["PROJECT", *FILTERS, "--split", "nosuch"], "no split 'nosuch'"),
        (["nowhere"], "nowhere: no such folder"),
        (["empty"], "empty/JPEGImages: missing"),
    ],
)
def test_mistakes_are_one_sentence(
    cli: Cli,
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("empty", "classes.txt").write_text("background\ncell\n")
    status, out, err = cli(
        "probe", *(project.path if each == "PROJECT" else each for each in words)
    )
    assert (status, out) == (2, "")
    assert message in err.replace(os.sep, "/") and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("clicks", "found"), [((), "found 0"), (((4, 44, 0), (5, 40, 0)), "found 1")]
)
def test_too_few_classes_are_one_sentence(
    cli: Cli, project: Project, clicks: tuple[tuple[int, int, int], ...], found: str
) -> None:
    for image_id in "ab":
        click(project, image_id, *clicks)
    status, out, err = cli("probe", project.path, *FILTERS)
    assert (status, out) == (2, "")
    assert "a probe needs clicks of two classes" in err and found in err
    assert len(err.splitlines()) == 1
    assert not (project.path / "runs").exists()


def test_every_file_that_cannot_be_read_is_named(cli: Cli, project: Project) -> None:
    project.clicks_path("a").write_text("{")
    project.image_path("b").write_bytes(b"no image")
    status, out, err = cli("probe", project.path, *FILTERS)
    assert (status, out) == (2, "")
    first, second = err.splitlines()
    assert "a.json: not readable as JSON" in first and "b.png: " in second


def test_a_folder_that_cannot_be_written_is_one_sentence(cli: Cli, project: Project) -> None:
    (project.path / "runs").touch()
    status, out, err = cli("probe", project.path, *FILTERS)
    assert (status, out) == (2, "")
    assert err.endswith("make room or give access, then run the command again\n")


# the process that answers clicks
class Child:
    """`seminar probe --follow`, with what it says so far."""

    def __init__(self, project: Project, *options: str) -> None:
        words = ["probe", str(project.path), *FILTERS, "--follow", "--json", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seminar", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        )
        self.said: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:  # nothing but JSON
            self.said.append(json.loads(line))

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def tell(self, **message: str) -> None:
        self.write(json.dumps(message).encode())

    def wait_for(self, kind: str, since: int = 0, **facts: object) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while True:
            for event in self.said[since:]:
                if {**event, **facts, "event": kind} == event:
                    return event
            assert time.monotonic() < until and self.process.poll() is None, self.said
            time.sleep(0.02)

    def end(self) -> tuple[int, str]:
        """Close its input, as a window that dies does; exit status and what it complained of."""
        assert self.process.stdin is not None and self.process.stderr is not None
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        self._reader.join()
        complaint = self.process.stderr.read().decode()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return status, complaint


@pytest.fixture
def follow(project: Project) -> Iterator[Callable[..., Child]]:
    made: list[Child] = []

    def start(*options: str) -> Child:
        made.append(Child(project, *options))
        return made[-1]

    yield start
    for child in made:
        if child.process.poll() is None:
            child.process.kill()
        if child.process.stdin is not None and not child.process.stdin.closed:
            child.end()


def mask(project: Project, image_id: str) -> np.ndarray:
    return read_label_png(preview_path(project.path, image_id, PROBE))


def test_the_process_answers_until_its_input_ends(
    follow: Callable[..., Child], project: Project
) -> None:
    """From clicks of one class to the model, past everything that is no reason to stop."""
    for image_id in "abc":
        path = preview_path(project.path, image_id, PROBE)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"of an earlier start")
    for image_id in "ab":
        click(project, image_id, (4, 44, 0))
    child = follow()
    child.tell(look="a")
    assert "a click of a second class" in child.wait_for("waiting")["text"]
    assert not list((project.path / "previews").glob("*/*.png"))
    click(project, "a", (20, 20, 1), (4, 44, 0))
    child.tell(clicks="a")
    child.wait_for("ready", features="filters alone")
    child.wait_for("mask", image_id="a", clicks=3)
    click(project, "b", (20, 20, 1), (4, 44, 0))
    child.tell(clicks="b")
    child.tell(look="c")
    child.wait_for("mask", image_id="c", clicks=4)
    before = mask(project, "c")
    assert before[15:25, 15:25].all() and not before[:5].any()

    click(project, "c", (20, 20, 0), (5, 5, 1))  # against what was learnt
    child.tell(clicks="c")
    child.wait_for("mask", image_id="c", clicks=6)
    assert not np.array_equal(mask(project, "c"), before)

    for line in (b"", b"no JSON", b"\xff\xfe", b"[1]", b'{"look": 5}', b'{"look": "nothing"}'):
        child.write(line)
    assert "no such image" in child.wait_for("notice")["text"]
    since = len(child.said)
    child.tell(look="a")
    project.clicks_path("b").write_text("{")
    child.tell(clicks="b")
    assert "b.json" in child.wait_for("notice", since)["text"]
    child.wait_for("mask", image_id="a", clicks=4)

    click(project, "b", (20, 20, 1), (4, 44, 0), (35, 5, 0))  # no word of it: it looks itself
    child.wait_for("mask", image_id="a", clicks=7)
    model = child.wait_for("saved")["model"]
    assert Path(model) == project.path / "runs" / "probe" / "model.pt"
    Predictor.from_folder(model, "cpu")
    assert child.end() == (0, "")


def test_a_mistake_ends_the_process_with_a_sentence(
    follow: Callable[..., Child], project: Project
) -> None:
    child = follow("--split", "nosuch")
    assert child.process.wait(PATIENCE) == 2
    status, complaint = child.end()
    assert (status, child.said) == (2, [])
    assert complaint.startswith("seminar: ") and "no split 'nosuch'" in complaint
    assert len(complaint.splitlines()) == 1
