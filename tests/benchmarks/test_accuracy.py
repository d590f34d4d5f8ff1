"""The benchmark of accuracy: its sets, its rows and its page, on a data set of six small images."""

from __future__ import annotations

from pathlib import Path

import command_line
import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy import measure
from benchmarks.accuracy.measure import Row, measured, prepared, scores, spread
from benchmarks.accuracy.page import BY_HAND, read_table, write_page
from benchmarks.accuracy.peers import forest_masks, otsu_masks
from benchmarks.accuracy.plan import Bench, first_good
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar.run.events import Event, Started, Step, Validated, to_json_line
from seminar.run.folder import RunFolder

SOURCE = "dsb2018_histology"


@pytest.fixture(autouse=True)
def commands_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """`seminar` commands of the benchmark run where torch is loaded already."""
    monkeypatch.setattr(measure, "seminar", lambda *words: command_line.seminar(*words).stdout)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Shared data with one set: a bright disc on a dark field in each of six images, four to
    train on and two to score.
    """
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    discs = {}
    for number in range(6):
        rows, cols = np.mgrid[:41, :50]
        disc = np.hypot(rows - rng.integers(12, 28), cols - rng.integers(12, 38)) < 10
        pixels = 60 + 120 * disc[..., None] + rng.normal(0, 5, (41, 50, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "images" / f"disc_{number}.png")
        discs[f"disc_{number}"] = disc
    source = tmp_path / "shared" / SOURCE
    project = Project.create(
        source, sorted((tmp_path / "images").iterdir()), ClassNames.of("background", "nucleus")
    )
    for image_id, disc in discs.items():
        write_label_png(project.truth_path(image_id), disc.astype(np.uint8), project.classes)
    splits = source / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True, exist_ok=True)
    (splits / "train.txt").write_text("disc_0\ndisc_1\ndisc_2\ndisc_3\n")
    (splits / "val.txt").write_text("disc_4\ndisc_5\n")
    return tmp_path / "shared"


def test_a_set_is_copied_halved_and_clicked_once(shared: Path, tmp_path: Path) -> None:
    copy = prepared(shared / SOURCE, tmp_path / "out" / SOURCE, half=True)
    project, whole = Project.open(copy), Project.open(shared / SOURCE)
    truth, before = project.read_truth("disc_0"), whole.read_truth("disc_0")
    assert truth is not None and before is not None
    assert project.image_size("disc_0") == truth.shape == (21, 25)
    assert truth.mean() == pytest.approx(before.mean(), abs=0.02)
    bright = project.read_image("disc_0").mean(axis=2) > 120
    assert (bright == (truth == 1)).mean() > 0.9
    clicks = project.read_clicks("disc_0")
    assert clicks is not None and set(clicks.class_ids.tolist()) == {0, 1}
    (copy / "mark").touch()
    assert (prepared(shared / SOURCE, copy, half=True) / "mark").exists()
    assert whole.read_clicks("disc_0") is None


def test_a_row_is_measured_once(tmp_path: Path) -> None:
    def again() -> Row:
        raise AssertionError("measured twice")

    first = measured(tmp_path, "set/row-0", lambda: {"seconds": 2.0})
    assert first["seconds"] == 2.0
    assert measured(tmp_path, "set/row-0", again) == first


def test_peers_see_the_disc_and_are_scored_on_val(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    project = prepared(shared / SOURCE, tmp_path / "out")
    forest_masks(project, tmp_path / "forest", limit=3, seed=0)
    otsu_masks(project, tmp_path / "otsu")
    assert sorted(path.stem for path in (tmp_path / "otsu").iterdir()) == ["disc_4", "disc_5"]
    assert scores(tmp_path / "otsu", project)["pooled"] > 0.95
    assert scores(tmp_path / "forest", project)["per_image"] > 0.5


def validated(iteration: int, network: str, mean_iou: float) -> Validated:
    return Validated(
        stage="ancillary",
        iteration=iteration,
        network=network,
        mean_iou=mean_iou,
        per_class_iou={},
        images=2,
    )


def written(run: RunFolder, timed: list[tuple[float, Event]]) -> RunFolder:
    run.path.mkdir(parents=True)
    run.events_path.write_text("".join(to_json_line(event, time) for time, event in timed))
    return run


def test_the_time_to_a_useful_mask_with_and_without_scoring(tmp_path: Path) -> None:
    step = Step(
        stage="ancillary",
        iteration=10,
        iterations=20,
        losses={},
        lr=0.0,
        iterations_per_second=1.0,
        seconds_left=1.0,
        memory_bytes=0,
    )
    started = Started(
        stages=("ancillary",), class_names=("a", "b"), images=1, clicks=1, device="cpu"
    )
    events: list[tuple[float, Event]] = [
        (105, started),
        (110, step),
        (112, validated(10, "student", 0.5)),
    ]
    events += [
        (115, validated(10, "teacher", 0.3)),
        (120, step),
        (121, validated(20, "student", 0.8)),
    ]
    run = written(RunFolder(tmp_path / "run"), events)
    found = first_good(run, 100, 0.75)
    assert found is not None
    assert (found["seconds"], found["without_scoring"], found["iteration"]) == (21, 15, 20)
    assert first_good(run, 100, 0.9) is None


def test_the_page_has_every_row_and_keeps_what_was_written_by_hand(
    shared: Path, tmp_path: Path
) -> None:
    folder, page = tmp_path / "rows", tmp_path / "page.md"
    bench = Bench(shared, tmp_path / "out", folder)
    measured(folder, "histology3/counts", lambda: bench.counts("histology3"))
    rows = {
        "pce": ("ancillary", (0.5, 0.6)),
        "seminar": ("primary", (0.7, 0.8)),
        "full": ("full", (0.9, 0.7)),
        "full-1500": ("full", (1.0, 1.0)),
        "self-reset": ("self-generation", (0.4, 0.4)),
    }
    for name, (network, values) in rows.items():
        for seed, value in enumerate(values):
            row = {network: {"pooled": value, "per_image": value - 0.1}}
            measured(folder, f"histology3/{name}-{seed}", lambda row=row: row)  # type: ignore[misc]
    long = {"ancillary": {"pooled": 0.6}, "primary": {"pooled": 0.85}}
    measured(folder, "histology3/seminar-1500-0", lambda: long)
    measured(folder, "histology1/counts", lambda: bench.counts("histology1"))
    measured(folder, "histology1/seminar-0", lambda: {"primary": {"pooled": 0.3, "per_image": 0.2}})
    measured(folder, "histology1/forest-0", lambda: {"masks": {"pooled": 0.4, "per_image": 0.1}})
    assert read_table(folder, "histology3")["pCE"] == {
        0: {"pooled": 0.5, "per_image": 0.4},
        1: {"pooled": 0.6, "per_image": 0.5},
    }
    write_page(folder, page)
    text = page.read_text(encoding="utf-8")
    assert "3 images with 6 clicks, 2 classes; 2 images to score." in text
    assert "| pCE | 0.550 ± 0.071 | 0.450 ± 0.071 | 0.688 | 2 |" in text
    assert "| **seminar (primary)** | 0.750 ± 0.071 | 0.650 ± 0.071 | 0.938 | 2 |" in text
    assert "| seminar (primary) − full supervision | -0.050 ± 0.212 | -0.050 ± 0.212 | 2 |" in text
    assert "| self-generation, rate reset | 0.400 ± 0.000 | 0.300 ± 0.000 | 2 |" in text
    assert (
        "| histology3 | 1,500 |  | 0.600 | 0.850 | 1.000 ± 0.000 | 0.850 | +0.250 | 0, 1, 1, 2 |"
        in text
    )
    assert "| histology1 | 2 | 0.300 | 0.200 | 0.400 | 0.100 | 1, 1 |" in text
    assert "## histology1" not in text
    assert "random forest |" not in text
    page.write_text(text + "An analysis.\n", encoding="utf-8")
    write_page(folder, page)
    assert page.read_text(encoding="utf-8").endswith(f"{BY_HAND}\nAn analysis.\n")


def test_spread_is_the_sample_s() -> None:
    assert spread([1.0, 3.0]) == (2.0, pytest.approx(2**0.5))
    assert spread([1.0]) == (1.0, 0.0)
