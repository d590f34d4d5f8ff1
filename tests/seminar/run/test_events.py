"""Events: the same after a trip through a line of JSON; lines that are not whole or not known
are passed over.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seminar.run.events import (
    EVENTS_VERSION,
    Event,
    Finished,
    Step,
    Warned,
    from_json_line,
    to_json_line,
)

numbers = st.floats(allow_nan=False)
times = st.floats(0, 4e9)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=4).map(tuple)
    if get_origin(hint) is Mapping:
        return st.dictionaries(st.text(), values(get_args(hint)[1]), max_size=4)
    if get_origin(hint) is UnionType:
        return st.one_of([values(argument) for argument in get_args(hint)])
    plain = {
        int: st.integers(),
        float: numbers,
        str: st.text(),
        bool: st.booleans(),
        type(None): st.none(),
    }
    return plain[hint]


def of_kind(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = typing.get_type_hints(kind)
    return st.builds(
        kind, **{field.name: values(hints[field.name]) for field in dataclasses.fields(kind)}
    )


events = st.one_of([of_kind(kind) for kind in get_args(Event)])


@given(events, times)
def test_a_line_reads_back_as_the_same_event_at_the_same_time(event: Event, time: float) -> None:
    line = to_json_line(event, time)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert from_json_line(line) == (event, time)
    assert from_json_line(line.encode()) == (event, time)


@given(events, st.data())
def test_a_torn_line_is_no_event(event: Event, data: st.DataObject) -> None:
    line = to_json_line(event, 1.0).rstrip("\n")
    length = data.draw(st.integers(0, len(line) - 1))
    assert from_json_line(line[:length]) is None


@given(
    st.text()
    | st.binary()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(json.dumps)
)
def test_anything_else_is_no_event_and_no_error(line: str | bytes) -> None:
    assert from_json_line(line) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "Teleported"},
        {"event": ["Warned"]},
        {"event": None},
        {"time": "noon"},
        {"time": None},
        {"time": 10**400},
    ],
)
def test_a_kind_or_time_that_is_not_known_is_passed_over(changes: dict[str, object]) -> None:
    data = json.loads(to_json_line(Warned(message="x"), 1.0))
    assert from_json_line(json.dumps(data | changes)) is None


def test_a_field_of_a_later_version_is_left_out() -> None:
    data = json.loads(to_json_line(Warned(message="x"), 1.0)) | {
        "version": EVENTS_VERSION + 1,
        "colour": "red",
    }
    assert from_json_line(json.dumps(data)) == (Warned(message="x"), 1.0)


def test_a_missing_field_is_no_event() -> None:
    data = json.loads(to_json_line(Finished(reason="completed", stage="primary", iteration=3), 1.0))
    del data["iteration"]
    assert from_json_line(json.dumps(data)) is None


def test_every_line_names_its_version_and_kind() -> None:
    step = Step(
        stage="ancillary",
        iteration=3,
        iterations=9,
        losses={"pce": 0.5},
        lr=0.1,
        iterations_per_second=2.0,
        seconds_left=3.0,
        memory_bytes=1,
    )
    data = json.loads(to_json_line(step, 12.5))
    assert (data["version"], data["event"], data["time"], data["losses"]) == (
        EVENTS_VERSION,
        "Step",
        12.5,
        {"pce": 0.5},
    )


def test_events_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Warned(message="x").message = "y"  # type: ignore[misc]
