"""Names that can, and that cannot, be image ids."""

from __future__ import annotations

import pytest

from seminar.io.names import MAX_NAME_BYTES, name_fault, portability_fault, same_name, shown


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
