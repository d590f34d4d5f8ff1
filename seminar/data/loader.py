"""Batches made ahead of the step that needs them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from seminar.data.dataset import Batch, ClickDataset
from seminar.errors import SeminarError

LOOKAHEAD = 3
"""Batches made ahead by the loader."""

LOADER_THREADS = 2


class Loader:
    """Batches in order (or this process's share of them), made ahead by threads.

    Parameters
    ----------
    dataset : ClickDataset
    stage, iteration : int
        Number of the stage, and the iteration whose batch comes first.
    slots : range
        Which crops of each batch are wanted.
    prepare : callable
        What is added to a batch before the step gets it.
    """

    def __init__(
        self,
        dataset: ClickDataset,
        stage: int,
        iteration: int,
        slots: range,
        prepare: Callable[[Batch], Batch],
    ) -> None:
        self._dataset, self._stage, self._slots, self._prepare = dataset, stage, slots, prepare
        self._iterations = dataset.config.iterations
        self._pool = ThreadPoolExecutor(
            LOADER_THREADS, "seminar-loader", initializer=torch.set_num_threads, initargs=(1,)
        )
        self._queue: deque[Future[Batch]] = deque()
        self._ahead = iteration

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def next(self) -> Batch:
        """The next batch, waiting for it where needed."""
        while len(self._queue) <= LOOKAHEAD and self._ahead < self._iterations:
            self._queue.append(self._pool.submit(self._make, self._ahead))
            self._ahead += 1
        try:
            return self._queue.popleft().result()
        except MemoryError:
            raise SeminarError(
                "memory ran out while images were read; close other programs or choose a smaller"
                " --crop-size"
            ) from None

    def _make(self, iteration: int) -> Batch:
        return self._prepare(self._dataset.batch(self._stage, iteration, self._slots))

    def restart(self, iteration: int) -> None:
        """Throw away what was made ahead: from `iteration` on, batches have the new clicks."""
        for future in self._queue:
            future.cancel()
        self._queue.clear()
        self._ahead = iteration
