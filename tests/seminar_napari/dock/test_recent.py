"""The projects opened last."""

from __future__ import annotations

from pathlib import Path

from seminar.project.project import Project
from seminar_napari.dock.recent import recent_projects, remember_project


def test_recent_projects_newest_first_without_those_that_are_gone(
    three_fields: Project, tmp_path: Path
) -> None:
    assert recent_projects() == ()
    other = tmp_path / "other"
    (other / "JPEGImages").mkdir(parents=True)
    (other / "classes.txt").write_text("a\nb\n")
    for path in (three_fields.path, other, three_fields.path):
        remember_project(path)
    assert recent_projects() == (three_fields.path, other)
    (other / "classes.txt").unlink()
    assert recent_projects() == (three_fields.path,)


def test_a_project_is_remembered_once_by_whatever_way_it_was_opened(
    three_fields: Project, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(three_fields.path)
    for path in (three_fields.path, tmp_path / "link", three_fields.path / ".." / "three"):
        remember_project(path)
    assert recent_projects() == (three_fields.path.resolve(),)


def test_eight_recent_projects_are_kept(tmp_path: Path) -> None:
    folders = [tmp_path / f"project-{number}" for number in range(10)]
    for folder in folders:
        (folder / "JPEGImages").mkdir(parents=True)
        (folder / "classes.txt").write_text("a\nb\n")
        remember_project(folder)
    assert recent_projects() == tuple(folders[:1:-1])
    (folders[9] / "classes.txt").unlink()
    assert recent_projects() == tuple(folders[8:1:-1]), "the ninth was not kept in secret"
