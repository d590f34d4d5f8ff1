"""Files that are damaged at random are read or refused with a sentence; the long trial is
benchmarks/soak/fuzz.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.errors import SeminarError
from seminar.io.names import name_fault, shown
from seminar.labels import ClassNames
from seminar.run.events import Finished, Started, Step, from_json_line, to_json_line
from seminar.run.folder import RunFolder

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
almost_clicks = st.fixed_dictionaries(
    {},
    optional={
        "version": json_values,
        "height": json_values | st.just(9),
        "width": json_values | st.just(9),
        "seconds": json_values,
        "clicks": (
            json_values
            | st.lists(
                st.fixed_dictionaries(
                    {}, optional={"row": json_values, "col": json_values, "class_id": json_values}
                )
            )
        ),
    },
)


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    from fuzz import Fuzzer

    fuzzer = Fuzzer(tmp_path, seed=20)
    failures = [outcome for number in range(500) if (outcome := fuzzer.case(number))["failure"]]
    assert failures == []


@given(almost_clicks)
def test_clicks_of_any_json_are_read_or_refused(data: dict[str, Any]) -> None:
    try:
        clicks = ClickSet.from_json(json.dumps(data))
    except SeminarError as error:
        assert str(error)
    else:
        assert ClickSet.from_json(clicks.to_json()) == clicks


@given(st.binary(max_size=200))
def test_clicks_of_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(SeminarError):
        ClickSet.from_json(data)


@given(st.text(max_size=200))
def test_classes_of_any_text_are_read_or_refused(text: str) -> None:
    try:
        classes = ClassNames.parse(text)
    except SeminarError:
        return
    assert ClassNames.parse(classes.format()) == classes
    assert classes.palette().shape == (256, 3)


@given(
    st.text(max_size=200)
    | st.sampled_from(["a = " + "[" * 5000, "[[" * 999, "seed = 99999999999999999999"])
)
def test_settings_of_any_text_are_read_or_refused(text: str) -> None:
    try:
        config = TrainConfig.from_toml(text)
    except SeminarError:
        return
    assert TrainConfig.from_toml(config.to_toml()) == config


@given(
    st.dictionaries(st.sampled_from([*TrainConfig.__dataclass_fields__]), json_values, max_size=3)
)
def test_settings_of_any_value_are_taken_or_refused(changes: dict[str, Any]) -> None:
    try:
        config = TrainConfig().replace(**changes)
    except SeminarError:
        return
    assert TrainConfig.from_toml(config.to_toml()) == config


@given(
    st.sampled_from(["Step", "Started", "Finished", "Preview", "Validated", "Warned"]), st.data()
)
def test_events_of_any_value_have_the_types_they_say_or_are_passed_over(
    kind: str, data: st.DataObject
) -> None:
    good = {
        "Step": Step(
            stage="a",
            iteration=1,
            iterations=2,
            losses={"pce": 1.0},
            lr=0.1,
            iterations_per_second=1.0,
            seconds_left=1,
            memory_bytes=1,
        ),
        "Started": Started(stages=("a",), class_names=("b",), images=1, clicks=1, device="cpu"),
        "Finished": Finished(reason="completed", stage="a", iteration=1),
    }.get(kind)
    if good is None:
        return
    assert from_json_line(to_json_line(good, 1.0)) == (good, 1.0)
    line = json.loads(to_json_line(good, 1.0))
    line[data.draw(st.sampled_from(sorted(line)))] = data.draw(json_values)
    found = from_json_line(json.dumps(line))
    if found is None:
        return
    event, _ = found
    if isinstance(event, Step):
        assert event.iteration + event.iterations + event.lr is not None  # numbers
        assert all(
            (isinstance(name, str) and value * 1.0 == value) or value != value
            for name, value in event.losses.items()
        )
    elif isinstance(event, Started):
        assert all(isinstance(name, str) for name in event.class_names)
    elif isinstance(event, Finished):
        assert event.reason in ("completed", "stopped")


@pytest.mark.parametrize(
    "text",
    ['{"pid": 1e999}', "[" * 10_000, '{"pid": "\\ud800"}', '{"pid": 1, "host": [], "start": 0}'],
)
def test_any_note_of_a_process_is_answered(tmp_path: Path, text: str) -> None:
    run = RunFolder(tmp_path)
    run.process_path.write_text(text)
    assert run.is_alive() in (False, None)


@given(st.text(max_size=300))
def test_a_name_is_refused_or_stays_in_its_folder(name: str) -> None:
    assert "\n" not in shown(name)
    if not name_fault(name):
        path = Path("JPEGImages", f"{name}.png")
        assert path.parent == Path("JPEGImages")
        assert "\0" not in str(path)
        assert len(path.name.encode()) < 255
