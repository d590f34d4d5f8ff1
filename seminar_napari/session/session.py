"""What the window is about at this moment: project, image, clicks, followed run. One value each;
the tabs only draw it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from psygnal import Signal

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar.run.events import Event, Step
from seminar.run.folder import RunFolder
from seminar_napari.session.autosave import Autosave, NotSaved, Saved
from seminar_napari.session.classes_file import change_classes, read_classes
from seminar_napari.session.image_states import ImageState, ImageStates
from seminar_napari.session.training_split import add_to_split, held_out
from seminar_napari.session.training_warnings import warnings_before_training

RunState = Literal[
    "none", "starting", "running", "paused", "stopping", "stopped", "failed", "finished", "lost"
]

FLUSH_SECONDS = 5.0


class Session:
    """The state that the tabs share; no Qt, no torch.

    All signals are emitted in the thread that calls; what the writer thread achieved is emitted by
    `poll`, which the window calls ten times a second.

    Attributes
    ----------
    project : Project or None
    image_id : str
        The image that is shown; "" for none.
    current_class : int
        Class of the next click.
    run : RunFolder or None
        The run that is followed.
    state : RunState
        What the followed run does.
    last_step : Step or None
        The newest step of the followed run.
    saved_at : float
        When clicks were last known to be on disk, seconds since the epoch; 0 for never.
    not_saved : dict
        Why the newest clicks of an image could not be written, by image id; empty where all is
        well.
    image_states : ImageStates
        Clicks per class, faults and seconds of every image.
    only_to_do : bool
        Whether next and previous pass over images that are ready.
    split : str
        Name of the split that would be trained on; the images outside of it are held out.
    """

    project_changed = Signal(object)
    classes_changed = Signal(object)  # ClassNames: renamed, added, recoloured
    image_changed = Signal(str)
    image_wanted = Signal(
        str
    )  # right after image_changed, or alone: the annotation part shows it and sets image_layer
    image_layer_changed = Signal(object)
    clicks_changed = Signal(str)
    clicks_saved = Signal(str)
    class_changed = Signal(int)
    run_changed = Signal(object)
    state_changed = Signal(str)
    event_received = Signal(object, float)
    notice = Signal(str)

    def __init__(self, autosave: Autosave | None = None) -> None:
        self.project: Project | None = None
        self.image_id = ""
        self.current_class = 1
        self.run: RunFolder | None = None
        self.state: RunState = "none"
        self.last_step: Step | None = None
        self.saved_at = 0.0
        self.not_saved: dict[str, str] = {}
        self.image_states = ImageStates()
        self.only_to_do = False
        self.split = "train"
        self._split_fault = self._classes_fault = ""
        self._told_held_out: set[str] = set()
        self._image_ids: tuple[str, ...] = ()
        self._positions: dict[str, int] = {}
        self._image_layer: Any = None
        self._geometry: dict[str, Any] = {}
        self._clicks: dict[str, ClickSet] = {}
        self._bases: dict[str, ClickSet] = {}  # what our clicks were last like on disk
        self._stamps: dict[str, int] = {}
        self._autosave = autosave or Autosave()

    # project
    def open_project(self, path: Path | str, *, show: bool = True) -> None:
        """Open the project folder at `path` and, where `show`, show its first image.

        Raises
        ------
        SeminarError
            No project there, or clicks of the open project are not on disk yet.
        """
        self._take_up(Project.open(Path(path)), show=show)

    def create_project(self, path: Path | str, images: Sequence[Path], classes: ClassNames) -> None:
        """Make a project folder of copies of these image files, and open it."""
        self._take_up(Project.create(Path(path), images, classes))

    def close_project(self) -> None:
        """Let go of project and run; all clicks are on disk before."""
        self._take_up(None)

    def _take_up(self, project: Project | None, *, show: bool = True) -> None:
        if not self.flush():
            raise SeminarError(
                f"clicks of {', '.join(self.unsaved())} are not on disk yet; make room or give"
                " access to the project folder, then open the other one"
            )
        image_ids = project.image_ids() if project is not None else ()
        stamps = project.clicks_stamps() if project is not None else {}
        left_out, split_fault = _left_out(project, self.split)
        self.show_image("")  # from here on nothing fails: the window is never between two projects
        self.set_run(None)
        self._clicks.clear()
        self._bases = {}  # a write of the old project that still goes on keeps its own
        self._geometry.clear()
        self.project, self._image_ids, self.saved_at = project, image_ids, 0.0
        self._positions = {image_id: position for position, image_id in enumerate(image_ids)}
        self._stamps, self._split_fault, self._classes_fault = stamps, split_fault, ""
        if project is not None:
            self.current_class = min(self.current_class, project.classes.num_classes - 1)
        self.image_states.open(
            project, tuple(image_id for image_id in image_ids if image_id in stamps)
        )
        self._told_held_out.clear()
        self.image_states.hold_out(left_out)
        self.project_changed.emit(project)
        self.class_changed.emit(self.current_class)
        if image_ids and show:
            self.show_image(image_ids[0])

    # the split
    def use_split(self, name: str) -> None:
        """The next training takes the images of this split."""
        if name != self.split:
            self.split = name
            self._hold_out()

    def train_on(self, image_id: str) -> None:
        """Add an image to the split, so that the next training learns from its clicks.

        Raises
        ------
        SeminarError, OSError
            The split's file is damaged or cannot be written.
        """
        was_scored = add_to_split(self._open_project(), image_id, self.split)
        self._hold_out()
        scored = ", and no longer in val.txt" if was_scored else ""
        self.notice.emit(
            f"{image_id} is in {self.split}.txt now{scored}: the next run trains on its clicks."
        )

    def _hold_out(self) -> None:
        left_out, self._split_fault = _left_out(self.project, self.split)
        self.image_states.hold_out(left_out)

    # classes
    def take_classes_from_disk(self) -> None:
        """Take up what another program made of classes.txt; where it is damaged, that is said
        once and the known classes stay.
        """
        if self.project is None:
            return
        try:
            classes = read_classes(self.project)
        except (SeminarError, OSError) as error:
            if self._classes_fault != str(error):
                self._classes_fault = str(error)
                self.notice.emit(f"{error}. Until then the classes stay as they were.")
            return
        self._classes_fault = ""
        if classes != self.project.classes:
            self._take_classes(classes)
            self.notice.emit(
                "classes.txt was changed by another program: the classes are shown as they are"
                " there."
            )

    def set_classes(self, classes: ClassNames) -> None:
        """Write to classes.txt what is new in these classes: names, colours, or a class more; what
        others changed meanwhile is kept.

        Raises
        ------
        DatasetError, OSError
            See `change_classes`; what others changed is shown by then.
        """
        if self.project is not None:
            try:
                self._take_classes(change_classes(self.project, classes))
            except SeminarError:
                self.take_classes_from_disk()
                raise

    def _take_classes(self, classes: ClassNames) -> None:
        assert self.project is not None
        self.project = dataclasses.replace(self.project, classes=classes)
        self.classes_changed.emit(classes)
        self.set_class(min(self.current_class, classes.num_classes - 1))

    def set_class(self, class_id: int) -> None:
        """Make `class_id` the class of the next click; numbers without a class are passed over."""
        if self.project is None or not 0 <= class_id < self.project.classes.num_classes:
            return
        if class_id != self.current_class:
            self.current_class = class_id
            self.class_changed.emit(class_id)

    # images
    @property
    def image_ids(self) -> tuple[str, ...]:
        """All images of the project, sorted."""
        return self._image_ids

    def show_image(self, image_id: str) -> None:
        """Show this image of the project, or what is missing of it; "" shows none."""
        if image_id == self.image_id:
            if image_id:
                self.image_wanted.emit(image_id)  # its layers may have been deleted
            return
        if image_id and image_id not in self._positions:
            raise SeminarError(
                f"{image_id}: no such image in"
                f" {self.project.path if self.project else 'the project'}; choose one of the list"
            )
        self.image_id = image_id
        self.image_changed.emit(image_id)
        self.image_wanted.emit(image_id)

    def image_size(self) -> tuple[int, int] | None:
        """(height, width) of the shown image; None where none is shown or it cannot be read:
        whoever shows it says why.
        """
        try:
            return self._open_project().image_size(self.image_id) if self.image_id else None
        except (SeminarError, OSError):
            return None

    def next_image(self) -> None:
        """Show the image after this one; stays at the last one."""
        self.show_image(next(iter(self.images_from_here(1)), self.image_id))

    def previous_image(self) -> None:
        """Show the image before this one; stays at the first one."""
        self.show_image(next(iter(self.images_from_here(-1)), self.image_id))

    def images_from_here(self, step: Literal[1, -1]) -> Iterator[str]:
        """The images after (1) or before (-1) the shown one, nearest first; only those to do
        where `only_to_do`.
        """
        here = self._positions.get(self.image_id, -1 if step == 1 else len(self._image_ids))
        for there in range(here + step, len(self._image_ids) if step == 1 else -1, step):
            if not self.only_to_do or self.image_states[self._image_ids[there]].is_to_do:
                yield self._image_ids[there]

    @property
    def image_layer(self) -> Any:
        """The napari Image layer that shows the image, or None; set by the annotation part."""
        return self._image_layer

    @image_layer.setter
    def image_layer(self, layer: Any) -> None:
        self._image_layer = layer
        if layer is not None:
            self.keep_geometry(layer)
        self.image_layer_changed.emit(layer)

    def keep_geometry(self, layer: Any) -> None:
        """Layers made from now on lie where this image layer lies."""
        self._geometry = {
            "scale": layer.scale[-2:].copy(),
            "translate": layer.translate[-2:].copy(),
            "rotate": layer.rotate[-2:, -2:].copy(),
            "shear": layer.shear[-1:].copy(),
            "affine": layer.affine.set_slice([layer.ndim - 2, layer.ndim - 1]).affine_matrix.copy(),
            "units": tuple(layer.units[-2:]),
        }

    def layer_geometry(self) -> dict[str, Any]:
        """Keyword arguments (scale, translate, rotate, shear, affine, units) that put a 2-D
        layer over the image.
        """
        return dict(self._geometry)

    # clicks
    def clicks(self, image_id: str) -> ClickSet:
        """The clicks of an image, read on first use; empty where there are none.

        Raises
        ------
        DatasetError
            Its file is damaged.
        """
        if image_id not in self._clicks:
            project = self._open_project()
            clicks = project.read_clicks(image_id) or ClickSet(*project.image_size(image_id))
            self._clicks[image_id] = self._bases[image_id] = clicks
        return self._clicks[image_id]

    def set_clicks(self, image_id: str, clicks: ClickSet) -> None:
        """Take these as the clicks of an image and have them written; `clicks_saved` says when they
        are on disk.

        What another window wrote meanwhile is kept, too, and taken up by `take_clicks_from_disk`.
        """
        write = partial(self._write, self._open_project(), self._bases, image_id, clicks)
        try:
            self._take_clicks(image_id, clicks)
        finally:  # after the drawing, which would wait for the writer's thread; whatever goes wrong there
            self._autosave.submit(image_id, write)
        if image_id not in self._told_held_out and self.image_states[image_id].held_out:
            self._told_held_out.add(image_id)
            self.notice.emit(
                f"{image_id} is not in {self.split}.txt: clicks there are not trained on. 'Train on"
                " this image' in the tab Annotate adds it."
            )

    def _write(
        self, project: Project, bases: dict[str, ClickSet], image_id: str, clicks: ClickSet
    ) -> None:
        """In the writer's thread."""
        now = self.project
        if now is not None and now.path == project.path:
            project = now  # its classes may be others than when the click was made
        project.write_clicks(image_id, clicks, base=bases.get(image_id))
        bases[image_id] = clicks

    def _take_clicks(self, image_id: str, clicks: ClickSet) -> None:
        self._clicks[image_id] = clicks
        self.image_states.put(image_id, ImageState.of(clicks))
        self.clicks_changed.emit(image_id)

    def warnings(self) -> tuple[str, ...]:
        """What a person should know before training, a sentence each."""
        if self.project is None:
            return ()
        self.image_states.wait(FLUSH_SECONDS)
        states = [(image_id, self.image_states[image_id]) for image_id in self._image_ids]
        found = warnings_before_training(states, self.project.classes, self.split)
        return (self._split_fault, *found) if self._split_fault else tuple(found)

    def take_clicks_from_disk(self) -> tuple[str, ...]:
        """Take up what another program changed on disk since the last call, classes first; the
        images concerned.
        """
        # also while clicks wait: it may be a class that they wait for
        self.take_classes_from_disk()
        if self.project is None or self.unsaved():
            return ()
        try:
            stamps = self.project.clicks_stamps()
        except OSError:  # a network disk that is away for a moment: at the next look
            return ()
        changed = [
            image_id
            for image_id in self._image_ids
            if stamps.get(image_id) != self._stamps.get(image_id)
        ]
        self._stamps = stamps
        return tuple(image_id for image_id in changed if self._read_again(image_id))

    def _read_again(self, image_id: str) -> bool:
        project, known = self._open_project(), self._clicks.get(image_id)
        try:
            clicks = project.read_clicks(image_id) or ClickSet(*project.image_size(image_id))
        except (SeminarError, OSError) as error:
            self.image_states.put(image_id, ImageState(fault=str(error)))
            return False
        self._bases[image_id] = clicks
        if clicks == known:
            if self.image_states[image_id].fault:
                self.image_states.put(image_id, ImageState.of(clicks))
            return False
        self._take_clicks(image_id, clicks)
        return True

    def unsaved(self) -> tuple[str, ...]:
        """Images whose newest clicks are not on disk yet."""
        return self._autosave.unsaved()

    def flush(self, timeout: float = FLUSH_SECONDS) -> bool:
        """Return when all clicks are on disk, or after `timeout` seconds; whether they are."""
        done = self._autosave.flush(timeout)
        self.poll()
        return done

    def poll(self) -> None:
        """Tell what the writer and the readers in the background have done since the last call."""
        self.image_states.poll()
        while self._autosave.outcomes:
            match self._autosave.outcomes.popleft():
                case Saved(image_id, when):
                    self.saved_at = when
                    if self.not_saved.pop(image_id, None) is not None:
                        self.notice.emit(f"Clicks of {image_id} are on disk now.")
                    self.clicks_saved.emit(image_id)
                case NotSaved(image_id, reason):
                    if (
                        self.not_saved.get(image_id) != reason
                    ):  # said once, however often it is tried
                        self.not_saved[image_id] = reason
                        self.notice.emit(
                            f"Clicks of {image_id} are not on disk yet: {reason}. Make room or give"
                            " access; they are kept here and written again on their own."
                        )

    # run
    def set_run(self, run: RunFolder | None) -> None:
        """Follow this run folder; None for none."""
        if run != self.run:
            self.run, self.last_step = run, None
            self.run_changed.emit(run)
            if run is None:
                self.set_state("none")

    def set_state(self, state: RunState) -> None:
        """Say what the followed run does."""
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)

    def receive(self, event: Event, when: float | None = None) -> None:
        """Pass on an event of the followed run; call it in the window's thread."""
        if isinstance(event, Step):
            self.last_step = event
        self.event_received.emit(event, time.time() if when is None else when)

    def _open_project(self) -> Project:
        if self.project is None:
            raise SeminarError("no project is open; open one first")
        return self.project


def _left_out(project: Project | None, split: str) -> tuple[frozenset[str], str]:
    """The images that training on this split leaves out, and what is wrong with the split."""
    try:
        return (held_out(project, split) if project is not None else frozenset()), ""
    except SeminarError as error:
        return frozenset(), str(error)
