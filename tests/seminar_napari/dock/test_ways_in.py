"""What a folder is that a person opens."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seminar.project.project import Project
from seminar_napari.__main__ import main
from seminar_napari.dock.ways_in import folder_for, project_of, what_is, why_neither


def test_projects_folders_of_images_and_neither(three_fields: Project, tmp_path: Path) -> None:
    images = three_fields.path / "JPEGImages"
    assert what_is(three_fields.path) == what_is(images) == "project"
    assert project_of(images) == three_fields.path
    plain = tmp_path / "plates" / "one"
    shutil.copytree(images, plain)
    assert what_is(plain) == "images" and what_is(plain.parent) == "neither"
    assert "there are some in one; open that folder" in why_neither(plain.parent)
    assert why_neither(plain / "a.png").endswith("a file; open a project, or a folder of images")
    (tmp_path / "empty").mkdir()
    assert "neither a project nor images" in why_neither(tmp_path / "empty")
    assert "no such folder" in why_neither(tmp_path / "nowhere")
    (plain / ".zattrs").write_text("{}")
    assert what_is(plain) == "neither" and "an OME-Zarr" in why_neither(plain)
    (three_fields.path / "classes.txt").unlink()
    assert what_is(three_fields.path) == "project", "which then says what is missing"


def test_a_project_goes_next_to_its_images_or_where_one_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plate").mkdir()
    assert folder_for([tmp_path / "plate"]) == tmp_path / "plate-seminar"
    (tmp_path / "plate-seminar").mkdir()
    assert folder_for([tmp_path / "plate" / "a.png"]) == tmp_path / "plate-seminar-2"
    monkeypatch.setattr("os.access", lambda *_: False)
    assert folder_for([tmp_path / "plate"]) == Path.home() / "plate-seminar"


def test_the_command_refuses_what_cannot_be_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path)])
    assert ended.value.code == 2
    assert "neither a project nor images" in capsys.readouterr().err
