"""Make the pictures of the window in docs/images from the sample project: `python docs/make_screenshots.py` on a real or virtual X display.

Trains for real, a minute or two on two free cores. `xvfb-run -a -s "-screen 0 1700x1050x24" python docs/make_screenshots.py` where there is no screen.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.settings import get_settings
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from seminar.config import TrainConfig
from seminar.run_folder import RunFolder
from seminar.sample_project import create_sample_project
from seminar_napari._child import seminar_command
from seminar_napari._command import train_arguments
from seminar_napari._widget import SeminarDock

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 800)
DOCK_WIDTH = 380
MAX_BYTES = 300_000


def wait(seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
    """Run the event loop; whether `until` came true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until():
            return True
        QApplication.processEvents()
        time.sleep(0.01)
    return until()


def save(viewer: napari.Viewer, name: str) -> None:
    """Save the window as a small indexed PNG."""
    wait(2)
    picture = Image.fromarray(np.asarray(viewer.window.screenshot(canvas_only=False, flash=False))[..., :3])
    for colours in (0, 256, 192, 128, 96, 64, 48, 32):
        data = io.BytesIO()
        indexed = (
            picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE) if colours else picture
        )
        indexed.save(data, "PNG", optimize=True)
        if data.tell() < MAX_BYTES:
            break
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / f"{name}.png").write_bytes(data.getvalue())
    sys.stdout.write(f"{name}.png: {picture.width} x {picture.height}, {data.tell() // 1000} kB\n")


def open_window(theme: str) -> tuple[napari.Viewer, SeminarDock]:
    """A napari window with the dock as wide as a person finds it."""
    get_settings().appearance.theme = theme
    viewer = napari.Viewer(show=True, title="napari")
    viewer.theme = theme
    viewer.window.resize(*SIZE)
    dock = SeminarDock(viewer)
    holder = viewer.window.add_dock_widget(dock, name="Seminar", area="right")
    wait(0.5)
    viewer.window._qt_window.resizeDocks([holder], [DOCK_WIDTH], Qt.Orientation.Horizontal)
    return viewer, dock


def train(dock: SeminarDock, project: Path, weights: str, iterations: int) -> None:
    """Train both stages, with the tab Train in front; the picture is taken in the second stage."""
    config = TrainConfig(
        preset="quick", weights=weights, iterations=iterations, crop_size=160, batch_size=4, device="cpu", validations=6
    )
    session, control = dock.session, dock.train.control

    def in_second_stage() -> bool:
        step = session.last_step
        return not control.is_going or (
            step is not None and step.stage == "primary" and step.iteration > 0.6 * iterations
        )

    dock.tabs.setCurrentWidget(dock.train)
    with subprocess.Popen(
        seminar_command(train_arguments(project, "glands", config)), stdout=subprocess.DEVNULL
    ) as trainer:
        run = RunFolder.of(project, "glands")
        wait(600, until=lambda: run.events_path.exists() or trainer.poll() is not None)
        control.attach(run)
        wait(5, until=lambda: control.is_going)
        wait(1800, until=in_second_stage)
        save(dock.viewer, "train")
        wait(1800, until=lambda: not control.is_going)
    if session.state != "finished":
        raise SystemExit(f"the run did not finish: {control.message or session.state}")


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--weights", default="imagenet", help="imagenet (downloaded once), none, or a file")
    parser.add_argument("--iterations", type=int, default=80, help="optimiser steps of each stage")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = create_sample_project(Path(folder) / "glands")
        viewer, dock = open_window(options.theme)
        dock.open_project(project.path)
        clicked = [image_id for image_id in project.image_ids() if project.clicks_path(image_id).exists()]
        dock.session.show_image(clicked[0])
        dock.inspect.overlays.choose(None)
        save(viewer, "annotate")
        dock.inspect.overlays.choose("student")
        train(dock, project.path, options.weights, options.iterations)
        inspect = dock.inspect
        dock.tabs.setCurrentWidget(inspect)
        inspect.outline.click()
        inspect.disagreement.click()
        inspect.next_click.click()
        wait(20, until=lambda: "disagree" in inspect.next_text.text())
        save(viewer, "inspect")
        inspect.disagreement.click()
        dock.session.show_image(clicked[0])
        viewer.reset_view()
        wait(20, until=lambda: inspect.overlays.has("student"))
        inspect.two_by_two.click()
        save(viewer, "grid")
        inspect.two_by_two.click()
        wait(1)
        inspect.shut_down()
        viewer.close()


if __name__ == "__main__":
    main()
