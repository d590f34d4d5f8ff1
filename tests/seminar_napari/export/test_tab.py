"""The tab *Export*: commands, progress, outcome; with a small process in place of `seminar`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.export.tab import ExportTab
from seminar_napari.session.session import Session
from seminar_napari.workers import job as job_module

PREDICT = """
import sys, time, pathlib
words = sys.argv[1:]
out = pathlib.Path(words[words.index("--out") + 1])
if words[0] == "predict":
    out.mkdir(parents=True, exist_ok=True)
    for name in "abc":
        (out / f"{name}.png").touch()
        time.sleep(0.3)
    print("3 images predicted", " ".join(words[:3]), "--overwrite" in words, "--instances" in words)
else:
    out.write_text(" ".join(words))
    print("Checked in bioimageio.core: same labels on a")
"""


@pytest.fixture
def tab(
    three_fields: Project, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ExportTab]:
    def command(arguments: Sequence[str]) -> tuple[str, ...]:
        return (sys.executable, "-c", PREDICT, *arguments)

    monkeypatch.setattr(job_module, "seminar_command", command)
    session = Session()
    session.open_project(three_fields.path)
    made = ExportTab(session, SimpleNamespace())
    qtbot.addWidget(made)
    made.resize(340, 500)
    made.show()
    yield made
    made.shut_down()


@pytest.fixture
def run(three_fields: Project, tab: ExportTab) -> Path:
    folder = three_fields.path / "runs" / "run-1"
    folder.mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"model")
    (folder / "config.toml").write_text("")
    tab._session.state_changed.emit("finished")
    return folder


def test_without_a_model_it_says_what_to_do(tab: ExportTab) -> None:
    assert not tab.predict.isEnabled() and not tab.export.isEnabled()
    assert "or train first" in tab.jobs.result.text()


def test_only_runs_with_a_model_are_offered_the_newest_first(
    tab: ExportTab,
    run: Path,
    three_fields: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offered() -> list[str]:
        return [tab.models.combo.itemText(row) for row in range(tab.models.combo.count())]

    for name in ("run-2", "run-3"):
        shutil.copytree(run, run.with_name(name))
    (run.with_name("run-3") / "model.pt").unlink()  # begun, or stopped before its first model
    tab._session.state_changed.emit("stopped")
    assert "run-3" in three_fields.runs() and offered() == ["run-2", "run-1"]
    (tmp_path / "model.pt").write_bytes(b"model")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "model.pt"), ""))
    tab.models.other.click()
    (run.with_name("run-3") / "model.pt").write_bytes(b"model")
    tab._session.state_changed.emit("finished")
    assert offered() == ["run-3", "run-2", "run-1", f"{tmp_path.name}/model.pt"]
    assert tab.models.model == tmp_path / "model.pt", "what was chosen stays chosen"


def test_it_stands_on_the_run_that_has_just_ended(
    tab: ExportTab, run: Path, three_fields: Project
) -> None:
    newer = run.with_name("run-2")
    shutil.copytree(run, newer)
    tab._session.state_changed.emit("none")
    assert tab.models.model == run, "what was chosen stays chosen"
    tab._session.set_run(RunFolder(newer))
    for state in ("starting", "running"):
        tab._session.set_state(state)  # type: ignore[arg-type]
        assert tab.models.model == run
    tab._session.set_state("finished")
    assert tab.models.model == newer
    assert tab.folder.text() == str(three_fields.path / "predictions" / "run-2")
    tab.models.combo.setCurrentIndex(tab.models.combo.findData(str(run)))
    tab._session.probe_saved.emit()
    assert tab.models.model == run, "what the person chose stays"


def test_the_live_mask_is_offered_as_soon_as_it_has_a_model_behind_the_runs(
    tab: ExportTab, run: Path, three_fields: Project
) -> None:
    probe = three_fields.path / "runs" / "probe"
    probe.mkdir()
    tab._session.probe_saved.emit()
    assert tab.models.combo.count() == 1, "not before"
    (probe / "model.pt").write_bytes(b"model")
    tab._session.probe_saved.emit()
    assert [tab.models.combo.itemText(row) for row in range(2)] == ["run-1", "live mask (probe)"]
    assert tab.models.model == run, "what was chosen stays chosen"
    (run / "model.pt").unlink()
    tab._session.state_changed.emit("failed")
    assert tab.models.model == probe and tab.predict.isEnabled()
    assert tab.folder.text() == str(three_fields.path / "predictions" / "probe")


def test_a_project_whose_only_run_has_no_model_says_what_to_do(tab: ExportTab, run: Path) -> None:
    (run / "model.pt").unlink()
    tab._session.state_changed.emit("failed")
    assert tab.models.model is None and not tab.predict.isEnabled() and not tab.export.isEnabled()
    assert "or train first" in tab.jobs.result.text()


def test_all_images_are_predicted_with_progress(
    tab: ExportTab, run: Path, three_fields: Project, qtbot: QtBot
) -> None:
    assert tab.predict.isEnabled() and tab.jobs.result.text() == ""
    assert tab.folder.text() == str(three_fields.path / "predictions" / "run-1")
    values: list[int] = []
    tab.jobs.bar.valueChanged.connect(values.append)
    tab.instances.setChecked(True)
    tab.predict.click()
    assert tab.jobs.stop.isVisible() and not tab.predict.isEnabled()
    qtbot.waitUntil(lambda: tab.predict.isEnabled(), timeout=60_000)
    assert (
        tab.jobs.result.text() == f"3 images predicted predict {run} {three_fields.path} True True"
    )
    assert tab.jobs.bar.maximum() == 3 and values and max(values) >= 1
    assert not tab.jobs.stop.isVisible()


def test_other_images_are_predicted_from_a_folder_or_files(
    tab: ExportTab,
    run: Path,
    three_fields: Project,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert tab.images.label.text() == "3 images of the project"
    assert tab.predict.text() == "Predict all images → masks"
    plate = tmp_path / "plate 2"
    plate.mkdir()
    for name in "ab":
        shutil.copy(three_fields.image_path(name), plate)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(plate))
    tab.images.folder.click()
    assert tab.images.label.text() == "2 images in plate 2"
    assert tab.predict.text() == "Predict 2 other images → masks"
    assert tab.folder.text() == str(tmp_path / "plate 2-predictions")
    tab.predict.click()
    assert tab.jobs.bar.isVisible()
    qtbot.waitUntil(lambda: tab.predict.isEnabled(), timeout=60_000)
    assert tab.jobs.result.text() == f"3 images predicted predict {run} {plate} True False"
    assert tab.jobs.bar.maximum() == 2
    files = [str(plate / "a.png")]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (files, ""))
    tab.images.files.click()
    assert tab.predict.text() == "Predict 1 other image → masks"
    tab.folder.setText(str(plate))
    tab.predict.click()
    assert tab.jobs.result.text().startswith(f"⚠ {plate}: the images to predict lie there")
    tab.images.back.click()
    assert tab.predict.text() == "Predict all images → masks"
    assert tab.folder.text() == str(three_fields.path / "predictions" / "run-1")


def test_other_images_that_cannot_be_are_one_sentence(
    tab: ExportTab, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "a.png").touch()
    (tmp_path / "a.tif").touch()
    for paths, reason in (
        ([tmp_path / "empty"], "no image in this folder"),
        ([tmp_path / "notes.txt"], "not an image by its ending"),
        ([tmp_path / "a.png", tmp_path / "a.tif"], "would both be written to a.png"),
        ([tmp_path / f"{number}.png" for number in range(501)], "no such file"),
    ):
        tab.images.choose(paths)
        assert reason in tab.jobs.result.text().splitlines()[0]
        assert not tab.images.sources


def test_a_typed_folder_stays_until_the_person_chooses_another_model_or_project(
    tab: ExportTab,
    run: Path,
    three_fields: Project,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suggested = str(three_fields.path / "predictions" / "run-1")

    def type_folder() -> str:
        tab.folder.selectAll()
        qtbot.keyClicks(tab.folder, str(tmp_path / "masks"))
        return str(tmp_path / "masks")

    typed = type_folder()
    shutil.copytree(run, run.with_name("run-2"))
    for state in ("starting", "running", "finished"):
        tab._session.set_run(RunFolder(run))
        tab._session.set_state(state)  # type: ignore[arg-type]
    assert tab.models.combo.currentText() == "run-1" and tab.folder.text() == typed
    tab.models.combo.setFocus()
    qtbot.keyClick(tab.models.combo, Qt.Key.Key_Up)
    assert tab.folder.text() == suggested.replace("run-1", "run-2")
    typed = type_folder()
    (tmp_path / "model.pt").write_bytes(b"model")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "model.pt"), ""))
    tab.models.other.click()
    assert tab.folder.text() == str(three_fields.path / "predictions" / tmp_path.name)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "chosen"))
    tab.browse.click()
    tab._session.state_changed.emit("finished")
    assert tab.folder.text() == str(tmp_path / "chosen")
    tab._session.close_project()
    tab._session.open_project(three_fields.path)
    assert tab.folder.text() == str(three_fields.path / "predictions" / tmp_path.name)


def test_masks_that_exist_can_be_kept(
    tab: ExportTab, run: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    tab.keep.setChecked(True)
    tab.predict_into(tmp_path / "masks")
    qtbot.waitUntil(lambda: tab.predict.isEnabled(), timeout=60_000)
    assert tab.jobs.result.text().endswith("False False")


def test_cancelling(
    tab: ExportTab, run: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        job_module,
        "seminar_command",
        lambda arguments: (sys.executable, "-c", "import time; time.sleep(600)"),
    )
    tab.predict_into(tmp_path / "masks")
    tab.jobs.stop.click()
    assert tab.jobs.result.text() == "Cancelling…"
    qtbot.waitUntil(lambda: tab.predict.isEnabled(), timeout=60_000)
    assert tab.jobs.result.text().startswith("Cancelled")


@pytest.mark.parametrize("name", ["bioimageio", "onnx", "pt2", "folder"])
def test_each_format_has_its_command(
    tab: ExportTab, run: Path, tmp_path: Path, qtbot: QtBot, name: str
) -> None:
    tab.format.setCurrentIndex(tab.format.findData(name))
    tab.export_to(tmp_path / "out")
    qtbot.waitUntil(lambda: tab.export.isEnabled(), timeout=60_000)
    assert (
        tmp_path / "out"
    ).read_text() == f"export {run} --format {name} --out {tmp_path / 'out'}"
    assert tab.jobs.result.text() == "Checked in bioimageio.core: same labels on a"


def test_a_file_that_the_dialog_asked_about_is_replaced(
    tab: ExportTab, run: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.format.setCurrentIndex(tab.format.findData("onnx"))
    for chosen, replaces in (("a.onnx", True), ("a", False)):
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_, name=chosen: (str(tmp_path / name), "")
        )
        tab.export.click()
        qtbot.waitUntil(lambda: tab.export.isEnabled(), timeout=60_000)
        assert ("--overwrite" in (tmp_path / "a.onnx").read_text()) == replaces


def test_a_model_from_elsewhere_is_checked_on_an_image_of_the_project(
    tab: ExportTab,
    three_fields: Project,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "model.pt").write_bytes(b"model")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "model.pt"), ""))
    tab.models.other.click()
    tab.format.setCurrentIndex(tab.format.findData("onnx"))
    tab.export_to(tmp_path / "out")
    qtbot.waitUntil(lambda: tab.export.isEnabled(), timeout=60_000)
    first = three_fields.image_path(three_fields.image_ids()[0])
    assert (tmp_path / "out").read_text().endswith(f"--out {tmp_path / 'out'} --image {first}")


def test_closing_ends_the_process(
    tab: ExportTab, run: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        job_module,
        "seminar_command",
        lambda arguments: (sys.executable, "-c", "import time; time.sleep(600)"),
    )
    tab.predict_into(tmp_path / "masks")
    qtbot.waitUntil(lambda: tab.jobs.worker.is_running, timeout=60_000)
    tab.shut_down()
    assert (
        tab.jobs.job is not None
        and tab.jobs.job.outcome is not None
        and tab.jobs.job.outcome.text.startswith("Cancelled")
    )


def test_it_fits_into_the_dock(tab: ExportTab) -> None:
    assert tab.minimumSizeHint().width() <= 320
