"""Damaged and hostile files of every kind that a project and a run folder hold: each is read, or
refused with a sentence.

A case takes a good project, changes one file of it at random (bits, bytes, cuts, swaps, numbers and
words of another meaning, another file's content) and reads it as the program does. Anything but a
value or a `SeminarError` is a failure, so are more than five seconds, 3 GB of memory, and a write
outside of the project.

    python benchmarks/soak/fuzz.py --cases 20000 --record soak/fuzz.jsonl
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image
from records import Outcome, arguments, keep_trying, machine

from seminar.clicks.click_set import ClickSet
from seminar.clicks.readers.format_table import read_clicks
from seminar.config.settings import preset
from seminar.errors import SeminarError
from seminar.io.images import image_size, looks_whole, read_image
from seminar.io.intensities import to_float
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.check.project import inspect_project
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder

SECONDS = 5.0
MEMORY = 3 * 2**30
SIDE = 24
WORDS = (
    b'-1 0 1 2 255 256 65535 4294967295 1e999 -0.0 NaN Infinity null true [] {} "" "\\ud800" \0 \n'
    b" \r \xff \xef\xbb\xbf .. / \\ ~ %s {0} ../../x /etc/passwd \xf0\x9f\x90\x8d #ff00ff [[ ]] = ,"
    b" : \" ' 99999999999999999999"
).split(b" ")

Reader = Callable[[Project, Path], object]


class Hang(BaseException):
    """A case took too long."""


# --- a good project


def make_project(folder: Path, *, with_networks: bool = True) -> Project:
    """A project with an image of each kind, clicks, masks, truth, objects, splits, and a run."""
    rng = np.random.default_rng(0)
    source = folder / "source"
    source.mkdir(parents=True)
    colours = rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(colours).save(source / "png.png")
    Image.fromarray(colours).save(source / "jpg.jpg")
    Image.fromarray(colours[..., 0].astype(np.uint16) * 200).save(source / "deep.png")
    Image.fromarray(colours).quantize(16).save(source / "palette.png")
    tifffile.imwrite(source / "grey.tif", colours[..., 0])
    tifffile.imwrite(source / "zipped.tif", colours, compression="zlib", photometric="rgb")
    tifffile.imwrite(source / "float.tif", colours[..., 0].astype(np.float32), bigtiff=True)
    tifffile.imwrite(
        source / "channels.tif",
        np.moveaxis(colours, 2, 0),
        photometric="rgb",
        planarconfig="separate",
    )
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(colours).save(source / "turned.jpg", exif=turned)
    planes = np.moveaxis(colours, 2, 0)
    tifffile.imwrite(
        source / "ome.tif", planes, ome=True, metadata={"axes": "CYX"}, photometric="minisblack"
    )
    for plane in planes:
        tifffile.imwrite(source / "appended.tif", plane, append=True)
    project = Project.create(
        folder / "project", [source / "png.png"], ClassNames.of("background", "cell", "fibre")
    )
    for path in source.iterdir():  # with different numbers of channels, which `create` refuses
        shutil.copy(path, project.path / "JPEGImages")
    truth = rng.integers(0, 3, (SIDE, SIDE), dtype=np.uint8)
    for image_id in project.image_ids():
        points = rng.uniform(0, SIDE - 1, (5, 2))
        project.write_clicks(image_id, ClickSet(SIDE, SIDE, points, rng.integers(0, 3, 5), 3.5))
        write_label_png(project.truth_path(image_id), truth, project.classes)
        write_label_png(project.objects_path(image_id), truth, project.classes)
    project.clicks_path("palette").unlink()  # its mask alone counts
    splits = project.path / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True)
    (splits / "train.txt").write_text("png\njpg\ngrey\n")
    (splits / "val.txt").write_text("deep\n")
    (project.path / "others.json").write_text('{"png": [{"x": 3, "y": 4, "cls": 1, "rank": 1}]}')
    make_run(project, with_networks)
    return project


def make_run(project: Project, with_networks: bool) -> None:
    """A run folder as the trainer leaves it, with small files in place of networks unless they
    are wanted.
    """
    run = RunFolder.of(project.path, "run")
    run.path.mkdir(parents=True)
    run.write_config(preset("quick").replace(backbone="none"))
    run.append_event(events.Warned(message="something"))
    run.append_event(events.StageStarted(stage="ancillary", iteration=0, iterations=9))
    run.append_event(events.Finished(reason="completed", stage="ancillary", iteration=9))
    run.request_preview("png")
    run.request_pause()
    run.claim()
    run.write_preview("png", "student", np.zeros((SIDE, SIDE), np.uint8), project.classes)
    if with_networks:
        import torch

        from seminar.models.build_network import build_network
        from seminar.models.checkpoint import save_checkpoint, save_model

        for iteration in (1, 2):
            content = {
                "iteration": iteration,
                "student": {"weight": torch.arange(20.0)},
                "part_size": 2,
            }
            save_checkpoint(run.checkpoint_path("ancillary"), content)
        network = build_network(run.read_config(), num_classes=3, channels=3)
        save_model(
            run.model_path, network, config=run.read_config(), classes=project.classes, channels=3
        )


# --- what is read, by the file that is damaged


def _clicks(project: Project, path: Path) -> None:
    for image_id in ("png", "palette"):
        project.read_clicks(image_id)
    project.clicks_stamps()


def _image(project: Project, path: Path) -> None:
    image_size(path)
    looks_whole(path)
    with contextlib.suppress(ValueError):  # of an image without pixels; none gets here
        to_float(read_image(path), stretch=(0.1, 99.9))


def _truth(project: Project, path: Path) -> None:
    project.read_truth(path.stem)


def _objects(project: Project, path: Path) -> None:
    project.read_objects(path.stem)


def _splits(project: Project, path: Path) -> None:
    for name in ("train", "val"):
        project.split(name)


def _run(project: Project, path: Path) -> None:
    run = RunFolder.of(project.path, "run")
    list(run.read_events())
    run.is_alive()
    run.preview_requested()
    run.stop_requested()
    run.read_preview("png", "student")
    project.runs()
    run.read_config()


def _checkpoint(project: Project, path: Path) -> None:
    from seminar.models.checkpoint import load_checkpoint

    content, faults = load_checkpoint(path)
    assert content is not None
    assert list(content["student"]["weight"]) == list(range(20)), (
        "a damaged checkpoint was taken for a good one"
    )
    assert content["iteration"] == 2 or (content["iteration"] == 1 and "checkpoint.pt" in faults[0])


def _model(project: Project, path: Path) -> None:
    from seminar.models.checkpoint import load_model

    load_model(path)


READERS: dict[str, tuple[Reader, int]] = {  # file or pattern -> reader, how often
    "classes.txt": (lambda project, path: Project.open(project.path), 8),
    "Clicks/png.json": (_clicks, 12),
    "SegmentationClick/png.png": (_clicks, 5),
    "SegmentationClick/palette.png": (_clicks, 8),
    "SegmentationClass/png.png": (_truth, 6),
    "SegmentationObject/png.png": (_objects, 4),
    "JPEGImages/png.png": (_image, 8),
    "JPEGImages/deep.png": (_image, 4),
    "JPEGImages/palette.png": (_image, 4),
    "JPEGImages/jpg.jpg": (_image, 8),
    "JPEGImages/grey.tif": (_image, 8),
    "JPEGImages/zipped.tif": (_image, 6),
    "JPEGImages/float.tif": (_image, 6),
    "JPEGImages/channels.tif": (_image, 6),
    "JPEGImages/turned.jpg": (_image, 4),
    "JPEGImages/ome.tif": (_image, 6),
    "JPEGImages/appended.tif": (_image, 4),
    "ImageSets/Segmentation/train.txt": (_splits, 6),
    "others.json": (lambda project, path: read_clicks(path, "whats-the-point"), 4),
    "runs/run/config.toml": (_run, 8),
    "runs/run/events.jsonl": (_run, 8),
    "runs/run/process.json": (_run, 4),
    "runs/run/preview.request": (_run, 2),
    "runs/run/pause.request": (_run, 1),
    "runs/run/previews/png/student.png": (_run, 4),
    "runs/run/ancillary/checkpoint.pt": (_checkpoint, 8),
    "runs/run/model.pt": (_model, 2),
}


# --- damage


def damaged(data: bytes, rng: random.Random, others: Callable[[], bytes]) -> bytes:
    """One to four random changes."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        size = len(changed)
        at = rng.randrange(size + 1)
        near_start = rng.randrange(min(size, 200) + 1)  # headers
        span = rng.choice((1, 2, 4, 8, rng.randrange(1, 64)))
        match rng.randrange(10):
            case 0 if size:
                place = min(at, size - 1)
                changed[place] ^= 1 << rng.randrange(8)
            case 1:
                changed[near_start : near_start + 1] = bytes([rng.randrange(256)])
            case 2:
                del changed[at:]
            case 3:
                del changed[at : at + span]
            case 4:
                changed[at:at] = changed[near_start : near_start + span] * rng.choice((1, 2, 500))
            case 5:
                word = rng.choice(WORDS)
                changed[at : at + rng.choice((0, len(word)))] = word
            case 6:
                value = rng.choice(
                    (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1)
                )
                width = rng.choice((2, 4, 8))
                number = (value & (256**width - 1)).to_bytes(width, rng.choice(("big", "little")))
                changed[near_start : near_start + width] = number
            case 7:
                changed[at : at + span] = rng.randbytes(span)
            case 8:
                other = others()
                changed[at:] = other[rng.randrange(len(other) + 1) :]
            case _:
                numbers = [i for i, byte in enumerate(changed) if 48 <= byte <= 57] or [0]
                place = rng.choice(numbers)
                changed[place : place + 1] = rng.choice(WORDS)
    return bytes(changed)


