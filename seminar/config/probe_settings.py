"""The settings of a probe."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import tomli_w

from seminar.config.backbones import PYRAMIDS
from seminar.config.coercion import did_you_mean
from seminar.config.fields import check_names, convert_fields, intensity_faults, setting
from seminar.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """Everything that repeats a probe, its clicks aside.

    Raises
    ------
    ConfigError
        A value of the wrong type or out of its range.
    """

    backbone: str = setting(
        "efficientnet_lite0", "Frozen network that gives the features; none: filters alone"
    )
    weights: str = setting(
        "imagenet", "Weights of the backbone: imagenet (downloaded once), none, or a file"
    )
    channels: tuple[int, ...] = setting(
        (), "Channels of the images to use, from 0; empty takes all", empty="all"
    )
    stretch: tuple[float, float] = setting(
        (0.1, 99.9),
        "Percentiles of each image that become black and white; 0 and 100 leave 8-bit images as "
        "they are",
        (0, 100, 0.1),
        unit="%",
    )

    def __post_init__(self) -> None:
        if faults := list(convert_fields(self)) or list(self._contradictions()):
            raise ConfigError("settings: " + "; ".join(faults) + "; correct the setting")

    def _contradictions(self) -> Iterator[str]:
        if self.backbone not in (*PYRAMIDS, "none"):
            near = did_you_mean(self.backbone, PYRAMIDS)
            hint = near and f" ({near}?)"
            yield (
                f"backbone: expected one of {', '.join(PYRAMIDS)}, or none for filters alone, got "
                f"'{self.backbone}'{hint}"
            )
        yield from intensity_faults(self.channels, self.stretch)

    def to_toml(self) -> str:
        """The settings as text, which `from_toml` reads."""
        return tomli_w.dumps(dataclasses.asdict(self))

    @classmethod
    def from_toml(cls, text: str, where: str) -> ProbeConfig:
        """The settings in a text; an unknown one is refused.

        Raises
        ------
        ConfigError
            Not TOML, an unknown setting, a wrong value.
        """
        try:
            settings = tomllib.loads(text)
            check_names(settings, cls)
            return cls(**settings)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError(f"{where}: not readable as TOML ({error}); correct it") from None
        except ConfigError as error:
            raise ConfigError(f"{where}, {error}") from None
