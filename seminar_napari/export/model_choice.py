"""The choice of a trained model: a run of the project, or a model.pt from elsewhere."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QWidget

from seminar.project.layout import PROBE
from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.qt.builders import button, row


class ModelChoice(QWidget):
    """Lists the models: the newest run first, the live mask after all runs.

    Attributes
    ----------
    changed : Signal
        Another model is shown, perhaps because a run has ended.
    chosen : Signal
        The person chose a model.
    """

    changed = Signal()
    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combo = QComboBox()
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.combo.setMinimumContentsLength(12)
        self.other = button("Other…", "Choose a model.pt from elsewhere", self._choose_file)
        self.setLayout(row(self.combo, self.other, stretch=0))
        self.combo.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.combo.activated.connect(lambda _: self.chosen.emit())

    @property
    def model(self) -> Path | None:
        """The run folder or model.pt that is chosen; None where there is none."""
        data = self.combo.currentData()
        return Path(data) if data else None

    @property
    def name(self) -> str:
        """The name of its run, or of the folder that the model.pt lies in."""
        model = self.model
        if model is None:
            return ""
        return model.parent.name if model.is_file() else model.name

    def list_models(self, project: Project | None, ended: RunFolder | None = None) -> None:
        """List the project's runs with a model, and the files chosen before.

        The run that `ended` is chosen, if it has a model.
        """
        before = self.combo.currentData()
        listed = [self.combo.itemData(place) for place in range(self.combo.count())]
        self.combo.clear()
        for name in _names(project):
            run = RunFolder.of(project.path, name)  # type: ignore[union-attr]
            if run.model_path.exists():
                self.combo.addItem(f"live mask ({name})" if name == PROBE else name, str(run.path))
        for path in listed:
            if Path(path).is_file():
                self._add(Path(path))
        wanted = self.combo.findData(str(ended.path)) if ended is not None else -1
        place = wanted if wanted >= 0 else self.combo.findData(before)
        self.combo.setCurrentIndex(max(place, 0) if self.combo.count() else -1)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "A trained model", "", "Models (*.pt)")
        if path:
            self._add(Path(path))
            self.chosen.emit()

    def _add(self, path: Path) -> None:
        self.combo.addItem(f"{path.parent.name}/{path.name}", str(path))
        self.combo.setCurrentIndex(self.combo.count() - 1)


def _names(project: Project | None) -> list[str]:
    """The runs of a project, the newest first, and then the probe."""
    names = [*reversed(project.runs())] if project is not None else []
    return sorted(names, key=lambda name: name == PROBE)
