"""What is built and given away: an sdist, and a wheel made from it, must hold the plugin as npe2
finds it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MANIFEST = "seminar_napari/napari.yaml"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist's and the wheel's folder, unpacked as pip does; nothing is downloaded."""
    for name in ("build", "hatchling"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "sdist", filter="data")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "wheel")
    (unpacked,) = (folder / "sdist").iterdir()
    return unpacked, folder / "wheel"


def validate(what: str, path: Path, *, where: Path) -> None:
    """`npe2 validate`, as seen by a Python that finds the package in `path` first."""
    environment = os.environ | {"PYTHONPATH": str(path)}
    command = [sys.executable, "-m", "npe2", "validate", what]
    done = subprocess.run(
        command,
        env=environment,
        cwd=where,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid" in done.stdout


def test_the_sdist_holds_both_names_of_the_manifest(built: tuple[Path, Path]) -> None:
    sdist, _ = built
    for name in ("napari.yaml", MANIFEST):
        assert (sdist / name).read_text() == (ROOT / MANIFEST).read_text()
        validate(str(sdist / name), sdist, where=sdist)


def test_the_wheel_made_from_the_sdist_is_found_by_napari(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    _, wheel = built
    assert (wheel / MANIFEST).read_text() == (ROOT / MANIFEST).read_text()
    (points,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "[napari.manifest]\nseminar-napari = seminar_napari:napari.yaml" in points.read_text()
    validate("seminar-napari", wheel, where=tmp_path)
    modules = {path.name for path in (wheel / "seminar_napari").iterdir()}
    assert modules >= {path.name for path in (ROOT / "seminar_napari").glob("*.py")} | {"py.typed"}


def test_the_editable_install_validates(tmp_path: Path) -> None:
    validate("seminar-napari", ROOT, where=tmp_path)
