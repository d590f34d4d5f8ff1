"""Make the pictures of the window in docs/images from the sample project: `python
docs/make_screenshots.py` on a real or virtual X display.

Trains for real, a few minutes on two free cores. `xvfb-run -a -s "-screen 0 1700x1050x24" python
docs/make_screenshots.py` where there is no screen.
"""

from __future__ import annotations

import argparse
import io
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

from seminar.config.settings import TrainConfig, preset
from seminar.project.sample.create import create_sample_project
from seminar.run.folder import PROBE_RUN
from seminar_napari.dock.widget import SeminarDock

IMAGES = Path(__file__).parent / "images"
SHOWN = "nuclei_05"  # touching nuclei, and specks that are none
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


Save = Callable[[str], None]


def save_picture(viewer: napari.Viewer, path: Path) -> None:
    """Save the window as a small indexed PNG."""
    wait(2)
    picture = Image.fromarray(
        np.asarray(viewer.window.screenshot(canvas_only=False, flash=False))[..., :3]
    )
    for colours in (0, 256, 192, 128, 96, 64, 48, 32):
        data = io.BytesIO()
        indexed = (
            picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            if colours
            else picture
        )
        indexed.save(data, "PNG", optimize=True)
        if data.tell() < MAX_BYTES:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.getvalue())
    sys.stdout.write(f"{path.name}: {picture.width} x {picture.height}, {data.tell() // 1000} kB\n")


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


def train(dock: SeminarDock, config: TrainConfig, share: float, save: Save) -> None:
    """Train as a person does, or go on with what was begun, until `share` of the second stage is
    done.
    """
    session, tab = dock.session, dock.train

    def in_second_stage() -> bool:
        step = session.last_step
        going = (
            session.state == "running"
            and step is not None
            and step.stage == "primary"
            and step.iteration > share * config.iterations
        )
        return (going and dock.inspect.overlays.has("student")) or not tab.control.is_going

    dock.tabs.setCurrentWidget(tab)
    wait(600, until=lambda: bool(tab.devices.known))
    tab.form.write(config)
    assert session.project is not None
    begun = [name for name in session.project.runs() if name != PROBE_RUN]
    tab.resume_newest() if begun else tab.start()
    if session.run is None and begun:  # all is trained already
        tab.attach_to(session.project.path / "runs" / begun[-1])
    wait(7200, until=in_second_stage)
    save("train")


def look_around(dock: SeminarDock, save: Save) -> None:
    """Every other state of the dock, to be looked at."""
    run = dock.session.run
    dock.session.show_image(SHOWN)
    dock.tabs.setCurrentWidget(dock.train)
    save("train-ended")
    dock.tabs.setCurrentWidget(dock.inspect)
    save("inspect-ended")
    dock.train.control.detach()
    dock.tabs.setCurrentWidget(dock.train)
    save("train-idle")
    dock.train.form.fold.expand(animate=False)
    save("train-settings")
    dock.train.form.fold.collapse(animate=False)
    dock.tabs.setCurrentWidget(dock.export)
    save("export")
    dock.tabs.setCurrentWidget(dock.annotate)
    dock.annotate.show_keys()
    dock.session.show_image(min(dock.session.image_states.held_out))
    save("annotate-held-out")
    if run is not None:
        dock.train.attach_to(run.path)
        wait(10, until=lambda: not dock.train.control.is_going)


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument(
        "--weights", default="imagenet", help="imagenet (downloaded once), none, or a file"
    )
    parser.add_argument("--iterations", type=int, default=150, help="optimiser steps of each stage")
    parser.add_argument(
        "--share",
        type=float,
        default=0.9,
        help="part of the second stage before the pictures are taken",
    )
    parser.add_argument(
        "--project", type=Path, help="keep the project here; a run that was begun there goes on"
    )
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    parser.add_argument(
        "--every-state", action="store_true", help="also what the documentation does not show"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (options.project or Path(folder) / "nuclei").resolve()
        if not path.exists():
            create_sample_project(path)
        viewer, dock = open_window(options.theme)

        def save(name: str) -> None:
            save_picture(viewer, options.out / f"{name}.png")

        dock.open_project(path)
        dock.session.show_image(SHOWN)
        dock.inspect.overlays.choice.choose(None)
        save("annotate")
        dock.inspect.overlays.choice.choose("student")
        weights = (
            options.weights
            if options.weights in ("imagenet", "none")
            else str(Path(options.weights).resolve())
        )
        config = preset("quick").replace(
            weights=weights,
            iterations=options.iterations,
            crop_size=128,
            batch_size=4,
            ema_decay=0.95,
            device="cpu",
        )
        train(dock, config, options.share, save)
        inspect = dock.inspect
        dock.tabs.setCurrentWidget(inspect)
        inspect.show_panel.outline.click()
        inspect.show_panel.toggles["disagreement"].click()
        inspect.next_click.click()
        wait(60, until=lambda: "disagree" in inspect.next_text.text())
        viewer.reset_view()
        save("inspect")
        inspect.show_panel.toggles["disagreement"].click()
        inspect.show_panel.fill.click()
        dock.session.show_image(SHOWN)
        viewer.reset_view()
        wait(60, until=lambda: inspect.overlays.has("student"))
        inspect.show_panel.two_by_two.click()
        save("grid")
        inspect.show_panel.two_by_two.click()
        dock.train.control.stop()
        wait(600, until=lambda: not dock.train.control.is_going)
        for theme in ("dark", "light") if options.every_state else ():
            viewer.theme = theme
            look_around(dock, lambda name, theme=theme: save(f"{theme}-{name}"))
        wait(1)
        dock.train.shut_down()
        inspect.shut_down()
        viewer.close()


if __name__ == "__main__":
    main()
