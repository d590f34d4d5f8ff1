"""Names that can, and that cannot, be image ids."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seminar.io.names import (
    MAX_NAME_BYTES,
    files_like,
    name_fault,
    portability_fault,
    same_name,
    shown,
)


@pytest.mark.parametrize(
    "name",
    ["2007_000032", "a b", "größe", "日本", "a.b", "a..b", "x" * MAX_NAME_BYTES, "com10", "-x"],
)
def test_good_names(name: str) -> None:
    assert name_fault(name) == ""
    assert portability_fault(name) == ""


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "empty"),
        ("..", "starts with a dot"),
        (".hidden", "starts with a dot"),
        ("../../etc/passwd", "slash"),
        ("a\\b", "slash"),
        ("a\nb", "control character"),
        ("a\0b", "control character"),
        ("a\u2028b", "control character"),
        ("\udcff", "control character"),
        (" a", "space"),
        ("a ", "space"),
        ("ü" * (MAX_NAME_BYTES // 2 + 1), "longer than 200 bytes"),
    ],
)
def test_names_that_are_refused(name: str, fault: str) -> None:
    assert fault in name_fault(name)


@pytest.mark.parametrize("name", ["a:b", "what?", "a*", "con", "NUL.x", "com1", "end."])
def test_names_that_windows_refuses(name: str) -> None:
    assert name_fault(name) == ""
    assert "Windows" in portability_fault(name)


def test_names_that_some_system_takes_for_one() -> None:
    assert same_name("Cell_Ä") == same_name("cell_A\u0308".replace("A", "a"))
    assert same_name("a") != same_name("b")


def test_names_in_messages_stay_on_their_line() -> None:
    assert shown("a\nb\0") == "a\\nb\\x00"
    assert shown("größe") == "größe"
    assert len(shown("x" * 1000)) == 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("plate[1]/a1.tif", "plate[1]/a2.tif", "plate1/b1.tif", "x[2]y.tif", "x2y.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("plate[1]/*.tif", ["a1.tif", "a2.tif"]),
        ("plate[1]/a[12].tif", ["a1.tif", "a2.tif"]),
        ("plate[12]/*.tif", ["b1.tif"]),
        ("*/a?.tif", ["a1.tif", "a2.tif"]),
        ("**/*1.tif", ["a1.tif", "b1.tif"]),
        ("x[2]*.tif", ["x2y.tif"]),
        ("*[2]y.tif", ["x2y.tif"]),
        ("*e[1]/*.tif", ["b1.tif"]),
        ("plate[1]/../x*.tif", ["x2y.tif", "x[2]y.tif"]),
        ("plate[1]/*.png", []),
    ],
)
def test_brackets_mean_a_folder_that_is_there_and_else_a_choice(
    folder: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, found: list[str]
) -> None:
    assert sorted(path.name for path in files_like(str(folder / pattern))) == found
    monkeypatch.chdir(folder)
    assert sorted(path.name for path in files_like(pattern)) == found


def test_brackets_mean_themselves_where_a_choice_finds_nothing(folder: Path) -> None:
    os.remove(folder / "x2y.tif")
    assert [path.name for path in files_like(str(folder / "x[2]*.tif"))] == ["x[2]y.tif"]
