"""Values from TOML or JSON as the type of a type hint, or a sentence that says why not."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

_PLAIN_NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: "a list",
    Mapping: "a table",
    types.NoneType: "nothing",
}


@functools.cache
def type_hints(kind: Any) -> Mapping[str, Any]:
    """The type hints of a class by the names of its fields."""
    return typing.get_type_hints(kind)


def coerce(value: Any, hint: Any) -> Any:
    """`value` as the type of `hint`.

    Hints are bool, int, float, str, None, `Literal`, `tuple`, `Mapping[str, ...]`, unions of these,
    and dataclasses of them. Lists become tuples, tables become dataclasses (unknown keys are
    ignored), and whole numbers become floats where a float is expected.

    Raises
    ------
    TypeError
        The message says what was expected and what came.
    """
    kind, arguments = typing.get_origin(hint) or hint, get_args(hint)
    if kind is Literal:
        return _coerce_choice(value, arguments)
    if kind is types.UnionType:
        return _coerce_union(value, arguments)
    if kind is tuple and isinstance(value, list | tuple):
        return _coerce_items(value, arguments)
    if kind is Mapping and isinstance(value, Mapping):
        return {coerce(name, str): coerce(item, arguments[1]) for name, item in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return _coerce_fields(value, kind)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(value)
    elif isinstance(value, bool) is (kind is bool) and isinstance(value, kind):
        return value
    raise TypeError(f"expected {_PLAIN_NAMES.get(kind, 'a table')}, got {value!r}")


def _coerce_choice(value: Any, choices: tuple[Any, ...]) -> Any:
    if value in choices:
        return value
    near = did_you_mean(str(value), map(str, choices))
    raise TypeError(
        f"expected one of {', '.join(map(str, choices))}, got {value!r}" + (near and f" ({near}?)")
    )


def _coerce_union(value: Any, kinds: tuple[Any, ...]) -> Any:
    for kind in kinds:
        with contextlib.suppress(TypeError):
            return coerce(value, kind)
    names = " or ".join(_PLAIN_NAMES[typing.get_origin(kind) or kind] for kind in kinds)
    raise TypeError(f"expected {names}, got {value!r}")


def _coerce_fields(value: Mapping[str, Any], kind: Any) -> Any:
    hints = type_hints(kind)
    known = {name: item for name, item in value.items() if name in hints}
    return kind(**{name: coerce(item, hints[name]) for name, item in known.items()})


def _coerce_items(value: list[Any] | tuple[Any, ...], kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(value) != len(kinds):
        raise TypeError(f"expected {len(kinds)} values, got {value!r}")
    return tuple(coerce(item, kind) for item, kind in zip(value, kinds, strict=True))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean NAME` with the nearest known name; empty where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}" if near else ""
