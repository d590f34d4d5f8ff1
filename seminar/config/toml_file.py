"""A config.toml on disk."""

from __future__ import annotations

from pathlib import Path

from seminar.config.settings import TrainConfig
from seminar.errors import ConfigError

CONFIG_FILE = "config.toml"


def load_config(path: Path) -> TrainConfig:
    """Read a config.toml from disk.

    Raises
    ------
    ConfigError
        No file, not readable, or wrong settings (see `TrainConfig.from_toml`).
    """
    try:
        return TrainConfig.from_toml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: expected the settings of a run, found no file; give the folder of a run"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not readable as text; restore the file") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; put a readable file there") from None
