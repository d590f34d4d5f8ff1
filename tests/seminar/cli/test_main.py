"""What all commands share: names that a console cannot spell do not end a command."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.cli.main import main
from seminar.io.label_png import write_label_png
from seminar.project.project import Project


def test_a_console_without_the_letters_of_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((20, 30), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "核.png")
    console, errors = (io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setattr(sys, "stderr", errors)
    project = str(tmp_path / "p")
    for words in (
        ["new", project, str(tmp_path / "核.png"), "--classes", "background,核 [/b]"],
        ["check", f"{project}-核"],
    ):
        monkeypatch.setattr(sys, "argv", ["seminar", *words])
        with pytest.raises(SystemExit):
            main()
    for stream in (console, errors):
        stream.flush()
    assert b"1 image, 2 classes (background, \\u6838 [/b])" in console.buffer.getvalue()
    assert b"\\u6838" in errors.buffer.getvalue()


def test_names_are_not_read_as_rich_s_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from seminar.labels import ClassNames

    classes = ClassNames.of("background", "[/red] cell")
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "a.png")
    project = Project.create(tmp_path / "p", [tmp_path / "a.png"], classes)
    labels = np.ones((20, 30), np.uint8)
    for folder in (project.truth_path("a").parent, tmp_path / "masks"):
        write_label_png(folder / "a.png", labels, classes)
    words = ["evaluate", str(tmp_path / "masks"), str(project.path), "--split", "all"]
    monkeypatch.setattr(sys, "argv", ["seminar", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    assert "[/red] cell" in capsys.readouterr().out
