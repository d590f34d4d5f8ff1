"""A setting: its metadata, and the checks of type, range and name that they allow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from seminar.config.coercion import coerce, did_you_mean, type_hints
from seminar.errors import ConfigError


def setting(
    default: Any,
    text: str,
    numbers: tuple[float, float, float] | tuple[()] = (),
    *,
    label: str = "",
    unit: str = "",
    empty: str = "",
) -> Any:
    """A dataclass field with the metadata for the form, `--help` and the range check.

    Parameters
    ----------
    text : str
        Help in one sentence.
    numbers : (low, high, step)
        The range, and the step of the form's spin box.
    label : str
        Name in the form; empty where the field's own name, in words, will do.
    empty : str
        Meaning of an empty list.
    """
    low, high, step = numbers or (None, None, None)
    metadata = {"help": text, "label": label, "unit": unit, "empty": empty}
    return dataclasses.field(
        default=default, metadata=metadata | {"low": low, "high": high, "step": step}
    )


def convert_fields(settings: Any) -> Iterator[str]:
    """Give each field of a new dataclass instance its type; yields a sentence for each fault."""
    kind: Any = type(settings)
    hints = type_hints(kind)
    for field in dataclasses.fields(kind):
        try:
            value = coerce(getattr(settings, field.name), hints[field.name])
        except TypeError as error:
            yield f"{field.name}: {error}"
            continue
        object.__setattr__(settings, field.name, value)  # the instance is frozen
        low, high = field.metadata["low"], field.metadata["high"]
        numbers = value if isinstance(value, tuple) else (value,)
        if low is not None and not all(low <= number <= high for number in numbers):
            yield f"{field.name}: expected {low:g} to {high:g}, got {value}"


def intensity_faults(channels: tuple[int, ...], stretch: tuple[float, float]) -> Iterator[str]:
    """What is wrong with the channels of images to use, and with the percentiles."""
    if stretch[0] >= stretch[1]:
        yield f"stretch: expected the lower percentile first, got {stretch}"
    if min(channels, default=0) < 0 or len(set(channels)) < len(channels):
        yield f"channels: expected different numbers from 0 up, got {channels}"


def check_names(names: Iterable[str], kind: type) -> None:
    """Refuse names that are no field of the dataclass `kind`, and suggest the nearest one."""
    known = [field.name for field in dataclasses.fields(kind)]
    for name in names:
        if name not in known:
            near = did_you_mean(name, known)
            hint = f"{near}?" if near else f"known are {', '.join(known)}"
            raise ConfigError(f"setting '{name}' is unknown; {hint}")