# --- looking on


class Watch:
    """Notes every write that Python opens outside of a folder."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.writes: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, values: tuple[Any, ...]) -> None:
        if self.folder is None or event not in (
            "open",
            "os.rename",
            "os.mkdir",
            "os.remove",
            "os.symlink",
            "os.link",
        ):
            return
        if event == "open" and not (values[2] or 0) & (
            os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
        ):
            return
        for value in values[: 2 if event != "open" else 1]:
            if isinstance(value, str | os.PathLike) and not os.path.realpath(
                os.fspath(value)
            ).startswith(self.folder):
                self.writes.append(f"{event} {value!s}")


@contextlib.contextmanager
def limits(seconds: float) -> Iterator[None]:
    """Stop a case that takes too long or too much memory."""

    def stop(*_: object) -> None:
        raise Hang

    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(
        signal.ITIMER_REAL, 20 * seconds
    )  # the clock on the wall: a busy machine is no fault
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


class Fuzzer:
    """One good project, and cases that each damage one file of it."""

    def __init__(self, folder: Path, seed: int, *, with_networks: bool = True) -> None:
        self.project = make_project(folder, with_networks=with_networks)
        names = [name for name in READERS if with_networks or not name.endswith(".pt")]
        self._names = [name for name in names for _ in range(READERS[name][1])]
        self._good = {name: (self.project.path / name).read_bytes() for name in names}
        self._seed = seed
        self._watch = Watch()
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self._ceiling = used + MEMORY

    def case(self, number: int) -> Outcome:
        """Damage, read, mend; says what failed."""
        rng = random.Random(f"{self._seed}.{number}")
        name = rng.choice(self._names)
        path = self.project.path / name
        path.write_bytes(
            damaged(self._good[name], rng, lambda: self._good[rng.choice(list(self._good))])
        )
        failure = self._read(READERS[name][0], path)
        if not failure and number % 10 == 0 and not name.endswith(".pt"):
            failure = self._read(
                lambda project, _: inspect_project(Project.open(project.path), deep=True), path
            )
        damage = path.read_bytes() if failure and path.exists() else b""
        self._mend(name)
        return {
            "number": number,
            "file": name,
            "failure": failure,
            "damage": damage.hex() if len(damage) < 4000 else "",
        }

    def _read(self, reader: Reader, path: Path) -> str:
        start = time.process_time()
        self._watch.folder = os.path.realpath(self.project.path)
        try:
            with limits(SECONDS):
                reader(self.project, path)
        except SeminarError as error:
            if not str(error) or "\n\n" in str(error):
                return "an error without a sentence"
        except Hang:
            return f"no end after {20 * SECONDS:.0f} s"
        except BaseException:  # noqa: BLE001  # whatever it is, it is what we look for
            return traceback.format_exc()
        finally:
            self._watch.folder = None
        if self._watch.writes:
            return "written outside: " + "; ".join(self._watch.writes)
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > self._ceiling:
            return "more than 3 GB of memory"
        seconds = time.process_time() - start
        return f"{seconds:.1f} s of processor time" if seconds > SECONDS else ""

    def _mend(self, name: str) -> None:
        self._watch.writes.clear()
        for one in {name, "SegmentationClick/png.png"}:  # a mask may have been repaired
            (self.project.path / one).write_bytes(self._good[one])


if __name__ == "__main__":
    options = arguments(__doc__ or "", "cases", 20_000).parse_args()
    with tempfile.TemporaryDirectory(prefix="seminar-fuzz-") as folder:
        fuzzer = Fuzzer(Path(folder), options.seed)
        outcomes = keep_trying(fuzzer.case, count=options.cases, record=options.record)
    failures = [outcome for outcome in outcomes if outcome["failure"]]
    print(machine())
    print(f"{len(outcomes):,} cases, {len(failures)} failures")
    for name, number in Counter(outcome["file"] for outcome in outcomes).most_common():
        bad = sum(outcome["file"] == name for outcome in failures)
        print(f"  {name}: {number:,} cases, {bad} failures")
    for last, number in Counter(
        outcome["failure"].strip().splitlines()[-1] for outcome in failures
    ).most_common(20):
        print(f"  {number} x {last}")
