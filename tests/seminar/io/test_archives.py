"""Hostile zips are refused before anything is unpacked."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from seminar.errors import SeminarError
from seminar.io.archives import check_archive


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_an_honest_zip_passes(tmp_path: Path) -> None:
    check_archive(
        zipped(
            tmp_path / "a.zip",
            **{"rdf.yaml": b"name: x", "weights/w.onnx": bytes(1000), "x..y.txt": b""},
        )
    )


@pytest.mark.parametrize(
    "name", ["../evil.sh", "/etc/passwd", "a/../../b", "..\\evil.bat", "C:\\evil.bat", "a/.."]
)
def test_members_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SeminarError, match="leads out of the archive, so it is not opened"):
        check_archive(zipped(tmp_path / "a.zip", **{"rdf.yaml": b"", name: b"x"}))


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("weights.onnx")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(SeminarError, match=r"'weights\.onnx' is a link"):
        check_archive(tmp_path / "a.zip")


def test_bombs_are_refused(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "a.zip", **{"zeros.bin": bytes(300 * 2**20)})
    assert bomb.stat().st_size < 2**20
    with pytest.raises(SeminarError, match=r"would unpack to 314,572,800 bytes"):
        check_archive(bomb)


def test_no_zip_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(SeminarError, match="not readable as a zip"):
        check_archive(tmp_path / "a.zip")
    with pytest.raises(SeminarError, match="no such file"):
        check_archive(tmp_path / "b.zip")
