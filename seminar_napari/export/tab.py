"""The tab *Export*: masks of all images, the model for others to use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari.qt.threading import thread_worker
from qtpy.QtCore import Qt, QThread
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from seminar.run.folder import RunFolder
from seminar_napari.qt.activity import Activity
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session
from seminar_napari.workers.job import Job, JobNews, count_new_masks

FORMATS: tuple[tuple[str, str, str], ...] = (
    ("Model folder (for Seminar)", "folder", ""),
    ("bioimage.io package", "bioimageio", ".zip"),
    ("ONNX", "onnx", ".onnx"),
    ("PyTorch program (pt2)", "pt2", ".pt2"),
)
RESULT_LINES = 6


class ExportTab(QWidget):
    """Predicts all images and hands out the model; one job at a time, each in a process of its own.

    Attributes
    ----------
    job : Job or None
        What is being done, or was done last.
    """

    def __init__(self, session: Session, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.job: Job | None = None
        self._worker: Any = None
        self._busy = False
        self._title = ""
        self._folder_kept = (
            False  # a person's own, until that person chooses another model or project
        )
        self.activity = Activity(self.cancel, self)
        self.model = QComboBox()
        self.model.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.model.setMinimumContentsLength(12)
        self.other = QPushButton("Other…")
        self.instances = QCheckBox("Instances as well (16-bit tif)")
        self.probabilities = QCheckBox("Probabilities as well (float tif)")
        self.keep = QCheckBox("Keep masks that exist already")
        self.folder = QLineEdit()
        self.folder.setToolTip(
            "Folder for the masks, <image_id>.png each; it is made if it does not exist"
        )
        self.browse = QPushButton("…")
        self.browse.setMaximumWidth(32)
        self.predict = QPushButton("Predict all images → masks")
        self.format = QComboBox()
        for text, name, _ in FORMATS:
            self.format.addItem(text, name)
        self.export = QPushButton("Export…")
        self.bar = QProgressBar()
        self.bar.setMaximumHeight(14)
        self.stop = QPushButton("Cancel")
        self.result = QLabel()
        self.result.setWordWrap(True)
        self.result.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.result.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._lay_out()
        self.other.clicked.connect(self._choose_model)
        self.browse.clicked.connect(self._choose_folder)
        self.model.currentIndexChanged.connect(lambda _: self._suggest_folder())
        self.model.activated.connect(lambda _: self._suggest_anew())
        self.folder.textEdited.connect(lambda _: self._keep_folder())
        self.predict.clicked.connect(
            lambda: self.predict_all(Path(self.folder.text()).expanduser())
        )
        self.export.clicked.connect(self._choose_target)
        self.stop.clicked.connect(self.cancel)
        self._cleanup = Cleanup(self._cancel_job)
        self._cleanup.connect(session.project_changed, self._on_project)
        for signal in (session.run_changed, session.state_changed):
            self._cleanup.connect(signal, self._list_models)
        self.destroyed.connect(self._cleanup)
        self._list_models()

    # what the buttons do
    def predict_all(self, out: Path) -> None:
        """Write a VOC mask of every image of the project into `out`."""
        project, model = self._session.project, self.chosen_model()
        if project is None or model is None:
            return
        arguments = ["predict", str(model), str(project.path), "--out", str(out)]
        arguments += ["--instances"] * self.instances.isChecked() + [
            "--probabilities"
        ] * self.probabilities.isChecked()
        arguments += ["--overwrite"] * (not self.keep.isChecked())
        self._start(
            "Predicting", Job(arguments, count_new_masks(out, len(self._session.image_ids)))
        )

    def export_to(self, target: Path, *, overwrite: bool = False) -> None:
        """Write the model in the format chosen to `target`; a file that is there is kept unless
        `overwrite`.

        A model from elsewhere is checked on the first image of the open project; a run knows its
        own.
        """
        model, project = self.chosen_model(), self._session.project
        if model is None:
            return
        arguments = [
            "export",
            str(model),
            "--format",
            str(self.format.currentData()),
            "--out",
            str(target),
        ]
        if model.is_file() and project is not None and self._session.image_ids:
            arguments += ["--image", str(project.image_path(self._session.image_ids[0]))]
        self._start("Exporting", Job([*arguments, *["--overwrite"] * overwrite]))

    def cancel(self) -> None:
        """End what is being done."""
        if self.job is not None and self._busy:
            self._cancel_job()
            self.result.setText("Cancelling…")

    def chosen_model(self) -> Path | None:
        """The run folder or model.pt chosen; None where there is none."""
        data = self.model.currentData()
        return Path(data) if data else None

    def shut_down(self) -> None:
        """Before the dock goes: end what is being done, and wait until its process is gone."""
        self._cleanup()
        deadline = time.monotonic() + 8
        while self._worker is not None and self._worker.is_running and time.monotonic() < deadline:
            QThread.msleep(20)
        self.activity.end()

    # jobs
    def _cancel_job(self) -> None:
        if self.job is not None and self._busy:
            self.job.cancel()

    def _start(self, title: str, job: Job) -> None:
        if self._busy:
            return
        self.job, self._busy, self._title = job, True, title
        self.result.setText(f"{title}…")
        worker = self._worker = _follow(job)
        worker.yielded.connect(self._on_news)
        worker.finished.connect(self._on_end)
        worker.start()
        self._on_news(JobNews(0, 0))
        self._draw()

    def _on_news(self, news: JobNews) -> None:
        if not self._busy:
            return
        self.bar.setRange(0, news.total)
        self.bar.setValue(news.done)
        self.activity.show(self._title, news.done, news.total)

    def _on_end(self) -> None:
        self._busy = False
        self.activity.end()
        outcome = self.job.outcome if self.job is not None else None
        if outcome is not None:
            text = (
                outcome.text
                if outcome.ended or outcome.text.startswith("Cancelled")
                else f"⚠ {outcome.text}"
            )
            lines = text.splitlines()
            more = [f"… and {len(lines) - RESULT_LINES} more"] if len(lines) > RESULT_LINES else []
            self.result.setText("\n".join([*lines[:RESULT_LINES], *more]))
        self._draw()

    # drawing
    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(6)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Model", _row(self.model, self.other))
        layout.addLayout(form)
        layout.addWidget(_heading("Masks"))
        layout.addWidget(_row(self.folder, self.browse))
        for widget in (self.instances, self.probabilities, self.keep, self.predict):
            layout.addWidget(widget)
        layout.addWidget(_heading("Model for others"))
        layout.addWidget(_row(self.format, self.export))
        layout.addWidget(_row(self.bar, self.stop))
        layout.addWidget(self.result)
        layout.addStretch(1)

    def _draw(self) -> None:
        ready = self.chosen_model() is not None and not self._busy
        for widget in (self.predict, self.export):
            widget.setEnabled(
                ready and (widget is not self.predict or self._session.project is not None)
            )
        self.bar.setVisible(self._busy)
        self.stop.setVisible(self._busy)
        if not self._busy and self.chosen_model() is None:
            self.result.setText(
                "No trained model yet: train first, or choose a model.pt with Other…."
            )

    def _list_models(self, *_: object) -> None:
        project = self._session.project
        chosen = self.model.currentData()
        others = [
            self.model.itemData(row)
            for row in range(self.model.count())
            if Path(self.model.itemData(row)).is_file()
        ]
        self.model.clear()
        for name in reversed(project.runs() if project is not None else ()):
            assert project is not None
            folder = project.runs_path / name
            if RunFolder(folder).model_path.exists():
                self.model.addItem(name, str(folder))
        for path in others:
            self._add_model(Path(path))
        place = self.model.findData(chosen)
        self.model.setCurrentIndex(max(place, 0) if self.model.count() else -1)
        if self.result.text().startswith("No trained model") and self.model.count():
            self.result.clear()
        self._draw()

    def _add_model(self, path: Path) -> None:
        self.model.addItem(f"{path.parent.name}/{path.name}", str(path))
        self.model.setCurrentIndex(self.model.count() - 1)

    def _choose_model(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "A trained model", "", "Models (*.pt)")
        if path:
            self._add_model(Path(path))
            self._suggest_anew()
            self._draw()

    def _on_project(self, _project: object) -> None:
        self._list_models()
        self._suggest_anew()

    def _keep_folder(self) -> None:
        self._folder_kept = True

    def _suggest_anew(self) -> None:
        self._folder_kept = False
        self._suggest_folder()

    def _suggest_folder(self) -> None:
        project, model = self._session.project, self.chosen_model()
        if project is not None and model is not None and not self._folder_kept:
            self.folder.setText(
                str(
                    project.predictions_path
                    / (model.parent.name if model.is_file() else model.name)
                )
            )

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the masks", self.folder.text())
        if folder:
            self.folder.setText(folder)
            self._keep_folder()

    def _choose_target(self) -> None:
        model = self.chosen_model()
        if model is None:
            return
        name, ending = self.format.currentData(), FORMATS[self.format.currentIndex()][2]
        stem = model.parent.name if model.is_file() else model.name
        start = (
            self._session.project.path.parent if self._session.project is not None else Path.home()
        )
        target, _ = QFileDialog.getSaveFileName(
            self,
            "Export the model",
            str(start / f"{stem}-model{ending}"),
            f"{name} (*{ending or ''})",
        )
        if target:
            path = Path(target)
            if not ending or path.suffix == ending:
                self.export_to(path, overwrite=True)  # the dialog has asked
            else:
                self.export_to(path.with_name(path.name + ending))


@thread_worker  # type: ignore[untyped-decorator,unused-ignore]
def _follow(job: Job) -> Iterator[JobNews]:
    yield from job.follow()


def _heading(text: str) -> QLabel:
    return QLabel(f"<b>{text}</b>")


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for number, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if number == 0 else 0)
    return row
