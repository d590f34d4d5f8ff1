"""The tab *Inspect*: see what the networks see, go where they disagree, score, tell objects
apart.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from seminar.errors import SeminarError
from seminar_napari.inspect.frames import KINDS, Kind
from seminar_napari.inspect.instances import InstancesLayer, has_object_clicks
from seminar_napari.inspect.keys import HOLD_KEYS, NEXT_KEY, InspectKeys
from seminar_napari.inspect.linked_grid import LinkedGrid
from seminar_napari.inspect.next_click_walk import NextClickWalk
from seminar_napari.inspect.overlay_layers import HEAT
from seminar_napari.inspect.overlays import POLL_SECONDS, TITLES, Overlays
from seminar_napari.inspect.scores import Scores, score_line
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session

NO_COMPARISON = "no other run"


class InspectTab(QWidget):
    """What is seen over the image, drawn from the session and the overlays.

    Attributes
    ----------
    overlays : Overlays
    grid : LinkedGrid
    walk : NextClickWalk
    scores : Scores
    instances : InstancesLayer
    """

    def __init__(self, session: Session, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.overlays = Overlays(viewer, session)
        self.grid = LinkedGrid(viewer, session, self.overlays)
        self.walk = NextClickWalk(viewer, session)
        self.scores = Scores(session)
        self.instances = InstancesLayer(viewer, session)
        self.keys = InspectKeys(viewer, self.overlays, self.walk.go)
        self._make_widgets()
        self._lay_out()
        self._connect()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._poll)
        self._timer.start(round(1000 * POLL_SECONDS))
        self._draw()
        self._draw_runs()

    def shut_down(self) -> None:
        """Before the dock goes: take the layers, keys and timer away."""
        self._timer.stop()
        self.grid.leave()
        self._cleanup()
        self.overlays.remove_layers()

    def showEvent(self, event: Any) -> None:
        """See what was predicted while another tab was open."""
        super().showEvent(event)
        self.overlays.look_again()

    # widgets
    def _make_widgets(self) -> None:
        self.show_none = QRadioButton("nothing")
        self.show_none.setToolTip("The image alone")
        self.show_kind: dict[Kind, QRadioButton] = {}
        for key, kind in HOLD_KEYS.items():
            button = QRadioButton(f"{TITLES[kind]}  {key}")
            button.setToolTip(f"Hold {key} over the image to see the {TITLES[kind]} for as long")
            self.show_kind[kind] = button
        self.fill, self.outline = (
            _toggle("Fill", "Colour whole regions"),
            _toggle("Outline", "Draw the rims of regions alone"),
        )
        self._look = QButtonGroup(self)
        self._look.addButton(self.fill)
        self._look.addButton(self.outline)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setValue(round(100 * self.overlays.opacity))
        self.opacity.setToolTip("Opacity of all overlays")
        self.two_by_two = _toggle(
            "2×2 grid", "The image and three networks side by side, moved and zoomed as one"
        )
        self.disagreement = _toggle(
            "Disagreement",
            "Heat map: how far student and teacher are apart; in the second stage, stage 1 and 2",
        )
        self.heat_scale = QLabel()
        self.heat_scale.setPixmap(_heat_bar())
        self.heat_scale.setToolTip("Disagreement from none to full")
        self.next_click = QPushButton(f"Next click ({NEXT_KEY})")
        self.next_click.setToolTip(
            "Go to the place, over all images, where the networks disagree most and no click is"
            " near"
        )
        self.next_text, self.score_text, self.instances_text = _line(), _line(), _line()
        self.against = QComboBox()
        self.against.setToolTip("Hold the score against an earlier run")
        self.against.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.against.setMinimumContentsLength(8)
        self.make_instances = QPushButton("Instances from clicks")

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        choices = QGridLayout()
        choices.setVerticalSpacing(2)
        choices.addWidget(QLabel("Show"), 0, 0)
        places = ((0, 1), (0, 2), (1, 1), (1, 2))
        for kind, (row, col) in zip(KINDS, places, strict=True):
            choices.addWidget(self.show_kind[kind], row, col)
        choices.addWidget(self.show_none, 2, 1)
        hint = QLabel("hold a key to flick")
        hint.setEnabled(False)
        choices.addWidget(hint, 2, 2)
        choices.setColumnStretch(3, 1)
        column.addLayout(choices)
        column.addLayout(_row(self.fill, self.outline, QLabel("Opacity"), self.opacity, stretch=3))
        column.addLayout(_row(self.two_by_two, self.disagreement, self.heat_scale, stretch=3))
        column.addWidget(_rule())
        column.addWidget(self.next_click)
        column.addWidget(self.next_text)
        column.addWidget(_rule())
        column.addWidget(self.score_text)
        self._against_row = QWidget()
        against = _row(QLabel("Held against"), self.against, stretch=1)
        self._against_row.setLayout(against)
        column.addWidget(self._against_row)
        column.addWidget(_rule())
        column.addWidget(self.make_instances)
        column.addWidget(self.instances_text)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _connect(self) -> None:
        for kind, button in self.show_kind.items():
            button.clicked.connect(lambda _checked=False, kind=kind: self.overlays.choose(kind))
        self.show_none.clicked.connect(lambda: self.overlays.choose(None))
        self.outline.toggled.connect(self._on_outline)
        self.opacity.valueChanged.connect(self._on_opacity)
        self.two_by_two.clicked.connect(self._on_grid)
        self.disagreement.clicked.connect(self._on_disagreement)
        self.next_click.clicked.connect(self.walk.go)
        self.against.textActivated.connect(self._on_against)
        self.make_instances.clicked.connect(
            lambda: self.instances.make(self.overlays.data("student"))
        )
        self._cleanup = Cleanup(
            self.keys.close,
            self.scores.close,
            self.instances.close,
            self.walk.close,
            self.overlays.let_go,
        )
        self._cleanup.connect(self.overlays.changed, self._on_overlays)
        self.walk.said.connect(lambda text: self.next_text.setText(text))
        self._cleanup.connect(self.scores.changed, self._draw_scores)
        self.instances.said.connect(lambda text: self.instances_text.setText(text))
        session = self._session
        self._cleanup.connect(session.clicks_changed, self._on_clicks)
        self._cleanup.connect(session.image_layer_changed, self._on_image_layer)
        for signal in (session.run_changed, session.project_changed, session.state_changed):
            self._cleanup.connect(signal, self._draw_runs)
        self.destroyed.connect(self._cleanup)

    # time
    def _poll(self) -> None:
        self.overlays.poll()
        self.walk.poll()
        self.scores.poll()
        self.instances.poll()

    # what the person does
    def _on_outline(self, outline: bool) -> None:
        self.overlays.outline = outline

    def _on_opacity(self, percent: int) -> None:
        self.overlays.opacity = percent / 100

    def _on_grid(self, wanted: bool) -> None:
        if wanted:
            self.grid.enter()
        else:
            self.grid.leave()
        self._draw()

    def _on_disagreement(self, shown: bool) -> None:
        self.overlays.disagreement = shown

    def _on_against(self, name: str) -> None:
        self.scores.compare_with("" if name == NO_COMPARISON else name)

    # drawing
    def _on_overlays(self) -> None:
        self.grid.refresh()
        self._draw()

    def _on_image_layer(self, _layer: object) -> None:
        self.grid.refresh()

    def _on_clicks(self, _image_id: str) -> None:
        self._draw_instances()

    def _draw(self) -> None:
        overlays = self.overlays
        for kind, button in self.show_kind.items():
            button.setChecked(overlays.chosen == kind)
            button.setEnabled((overlays.has(kind) or overlays.chosen == kind) and not self.grid.on)
        self.show_none.setChecked(overlays.chosen is None)
        self.show_none.setEnabled(not self.grid.on)
        with QSignalBlocker(self.outline), QSignalBlocker(self.fill):
            (self.outline if overlays.outline else self.fill).setChecked(True)
        self.disagreement.setChecked(overlays.disagreement)
        self.disagreement.setEnabled(not self.grid.on)
        self.two_by_two.setChecked(self.grid.wanted)
        self.two_by_two.setEnabled(self.grid.wanted or bool(self.grid.available()))
        self._draw_scores()
        self._draw_instances()

    def _draw_scores(self) -> None:
        truth, predicted, project = (
            self.overlays.data("truth"),
            self.overlays.data("student"),
            self._session.project,
        )
        if truth is not None and predicted is not None and project is not None:
            frames = self.overlays.stamp("truth"), self.overlays.stamp("student")
            self.scores.score_image(frames, truth, predicted, project.classes.num_classes)
        else:
            self.scores.forget_image()
        line = score_line(self.scores.image, self.scores.current, self.scores.earlier)
        self.score_text.setText(
            line or "Scores appear where SegmentationClass has masks to hold against."
        )
        self.score_text.setEnabled(bool(line))
        self.score_text.setToolTip("Mean IoU over the classes, 1 is perfect" if line else "")

    def _draw_runs(self, _value: object = None) -> None:
        names = (NO_COMPARISON, *self.scores.earlier_runs())
        if names != tuple(self.against.itemText(index) for index in range(self.against.count())):
            chosen = self.against.currentText()
            with QSignalBlocker(self.against):
                self.against.clear()
                self.against.addItems(names)
                self.against.setCurrentText(chosen if chosen in names else NO_COMPARISON)
        self._against_row.setVisible(len(names) > 1)
        self.next_click.setEnabled(self._session.run is not None)
        self._draw_scores()

    def _draw_instances(self) -> None:
        session = self._session
        clicked = False
        if session.project is not None and session.image_id and self.overlays.has("student"):
            with suppress(
                SeminarError, OSError
            ):  # whoever shows the clicks says what is wrong with them
                clicked = has_object_clicks(session.clicks(session.image_id))
        self.make_instances.setEnabled(self.overlays.has("student"))
        self.make_instances.setText(
            "Instances from clicks"
            if clicked or not self.make_instances.isEnabled()
            else "Instances by shape"
        )
        self.make_instances.setToolTip(
            "Divide the student's mask among the object clicks, show it as a layer and save it as a"
            " 16-bit tif"
            if clicked
            else (
                "Divide the student's mask at its waists, show it as a layer and save it as a"
                " 16-bit tif"
            )
        )


def _toggle(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    return button


def _line() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def _rule() -> QFrame:
    rule = QFrame()
    rule.setFixedHeight(4)
    return rule


def _row(*widgets: QWidget, stretch: int) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for index, widget in enumerate(widgets):
        row.addWidget(widget, 1 if index == stretch else 0)
    return row


def _heat_bar(width: int = 96, height: int = 10) -> QPixmap:
    """The heat map's colours over mid grey, none to full."""
    colours = HEAT.map(np.linspace(0, 1, width))
    mixed = colours[:, :3] * colours[:, 3:] + 0.5 * (1 - colours[:, 3:])
    pixels = np.ascontiguousarray(
        np.broadcast_to((255 * mixed).astype(np.uint8), (height, width, 3))
    )
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy())
