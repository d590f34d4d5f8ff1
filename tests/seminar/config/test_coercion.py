"""Values from TOML and JSON take the type of a hint, or are refused with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from seminar.config.coercion import coerce, did_you_mean


@dataclass(frozen=True)
class Point:
    name: str
    place: tuple[float, float]
    note: str | None = None


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, float, 3.0),
        (True, bool, True),
        ("b", Literal["a", "b"], "b"),
        ([1, 2], tuple[float, ...], (1.0, 2.0)),
        ([], tuple[int, ...], ()),
        ({"a": 1}, Mapping[str, float], {"a": 1.0}),
        (None, float | None, None),
        (2, float | None, 2.0),
        ({"name": "p", "place": [1, 2.5], "colour": 3}, Point, Point("p", (1.0, 2.5))),
        ([{"name": "p", "place": [0, 0]}], tuple[Point, ...], (Point("p", (0.0, 0.0)),)),
    ],
)
def test_a_value_takes_the_type_of_the_hint(value: object, hint: Any, expected: object) -> None:
    found = coerce(value, hint)
    assert found == expected
    assert repr(found) == repr(expected)  # 3 is equal to 3.0


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        (True, int, "expected a whole number, got True"),
        (1, bool, "expected true or false, got 1"),
        (1.0, int, "expected a whole number, got 1.0"),
        (10**400, float, "expected a number, got 1000"),
        ("x", tuple[int, ...], "expected a list, got 'x'"),
        ([1], tuple[int, int], "expected 2 values, got [1]"),
        ([1, "x"], tuple[int, ...], "expected a whole number, got 'x'"),
        ("c", Literal["a", "b"], "expected one of a, b, got 'c'"),
        ({"a": "x"}, Mapping[str, int], "expected a whole number, got 'x'"),
        ([], Mapping[str, int], "expected a table, got []"),
        ("x", float | None, "expected a number or nothing, got 'x'"),
        ([], Point, "expected a table, got []"),
        ({"name": "p"}, Point, "place"),
        ({"name": 3, "place": [0, 0]}, Point, "expected text, got 3"),
    ],
)
def test_another_value_is_refused_with_what_was_expected(
    value: object, hint: Any, message: str
) -> None:
    with pytest.raises(TypeError) as caught:
        coerce(value, hint)
    assert message in str(caught.value)


def test_the_nearest_name_is_suggested() -> None:
    assert did_you_mean("iteratons", ["seed", "iterations"]) == "did you mean iterations"
    assert did_you_mean("zzz", ["seed"]) == ""
