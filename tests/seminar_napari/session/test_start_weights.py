"""A weights file is remembered for its network."""

from __future__ import annotations

from pathlib import Path

from seminar_napari.session.start_weights import remember_weights, remembered_weights


def test_the_file_of_each_network_comes_back_until_another_choice_or_until_it_is_gone(
    tmp_path: Path, user_folders: Path
) -> None:
    assert remembered_weights("resnet50") == ""
    files = [tmp_path / "a.pth", tmp_path / "b.pth"]
    for file, backbone in zip(files, ("resnet50", "mobilenet_v2"), strict=True):
        file.write_bytes(b"")
        remember_weights(backbone, str(file))
    assert remembered_weights("resnet50") == str(files[0])
    assert remembered_weights("mobilenet_v2") == str(files[1])
    remember_weights("resnet50", "imagenet")
    assert remembered_weights("resnet50") == ""
    files[1].unlink()
    assert remembered_weights("mobilenet_v2") == ""
    (user_folders / "weights.json").write_text("[1")
    assert remembered_weights("mobilenet_v2") == ""
