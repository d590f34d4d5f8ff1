"""The images of a new project: files, looked at in the background."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLineEdit, QWidget

from seminar.errors import SeminarError
from seminar.io.tif_layout import Pages
from seminar.labels import ClassNames
from seminar.project.create import create_project
from seminar.project.images.sources import FoundImages, find_sources
from seminar_napari.dock.new_project.layer_choice import Progress
from seminar_napari.qt.builders import column, timer, wrapped_label
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault

POLL_MILLISECONDS = 50
SHOWN_FAULTS = 3

CHANNELS = {1: "grey", 3: "RGB"}


class FileChoice(QWidget):
    """Says which images there are, and asks what they do not say themselves.

    Attributes
    ----------
    changed : Signal
        More is known, or something was chosen.
    found : FoundImages or None
        The images of the chosen kind; None while they are looked for.
    """

    changed = Signal()

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._paths = tuple(paths)
        self._kinds: dict[int, FoundImages] = {}
        self._looker: Latest[FoundImages] = Latest("seminar-images")
        self.found: FoundImages | None = None
        self.summary = wrapped_label("Looking at the images…")
        self.kind = QComboBox()
        self.kind.setToolTip("A network takes one number of channels")
        self.kind.hide()
        self.kind.activated.connect(lambda _: self._choose())
        self.pages = QComboBox()
        self.pages.addItem("Pages of a tif: as the file says", "auto")
        self.pages.addItem("Pages of a tif: channels of one image", "channels")
        self.pages.addItem("Pages of a tif: an image each", "planes")
        self.pages.hide()
        self.pages.activated.connect(lambda _: self._look())
        self.channels = QLineEdit()
        self.channels.setPlaceholderText("Channels to learn from: all; or some, such as 0, 2")
        self.channels.setToolTip(
            "Numbers from 0; all are copied, and Channels in the tab Train says which are used"
        )
        self.channels.hide()
        self.left_out = wrapped_label()
        self.setLayout(column(self.summary, self.kind, self.pages, self.channels, self.left_out))
        self._timer = timer(self, POLL_MILLISECONDS, self._poll)
        self._look()

    @property
    def is_ready(self) -> bool:
        """Whether there are images to make a project of."""
        return self.found is not None and bool(self.found.sources)

    @property
    def title(self) -> str:
        """What was found, as a question."""
        if not self.is_ready:
            return "New project"
        return f"{_counted(len(self.found.image_ids))} found: make a project?"  # type: ignore[union-attr]

    def chosen_channels(self) -> tuple[int, ...]:
        """The channels to learn from; empty for all.

        Raises
        ------
        SeminarError
            What is typed names none that the images have.
        """
        text, last = self.channels.text(), (self.kind.currentData() or 1) - 1
        if self.channels.isHidden() or not text.strip():
            return ()
        found = re.findall(r"\d+", text)
        numbers = tuple(dict.fromkeys(int(number) for number in found if len(number) < 5))
        is_list = re.fullmatch(r"[\d\s,;]+", text) is not None
        if not is_list or not numbers or max(numbers) > last:
            raise SeminarError(
                f"Channels '{text.strip()}': expected numbers from 0 to {last} with commas between "
                "them; leave it empty for all."
            )
        return numbers

    def source(self) -> None:
        """No layer lies where the images will."""

    def maker(self, path: Path, classes: ClassNames) -> Callable[[Progress], object]:
        """What makes the project; see `seminar.project.create.create_project`.

        Raises
        ------
        SeminarError
            There are no images, or no such channels.
        """
        self.chosen_channels()
        if self.found is None or not self.found.sources:
            raise SeminarError("there are no images to make a project of; choose another folder")
        pages: Pages = self.pages.currentData()
        files = [source.path for source in self.found.sources]
        return lambda progress: create_project(path, files, classes, pages=pages, progress=progress)

    def _look(self) -> None:
        self.found = None
        pages: Pages = self.pages.currentData()
        self._looker.submit(partial(find_sources, self._paths, pages))
        self._timer.start()
        self.changed.emit()

    def _poll(self) -> None:
        outcome = self._looker.take()
        if outcome is None:
            return
        self._timer.stop()
        if isinstance(outcome, Fault):
            self.summary.setText(f"⚠ {outcome.reason}")
            return
        self._show(outcome)

    def _show(self, everything: FoundImages) -> None:
        self._kinds = everything.by_channels()
        self.kind.clear()
        for channels, kind in self._kinds.items():
            number = _counted(len(kind.image_ids))
            self.kind.addItem(f"{number}: {_channels(channels)}", channels)
        self.kind.setVisible(len(self._kinds) > 1)
        has_pages = any(not source.is_copied for source in everything.sources)
        self.pages.setVisible(
            self.pages.isVisible() or has_pages or bool(self._kinds.keys() - CHANNELS.keys())
        )
        if not everything.sources:
            self.summary.setText("No image can be used.")
        folders = {f"{path if path.is_dir() else path.parent}{os.sep}" for path in self._paths}
        shown = [f"⚠ {_without(folders, text)}" for text in everything.left_out[:SHOWN_FAULTS]]
        more = len(everything.left_out) - len(shown)
        self.left_out.setText("\n".join([*shown, *([f"… and {more} more"] if more else [])]))
        self.left_out.setToolTip("\n".join(everything.left_out[:50]))
        self.left_out.setVisible(bool(shown))
        self._choose()

    def _choose(self) -> None:
        channels = self.kind.currentData()
        self.found = self._kinds.get(channels, FoundImages((), ()))
        if self.found.sources:
            number, folder = _counted(len(self.found.image_ids)), self.found.sources[0].path.parent
            where = folder.name or str(folder)
            self.summary.setText(
                f"<b>{number} found: make a project?</b><br>From {html.escape(where)}, "
                f"{_channels(channels)}; they are copied."
            )
        self.channels.setVisible(bool(self.found.sources) and channels not in CHANNELS)
        self.changed.emit()


def _counted(number: int) -> str:
    return f"{number:,} image{'s' * (number != 1)}"


def _without(folders: Collection[str], text: str) -> str:
    """A sentence with the names of files alone: the form names their folder already."""
    for folder in folders:
        text = text.replace(folder, "")
    return text


def _channels(number: int) -> str:
    return CHANNELS.get(number, f"{number} channels" if number else "several kinds")
