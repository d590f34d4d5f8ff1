"""Batches made ahead of the step that needs them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from seminar.data.batch import Batch
from seminar.data.dataset import ClickDataset
from seminar.errors import SeminarError
from seminar.runtime.distributed import Ranks

LOOKAHEAD = 3
"""Batches made ahead by the loader."""

LOADER_THREADS = 2

OUT_OF_MEMORY = (
    "memory ran out while images were read; close other programs or choose a smaller --crop-size"
)


class Loader:
    """Batches in order, or this process's share of them, made ahead by threads.

    Parameters
    ----------
    dataset : ClickDataset
    stage, iteration : int
        Number of the stage, and the iteration whose batch comes first.
    ranks : Ranks
        The processes that share each batch.
    prepare : callable
        Adds something to each batch, in the threads.
    """

    def __init__(
        self,
        dataset: ClickDataset,
        stage: int,
        iteration: int,
        ranks: Ranks,
        prepare: Callable[[Batch], Batch],
    ) -> None:
        self._dataset, self._stage, self._ranks, self._prepare = dataset, stage, ranks, prepare
        self._iterations = dataset.config.iterations
        self._slots = ranks.share(dataset.config.batch_size)
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
        """The next batch; waits for it, and for the other processes, where needed."""
        while len(self._queue) <= LOOKAHEAD and self._ahead < self._iterations:
            self._queue.append(self._pool.submit(self._make, self._ahead))
            self._ahead += 1
        with self._ranks.together():
            try:
                return self._queue.popleft().result()
            except MemoryError:
                raise SeminarError(OUT_OF_MEMORY) from None

    def _make(self, iteration: int) -> Batch:
        return self._prepare(self._dataset.batch(self._stage, iteration, self._slots))

    def restart(self, iteration: int) -> None:
        """Discard the batches made ahead; those from `iteration` have the new clicks."""
        for future in self._queue:
            future.cancel()
        self._queue.clear()
        self._ahead = iteration
