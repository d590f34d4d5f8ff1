"""The runs of the project: name, date, score; show, continue, compare, rename, delete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMessageBox,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from seminar.errors import SeminarError
from seminar.run.folder import RunFolder
from seminar_napari.qt.builders import boxed, button, column, row, timer, wrapped_label
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.run.control import RunControl
from seminar_napari.run.project_runs import RunSummary, differences, started_runs, summary_of
from seminar_napari.session.session import Session
from seminar_napari.session.setting_labels import label
from seminar_napari.workers.latest import Latest

POLL_MILLISECONDS = 200
MOST_ROWS = 6
ROW_PIXELS = 22
Stamp = tuple[str, int]


def sure_to_delete(parent: QWidget, name: str) -> bool:
    """Ask the person at the window."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(f"Delete {name}?")
    box.setInformativeText("Its model, checkpoints and pictures are gone then. Clicks stay.")
    delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.exec()
    is_sure = box.clickedButton() is delete
    box.deleteLater()
    return is_sure


class RunList(QWidget):
    """A list that unfolds, the last run first; the followed one is bold.

    Parameters
    ----------
    ask : callable
        Whether the run of this name is to be deleted; another one in tests.

    Attributes
    ----------
    continue_wanted : Signal
        A run (`RunFolder`) is to be trained on.
    """

    continue_wanted = Signal(object)

    def __init__(
        self,
        session: Session,
        control: RunControl,
        parent: QWidget | None = None,
        *,
        ask: Callable[[QWidget, str], bool] = sure_to_delete,
    ) -> None:
        super().__init__(parent)
        self.ask = ask
        self._session, self._control = session, control
        self._known: dict[Stamp, RunSummary] = {}
        self._summaries: dict[RunFolder, RunSummary] = {}
        self._runs: tuple[RunFolder, ...] = ()
        self._reader: Latest[dict[Stamp, RunSummary]] = Latest("seminar-runs")
        self.title = button("Runs", action=self._draw, checkable=True)
        self.title.setStyleSheet(
            "QPushButton {text-align: left; border: none; background: transparent; padding: 4px 0}"
        )
        self.tree = QTreeWidget()
        self.tree.setColumnCount(3)
        self.tree.setHeaderHidden(True)
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setStyleSheet(f"QTreeWidget::item {{ height: {ROW_PIXELS}px; }}")
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tree.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.tree.header()
        assert header is not None
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for number in (1, 2):
            header.setSectionResizeMode(number, QHeaderView.ResizeMode.ResizeToContents)
        self.show_run = button("Show", "Its mask, curves and score", self._show)
        self.go_on = button(
            "Continue",
            "Train it on, with the clicks of now; a finished run for as many iterations again",
            self._continue,
        )
        self.compare = button(
            "Compare", "Scores and settings of two runs: choose both with Ctrl", self._compare
        )
        self.delete = button("Delete…", "Delete the run and all it holds", self._delete)
        self.text = wrapped_label(selectable=True)
        first, second = row(self.show_run, self.go_on), row(self.compare, self.delete)
        self._content = boxed(column(self.tree, first, second, self.text, spacing=4))
        self.setLayout(column(self.title, self._content, spacing=2))
        self.tree.itemSelectionChanged.connect(self._draw_buttons)
        self.tree.itemChanged.connect(self._on_edited)
        self._timer = timer(self, POLL_MILLISECONDS, self.poll)
        cleanup = Cleanup()
        cleanup.connect(session.project_changed, self._on_project)
        for signal in (session.run_changed, session.state_changed):
            cleanup.connect(signal, self.refresh)
        self.destroyed.connect(cleanup)
        self.refresh()

    # the list
    def refresh(self, _change: object = None) -> None:
        """List the runs that there are now; scores are read in the background."""
        try:
            self._runs = started_runs(self._session.project)[::-1]
        except OSError:
            self._runs = ()
        stamps = {_stamp(run): run for run in self._runs}
        self._reader.submit(partial(_read, stamps, dict(self._known)))
        self._timer.start()
        self._draw()

    def poll(self) -> None:
        """Show what was read; in the window's thread."""
        outcome = self._reader.take()
        if isinstance(outcome, dict):
            self._known = outcome
            self._summaries = {summary.run: summary for summary in outcome.values()}
            self._fill()
        if not self._reader.busy and outcome is None:
            self._timer.stop()

    def showEvent(self, event: object) -> None:
        """Runs may have come and gone while another tab was open."""
        super().showEvent(event)  # type: ignore[arg-type]
        self.refresh()

    def selected(self) -> list[RunFolder]:
        """The selected runs, in the order of the list."""
        items = {item.data(0, Qt.ItemDataRole.UserRole) for item in self.tree.selectedItems()}
        return [run for run in self._runs if str(run.path) in items]

    # drawing
    def _draw(self) -> None:
        number, is_open = len(self._runs), self.title.isChecked()
        self.setVisible(number > 0)
        self.title.setText(f"{'▾' if is_open else '▸'} Runs ({number})")
        self._content.setVisible(is_open)
        self._fill()

    def _fill(self) -> None:
        if not self.title.isChecked():
            return
        chosen = {str(run.path) for run in self.selected()}
        self.tree.blockSignals(True)
        self.tree.clear()
        for run in self._runs:
            summary = self._summaries.get(run)
            item = QTreeWidgetItem([run.path.name, *_texts(summary)])
            item.setData(0, Qt.ItemDataRole.UserRole, str(run.path))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setToolTip(0, "Double-click to rename")
            if summary is not None and summary.measure:
                item.setToolTip(2, f"Of its model: {summary.measure}")
            if run == self._session.run:
                font = item.font(0)
                font.setBold(True)
                item.setFont(0, font)
            self.tree.addTopLevelItem(item)
            item.setSelected(str(run.path) in chosen)
        self.tree.blockSignals(False)
        self.tree.setFixedHeight(ROW_PIXELS * min(max(len(self._runs), 1), MOST_ROWS) + 6)
        self._draw_buttons()

    def _draw_buttons(self) -> None:
        number = len(self.selected())
        for each in (self.show_run, self.go_on):
            each.setEnabled(number == 1)
        self.delete.setEnabled(number > 0)
        self.compare.setEnabled(number == 2 or (number == 1 and len(self._runs) > 1))

    # what the buttons do
    def _show(self) -> None:
        (run,) = self.selected()
        self._try(lambda: self._control.attach(run))

    def _continue(self) -> None:
        (run,) = self.selected()
        self._say("")
        self.continue_wanted.emit(run)

    def _compare(self) -> None:
        """Two selected runs, or one with the followed one, or else with the one before it."""
        chosen = self.selected()
        if len(chosen) == 1:
            others = [run for run in (self._session.run, *self._runs) if run in self._runs]
            other = next(run for run in others if run != chosen[0])
            chosen = [run for run in self._runs if run in (chosen[0], other)]
        self._try(lambda: self._say(self._comparison(*chosen)))

    def _comparison(self, newer: RunFolder, older: RunFolder) -> str:
        ours, theirs = self._summaries.get(newer), self._summaries.get(older)
        lines = [f"{newer.path.name} against {older.path.name}"]
        if ours and theirs and ours.score is not None and theirs.score is not None:
            if ours.measure == theirs.measure:
                shown, before = round(ours.score, 2), round(theirs.score, 2)
                lines.append(f"Score {shown:.2f} against {before:.2f} ({shown - before:+.2f})")
            else:
                lines.append("Scores are of different kinds")
        pairs = differences(newer, older)
        lines += [f"{label(name)}: {_word(a)} against {_word(b)}" for name, (a, b) in pairs.items()]
        return "\n".join(lines if pairs else [*lines, "Same settings"])

    def _delete(self) -> None:
        chosen = self.selected()
        name = chosen[0].path.name if len(chosen) == 1 else f"{len(chosen)} runs"
        if self.ask(self, name):
            self._say("")
            for run in chosen:
                self._try(partial(self._remove, run))
            self.refresh()

    def _remove(self, run: RunFolder) -> None:
        self._let_go(run)
        run.remove()

    def _on_edited(self, item: QTreeWidgetItem) -> None:
        run = RunFolder(Path(item.data(0, Qt.ItemDataRole.UserRole)))
        name = item.text(0).strip()
        if name != run.path.name:
            self._say("")
            self._try(lambda: self._rename(run, name))
            # not within the editor's own signal: the item is made anew
            QTimer.singleShot(0, self.refresh)

    def _rename(self, run: RunFolder, name: str) -> None:
        was_followed = self._let_go(run)
        other = run
        try:
            other = run.renamed(name)
            project = self._session.project
            if project is not None:
                masks = project.predictions_path / run.path.name
                if masks.is_dir() and not masks.with_name(name).exists():
                    masks.rename(masks.with_name(name))
        finally:
            if was_followed:
                self._control.attach(other)

    def _let_go(self, run: RunFolder) -> bool:
        """No longer follow this run, unless it goes on; whether it was followed."""
        if run != self._session.run or self._control.is_going:
            return False
        self._control.detach()
        return True

    # small things
    def _on_project(self, _project: object) -> None:
        self._known, self._summaries = {}, {}
        self._say("")
        self.refresh()

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except SeminarError as error:
            self._say(str(error))
        except OSError as error:
            self._say(f"{error.filename or 'the run'}: {error.strerror or error}")

    def _say(self, text: str) -> None:
        self.text.setText(text)
        self.text.setVisible(bool(text))


def _read(
    stamps: dict[Stamp, RunFolder], known: dict[Stamp, RunSummary]
) -> dict[Stamp, RunSummary]:
    """Summaries by stamp; those that are known are not read again."""
    found = {}
    for stamp, run in stamps.items():
        try:
            found[stamp] = known.get(stamp) or summary_of(run)
        except OSError:  # gone meanwhile
            continue
    return found


def _stamp(run: RunFolder) -> Stamp:
    """Changes with the run's events."""
    try:
        return str(run.path), run.events_path.stat().st_mtime_ns
    except OSError:
        return str(run.path), 0


def _texts(summary: RunSummary | None) -> tuple[str, str]:
    """Date and score, or how it ended where it has none."""
    if summary is None:
        return "", "…"
    if summary.state in ("finished", "stopped") and summary.score is not None:
        return summary.date, f"{summary.score:.2f}"
    score = f" {summary.score:.2f}" if summary.score is not None else ""
    return summary.date, f"{summary.state}{score}"


def _word(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_word, value)) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"
