"""The tab *Export*: masks of all images, and the model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QWidget,
)

from seminar.errors import SeminarError
from seminar.export.format_table import FORMATS
from seminar.inference.outputs import check_output_folder, stem_of
from seminar_napari.export.image_choice import ImageChoice
from seminar_napari.export.job_row import JobRow
from seminar_napari.export.jobs import export_model, predict
from seminar_napari.export.model_choice import ModelChoice
from seminar_napari.qt.builders import button, column, row
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session

ENDED = ("finished", "stopped", "failed", "lost")

NO_MODEL = (
    "No model yet: click on two classes with the live mask on, or train first, or choose a "
    "model.pt with Other…."
)


class ExportTab(QWidget):
    """Predicts the project's images or others, and exports the model."""

    def __init__(self, session: Session, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folder_kept = False  # a person's own, until another model or project is chosen
        self.models = ModelChoice()
        self.images = ImageChoice()
        self.folder = QLineEdit()
        self.folder.setToolTip(
            "Folder for the masks, <name>.png each; it is made if it does not exist"
        )
        self.browse = button("…", "Choose the folder for the masks", self._choose_folder)
        self.browse.setMaximumWidth(32)
        self.instances = QCheckBox("Instances as well (16-bit tif)")
        self.probabilities = QCheckBox("Probabilities as well (float tif)")
        self.keep = QCheckBox("Keep masks that exist already")
        self.predict = button(
            "Predict all images → masks",
            action=lambda: self.predict_into(Path(self.folder.text()).expanduser()),
        )
        self.format = QComboBox()
        for name, exported in FORMATS.items():
            self.format.addItem(exported.title, name)
        self.export = button("Export…", action=self._choose_target)
        self.jobs = JobRow()
        self._lay_out()
        self.models.changed.connect(self._suggest_folder)
        self.images.changed.connect(self._on_chosen)
        self.images.refused.connect(self.jobs.say)
        self.models.chosen.connect(self._on_chosen)
        self.folder.textEdited.connect(lambda _: self._keep_folder())
        self.jobs.changed.connect(self._draw)
        self._cleanup = Cleanup(self.jobs.cancel_silently)
        self._cleanup.connect(session.project_changed, self._on_project)
        self._cleanup.connect(session.probe_saved, self._list_models)
        self._cleanup.connect(session.images_changed, self._draw)
        for signal in (session.run_changed, session.state_changed):
            self._cleanup.connect(signal, self._on_run)
        self.destroyed.connect(self._cleanup)
        self._list_models()

    # what the buttons do
    def predict_into(self, out: Path) -> None:
        """Write a mask of every chosen image into `out`."""
        project, model, images = self._session.project, self.models.model, self.images
        if project is None or model is None:
            return
        try:
            if not self.folder.text().strip():
                raise SeminarError("Choose the folder for the masks.")
            check_output_folder(out, images.images)
        except SeminarError as error:
            self.jobs.say(str(error).removeprefix("--out "))
            return
        job = predict(
            images.sources or (project.path,),
            [*map(stem_of, images.images)] if images.sources else self._session.image_ids,
            model,
            out,
            instances=self.instances.isChecked(),
            probabilities=self.probabilities.isChecked(),
            keep=self.keep.isChecked(),
        )
        self.jobs.start("Predicting", job)

    def export_to(self, target: Path, *, overwrite: bool = False) -> None:
        """Write the model in the chosen format to `target`."""
        project, model, image_ids = (
            self._session.project,
            self.models.model,
            self._session.image_ids,
        )
        if model is not None:
            image = project.image_path(image_ids[0]) if project is not None and image_ids else None
            format = self.format.currentData()
            self.jobs.start(
                "Exporting", export_model(model, format, target, image=image, overwrite=overwrite)
            )

    def shut_down(self) -> None:
        """End the job and wait until its process is gone, before the dock goes."""
        self._cleanup()
        self.jobs.shut_down()

    # drawing
    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Model", self.models)
        layout = column(
            form,
            QLabel("<b>Masks</b>"),
            self.images,
            row(self.folder, self.browse, stretch=0),
            self.instances,
            self.probabilities,
            self.keep,
            self.predict,
            QLabel("<b>Model for others</b>"),
            row(self.format, self.export, stretch=0),
            self.jobs,
            margin=6,
        )
        layout.addStretch(1)
        self.setLayout(layout)

    def showEvent(self, event: Any) -> None:
        """Runs may have been deleted or renamed while another tab was open."""
        super().showEvent(event)
        self._list_models()

    def _draw(self, _change: object = None) -> None:
        self.images.draw(len(self._session.image_ids))
        what = f"{len(self.images.images):,} other" if self.images.sources else "all"
        is_one = len(self.images.images) == 1
        self.predict.setText(f"Predict {what} image{'s' * (not is_one)} → masks")
        has_model, busy = self.models.model is not None, self.jobs.busy
        self.predict.setEnabled(has_model and not busy and self._session.project is not None)
        self.export.setEnabled(has_model and not busy)
        text = self.jobs.result.text()
        if not has_model and not busy:
            self.jobs.result.setText(NO_MODEL)
        elif text == NO_MODEL:
            self.jobs.result.clear()

    def _list_models(self, *_: object) -> None:
        self.models.list_models(self._session.project)
        self._draw()

    def _on_run(self, _value: object) -> None:
        """Stand on the run that has ended, or that the person looks at."""
        session = self._session
        has_ended = session.state in ENDED
        self.models.list_models(session.project, session.run if has_ended else None)
        self._draw()

    def _on_chosen(self) -> None:
        self._suggest_again()
        self._draw()

    def _on_project(self, _project: object) -> None:
        self.images.choose(())
        self._list_models()
        self._suggest_again()

    # the folder for the masks
    def _keep_folder(self) -> None:
        self._folder_kept = True

    def _suggest_again(self) -> None:
        self._folder_kept = False
        self._suggest_folder()

    def _suggest_folder(self) -> None:
        project = self._session.project
        if self._folder_kept or project is None:
            return
        if self.images.sources:
            self.folder.setText(str(self.images.suggested_folder()))
        elif self.models.model is not None:
            self.folder.setText(str(project.predictions_path / self.models.name))

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the masks", self.folder.text())
        if folder:
            self.folder.setText(folder)
            self._keep_folder()

    def _choose_target(self) -> None:
        project, name = self._session.project, self.format.currentData()
        ending = FORMATS[name].ending
        folder = project.path.parent if project is not None else Path.home()
        target, _ = QFileDialog.getSaveFileName(
            self,
            "Export the model",
            str(folder / f"{self.models.name}-model{ending}"),
            f"{name} (*{ending})",
        )
        if target:
            path = Path(target)
            if not ending or path.suffix == ending:
                self.export_to(path, overwrite=True)  # the dialog has asked
            else:
                self.export_to(path.with_name(path.name + ending))
