"""A follower answers what is on screen and what was clicked, and goes on whatever happens.

In a thread with short waits; `tests/seminar/cli/test_probe.py` has the process itself.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clicked_squares import OUTSIDE, MakeProbe, agreement, inside, picture, write
from PIL import Image

from seminar.errors import CheckpointError, DatasetError
from seminar.io.label_png import read_label_png
from seminar.models.checkpoint import load_model
from seminar.probe import answer as answer_module
from seminar.probe import follow as follow_module
from seminar.probe import inbox as inbox_module
from seminar.probe.follow import Follower
from seminar.probe.probe import Probe
from seminar.project.layout import PROBE, UNSURE, preview_path
from seminar.project.project import Project

PATIENCE = 60.0

ONE_CLASS = "The live mask needs a click of a second class: all clicks are background"

Event = dict[str, Any]


class Followed:
    """A follower at work in a thread."""

    def __init__(self, probe: Probe) -> None:
        self.said: list[Event] = []
        self.follower = Follower(probe, self.said.append)
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.follower.run()
        except Exception as error:  # noqa: BLE001
            self.error = error

    def start(self, **message: str) -> Followed:
        if message:
            self.follower.inbox.tell(message)
        self._thread.start()
        return self

    def tell(self, **message: str) -> None:
        self.follower.inbox.tell(message)

    def end(self) -> None:
        self.follower.inbox.end()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def wait(self, condition: Callable[[], object], what: str = "") -> None:
        until = time.monotonic() + PATIENCE
        while not condition():
            if self.error is not None:
                raise self.error
            assert time.monotonic() < until, f"{what}: {self.said}"
            time.sleep(0.01)

    def wait_for(self, kind: str, since: int = 0, **facts: object) -> Event:
        """The first such event after the first `since`."""
        found: list[Event] = []

        def is_there() -> bool:
            found[:] = [
                event
                for event in self.said[since:]
                if {**event, **facts} == event and event["event"] == kind
            ]
            return bool(found)

        self.wait(is_there, f"{kind} {facts}")
        return found[0]

    def wait_until_idle(self) -> None:
        """All masks are drawn and the model is saved, and so it stays."""
        follower, calm = self.follower, 0

        def is_calm() -> bool:
            nonlocal calm
            is_idle = (
                follower._state
                and not (follower.inbox.clicked or follower._is_newer or follower._is_rough)
                and (not follower._is_fitted or follower._saved == follower._version)
                and follower.inbox.is_empty()
            )
            calm = calm + 1 if is_idle else 0
            return calm == 5

        self.wait(is_calm, "idle")

    def all(self, kind: str) -> list[Event]:
        return [event for event in self.said if event["event"] == kind]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "FIRST_SECONDS", 0.02)
    for name, seconds in (
        ("LOOK_SECONDS", 0.05),
        ("SETTLE_SECONDS", 0.05),
        ("IDLE_SECONDS", 0.1),
        ("SAVE_SECONDS", 0.15),
    ):
        monkeypatch.setattr(follow_module, name, seconds)


@pytest.fixture
def follow(make_probe: MakeProbe) -> Iterator[Callable[..., Followed]]:
    """Starts a follower, which ends with the test: call it with settings of the probe."""
    made: list[Followed] = []

    def start(look: str = "", folder: str = "", **settings: object) -> Followed:
        made.append(Followed(make_probe(folder, **settings)))
        return made[-1].start(**({"look": look} if look else {}))

    yield start
    for each in made:
        each.end()
        assert each.error is None


Follow = Callable[..., Followed]


def mask(project: Project, image_id: str) -> np.ndarray:
    return read_label_png(preview_path(project.path, image_id, PROBE))


def unsure(project: Project, image_id: str) -> np.ndarray:
    with Image.open(preview_path(project.path, image_id, UNSURE)) as image:
        assert image.mode == "L"
        return np.asarray(image)


def masks(project: Project) -> set[str]:
    """Images with either of the two files."""
    return {path.parent.name for path in (project.path / "previews").glob("*/*.png")}


def fresh(make_probe: MakeProbe, *image_ids: str) -> Probe:
    """A probe that has learnt from these images alone."""
    probe = make_probe()
    for image_id in image_ids:
        probe.learn(image_id)
    assert probe.fit()
    return probe


def assert_masks_are_of(
    project: Project, make_probe: MakeProbe, *image_ids: str, learnt_from: tuple[str, ...]
) -> None:
    """Exactly those of a probe that has never seen anything else."""
    probe = fresh(make_probe, *learnt_from)
    for image_id in image_ids:
        answer = probe.predict(image_id)
        np.testing.assert_array_equal(mask(project, image_id), answer.labels)
        np.testing.assert_array_equal(unsure(project, image_id), answer.unsure)


# what is on screen
def test_the_image_on_screen_is_answered_first_and_then_all_the_others(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    followed = follow("f2")
    followed.wait_until_idle()
    assert followed.said[0] == {"event": "ready", "features": "filters alone"}
    drawn = [event["image_id"] for event in followed.all("mask")]
    assert drawn == ["f2", "f0", "f1"]  # the neighbours in the order of the project
    assert_masks_are_of(project, make_probe, "f0", "f1", "f2", learnt_from=("f0", "f1"))
    assert agreement(mask(project, "f2"), 2) > 0.7


def test_a_mask_says_how_it_is(follow: Follow, project: Project) -> None:
    event = follow("f2").wait_for("mask", image_id="f2")
    assert set(event) == {"event", "image_id", "clicks", "unsure", "trust", "seconds"}
    assert event["clicks"] == 4
    share = (unsure(project, "f2") >= 128).mean()
    assert event["unsure"] == pytest.approx(share, abs=1e-4)
    assert 0 < event["unsure"] < 0.5
    assert 0.2 < event["trust"] <= 1
    assert event["seconds"] >= 0
    with Image.open(preview_path(project.path, "f2", PROBE)) as image:
        palette = np.array(image.getpalette()).reshape(-1, 3)[:3]
    np.testing.assert_array_equal(palette, project.classes.palette()[:3])


def test_only_the_image_on_screen_is_judged(follow: Follow) -> None:
    followed = follow("f1")
    followed.wait_until_idle()
    trusts = {event["image_id"]: event["trust"] for event in followed.all("mask")}
    assert trusts["f1"] is not None and trusts["f0"] is trusts["f2"] is None


def test_another_image_is_looked_at(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_module, "IDLE_SECONDS", PATIENCE)
    followed = follow("f2")
    followed.wait_for("mask", image_id="f2")
    followed.tell(look="f0")
    followed.wait_for("mask", image_id="f0")
    followed.tell(look="f2")  # its mask is as new as the fit
    followed.tell(look="f1")
    followed.wait_for("mask", image_id="f1")
    assert [event["image_id"] for event in followed.all("mask")] == ["f2", "f0", "f1"]


def test_an_image_that_is_not_there_is_no_reason_to_stop(follow: Follow) -> None:
    followed = follow("nothing")
    assert "no such image" in followed.wait_for("notice")["text"]
    for message in ({"look": "../f0"}, {"clicks": "nothing"}, {"look": 5}, {"other": 1}, [], "f0"):
        followed.follower.inbox.tell(message)
    followed.tell(look="f1")
    followed.wait_for("mask", image_id="f1")


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_click_draws_images_anew_that_are_near_or_cost_little_and_the_others_once(
    follow: Follow, project: Project, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    """Else a click in a large project would make the features of all its images anew."""
    monkeypatch.setattr(follow_module, "NEIGHBOURS", 0)
    followed = follow("f0")
    followed.wait_until_idle()
    assert [event["image_id"] for event in followed.all("mask")] == ["f0", "f1", "f2"]
    if not in_memory:
        while followed.follower.probe.store.shrink():
            pass
    before = len(followed.said)
    write(project, "f0", inside(0), OUTSIDE, (1, 50, 0))
    followed.tell(clicks="f0")
    followed.wait_until_idle()
    drawn = {event["image_id"] for event in followed.said[before:] if event["event"] == "mask"}
    assert drawn == ({"f0", "f1"} if in_memory else {"f0"})
    followed.tell(look="f2")
    followed.wait_for("mask", before, image_id="f2", clicks=5)


# clicks
def test_a_click_is_answered_by_another_mask(
    follow: Follow, project: Project, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_module, "LOOK_SECONDS", PATIENCE)  # told, not found
    followed = follow("f0")
    followed.wait_until_idle()
    before, since = mask(project, "f0"), len(followed.said)
    write(project, "f0", inside(0), OUTSIDE, (50.0, 60.0, 2))
    followed.tell(clicks="f0")
    event = followed.wait_for("mask", since, image_id="f0")
    assert event["clicks"] == 5
    assert followed.all("mask")[3] == event  # no other mask comes before it
    assert 2 in mask(project, "f0") and not np.array_equal(mask(project, "f0"), before)
    followed.wait_until_idle()
    assert_masks_are_of(project, make_probe, "f0", "f1", "f2", learnt_from=("f0", "f1"))


def test_after_clicks_and_undos_in_a_hurry_the_masks_are_those_of_the_clicks_that_stay(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    followed = follow("f0")
    clicks = [inside(0), OUTSIDE]
    for number in range(12):
        clicks.append((1.0 + 4 * number, 75.0, 0))
        write(project, "f0", *clicks)
        followed.tell(clicks="f0")
    for _ in range(6):
        clicks.pop()
        write(project, "f0", *clicks)
        followed.tell(clicks="f0")
    followed.wait_for("mask", image_id="f0", clicks=10)
    followed.wait_until_idle()
    assert followed.all("mask")[-1]["clicks"] == 10
    assert_masks_are_of(project, make_probe, "f0", "f1", "f2", learnt_from=("f0", "f1"))


def test_a_click_is_answered_by_a_quick_fit_that_the_exact_one_replaces(
    follow: Follow, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fits = Probe.fit, list[bool]()

    def recorded(probe: Probe, *, quickly: bool = False) -> bool:
        fits.append(quickly)
        return real(probe, quickly=quickly)

    monkeypatch.setattr(Probe, "fit", recorded)
    followed = follow("f0")
    followed.wait_until_idle()
    assert fits == [False]
    write(project, "f0", inside(0), OUTSIDE, (50.0, 60.0, 0))
    followed.tell(clicks="f0")
    followed.wait_for("mask", image_id="f0", clicks=5)
    followed.wait_until_idle()
    assert fits == [False, True, False]


def test_what_other_programs_change_is_found(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    """Clicks that come, change and go, without a message."""
    followed = follow("f2")
    followed.wait_until_idle()
    write(project, "f2", inside(2), OUTSIDE)
    followed.wait_for("mask", image_id="f2", clicks=6)
    write(project, "f1", inside(1))
    followed.wait_for("mask", image_id="f2", clicks=5)
    for path in (project.clicks_path("f0"), project.sparse_mask_path("f0")):
        path.unlink()
    followed.wait_for("mask", image_id="f2", clicks=3)
    followed.wait_until_idle()
    assert_masks_are_of(project, make_probe, "f0", "f2", learnt_from=("f1", "f2"))


def test_an_image_that_is_replaced_is_learnt_from_and_drawn_again(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    followed = follow("f0")
    followed.wait_until_idle()
    since = len(followed.said)
    for image_id in ("f0", "f2"):
        path = project.image_path(image_id)
        Image.fromarray(255 - picture(0)).save(path)
    followed.wait_for("mask", since, image_id="f0")
    followed.wait_for("mask", since, image_id="f2")
    followed.wait_until_idle()
    assert_masks_are_of(project, make_probe, "f0", "f1", "f2", learnt_from=("f0", "f1"))


def test_an_image_without_clicks_that_is_replaced_is_drawn_again(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    followed = follow("f2")
    followed.wait_until_idle()
    since, before = len(followed.said), mask(project, "f2")
    Image.fromarray(picture(1)).save(project.image_path("f2"))
    followed.wait_for("mask", since, image_id="f2")
    followed.wait(lambda: not np.array_equal(mask(project, "f2"), before))
    followed.wait_until_idle()
    assert_masks_are_of(project, make_probe, "f2", learnt_from=("f0", "f1"))


# too few classes
def test_with_one_class_it_waits_and_takes_the_masks_away(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    followed = follow("f0")
    followed.wait_until_idle()
    assert masks(project) == {"f0", "f1", "f2"}
    since = len(followed.said)
    for image_id in ("f0", "f1"):
        write(project, image_id, OUTSIDE)
        followed.tell(clicks=image_id)
    waiting = followed.wait_for("waiting", since)
    assert waiting["text"] == ONE_CLASS
    assert not masks(project)
    since = len(followed.said)
    write(project, "f0", OUTSIDE, inside(0))
    followed.tell(clicks="f0")
    followed.wait_for("ready", since)
    followed.wait_for("mask", since, image_id="f0", clicks=3)
    followed.wait_for("saved", since)  # the model of before is not this one
    assert_masks_are_of(project, make_probe, "f0", "f2", learnt_from=("f0", "f1"))


def test_without_clicks_it_says_what_is_needed_once(follow: Follow, project: Project) -> None:
    for image_id in ("f0", "f1"):
        write(project, image_id)
    followed = follow("f0")
    said = followed.wait_for("waiting")
    assert said["text"] == "The live mask needs clicks: one on an object and one on the background"
    write(project, "f2")
    followed.tell(clicks="f2")
    write(project, "f2", OUTSIDE)
    followed.tell(clicks="f2")
    followed.wait_for("waiting", text=ONE_CLASS)
    assert len(followed.said) == 2


# the split
def split(project: Project, *image_ids: str) -> None:
    path = project.split_path("train")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{each}\n" for each in image_ids))


def test_clicks_on_images_outside_of_the_split_are_not_learnt_from(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    split(project, "f0", "f2")
    followed = follow("f1")
    followed.wait_until_idle()
    assert {event["clicks"] for event in followed.all("mask")} == {2}
    write(project, "f1", inside(1), OUTSIDE, (1, 1, 2))
    followed.tell(clicks="f1")
    write(project, "f2", OUTSIDE)
    followed.tell(clicks="f2")
    followed.wait_for("mask", image_id="f1", clicks=3)
    followed.wait_until_idle()
    assert_masks_are_of(project, make_probe, "f0", "f1", "f2", learnt_from=("f0", "f2"))


def test_a_split_that_changes_is_followed(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    write(project, "f1", inside(1), OUTSIDE, (3, 50, 0))
    followed = follow("f2")
    followed.wait_until_idle()
    split(project, "f0")
    followed.wait_for("mask", image_id="f2", clicks=2)
    split(project, "f0", "missing")
    assert "missing" in followed.wait_for("notice")["text"]
    split(project, "f1", "f2")
    followed.wait_for("mask", image_id="f2", clicks=3)
    followed.wait_until_idle()
    assert_masks_are_of(project, make_probe, "f0", "f1", "f2", learnt_from=("f1",))


def test_a_split_that_is_wrong_from_the_start_is_the_user_s_to_mend(
    project: Project, make_probe: MakeProbe
) -> None:
    split(project, "f0", "missing")
    follower = Follower(make_probe(), lambda event: None)
    with pytest.raises(DatasetError, match=r"train\.txt, line 2: no image missing"):
        follower.run()


# files that cannot be read or written
def test_clicks_that_cannot_be_read_are_said_and_the_others_learnt_from(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    followed = follow("f0")
    followed.wait_until_idle()
    since = len(followed.said)
    project.clicks_path("f0").write_text("{")
    followed.tell(clicks="f0")
    notice = followed.wait_for("notice", since)
    assert "f0.json: not readable as JSON" in notice["text"]
    followed.wait_for("mask", since, image_id="f0", clicks=2)
    followed.wait_until_idle()
    assert_masks_are_of(project, make_probe, "f0", learnt_from=("f1",))
    write(project, "f0", inside(0), OUTSIDE)
    followed.wait_for("mask", since, image_id="f0", clicks=4)


def test_clicks_of_classes_that_do_not_exist_are_one_sentence(
    follow: Follow, project: Project
) -> None:
    followed = follow("f0")
    followed.wait_until_idle()
    path = project.clicks_path("f0")
    path.write_text(path.read_text().replace('"class_id": 1', '"class_id": 9'))
    notice = followed.wait_for("notice")
    assert "f0.json, click 1: class_id 9 is not in 0..2" in notice["text"]
    assert len(notice["text"].splitlines()) == 1
    followed.wait_for("mask", image_id="f0", clicks=2)


def test_an_image_that_cannot_be_read_is_said_once_and_the_others_are_answered(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    project.image_path("f1").write_bytes(b"no image")
    followed = follow("f1")
    followed.wait_until_idle()
    (notice,) = followed.all("notice")
    assert "f1.png: " in notice["text"]
    assert masks(project) == {"f0", "f2"}
    followed.tell(look="f0")
    write(project, "f0", inside(0), OUTSIDE, (1, 50, 0))
    followed.tell(clicks="f0")
    followed.wait_for("mask", image_id="f0", clicks=3)
    Image.fromarray(picture(1)).save(project.image_path("f1"))
    followed.wait_for("mask", image_id="f1", clicks=5)


def test_an_image_that_is_deleted_is_forgotten(
    follow: Follow, project: Project, make_probe: MakeProbe
) -> None:
    followed = follow("f0")
    followed.wait_until_idle()
    project.image_path("f1").unlink()
    followed.wait_for("mask", image_id="f0", clicks=2)
    followed.wait_until_idle()
    assert_masks_are_of(project, make_probe, "f0", "f2", learnt_from=("f0",))


def test_a_full_disk_is_said_and_the_next_mask_is_written(
    follow: Follow, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, is_full = answer_module.write_preview_png, True
    place = preview_path(project.path, "f0", PROBE)

    def writes(path: Path, *given: object) -> None:
        if is_full and path == place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        real(path, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(answer_module, "write_preview_png", writes)
    followed = follow("f0")
    sentence = f"{place}: No space left on device; make room or give access"
    followed.wait_for("notice", text=sentence)
    is_full = False
    write(project, "f0", inside(0), OUTSIDE, (1, 50, 0))
    followed.tell(clicks="f0")
    followed.wait_for("mask", image_id="f0", clicks=5)
    assert place.exists()


def test_a_full_disk_for_the_features_is_said_once(
    follow: Follow, project: Project, tmp_path: Path
) -> None:
    (tmp_path / "taken").touch()
    followed = follow("f0", "taken/features")
    followed.wait_until_idle()
    assert masks(project) == {"f0", "f1", "f2"}
    (notice,) = followed.all("notice")
    assert "features are kept in memory alone" in notice["text"]


def test_a_model_that_cannot_be_written_is_said(follow: Follow, project: Project) -> None:
    (project.path / "runs").mkdir(exist_ok=True)
    (project.path / "runs" / "probe").touch()
    followed = follow("f0")
    notice = followed.wait_for("notice")
    assert "probe" in notice["text"] and notice["text"].endswith("make room or give access")
    assert not followed.all("saved")


# memory
def test_where_memory_is_short_it_goes_on_with_fewer_features(
    follow: Follow, project: Project, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of work fails once, and is done all the same."""
    failed: list[str] = []
    for name in ("learn", "predict"):
        real = getattr(Probe, name)

        def short(probe: Probe, image_id: str, name: str = name, real: Any = real) -> Any:
            if probe.store._kept and name not in failed:
                failed.append(name)
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return real(probe, image_id)

        monkeypatch.setattr(Probe, name, short)
    followed = follow("f0")
    followed.wait_until_idle()
    assert set(failed) == {"learn", "predict"}
    (notice,) = followed.all("notice")
    assert notice["text"].startswith("memory is short")
    monkeypatch.undo()
    assert_masks_are_of(project, make_probe, "f0", "f1", "f2", learnt_from=("f0", "f1"))


