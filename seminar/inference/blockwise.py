"""Predict images larger than memory block by block, here or on a cluster; resumable."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from seminar.errors import SeminarError
from seminar.inference.predictor import Predictor, most_probable
from seminar.io.large_images import LargeSource, Levels, find_levels, open_source, prepare_block
from seminar.io.ome_zarr import has_chunks
from seminar.io.ome_zarr_writer import create, finish, full_array, is_finished, output_of
from seminar.run.folder import RunFolder
from seminar.runtime.allocator import allow_retuning, hand_back_memory

BLOCK = 1024
"""Side in pixels of the part that one task reads, predicts and writes."""

PROGRESS = "seminar-progress.txt"


@dataclass(frozen=True)
class Task:
    """One block of one plane; small, so that it travels to another machine.

    Attributes
    ----------
    target, probabilities : str
        Folder of the label image and of the probabilities; empty if they exist or are not
        wanted.
    digest : str
        Of the model file, so that a running worker notices a model that was trained again.
    levels : tuple of (black, white) or None
        Intensities that become 0 and 255, one pair a channel, the same for all blocks of a plane.
    """

    model: str
    digest: str
    device: str
    tile_size: int
    source: LargeSource
    target: str
    probabilities: str
    plane: tuple[int, ...]
    row: int
    col: int
    block: int
    levels: Levels

    @property
    def key(self) -> str:
        """The block's name in the progress file."""
        return f"{','.join(map(str, self.plane))};{self.row};{self.col}"


def predict_large(
    path: Path,
    model: Path,
    *,
    out: Path | None,
    probabilities: Path | None = None,
    device: str = "auto",
    tile_size: int,
    overwrite: bool = False,
    scheduler: str = "",
    block: int = BLOCK,
    progress: Callable[[float], object] = lambda part: None,
) -> bool:
    """Predict an OME-Zarr, or a tif too large for memory, block by block.

    Labels go to the OME-Zarr `out`, or into an OME-Zarr image itself as its labels/seminar.
    Existing labels and probabilities stay. Memory use does not depend on the size of the image. An
    interrupted job continues with the missing blocks, if model and image are the same.

    Parameters
    ----------
    out : Path or None
        The OME-Zarr to write; None for the labels in an OME-Zarr image itself.
    probabilities : Path, optional
        Another OME-Zarr, for the probabilities: float32, a channel a class.
    scheduler : str
        Address of a dask.distributed scheduler whose workers see the same files; empty predicts
        here.
    progress : callable
        Called with the share of the blocks that are done, 0..1.

    Returns
    -------
    bool
        False where all of it exists already and `overwrite` is off.

    Raises
    ------
    SeminarError
        Not such an image, hostile metadata, labels that are not ours, a package or the scheduler
        that is missing.
    """
    source = open_source(path.absolute())  # workers of a cluster have other working folders
    model = model.absolute()
    digest = _digest(model)
    outputs = [output_of(source, out.absolute() if out else None)]
    if is_finished(outputs[0]) and not (overwrite or probabilities):
        return False
    predictor = cached_predictor(str(model), digest, device, tile_size)
    if probabilities:
        target, count = probabilities.absolute(), predictor.classes.num_classes
        outputs.append(
            output_of(source, target, name="probabilities", dtype="float32", channels=count)
        )
    # finished outputs stay: a person may have corrected them
    missing = [output for output in outputs if overwrite or not is_finished(output)]
    if not missing:
        return False
    _check_pixels(path, source, predictor)
    job = {
        "model": digest,
        "source": asdict(source),
        "block": block,
        "tile_size": tile_size,
        "targets": [str(output.target) for output in outputs],
    }
    header = json.dumps(job, sort_keys=True)
    mark = missing[0].target / PROGRESS
    done = _blocks_done(mark, header)
    if overwrite or done is None:
        done = set()
        for output in missing:
            create(output, block)
        mark.write_text(header + "\n", encoding="utf-8")
    targets = [str(output.target) if output in missing else "" for output in outputs]
    labels, second = (*targets, "")[:2]
    first = Task(
        str(model), digest, device, tile_size, source, labels, second, (), 0, 0, block, None
    )
    tasks = _tasks(first, predictor, done)
    finished = _on_cluster(tasks, scheduler) if scheduler else map(predict_block, tasks)
    number = len(_starts(source.height, block)) * len(_starts(source.width, block))
    with mark.open("a", encoding="utf-8") as file:
        for count, key in enumerate(finished, start=len(done) + 1):
            file.write(key + "\n")
            file.flush()
            progress(count / (number * source.num_planes))
    for output in reversed(missing):
        finish(output, block, predictor.classes)
    mark.unlink()
    return True


