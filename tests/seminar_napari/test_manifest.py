from __future__ import annotations

from importlib.metadata import metadata
from pathlib import Path

import pytest
from npe2 import PluginManifest

ROOT = Path(__file__).parents[2]


def test_the_manifest_is_valid_and_named_after_the_distribution() -> None:
    manifest = PluginManifest.from_file(ROOT / "seminar_napari" / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == metadata("seminar-napari")["Name"]
    assert (ROOT / "napari.yaml").read_text() == (
        ROOT / "seminar_napari" / "napari.yaml"
    ).read_text()


def test_a_wrong_project_on_the_command_line_is_said_before_a_window_opens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from seminar_napari.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "nowhere")])
    assert ended.value.code == 2
    assert "no such folder" in capsys.readouterr().err
