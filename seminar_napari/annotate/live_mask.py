"""The mask that answers each click: starts the probe, tells it of clicks, passes on its answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from psygnal import Signal

from seminar.config.probe_settings import ProbeConfig
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.probe import Mask, Notice, Ready, Said, Saved, Waiting, understood
from seminar_napari.session.session import Session
from seminar_napari.session.setting_labels import in_labels
from seminar_napari.session.start_weights import remembered_weights
from seminar_napari.workers.child import said_error, seminar_command
from seminar_napari.workers.talking_child import TalkingChild

NEEDED_CLASSES = 2

PAUSES = (1.0, 4.0, 16.0)
"""Seconds before it is started again after each crash; then no more."""

STEADY_SECONDS = 60.0
"""A probe that ran this long may crash as often as a new one."""

USERS_MISTAKE = 2
"""The exit status with a sentence for the user: starting it again changes nothing."""

FITS_WELL, FITS_FAIRLY = 0.3, 0.15
"""Least trust for these words. On five sets of images the truth has .31 to .51 (medians), the truth
grown by 4 pixels .03 to .29, and the truth moved aside by 20 pixels, or blobs, at most .13.
"""


class LiveMask:
    """Keeps one probe while a project has clicks of two classes, and says how its masks are.

    Parameters
    ----------
    session : Session
    command : callable
        Gives the command that starts the probe of a project, a split and channels; another one in
        tests.
    clock : callable
        Seconds, never going back.

    Attributes
    ----------
    features : str
        What the masks are learnt from, in words; "" where that is not known.
    """

    changed = Signal()  # the text, or whether it is at work

    def __init__(
        self,
        session: Session,
        command: Callable[[Path, str, tuple[int, ...]], Sequence[str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.features = ""
        self._session = session
        self._command = command or follow_command
        self._clock = clock
        self._is_on = True
        self._child: TalkingChild | None = None
        self._leaving: TalkingChild | None = None
        self._fault = self._said_last = ""
        self._masks: dict[str, Mask] = {}
        self._crashes = 0
        self._start_at = self._started_at = 0.0
        self._split, self._channels = session.split, session.channels
        self._cleanup = Cleanup(self._dismiss)
        for signal, slot in (
            (session.project_changed, self._on_project),
            (session.classes_changed, self._renew),
            (session.images_changed, self._renew),
            (session.weights_changed, self._begin_again),
            (session.image_states.changed, self._consider),
            (session.image_changed, self._on_image),
            (session.clicks_written, self._on_written),
        ):
            self._cleanup.connect(signal, slot)
        self._consider()

    def close(self) -> None:
        """End the probe and listen to nothing any more."""
        self._cleanup()

    # the switch
    @property
    def is_on(self) -> bool:
        """Whether the person wants a live mask; while it is off, no probe runs."""
        return self._is_on

    @is_on.setter
    def is_on(self, is_on: bool) -> None:
        if is_on != self._is_on:
            self._is_on = is_on
            self._begin_again()

    @property
    def is_at_work(self) -> bool:
        """Whether `poll` has something to do."""
        return self._session.has_live_mask or self._leaving is not None

    @property
    def pid(self) -> int | None:
        """The process id of the probe; None where none runs."""
        return self._child.pid if self._child is not None else None

    @property
    def text(self) -> str:
        """How the mask of the shown image is, or why there is none, in one sentence."""
        session = self._session
        if session.project is None or not self._is_on:
            return ""
        if self._fault or self._said_last:
            return self._fault or self._said_last
        if not session.has_live_mask:
            return "Click on two classes, and a mask appears here after each click."
        if (mask := self._masks.get(session.image_id)) is not None:
            return described(mask)
        return "Looking at this image …" if self.features else "The live mask is starting …"

    # starting and ending
    def poll(self) -> None:
        """Take what the probe said, start or replace it; in the window's thread, often."""
        if self._leaving is not None and self._leaving.poll() is not None:
            self._leaving = None
        if self._child is None:
            due = self._session.has_live_mask and self._clock() >= self._start_at
            if due and self._leaving is None:
                self._start()
            elif not self.is_at_work:
                self.changed.emit()
            return
        while self._child.heard:
            if (said := understood(self._child.heard.popleft())) is not None:
                self._take(said)
        if self._child.poll() is not None and not self._child.heard:
            self._on_end(self._child)
        elif (self._split, self._channels) != (self._session.split, self._session.channels):
            self._renew()

    def _consider(self, _image_ids: object = None) -> None:
        """Begin as soon as there is something to tell apart."""
        session = self._session
        if not self._is_on or session.project is None or session.has_live_mask or self._fault:
            return
        if len(session.image_states.clicked_classes()) >= NEEDED_CLASSES:
            session.set_live_mask(True)
            self.changed.emit()

    def _start(self) -> None:
        assert self._session.project is not None
        self._split, self._channels = self._session.split, self._session.channels
        try:
            path = self._session.project.path
            self._child = TalkingChild(self._command(path, self._split, self._channels))
        except OSError as error:
            reason = f"{error.filename or 'it'}: {error.strerror or error}"
            self._give_up(f"The live mask cannot be started: {reason}.")
            return
        self._started_at = self._clock()
        self._on_image(self._session.image_id)

    def _on_end(self, child: TalkingChild) -> None:
        status, reason = child.poll(), said_error(child.log_tail())
        self._dismiss()
        if self._clock() - self._started_at > STEADY_SECONDS:
            self._crashes = 0
        if status == USERS_MISTAKE and reason:
            self._give_up(f"No live mask: {in_labels(reason)}")
        elif self._crashes < len(PAUSES):
            self._start_at = self._clock() + PAUSES[self._crashes]
            self._crashes += 1
        else:
            why = f" ({reason})" if reason else ""
            self._give_up(
                f"The live mask has stopped{why}: switch it off and on to try again; clicks are "
                "saved all the same."
            )

    def _give_up(self, fault: str) -> None:
        self._fault = fault
        self._session.set_live_mask(False)
        self._session.notice.emit(fault)
        self.changed.emit()

    def _dismiss(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.take_leave()
            self._leaving = child

    def _renew(self, _change: object = None) -> None:
        """Other classes, images or another split: start again; the masks of before stay so long."""
        self._dismiss()
        self._start_at = 0.0

    def _begin_again(self, _value: object = None) -> None:
        """Forget all, and begin where there is something to begin with."""
        self._dismiss()
        self._masks.clear()
        self._fault = self._said_last = self.features = ""
        self._crashes, self._start_at = 0, 0.0
        self._session.set_live_mask(False)
        self._consider()
        self.changed.emit()

    # what the probe says
    def _take(self, said: Said) -> None:
        match said:
            case Ready(features):
                self.features = features
            case Mask(image_id):
                self._masks[image_id] = said
                if image_id == self._session.image_id:
                    self._said_last = ""
                self._session.unsure_shares[image_id] = said.unsure
                self._session.mask_written.emit(image_id)
            case Waiting(text):
                self._masks.clear()
                self._session.unsure_shares.clear()
                self._said_last = text
                self._session.masks_withdrawn.emit()
            case Notice(text):
                self._said_last = in_labels(text)
                self._session.notice.emit(self._said_last)
            case Saved():
                self._session.probe_saved.emit()
        self.changed.emit()

    # what happens elsewhere
    def _on_project(self, _project: object) -> None:
        self._begin_again()

    def _on_image(self, image_id: str) -> None:
        if image_id and self._child is not None:
            self._child.say(look=image_id)
        self.changed.emit()

    def _on_written(self, image_id: str) -> None:
        child = self._child  # in the writer's thread: it may be gone in the next moment
        if child is not None:
            child.say(clicks=image_id)


def follow_command(project: Path, split: str, channels: tuple[int, ...] = ()) -> tuple[str, ...]:
    """The command that answers the clicks on the images of a split; no channels are all."""
    file = remembered_weights(ProbeConfig.backbone)
    options = ["--split", split, *(["--weights", file] if file else [])]
    options += ["--channels", ",".join(map(str, channels))] if channels else []
    return seminar_command(["probe", str(project), *options, "--follow", "--json"])


def described(mask: Mask) -> str:
    """How much a mask can be trusted, in plain words."""
    parts = [f"From {mask.clicks:,} clicks", f"unsure on {_percent(mask.unsure)}"]
    if mask.trust is not None:
        well, fairly = mask.trust >= FITS_WELL, mask.trust >= FITS_FAIRLY
        parts.append(f"edges fit {'well' if well else 'fairly' if fairly else 'poorly'}")
    return " · ".join(parts)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.005 else "less than 1 %"