def test_an_image_that_memory_does_not_hold_is_left_out(
    follow: Follow, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Probe.predict

    def short(probe: Probe, image_id: str) -> Any:
        if image_id == "f0":
            raise MemoryError
        return real(probe, image_id)

    monkeypatch.setattr(Probe, "predict", short)
    followed = follow("f0")
    followed.wait_until_idle()
    texts = [event["text"] for event in followed.all("notice")]
    assert len(texts) == 2 and texts[1].endswith("f0.png: memory ran out; close other programs")
    assert masks(project) == {"f1", "f2"}


def test_another_error_is_not_taken_for_short_memory(
    project: Project, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise RuntimeError("expected scalar type Half but found Float")

    monkeypatch.setattr(Probe, "predict", wrong)
    followed = Followed(make_probe()).start(look="f0")
    followed.wait(lambda: followed.error is not None or followed.all("mask"))
    assert isinstance(followed.error, RuntimeError)


# many images
def slow_to_learn(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[str]:
    """Every image takes so long; returns the ids in the order in which they are learnt from."""
    real, order = Probe.learn, list[str]()

    def slowly(probe: Probe, image_id: str) -> bool:
        order.append(image_id)
        time.sleep(seconds)
        return real(probe, image_id)

    monkeypatch.setattr(Probe, "learn", slowly)
    return order


@pytest.fixture
def many(project: Project) -> list[str]:
    """As many more images with clicks."""
    ids = [f"g{number:02}" for number in range(30)]
    for image_id in ids:
        Image.fromarray(picture(0)).save(project.path / "JPEGImages" / f"{image_id}.png")
        write(project, image_id, inside(0), OUTSIDE)
    return ids


def test_a_click_does_not_wait_until_all_images_are_learnt_from(
    follow: Follow,
    project: Project,
    make_probe: MakeProbe,
    many: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    followed = follow("f2")
    followed.wait_until_idle()
    order = slow_to_learn(monkeypatch, 0.05)
    monkeypatch.setattr(follow_module, "PART_SECONDS", PATIENCE)
    for image_id in many:  # another program adds a click to each
        write(project, image_id, inside(0), OUTSIDE, (3, 70, 0))
    followed.wait(lambda: order)
    since = len(followed.said)
    write(project, "f2", inside(2), OUTSIDE, (2, 2, 2))
    followed.tell(clicks="f2")
    followed.wait_for("mask", since, image_id="f2")
    assert "f2" in order and len(order) < 31
    followed.wait_for("mask", image_id="f2", clicks=97)
    followed.wait_until_idle()
    monkeypatch.undo()
    assert_masks_are_of(project, make_probe, "f2", "g29", learnt_from=project.image_ids())


def test_the_first_mask_does_not_wait_until_all_images_are_learnt_from(
    follow: Follow, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_module, "PART_SECONDS", 0.05)
    slow_to_learn(monkeypatch, 0.02)
    followed = follow("f2")
    assert followed.wait_for("mask", image_id="f2")["clicks"] < 30
    followed.wait_for("mask", image_id="f2", clicks=64)
    fits = [event["clicks"] for event in followed.all("mask") if event["image_id"] == "f2"]
    assert fits[1] == 64  # not one for each part


def test_the_clicks_of_the_image_on_screen_are_the_first_that_are_learnt_from(
    follow: Follow, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "FIRST_SECONDS", PATIENCE)
    order = slow_to_learn(monkeypatch, 0.0)
    followed = follow("g17")
    followed.wait_for("mask", image_id="g17")
    assert order[0] == "g17"


def test_it_ends_while_it_learns_from_many(
    follow: Follow, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = slow_to_learn(monkeypatch, 0.05)
    followed = follow("f2")
    followed.wait(lambda: order)
    followed.end()
    assert len(order) < 32


def test_it_ends_before_it_has_begun(make_probe: MakeProbe) -> None:
    followed = Followed(make_probe())
    followed.follower.inbox.end()
    followed.start().end()
    assert not followed.said and followed.error is None


# the model, and what is kept
def test_the_model_appears_after_idling_and_predicts_as_the_masks(
    follow: Follow, project: Project
) -> None:
    followed = follow("f0")
    event = followed.wait_for("saved")
    path = project.path / "runs" / "probe" / "model.pt"
    assert Path(event["model"]) == path
    model = load_model(path)
    from seminar.inference.predictor import Predictor

    assert model.sharpens  # which takes too long for the mask after a click
    stretch = model.config.stretch
    predictor = Predictor(model.network, classes=model.classes, stretch=stretch, device="cpu")
    labels = predictor.predict(project.read_image("f2"))
    assert (labels == mask(project, "f2")).mean() >= 0.999
    assert (model.classes, model.channels) == (project.classes, 3)
    time.sleep(0.4)
    assert len(followed.all("saved")) == 1  # not again without a change


def test_the_features_at_clicks_are_kept_for_the_next_start(
    follow: Follow, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow("f0", "features").wait_for("saved")
    monkeypatch.setattr(Project, "read_image", None)
    probe = make_probe("features")
    assert probe.learn("f0") and probe.learn("f1")


# the backbone
def test_a_wrong_file_of_weights_is_the_user_s_to_mend(
    project: Project, make_probe: MakeProbe, tmp_path: Path
) -> None:
    """Not a notice for every image."""
    (tmp_path / "weights.pth").write_bytes(b"no weights")
    probe = make_probe(backbone="efficientnet_lite0", weights=str(tmp_path / "weights.pth"))
    said: list[Event] = []
    with pytest.raises(CheckpointError, match=r"weights\.pth"):
        Follower(probe, said.append).run()
    assert not said


def test_offline_it_says_so_once_and_goes_on_with_filters_alone(
    follow: Follow, project: Project, make_probe: MakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seminar.models.backbones import pyramid_weights

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("HF_HUB_CACHE", str(project.path))
    monkeypatch.setattr(pyramid_weights, "packaged", lambda name: None)
    monkeypatch.setattr(pyramid_weights, "urlopen", refuse)
    followed = follow("f2", backbone="efficientnet_lite0", weights="imagenet")
    followed.wait_until_idle()
    (notice,) = followed.all("notice")
    assert "no route to host" in notice["text"]
    assert notice["text"].endswith("; until then the live mask uses filters alone")
    assert followed.all("ready") == [{"event": "ready", "features": "filters alone"}]
    assert_masks_are_of(project, make_probe, "f0", "f1", "f2", learnt_from=("f0", "f1"))
