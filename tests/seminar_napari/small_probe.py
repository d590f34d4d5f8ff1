"""A process that answers clicks as the probe does, without learning anything: python small_probe.py
PROJECT MODE.

Its mask of an image is the class of the newest click everywhere; it is unsure in the right half.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import numpy as np
from PIL import Image

from seminar.io.label_png import write_label_png
from seminar.project.layout import PROBE, UNSURE, preview_path
from seminar.project.project import Project
from seminar.run.folder import RunFolder


def main(project: Project, mode: str) -> None:
    if mode == "refuse":
        print("seminar: classes.txt: expected two classes, got one; add a class", file=sys.stderr)
        sys.exit(2)
    if mode == "crash":
        raise ZeroDivisionError("a defect")
    (project.path / "pid").write_text(str(os.getpid()))
    heard = project.path / "heard"
    tell(event="ready", features="filters")
    for line in sys.stdin:
        words = json.loads(line)
        with heard.open("a") as file:
            file.write(line)
        image_id = words.get("look") or words["clicks"]
        if mode == "die" and "clicks" in words:
            os.kill(os.getpid(), signal.SIGKILL)
        answer(project, image_id)
    if mode == "deaf":  # does not end with its input
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()


def answer(project: Project, image_id: str) -> None:
    number = sum(len(project.read_clicks(name) or ()) for name in project.clicks_stamps())
    clicked = {
        class_id
        for name in project.clicks_stamps()
        if (clicks := project.read_clicks(name)) is not None
        for class_id in clicks.class_ids
    }
    if len(clicked) < 2:
        for name in project.image_ids():
            for picture in (PROBE, UNSURE):
                preview_path(project.path, name, picture).unlink(missing_ok=True)
        tell(event="waiting", text="Only one class has clicks: click on another one.")
        return
    clicks = project.read_clicks(image_id)
    class_id = clicks.class_ids[-1] if clicks is not None and len(clicks) else 1
    size = project.image_size(image_id)
    mask = np.full(size, class_id, dtype=np.uint8)
    write_label_png(preview_path(project.path, image_id, PROBE), mask, project.classes)
    unsure = np.zeros(size, dtype=np.uint8)
    unsure[:, size[1] // 2 :] = 255
    Image.fromarray(unsure).save(preview_path(project.path, image_id, UNSURE))
    tell(event="mask", image_id=image_id, clicks=number, unsure=0.5, trust=0.1, seconds=0.01)
    model = RunFolder.of(project.path, PROBE).model_path
    model.parent.mkdir(parents=True, exist_ok=True)
    if not model.exists():
        model.write_bytes(b"model")
        tell(event="saved", model=str(model))


def tell(**words: object) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main(Project.open(sys.argv[1]), sys.argv[2])
