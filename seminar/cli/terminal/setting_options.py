"""The settings of `TrainConfig` as options of a command."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer

from seminar.config.settings import TrainConfig, preset
from seminar.errors import ConfigError


def with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """`function` with an optional keyword per setting instead of its **options, for typer."""
    hints = typing.get_type_hints(TrainConfig)
    signature = inspect.signature(function, eval_str=True)
    *parameters, _ = signature.parameters.values()
    for field in dataclasses.fields(TrainConfig):
        option = inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None)
        parameters.append(option.replace(annotation=_option(field, hints[field.name])))
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


def _option(field: dataclasses.Field[Any], hint: Any) -> Any:
    kind = hint if hint in (int, float, bool) else str
    text = field.metadata["help"]
    if typing.get_origin(hint) is Literal:
        text += f": {', '.join(typing.get_args(hint))}"
    if field.metadata["unit"]:
        text += f" [{field.metadata['unit']}]"
    option = option_name(field.name)
    flag = f"{option}/--no-{option.removeprefix('--')}" if hint is bool else option
    return Annotated[kind | None, typer.Option(flag, help=text)]


def option_name(name: str) -> str:
    """The option of a setting."""
    return f"--{name.replace('_', '-')}"


def in_words(value: Any) -> str:
    """A setting's value as it is typed."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "empty"
    if isinstance(value, bool):
        return "on" if value else "off"
    return "empty" if value == "" else str(value)


def settings_from(given: dict[str, Any], base: TrainConfig | None = None) -> TrainConfig:
    """Settings from command-line options over `base`, or over the preset that they name."""
    base = base or preset(given.pop("preset", "balanced"))
    hints = typing.get_type_hints(TrainConfig)
    return base.replace(**{name: parsed(name, value, hints[name]) for name, value in given.items()})


def parsed(name: str, value: Any, hint: Any) -> Any:
    """Comma-separated text as the tuple that a setting takes."""
    if typing.get_origin(hint) is not tuple:
        return value
    kind = typing.get_args(hint)[0]
    words = [word.strip() for word in value.split(",") if word.strip()]
    if typing.get_origin(kind) is Literal:
        return tuple(words)
    try:
        return tuple(kind(word) for word in words)
    except ValueError:
        raise ConfigError(
            f"{option_name(name)}: expected numbers with commas between them, got '{value}'"
        ) from None