def _check_pixels(path: Path, source: LargeSource, predictor: Predictor) -> None:
    if source.kind == "zarr" and not has_chunks(path, source.array):
        raise SeminarError(
            f"{path}: its metadata is there, but not one of its chunks, which would be read as "
            "black; copy the whole folder"
        )
    channels = predictor.channels or tuple(range(source.channels))
    if max(channels) >= source.channels or predictor.num_channels not in (None, len(channels)):
        raise SeminarError(
            f"{path}: the model takes {predictor.num_channels} channels, the image has "
            f"{source.channels}; give images like those that it was trained on"
        )


def has_labels(path: Path, out: Path | None) -> bool:
    """Whether the labels of an image exist and are complete; parameters as of `predict_large`."""
    return is_finished(output_of(open_source(path.absolute()), out.absolute() if out else None))


def predict_block(task: Task) -> str:
    """Predict and write one block, in any process that sees the files; returns its name."""
    predictor = cached_predictor(task.model, task.digest, task.device, task.tile_size)
    source = task.source
    rows, cols = (
        (
            # on the feature grid of the whole image
            max(0, (start - predictor.halo) // predictor.stride * predictor.stride),
            min(length, start + task.block + predictor.halo),
        )
        for start, length in ((task.row, source.height), (task.col, source.width))
    )
    top, left = task.row - rows[0], task.col - cols[0]
    probs = predictor.predict_prepared(
        prepare_block(
            source, task.plane, rows, cols, channels=predictor.channels, levels=task.levels
        )
    )[:, top : top + task.block, left : left + task.block]
    place = (slice(task.row, task.row + probs.shape[1]), slice(task.col, task.col + probs.shape[2]))
    if task.target:
        full_array(Path(task.target))[(*task.plane, *place)] = most_probable(probs)
    if task.probabilities:
        channel = int(source.plane_axes.startswith("t"))  # t, c, z, y, x
        array = full_array(Path(task.probabilities))
        for class_id, values in enumerate(probs):
            array[(*task.plane[:channel], class_id, *task.plane[channel:], *place)] = values
    del probs
    hand_back_memory()
    return task.key


@functools.lru_cache(maxsize=2)
def cached_predictor(model: str, digest: str, device: str, tile_size: int) -> Predictor:
    """One predictor per process, for all its blocks; another `digest` loads it again."""
    return Predictor.from_folder(model, device, tile_size=tile_size)


def _tasks(first: Task, predictor: Predictor, done: set[str]) -> Iterator[Task]:
    """All missing blocks; the intensities of a plane are read with its first block."""
    source = first.source
    for plane in itertools.product(*map(range, source.plane_shape)):
        levels: Levels | None = None
        for row, col in itertools.product(
            _starts(source.height, first.block), _starts(source.width, first.block)
        ):
            task = replace(first, plane=plane, row=row, col=col)
            if task.key in done:
                continue
            if levels is None:
                levels = find_levels(
                    source,
                    plane,
                    channels=predictor.channels,
                    stretch=predictor.stretch,
                    block=first.block,
                )
            yield replace(task, levels=levels)


def _on_cluster(tasks: Iterator[Task], address: str) -> Iterator[str]:
    """Results as they arrive, with a few tasks per worker in flight."""
    try:
        from dask.distributed import Client, as_completed
    except ImportError:
        raise SeminarError(
            "--scheduler needs dask.distributed; install it with: pip install "
            "'seminar-napari[zarr]'"
        ) from None
    try:
        client = Client(address, timeout=10)
    except (OSError, TimeoutError, ValueError) as error:
        raise SeminarError(
            f"--scheduler {address}: no dask scheduler answers ({error}); start one with `dask "
            "scheduler` and give its address"
        ) from None
    with client:
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
        if not workers:
            raise SeminarError(
                f"--scheduler {address}: it has no workers; start some with `dask worker {address}`"
            )
        flight = as_completed(
            [
                client.submit(_predict_on_worker, task, pure=False)
                for task in itertools.islice(tasks, 2 * workers)
            ]
        )
        for future in flight:
            yield future.result()
            for task in itertools.islice(tasks, 1):
                flight.add(client.submit(_predict_on_worker, task, pure=False))


def _predict_on_worker(task: Task) -> str:
    allow_retuning()
    return predict_block(task)


def _starts(length: int, block: int) -> range:
    return range(0, length, block)


def _digest(model: Path) -> str:
    file = RunFolder(model).model_path if model.is_dir() else model
    if not file.is_file():
        return ""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _blocks_done(mark: Path, header: str) -> set[str] | None:
    """Blocks that an interrupted job of the same kind has written; None without such a job."""
    try:
        first, *lines = mark.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return None
    return set(lines[:-1]) if first == header else None
