"""Files are whole or absent, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from seminar.io.files import atomic_file, write_bytes, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_and_makes_missing_folders(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "größer\n")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "größer\n".encode()
    assert names(tmp_path / "a" / "b") == ["c.txt"]


def test_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_bytes(path, b"a long first text")
    write_bytes(path, b"short", durable=False)
    assert path.read_bytes() == b"short"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_others_may_read_the_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "error",
    [RuntimeError("a bug"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")],
)
def test_an_error_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "x"
    write_bytes(path, b"old")
    with pytest.raises(type(error)), atomic_file(path) as file:
        file.write(b"half of the ne")
        raise error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


def test_a_full_disk_names_the_file_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_bytes(tmp_path / "clicks.json", b"{}")
    assert caught.value.filename == str(tmp_path / "clicks.json")
    assert names(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "Clicks").write_bytes(b"")
    with pytest.raises(OSError):
        write_bytes(tmp_path / "Clicks" / "a.json", b"{}")


def test_a_reader_that_blocks_the_rename_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.replace
    refusals = [PermissionError(errno.EACCES, "used by another process")] * 3

    def sometimes(self: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", sometimes)
    write_bytes(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"new"
    assert not refusals


def test_a_name_at_the_limit_of_the_file_system_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".json")
    write_bytes(path, b"{}")
    assert path.read_bytes() == b"{}"
