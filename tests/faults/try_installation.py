"""An installed package from one end to the other, in about a minute: python -P
tests/faults/try_installation.py, away from the checkout.

Uses what pip has installed and nothing of the checkout: imports, manifest, sample data, and the
command line from a new project to predictions and their score.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path


def run(*command: object) -> None:
    """Run a program of this environment; its failure is ours."""
    print("+", *command, flush=True)
    subprocess.run([str(word) for word in command], check=True)


def main() -> None:
    import seminar
    import seminar_napari

    site = Path(sysconfig.get_path("purelib")).resolve()
    for package in (seminar, seminar_napari):
        place = Path(str(package.__file__)).resolve()
        if not place.is_relative_to(site):
            sys.exit(
                f"{place}: expected the installed package in {site}; run this with python -P, away"
                " from the checkout"
            )
    print(
        "seminar-napari",
        version("seminar-napari"),
        *(f"{name} {version(name)}" for name in ("torch", "napari", "numpy")),
    )
    from seminar.project.sample.create import create_sample_project

    scripts = Path(sysconfig.get_path("scripts"))
    run(sys.executable, "-m", "npe2", "validate", "seminar-napari")
    run(
        sys.executable,
        "-P",
        "-c",
        "import seminar_napari.dock.widget, seminar_napari.contributions.reader,"
        " seminar_napari.contributions.writer",
    )
    with tempfile.TemporaryDirectory() as folder:
        project, seminar_script = Path(folder, "sample"), scripts / "seminar"
        create_sample_project(project)
        run(seminar_script, "check", project)
        run_folder, masks = project / "runs" / "trial", Path(folder, "masks")
        small = "--backbone none --iterations 2 --crop-size 64 --batch-size 2 --device cpu"
        run(seminar_script, "train", project, "--run", "trial", *small.split())
        run(seminar_script, "predict", run_folder, project, "--out", masks)
        run(seminar_script, "evaluate", masks, project, "--split", "val", "--json")
        if not list(masks.glob("*.png")):
            sys.exit("no mask came out")
    print("installed and working")


if __name__ == "__main__":
    main()
