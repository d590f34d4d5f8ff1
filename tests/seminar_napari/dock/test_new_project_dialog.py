"""The form for a new project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt

from seminar.project.project import Project
from seminar_napari.dock.new_project_dialog import NewProjectDialog


def test_the_form_for_a_new_project(qtbot: Any, tmp_path: Path) -> None:
    layers = [
        Image(np.zeros((3, 16, 16), dtype=np.uint8), name="stack"),
        Image(np.zeros((16, 16), dtype=np.uint8), name="flat"),
    ]
    dialog = NewProjectDialog(layers)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    assert "3 planes become 3 images" in dialog.layer_list.item(0).text()
    dialog.folder.setText(str(tmp_path / "new"))
    dialog.classes._names[1].setText("background")
    dialog.create_project()
    assert "twice" in dialog.message.text()
    dialog.classes._names[1].setText("cell")
    dialog.classes.add("vessel")
    with qtbot.waitSignal(dialog.created, timeout=20_000) as signal:
        dialog.create_project()
    assert signal.args == [tmp_path / "new", layers[0]]
    project = Project.open(tmp_path / "new")
    assert len(project.image_ids()) == 4
    assert project.classes.names == ("background", "cell", "vessel")


def test_the_form_says_why_a_project_cannot_be_made(qtbot: Any, three_fields: Project) -> None:
    dialog = NewProjectDialog([Image(np.zeros((16, 16), dtype=np.uint8), name="flat")])
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.folder.setText(str(three_fields.path))
    with qtbot.capture_exceptions():
        dialog.create_project()
        qtbot.waitUntil(lambda: dialog.create_button.isEnabled(), timeout=20_000)
    assert "three" in dialog.message.text()
