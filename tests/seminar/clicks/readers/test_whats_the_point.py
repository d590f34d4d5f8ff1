"""The human clicks of What's the Point."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seminar.clicks.readers.format_table import format_of, read_clicks
from seminar.clicks.readers.found_clicks import Answers, FoundClick
from seminar.clicks.readers.source import Source
from seminar.errors import DatasetError


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_clicks_with_and_without_rank(tmp_path: Path) -> None:
    path = written(
        tmp_path / "fg.json",
        {
            "a": [
                {"x": 1.5, "y": 2, "cls": 7, "rank": 1},
                {"x": 3, "y": 4, "cls": 7, "rank": 2},
                {"x": 5.0, "y": 6.0, "cls": 0},
            ],
            "b": [],
            "c": [{"x": 0, "y": 0, "cls": 0}],
        },
    )
    assert format_of(Source(path)) == "whats-the-point"
    reading = read_clicks(path)
    assert reading.clicks == [
        FoundClick(1.5, 1, 7, "a"),
        FoundClick(3.5, 2.5, 7, "a"),
        FoundClick(5.5, 4.5, 0, "a"),
        FoundClick(-0.5, -0.5, 0, "c"),
    ]
    assert reading.images == ("a", "b", "c")
    first = read_clicks(path, answers=Answers(max_rank=1)).clicks
    assert [click.col for click in first] == [1, 4.5, -0.5]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "not readable as JSON"),
        ([], "expected an object with a list of clicks for every image id"),
        ({"a": {}}, "expected an object with a list of clicks for every image id"),
        ({"a": [{"x": 1, "y": 2}]}, "a, click 1: expected numbers x, y and cls"),
        ({"a": [{"x": 1, "y": "2", "cls": 1}]}, "a, click 1"),
        ({"a": [{"x": 1, "y": True, "cls": 1}]}, "a, click 1"),
        ({"a": [{"x": 1, "y": 2, "cls": -1}]}, "a, click 1"),
        ({"a": [{"x": 1, "y": 2, "cls": 1, "rank": "first"}]}, "a, click 1"),
        ('{"a": [{"x": NaN, "y": 2, "cls": 1}]}', "a, click 1"),
        ('{"a": [{"x": 1, "y": -Infinity, "cls": 1}]}', "a, click 1"),
        ({"a": [{"x": 10**400, "y": 2, "cls": 1}]}, "a, click 1"),
        ({"a": [{"x": 1, "y": -(10**13), "cls": 1}]}, "a, click 1"),
        ({"a": [{"x": 1, "y": 2, "cls": 10**30}]}, "a, click 1"),
        ({"a": [{"x": 1, "y": 2, "cls": 1}, 5]}, "a, click 2"),
    ],
)
def test_what_is_no_such_file_is_said(tmp_path: Path, content: object, fault: str) -> None:
    path = written(tmp_path / "clicks.json", content)
    with pytest.raises(DatasetError) as caught:
        read_clicks(path, "whats-the-point")
    assert len(caught.value.faults) == 1
    assert str(caught.value).startswith(str(path))
    assert fault in str(caught.value)


def test_a_missing_file_and_many_faults_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere\.json: no such file"):
        read_clicks(tmp_path / "nowhere.json", "whats-the-point")
    path = written(tmp_path / "clicks.json", {"a": [{}] * 50})
    with pytest.raises(DatasetError) as caught:
        read_clicks(path, "whats-the-point")
    assert caught.value.faults[-1] == "30 more faults like these"
    assert len(caught.value.faults) == 21


def test_the_published_files(shared_data: Path) -> None:
    folder = shared_data / "voc2012_points"
    foreground = read_clicks(folder / "voc_whats_the_point.json")
    assert (len(foreground.images), len(foreground.clicks)) == (12_180, 32_697)
    background = read_clicks(folder / "voc_whats_the_point_bg_from_scribbles.json")
    assert (len(background.images), len(background.clicks)) == (12_031, 32_614)
    assert {click.label for click in background.clicks} == {0}
