"""The run folder: its files repeat, follow, pause, stop and resume a run, on any machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
from PIL import Image

from seminar.config.settings import TrainConfig
from seminar.config.toml_file import CONFIG_FILE, load_config
from seminar.errors import SeminarError
from seminar.io.files import write_text
from seminar.io.label_png import write_preview_png
from seminar.labels import ClassNames
from seminar.run.events import Event, from_json_line, to_json_line

RUNS = "runs"
"""Folder of a project that holds its runs."""

PROBE_RUN = "probe"
"""Name of the run folder with the model of `seminar probe`, in which nothing is trained."""

_STOP, _PAUSE, _PREVIEW = "stop.request", "pause.request", "preview.request"
_SAME_START = 2.0  # seconds; psutil's start time moves a little when the clock is set
_NO_NOTE = (
    FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, OverflowError,
    RecursionError,
)  # fmt: skip
"""Errors of a note of the process that is absent, damaged or hostile."""


def stage_names(config: TrainConfig) -> tuple[str, ...]:
    """Names of the stages of a run, in order.

    They are ancillary, then primary, primary-2, ... (`config.modules` student-student modules).
    There is one stage without pseudo-labels (ancillary), with pseudo-labels from a folder (primary)
    and under full supervision (full). In the control of Fig. 4 the second is self-generation.
    """
    if config.losses == ("full",):
        return ("full",)
    if "pseudo" not in config.losses:
        return ("ancillary",)
    if config.pseudo_labels:
        return ("primary",)
    if config.self_generation != "off":
        return ("ancillary", "self-generation")
    later = ("primary", *(f"primary-{number}" for number in range(2, config.modules + 1)))
    return ("ancillary", *later[: config.modules])


@dataclass(frozen=True)
class RunFolder:
    """Paths and files of one run, `<project>/runs/<name>/`."""

    path: Path

    @classmethod
    def of(cls, project: Path, name: str) -> RunFolder:
        """The folder of the run `name` in the project folder `project`; it need not exist yet."""
        if name in ("", ".", "..") or set(name) & set("/\\\0\n\r") or len(name) > 100:
            raise SeminarError(
                f"run name {name!r}: expected up to 100 characters without slashes or line breaks; "
                "choose another"
            )
        return cls(project / RUNS / name)

    # what repeats the run
    @property
    def config_path(self) -> Path:
        return self.path / CONFIG_FILE

    def read_config(self) -> TrainConfig:
        """The run's settings."""
        return load_config(self.config_path)

    def write_config(self, config: TrainConfig) -> None:
        write_text(self.config_path, config.to_toml())

    @property
    def project(self) -> Path:
        """The project folder that this run belongs to."""
        return self.path.parent.parent

    @property
    def model_path(self) -> Path:
        """The student that predicts, written whenever a stage ends or the run stops."""
        return self.path / "model.pt"

    @property
    def objects_path(self) -> Path:
        """How large the clicked objects are, written when objects are first numbered."""
        return self.path / "objects.json"

    def checkpoint_path(self, stage: str) -> Path:
        """All that resumes a stage; previous.pt next to it is the one before."""
        return self.path / stage / "checkpoint.pt"

    def student_path(self, stage: str) -> Path:
        """The finished student of a stage."""
        return self.path / stage / "student.pt"

    @property
    def pseudo_labels_path(self) -> Path:
        """Folder of the label maps that the last stage learns from."""
        return self.path / "pseudo_labels"

    def pseudo_label_path(self, image_id: str) -> Path:
        return self.pseudo_labels_path / f"{image_id}.png"

    @property
    def log_path(self) -> Path:
        """Output of the trainer's process, if the window started it."""
        return self.path / "log.txt"

    # events
    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    def append_event(self, event: Event) -> None:
        """Add one line to events.jsonl, in one write."""
        with self.events_path.open("ab") as file:
            if file.tell() and not self._ends_with_newline():
                file.write(b"\n")
            file.write(to_json_line(event, time.time()).encode())

    def _ends_with_newline(self) -> bool:
        with self.events_path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def read_events(self, offset: int = 0) -> Iterator[tuple[Event, float, int]]:
        """Events after byte `offset` of events.jsonl: (event, time in s since 1970, next offset).

        A line that is still being written is left for the next call; unknown lines are skipped.
        """
        try:
            with self.events_path.open("rb") as file:
                file.seek(offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    offset += len(line)
                    parsed = from_json_line(line)
                    if parsed is not None:
                        yield *parsed, offset
        except FileNotFoundError:
            return

    # requests: files, so that they reach a run on another machine
    def request_stop(self) -> None:
        write_text(self.path / _STOP, "")

    def request_pause(self) -> None:
        write_text(self.path / _PAUSE, "")

    def request_continue(self) -> None:
        """Withdraw a pause."""
        (self.path / _PAUSE).unlink(missing_ok=True)

    def stop_requested(self) -> bool:
        return (self.path / _STOP).exists()

    def pause_requested(self) -> bool:
        return (self.path / _PAUSE).exists()

    def clear_requests(self) -> None:
        for name in (_STOP, _PAUSE):
            (self.path / name).unlink(missing_ok=True)

    def request_preview(self, image_id: str) -> None:
        """Ask the trainer to write previews of this image from now on."""
        write_text(self.path / _PREVIEW, image_id)

    def preview_requested(self) -> str | None:
        """The id of the image to preview; None without a request."""
        try:
            return (self.path / _PREVIEW).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    # previews
    @property
    def previews_path(self) -> Path:
        """Folder of the previews, one folder per image."""
        return self.path / "previews"

    def preview_path(self, image_id: str, layer: str) -> Path:
        """`layer`: student, teacher, pseudo_label (label PNGs) or disagreement (0..255)."""
        return self.previews_path / image_id / f"{layer}.png"

    def write_preview(
        self, image_id: str, layer: str, labels: npt.NDArray[np.uint8], classes: ClassNames
    ) -> None:
        """Write one preview, (H, W) uint8, whole or not at all."""
        colours = classes if layer != "disagreement" else None
        write_preview_png(self.preview_path(image_id, layer), labels, colours)

    def read_preview(self, image_id: str, layer: str) -> npt.NDArray[np.uint8] | None:
        """The latest preview, (H, W) uint8; None without one."""
        try:
            with Image.open(self.preview_path(image_id, layer)) as image:
                return np.asarray(image, dtype=np.uint8)
        except OSError:
            return None

    # who trains
    @property
    def process_path(self) -> Path:
        return self.path / "process.json"

    def claim(self) -> None:
        """Note this process as the run's trainer, and remove half-written files of a killed one.

        Raises
        ------
        SeminarError
            Another living process of this machine trains here.
        """
        if self.is_alive():
            raise SeminarError(
                f"{self.path}: another process trains in this run folder; stop it first or choose "
                "another run name"
            )
        start = psutil.Process().create_time()
        note = {"pid": os.getpid(), "host": socket.gethostname(), "start": start}
        write_text(self.process_path, json.dumps(note))
        for leftover in self.path.rglob(".*.part"):
            leftover.unlink(missing_ok=True)

    def release(self) -> None:
        self.process_path.unlink(missing_ok=True)

    def is_alive(self) -> bool | None:
        """Whether the trainer's process runs.

        None if this is unknown: it runs on another machine, or its note cannot be read now.
        """
        try:
            data = json.loads(self.process_path.read_text(encoding="utf-8"))
            pid, host, start = int(data["pid"]), data["host"], float(data["start"])
        except _NO_NOTE:
            return False
        except OSError:
            return None
        if host != socket.gethostname():
            return None
        if pid == os.getpid():
            return False
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:  # killed, and its parent has not noticed
                return False
            return abs(process.create_time() - start) < _SAME_START
        except (psutil.Error, ValueError, OverflowError):
            return False

    def renamed(self, name: str) -> RunFolder:
        """Give the run another name; returns its folder then.

        Raises
        ------
        SeminarError
            A name that is taken or that cannot be, a process that trains in the run, or no such run
            any more.
        OSError
            No permission.
        """
        other = RunFolder.of(self.project, name)
        if other == self:
            return self
        if name == PROBE_RUN:
            raise SeminarError(f"{PROBE_RUN}: this name is the live mask's; choose another")
        if other.path.exists():
            raise SeminarError(f"{name}: there is a run of this name; choose another")
        self._refuse_living("rename")
        self.path.rename(other.path)
        return other

    def remove(self) -> None:
        """Delete the run and all it holds.

        Raises
        ------
        SeminarError
            A process trains in it, or there is no such run any more.
        OSError
            No permission.
        """
        self._refuse_living("delete")
        shutil.rmtree(self.path)

    def _refuse_living(self, verb: str) -> None:
        if not self.path.is_dir():
            raise SeminarError(f"{self.path}: no such run any more; somebody has deleted it")
        if (alive := self.is_alive()) is not False:
            what = "a process trains in it" if alive else "a process elsewhere may train in it"
            raise SeminarError(f"{self.path.name}: {what}; {verb} it once that has ended")
