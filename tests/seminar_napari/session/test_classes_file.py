"""Two programs change classes.txt."""

from __future__ import annotations

import threading

import pytest

from seminar.errors import DatasetError
from seminar.io.files import locked
from seminar.labels import ClassNames, voc_colour
from seminar.project.project import Project
from seminar_napari.session.classes_file import change_classes, merged, read_classes

BASE = ClassNames.of("background", "cell", "fibre")


def parsed(*lines: str) -> ClassNames:
    return ClassNames.parse("\n".join(lines))


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (("background", "cell"), ("background", "cell", "fibre"), ("background", "cell")),
        (
            ("background", "nucleus", "fibre"),
            ("background", "cell", "thread"),
            ("background", "nucleus", "thread"),
        ),
        (
            ("background", "nucleus", "fibre"),
            ("background", "cell #102030", "fibre"),
            ("background", "nucleus #102030", "fibre"),
        ),
        (
            ("background", "cell #102030", "fibre"),
            ("background", "cell #405060", "fibre"),
            ("background", "cell #102030", "fibre"),
        ),
        (
            ("background", "cell", "fibre", "yeast"),
            ("background", "cell", "fibre", "moss"),
            ("background", "cell", "fibre", "moss", "yeast"),
        ),
        (
            ("background", "cell", "fibre", "yeast"),
            ("background", "cell", "fibre", "yeast"),
            ("background", "cell", "fibre", "yeast"),
        ),
        (
            ("background", "cell", "fibre", "yeast"),
            ("background", "cell"),
            ("background", "cell", "yeast"),
        ),
    ],
)
def test_what_both_changed_is_kept(
    ours: tuple[str, ...], theirs: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert merged(BASE, parsed(*ours), parsed(*theirs)) == parsed(*expected)


@pytest.mark.parametrize("theirs", [("background", "yeast", "fibre"), ("background", "fibre")])
def test_a_class_that_is_another_one_by_now_is_not_renamed(theirs: tuple[str, ...]) -> None:
    with pytest.raises(DatasetError, match="class 1 'cell'"):
        merged(BASE, parsed("background", "nucleus", "fibre"), parsed(*theirs))


def test_a_name_that_the_other_has_given_meanwhile_is_refused() -> None:
    with pytest.raises(DatasetError, match="named twice"):
        merged(BASE, parsed("background", "yeast", "fibre"), parsed("background", "cell", "yeast"))


def test_a_new_class_has_the_colour_of_its_id(three_fields: Project) -> None:
    lines = three_fields.classes.format()
    (three_fields.path / "classes.txt").write_text(lines + "moss\n")
    written = change_classes(three_fields, ClassNames.parse(lines + "yeast\n"))
    assert written == read_classes(three_fields) and written.names[3:] == ("moss", "yeast")
    assert written.colours[4] == voc_colour(4)


def test_a_class_that_both_gave_the_same_name_is_no_quarrel() -> None:
    both = parsed("background", "nucleus", "fibre")
    assert merged(BASE, both, parsed("background", "nucleus", "fibre", "moss")) == parsed(
        "background", "nucleus", "fibre", "moss"
    )


def test_another_program_that_writes_is_waited_for(three_fields: Project) -> None:
    ours = ClassNames.parse(three_fields.classes.format() + "yeast\n")
    written: list[ClassNames] = []
    thread = threading.Thread(target=lambda: written.append(change_classes(three_fields, ours)))
    with locked(three_fields.path):
        thread.start()
        thread.join(0.2)
        assert thread.is_alive() and not written
        (three_fields.path / "classes.txt").write_text(three_fields.classes.format() + "moss\n")
    thread.join(10)
    assert written[0].names == ("background", "cell", "fibre", "moss", "yeast")
