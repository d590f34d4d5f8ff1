"""A config.toml comes back from disk as it was written, or the error names it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from seminar.config.presets import PresetName
from seminar.config.settings import preset
from seminar.config.toml_file import load_config
from seminar.errors import ConfigError


@pytest.mark.parametrize("name", get_args(PresetName))
def test_every_preset_survives_a_trip_through_a_file(name: PresetName, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(preset(name).to_toml(), encoding="utf-8")
    assert load_config(tmp_path / "config.toml") == preset(name)
    assert preset(name).preset == name


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(ConfigError, match="found no file"):
        load_config(path)
    path.write_text("iterations = = 3")
    with pytest.raises(ConfigError, match="not readable as TOML"):
        load_config(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not readable as text"):
        load_config(path)
