"""Files are whole or absent, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from seminar.io.files import LOCK, atomic_file, locked, write_bytes, write_text


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


@pytest.mark.parametrize("name", ["chmod", "fchmod"])
def test_a_mount_that_refuses_to_change_modes_takes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, name, refuse, raising=False)
    write_bytes(tmp_path / "x", b"1")
    with locked(tmp_path):
        write_bytes(tmp_path / "x", b"2")
    assert (tmp_path / "x").read_bytes() == b"2"


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_a_mount_that_cannot_flush_takes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    write_bytes(tmp_path / "x", b"1")
    assert names(tmp_path) == ["x"]


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


def test_a_lock_is_waited_for_by_other_threads_and_released_by_errors(tmp_path: Path) -> None:
    order: list[str] = []

    def other() -> None:
        with locked(tmp_path):
            order.append("other")

    thread = threading.Thread(target=other)
    with pytest.raises(RuntimeError, match="a bug"), locked(tmp_path):
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        order.append("first")
        raise RuntimeError("a bug")
    thread.join(60)
    assert order == ["first", "other"]
    assert names(tmp_path) == [LOCK]


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_process_releases_its_lock(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from seminar.io.files import locked
with locked(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode < 0
    lock = FileLock(tmp_path / LOCK)
    lock.acquire(blocking=False)
    lock.release()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_whoever_may_write_in_a_folder_may_lock_it(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert stat.S_IMODE((tmp_path / LOCK).stat().st_mode) == 0o666


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"text")
    (tmp_path / "precious").chmod(0o600)
    (tmp_path / LOCK).symlink_to(tmp_path / "precious")
    with locked(tmp_path):
        pass
    assert (tmp_path / "precious").read_bytes() == b"text"
    assert stat.S_IMODE((tmp_path / "precious").stat().st_mode) == 0o600


@pytest.mark.parametrize("in_its_place", ["a folder", "no folder at all"])
def test_nobody_waits_where_a_lock_is_not_possible(tmp_path: Path, in_its_place: str) -> None:
    folder = tmp_path / "project"
    if in_its_place == "a folder":
        (folder / LOCK).mkdir(parents=True)
    with locked(folder):
        pass
